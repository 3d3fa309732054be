//! The API with a store, a cloud and an inventory, and what tests do with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chrono::DateTime;
use failover_api::dto::engine::{Plan, StepFacts, StepKind, Verb};
use failover_api::dto::{ErrorCode, JobDetail, Permission, Problem};
use failover_api::{ApiPorts, ApiSettings, ApiState, router};
use failover_domain::{Attention, AttentionCode, Decision, JobId, JobStatus, Severity, TestWindow};
use failover_engine::looks::ReadinessLooks;
use failover_engine::memory::MemoryStore;
use failover_engine::ports::{JobStore, Lease, WorkerId};
use failover_engine::request::JobRequest;
use failover_engine::service::FailoverService;
use failover_engine::state::{JobState, changed_rows};
use failover_engine::{Event, Failure, FailureCode, SharedClock, StoredEvent, TokioClock};
use failover_validation::Target;
use http_body_util::BodyExt;
use ossea_sim::{FaultRule, InProcessCloud, Profile, SimSettings, WayFault};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::described;

/// Three disks, one network.
pub(crate) const PGWIN: &str = "4205a841-0265-f4bd-39a6-39fd92196f53";
/// One disk, two networks.
pub(crate) const WEB: &str = "974405f3-6f9a-5d5b-b1e9-1030ce64a998";
/// A VM that no inventory has.
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
/// The network `production-app` of the sample cloud.
pub(crate) const PRODUCTION_APP: &str = "aa2d4473-fe03-5f38-a6ce-cddc892810ad";
/// A network of the sample cloud that is isolated from production.
pub(crate) const TEST_NETWORK: &str = "test-isolated";
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
        Self::with_settings(settings())
    }

    /// An API whose inventory is empty, with settings of its own.
    pub(crate) fn with_settings(settings: ApiSettings) -> Self {
        let cloud = InProcessCloud::sample(SimSettings::of(Profile::V4_22));
        let clock: SharedClock = Arc::new(TokioClock::starting_at(cloud.clock().now()));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let service = service_over(&cloud, &store, &clock);
        let router = router(ApiState::new(service, ApiPorts::of(store.clone()), settings));
        Self {
            cloud,
            store,
            clock,
            router,
        }
    }

    /// The same surroundings behind an API with settings of its own.
    pub(crate) fn again_with(mut self, settings: ApiSettings) -> Self {
        let service = service_over(&self.cloud, &self.store, &self.clock);
        self.router = router(ApiState::new(service, ApiPorts::of(self.store.clone()), settings));
        self
    }

    /// The same surroundings behind an API that keeps looks at readiness elsewhere.
    pub(crate) fn remembering(mut self, looks: Arc<dyn ReadinessLooks>) -> Self {
        let service = service_over(&self.cloud, &self.store, &self.clock);
        let ports = ApiPorts {
            looks,
            ..ApiPorts::of(self.store.clone())
        };
        self.router = router(ApiState::new(service, ports, settings()));
        self
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

    /// An API on which [`PGWIN`] may be failed over, live and for a test.
    pub(crate) async fn ready_for_tests() -> Self {
        let api = Self::ready().await;
        let mapping = json!({"purpose": "test", "network": TEST_NETWORK});
        let path = format!("/api/v1/network-mappings/{PGWIN}/VM%20Network");
        let answer = api.put(&path, mapping).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        api
    }

    /// An API with a test of [`PGWIN`] that nobody has taken up.
    pub(crate) async fn testing() -> (Self, JobId) {
        let api = Self::ready_for_tests().await;
        let answer = api.post("/api/v1/failover/test", json!({ "vm_id": PGWIN })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let job_id = answer.json()["job_id"].as_str().unwrap().parse().unwrap();
        (api, job_id)
    }

    /// An API with a test of [`PGWIN`] whose window was opened just now, for an hour.
    pub(crate) async fn test_window_open() -> (Self, JobId) {
        let (api, job_id) = Self::testing().await;
        let plan = api.store.plan(&job_id).await.unwrap().unwrap();
        let window = TestWindow::open(api.clock.now(), Duration::from_secs(3600));
        let last = plan.stages.len() - 1;
        let mut events = carried_out(&plan, last);
        events.push(Event::StageEntered { stage: last });
        events.push(Event::WindowOpened { window });
        api.write(events).await;
        (api, job_id)
    }

    /// An API with a live failover of [`PGWIN`] that was completed just now.
    pub(crate) async fn failed_over() -> (Self, JobId) {
        let (api, job_id) = Self::failing_over().await;
        let plan = api.store.plan(&job_id).await.unwrap().unwrap();
        let mut events = carried_out(&plan, plan.stages.len());
        events.push(Event::Completed);
        api.write(events).await;
        (api, job_id)
    }

    /// An API with a live failover of [`PGWIN`] on the way back, with these attentions.
    pub(crate) async fn returning(attention: Vec<Attention>) -> (Self, JobId) {
        let (api, job_id) = Self::failing_over().await;
        let mut events = vec![taken_up(), Event::ReturnBegan { cause: cause() }];
        events.extend(
            attention
                .into_iter()
                .map(|attention| Event::AttentionRaised { attention }),
        );
        api.write(events).await;
        (api, job_id)
    }

    /// An API with a live failover of [`PGWIN`] that has failed.
    pub(crate) async fn failed() -> (Self, JobId) {
        let (api, job_id) = Self::failing_over().await;
        api.write(vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed()])
            .await;
        (api, job_id)
    }

    /// A job in full.
    pub(crate) async fn detail(&self, job_id: &JobId) -> JobDetail {
        let answer = self.get(&format!("/api/v1/failover/jobs/{job_id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    /// What a job says of a verb.
    pub(crate) async fn permission(&self, job_id: &JobId, verb: Verb) -> Permission {
        let actions = self.detail(job_id).await.actions;
        let action = actions.into_iter().find(|view| view.action == verb);
        action.expect("every verb is told").permission
    }

    /// What was asked of a job.
    pub(crate) async fn asked(&self, job_id: &JobId) -> Vec<JobRequest> {
        let requests = self.store.requests(job_id).await.unwrap();
        requests.into_iter().map(|stored| stored.request).collect()
    }

    /// Asks a verb of a job.
    pub(crate) async fn ask(&self, job_id: &JobId, verb: &str, body: Value) -> Answer {
        self.post(&format!("/api/v1/failover/jobs/{job_id}/{verb}"), body)
            .await
    }

    /// A verb is refused, by the route and by the job's own word alike, for a reason that says `part`. Nothing is noted.
    pub(crate) async fn refuses(&self, job_id: &JobId, verb: Verb, body: Value, part: &str) {
        let Permission::Refused { reason } = self.permission(job_id, verb).await else {
            panic!("{verb:?} is offered")
        };
        let answer = match verb {
            Verb::EndTest => self.delete(&format!("/api/v1/failover/test/{job_id}")).await,
            Verb::Cancel | Verb::Extend | Verb::Retry | Verb::Decide | Verb::Commit | Verb::Rollback => {
                self.ask(job_id, verb.as_str(), body).await
            }
        };
        let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
        assert!(problem.detail.contains(&reason), "{} / {reason}", problem.detail);
        assert!(reason.contains(part), "{verb:?}: {reason}");
        assert_eq!(problem.job_id.as_ref(), Some(job_id));
        assert_eq!(self.asked(job_id).await, []);
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

    /// The same with a token.
    pub(crate) async fn get_as(&self, secret: &str, path: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {secret}"));
        self.send(request.body(Body::empty()).unwrap()).await
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

    /// The same, by a worker that gives the job back.
    pub(crate) async fn write(&self, events: Vec<Event>) {
        let lease = self.journal(events).await;
        self.store.release(&lease).await.unwrap();
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

/// A worker has begun.
pub(crate) fn taken_up() -> Event {
    Event::TakenUp {
        worker: "test".to_owned(),
        epoch: 1,
    }
}

/// Why a job turned back.
pub(crate) fn cause() -> Failure {
    Failure {
        code: FailureCode::SnapshotFailed,
        step: None,
        message: "no space".to_owned(),
        cloud: None,
        remedy: "make space".to_owned(),
    }
}

/// The end of a job on the way back.
pub(crate) fn failed() -> Event {
    Event::Failed {
        cause: cause(),
        comparison: None,
        resting: Vec::new(),
    }
}

/// The journal of a job whose first `stages` stages went well.
pub(crate) fn carried_out(plan: &Plan, stages: usize) -> Vec<Event> {
    let mut events = vec![taken_up()];
    for (place, stage) in plan.stages.iter().take(stages).enumerate() {
        events.push(Event::StageEntered { stage: place });
        let steps = stage.lanes.iter().flat_map(|lane| lane.steps.clone());
        events.extend(steps.map(|step| Event::StepDone {
            facts: facts_of(plan, step.kind),
            step,
        }));
        events.push(Event::StageFinished { stage: place });
    }
    events
}

fn facts_of(plan: &Plan, kind: StepKind) -> StepFacts {
    match kind {
        StepKind::TakeInventory => StepFacts::InventoryTaken {
            survey: Box::default(),
        },
        StepKind::Snapshot { disk } => StepFacts::SnapshotTaken {
            disk,
            snapshot: format!("snap-{disk}").parse().unwrap(),
        },
        StepKind::CreateVm => StepFacts::VmCreated {
            vm: "vm-9".parse().unwrap(),
            scratch_root: None,
        },
        StepKind::Attach { disk } => StepFacts::Attached {
            disk,
            device: plan.disks[disk].destination_device,
        },
        StepKind::VmSnapshot => StepFacts::VmSnapshotTaken {
            vm_snapshot: "vm-snap-1".parse().unwrap(),
        },
        StepKind::Validate
        | StepKind::Quiesce
        | StepKind::DetachFromOma { .. }
        | StepKind::VerifyNetworks
        | StepKind::DetachScratchRoot
        | StepKind::DeleteScratchRoot
        | StepKind::VerifyDisks
        | StepKind::VerifyRollbackPoints
        | StepKind::StartVm
        | StepKind::VerifyBoot
        | StepKind::TestWindow
        | StepKind::StopVm
        | StepKind::RevertVmSnapshot
        | StepKind::DeleteVmSnapshot
        | StepKind::DetachFromDestination { .. }
        | StepKind::Revert { .. }
        | StepKind::Quarantine { .. }
        | StepKind::ReturnToOma { .. }
        | StepKind::Resume
        | StepKind::DestroyVm
        | StepKind::DeleteSnapshot { .. } => StepFacts::Plain,
    }
}

/// An attention about one object.
pub(crate) fn attention(code: AttentionCode, object: &str, decisions: &[Decision]) -> Attention {
    Attention {
        code,
        severity: Severity::Error,
        message: format!("something about {object}"),
        objects: vec![object.to_owned()],
        choices: vec!["mend it".to_owned()],
        decisions: decisions.to_vec(),
        since: DateTime::UNIX_EPOCH,
    }
}

/// Sends a request through a router, and holds the answer against the API's description.
pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    // A body whose end is not known may have none.
    let (sent, body) = if body.size_hint().exact().is_some() {
        let sent = body.collect().await.unwrap().to_bytes();
        (Some(sent.clone()), Body::from(sent))
    } else {
        (None, body)
    };
    let request = Request::from_parts(parts, body);
    let response = router.oneshot(request).await.expect("a router never fails");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    };
    described::check(&method, &path, sent.as_deref(), &answer);
    answer
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

/// Settings that serve callers without a token.
pub(crate) fn settings() -> ApiSettings {
    ApiSettings {
        allow_anonymous: true,
        ..ApiSettings::default()
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
