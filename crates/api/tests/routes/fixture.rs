//! The API with a store, a cloud and an inventory, and what tests do with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use failover_api::dto::{ErrorCode, Problem};
use failover_api::{ApiSettings, ApiState, router};
use failover_domain::{JobId, JobStatus};
use failover_engine::memory::MemoryStore;
use failover_engine::ports::{JobStore, Lease, WorkerId};
use failover_engine::service::FailoverService;
use failover_engine::state::{JobState, changed_rows};
use failover_engine::{Event, SharedClock, StoredEvent, TokioClock};
use failover_validation::Target;
use http_body_util::BodyExt;
use ossea_sim::{FaultRule, InProcessCloud, Profile, SimSettings, WayFault};
use serde_json::{Value, json};
use tower::ServiceExt;

/// Three disks, one network.
pub(crate) const PGWIN: &str = "4205a841-0265-f4bd-39a6-39fd92196f53";
/// One disk, two networks.
pub(crate) const WEB: &str = "974405f3-6f9a-5d5b-b1e9-1030ce64a998";
/// A VM that no inventory has.
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
/// The network `production-app` of the sample cloud.
pub(crate) const PRODUCTION_APP: &str = "aa2d4473-fe03-5f38-a6ce-cddc892810ad";
/// A network of the other zone.
pub(crate) const REMOTE_APP: &str = "93430f07-2695-53fc-b466-d98ce353d0c2";

/// The API with its surroundings.
pub(crate) struct TestApi {
    pub(crate) cloud: InProcessCloud,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: SharedClock,
    pub(crate) router: Router,
}

/// An answer with its body as JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl TestApi {
    /// An API whose inventory is empty.
    pub(crate) fn empty() -> Self {
        Self::with_settings(ApiSettings::default())
    }

    /// An API whose inventory is empty, with settings of its own.
    pub(crate) fn with_settings(settings: ApiSettings) -> Self {
        let cloud = InProcessCloud::sample(SimSettings::of(Profile::V4_22));
        let clock: SharedClock = Arc::new(TokioClock::starting_at(cloud.clock().now()));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let service = service_over(&cloud, &store, &clock);
        let router = router(ApiState::new(service, settings));
        Self {
            cloud,
            store,
            clock,
            router,
        }
    }

    /// An API with the sample inventory and no mappings.
    pub(crate) async fn with_inventory() -> Self {
        let api = Self::empty();
        let answer = api.post("/api/v1/inventory/import", sample_inventory()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        api
    }

    /// An API on which [`PGWIN`] is ready.
    pub(crate) async fn ready() -> Self {
        let api = Self::with_inventory().await;
        let mapping = json!({"purpose": "production", "network": "production-app"});
        let path = format!("/api/v1/network-mappings/{PGWIN}/VM%20Network");
        let answer = api.put(&path, mapping).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        api
    }

    /// An API on which [`PGWIN`] is being failed over by the job that is returned with it.
    pub(crate) async fn failing_over() -> (Self, JobId) {
        let api = Self::ready().await;
        let job_id = api.start(PGWIN).await;
        (api, job_id)
    }

    /// Starts a live failover that must succeed.
    pub(crate) async fn start(&self, vm_id: &str) -> JobId {
        let answer = self
            .post("/api/v1/failover/live", json!({ "vm_id": vm_id }))
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        answer.json()["job_id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(with_json(Method::POST, path, body.to_string())).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send(with_json(Method::POST, path, body.to_owned())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(with_json(Method::PUT, path, body.to_string())).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    /// Makes every question to the cloud go wrong from now on.
    pub(crate) fn break_cloud(&self, fault: &WayFault) {
        for command in [
            "listCapabilities",
            "listNetworks",
            "listVirtualMachines",
            "listVolumes",
            "listZones",
            "listServiceOfferings",
            "listTemplates",
            "listSnapshots",
            "listConfigurations",
        ] {
            self.cloud
                .add_fault(FaultRule::on(command, fault.clone()).forever());
        }
    }

    /// Lets a worker that is not there write `events` into the journal of the only free job.
    pub(crate) async fn journal(&self, events: Vec<Event>) -> Lease {
        let worker = WorkerId::fresh("test");
        self.store
            .renew_worker(&worker, Duration::from_secs(60))
            .await
            .unwrap();
        let claimed = self
            .store
            .claim(&worker, 1)
            .await
            .unwrap()
            .pop()
            .expect("a job is free");
        let before = JobState::replay(&claimed.plan, &claimed.events).unwrap();
        let mut after = before.clone();
        let mut stored = Vec::new();
        for event in events {
            let event = StoredEvent {
                seq: after.last_seq + 1,
                at: self.clock.now(),
                event,
            };
            after.apply(&claimed.plan, &event).unwrap();
            stored.push(event);
        }
        let batch = changed_rows(&claimed.plan, &before, &after, stored);
        self.store.append(&claimed.lease, &batch).await.unwrap();
        claimed.lease
    }

    /// The number of jobs of any kind.
    pub(crate) async fn job_count(&self) -> usize {
        let page = self.get("/api/v1/failover/jobs?limit=500").await.json();
        page["jobs"].as_array().unwrap().len()
    }

    /// The status of a job.
    pub(crate) async fn status_of(&self, job_id: &JobId) -> JobStatus {
        self.store.job(job_id).await.unwrap().unwrap().projection.status
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The problem, complete and of this kind.
    pub(crate) fn problem(&self, status: StatusCode, code: ErrorCode) -> Problem {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let problem: Problem =
            serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text));
        assert_eq!(
            (problem.status, problem.error_code),
            (status.as_u16(), code),
            "{}",
            self.text
        );
        assert!(
            !problem.detail.is_empty() && !problem.required_actions.is_empty(),
            "{}",
            self.text
        );
        assert!(
            problem
                .instance
                .as_deref()
                .is_some_and(|path| path.starts_with('/')),
            "{}",
            self.text
        );
        let id = problem
            .request_id
            .as_deref()
            .expect("every problem carries the request's id");
        assert_eq!(self.headers["x-request-id"], id);
        problem
    }
}

/// Sends a request through a router.
pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("a router never fails");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text,
    }
}

/// A request with a body that claims to be JSON.
pub(crate) fn with_json(method: Method, path: &str, body: String) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body)).unwrap()
}

/// The engine's front door over a cloud and a store.
pub(crate) fn service_over(
    cloud: &InProcessCloud,
    store: &Arc<MemoryStore>,
    clock: &SharedClock,
) -> FailoverService {
    FailoverService {
        jobs: store.clone(),
        inventory: store.clone(),
        mappings: store.clone(),
        cloud: Arc::new(cloud.clone()),
        target: target(),
        clock: Arc::clone(clock),
    }
}

/// The objects of the sample cloud.
pub(crate) fn target() -> Target {
    Target {
        oma_vm: "96a97275-4e8a-57b5-8b40-27fc35dccb1e".parse().unwrap(),
        zone: "d09f07e6-b7a4-5140-84b5-b4cd531a237c".parse().unwrap(),
        offering: "d03174c8-8bd8-5402-9406-e9df7c62a007".parse().unwrap(),
        template: "1dcf7bcc-2cf6-5232-a4ea-a726fb9e3ac2".parse().unwrap(),
        cpu_speed_mhz: 1000,
        test_networks: BTreeSet::new(),
    }
}

/// The sample inventory.
pub(crate) fn sample_inventory() -> Value {
    serde_json::from_str(include_str!("../../../../samples/inventory.json")).unwrap()
}

/// The report of one VM of the sample inventory.
pub(crate) fn report_of(vm_id: &str) -> Value {
    let inventory = sample_inventory();
    let vms = inventory["vms"].as_array().unwrap();
    vms.iter().find(|vm| vm["vm_id"] == vm_id).unwrap().clone()
}
