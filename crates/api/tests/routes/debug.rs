//! `/api/v1/debug`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::DateTime;
use failover_api::dto::debug::Standing;
use failover_api::dto::{DebugHealth, DebugJobs, EndpointList, ErrorCode, LogPage};
use failover_api::{ApiPorts, ApiState, router};
use failover_engine::ports::{JobStore, WorkerId};
use log_ring::LogRing;
use ossea_sim::WayFault;
use serde::de::DeserializeOwned;
use tracing_subscriber::layer::SubscriberExt;

use crate::fixture::{PGWIN, TestApi, send, service_over, settings, taken_up};

async fn shown<T: DeserializeOwned>(api: &TestApi, what: &str) -> T {
    let answer = api.get(&format!("/api/v1/debug/{what}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_the_process_and_what_it_needs() {
    let (api, job_id) = TestApi::failing_over().await;
    let worker = WorkerId::from_stored("host-1".to_owned());
    api.store
        .renew_worker(&worker, Duration::from_secs(10))
        .await
        .unwrap();
    api.store.claim(&worker, 1).await.unwrap();
    tokio::time::advance(Duration::from_secs(4)).await;
    let health: DebugHealth = shown(&api, "health").await;
    assert_eq!(health.process.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(health.process.uptime_seconds, 4);
    assert_eq!((health.database, health.schema), (Standing::Well, Standing::Well));
    let [shown_worker] = health.workers.as_slice() else {
        panic!("{:?}", health.workers)
    };
    assert_eq!(
        (
            shown_worker.worker.as_str(),
            shown_worker.lease_left_ms,
            shown_worker.jobs
        ),
        ("host-1", 6000, 1)
    );

    tokio::time::advance(Duration::from_secs(26)).await;
    let jobs: DebugJobs = shown(&api, "failover-jobs").await;
    assert_eq!((jobs.jobs.len(), jobs.is_cut), (1, false));
    let job = &jobs.jobs[0];
    assert_eq!((&job.job_id, job.epoch, job.last_seq), (&job_id, 1, 1));
    assert_eq!(job.last_entry_age_seconds, Some(30));
    assert_eq!(
        (job.owner.as_deref(), job.owner_is_alive),
        (Some("host-1"), false),
        "its lease has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn the_cloud_is_as_last_known_and_is_not_asked() {
    let api = TestApi::empty();
    let before: DebugHealth = shown(&api, "health").await;
    assert_eq!(before.cloud, Standing::Unknown);
    api.get("/api/v1/ossea/capabilities").await;
    let well: DebugHealth = shown(&api, "health").await;
    assert_eq!(well.cloud, Standing::Well);
    assert!(well.probe.version.is_some());
    api.break_cloud(&WayFault::LostRequest);
    let still: DebugHealth = shown(&api, "health").await;
    assert_eq!(still.cloud, Standing::Well, "nobody has asked since");
    tokio::time::advance(Duration::from_secs(3600)).await;
    api.get("/api/v1/ossea/capabilities").await;
    let broken: DebugHealth = shown(&api, "health").await;
    assert!(
        matches!(broken.cloud, Standing::Trouble { .. }),
        "{:?}",
        broken.cloud
    );
    assert_eq!(
        broken.probe.version, well.probe.version,
        "the last one that it told"
    );
}

#[tokio::test(start_paused = true)]
async fn health_answers_while_the_database_is_away() {
    use async_trait::async_trait;
    use failover_engine::ports::{LivingWorker, StoreError, Workers};

    struct Away(StoreError);
    #[async_trait]
    impl Workers for Away {
        async fn living_workers(&self) -> Result<Vec<LivingWorker>, StoreError> {
            Err(self.0.clone())
        }
    }
    let api = TestApi::empty();
    for (error, database_is_well, schema) in [
        (
            StoreError::Unavailable("hunter2".to_owned()),
            false,
            Standing::Unknown,
        ),
        (
            StoreError::Schema("too new".to_owned()),
            true,
            Standing::Trouble {
                reason: "too new".to_owned(),
            },
        ),
    ] {
        let service = service_over(&api.cloud, &api.store, &api.clock);
        let ports = ApiPorts {
            workers: Arc::new(Away(error)),
            ..ApiPorts::of(api.store.clone())
        };
        let router = router(ApiState::new(service, ports, settings()));
        let request = Request::get("/api/v1/debug/health").body(Body::empty()).unwrap();
        let answer = send(router, request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        let health: DebugHealth = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(health.database == Standing::Well, database_is_well);
        assert_eq!(health.schema, schema);
    }
}

#[tokio::test(start_paused = true)]
async fn the_job_that_stands_still_comes_first() {
    let (api, old) = TestApi::failing_over().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    api.write(vec![taken_up()]).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    let jobs: DebugJobs = shown(&api, "failover-jobs").await;
    assert_eq!(jobs.jobs[0].job_id, old);
    assert_eq!(jobs.jobs[0].last_entry_age_seconds, Some(5));
    assert_eq!(jobs.jobs[0].owner, None, "it was given back");
}

#[tokio::test(start_paused = true)]
async fn every_listed_route_is_one() {
    let api = TestApi::empty();
    let list: EndpointList = shown(&api, "endpoints").await;
    assert!(list.endpoints.len() > 35);
    for endpoint in list.endpoints {
        let path = endpoint
            .path
            .replace("{vm_id}", PGWIN)
            .replace("{job_id}", "live-failover-x");
        let request = Request::builder().method("PATCH").uri(path);
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        answer.problem(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed);
        for method in endpoint.methods {
            let allowed = answer.headers["allow"].to_str().unwrap();
            assert!(allowed.contains(&method), "{} {method}: {allowed}", endpoint.path);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_of_the_process_is_shown() {
    let api = TestApi::empty();
    let without = api.get("/api/v1/debug/logs").await;
    without.problem(StatusCode::NOT_FOUND, ErrorCode::RouteNotFound);

    let ring = LogRing::new(10, Arc::new(|| DateTime::UNIX_EPOCH));
    let subscriber = tracing_subscriber::registry().with(ring.layer());
    let _logging = tracing::subscriber::set_default(subscriber);
    let service = service_over(&api.cloud, &api.store, &api.clock);
    let state = ApiState::new(service, ApiPorts::of(api.store.clone()), settings());
    let router = router(state.with_log_ring(ring));
    tracing::info!(volume_id = "v-1", "A thing happened.");
    tracing::warn!("A worse thing happened.");
    let get = |query: &str| {
        let path = format!("/api/v1/debug/logs{query}");
        send(router.clone(), Request::get(path).body(Body::empty()).unwrap())
    };
    let page: LogPage = serde_json::from_str(&get("?level=info").await.text).unwrap();
    let thing = page.records.iter().find(|r| r.message == "A thing happened.");
    assert_eq!(thing.unwrap().fields["volume_id"], "v-1");
    let page: LogPage = serde_json::from_str(&get("?level=warn&limit=1").await.text).unwrap();
    assert_eq!(page.records[0].message, "A worse thing happened.");
    for (query, named) in [
        ("?level=loud", "level"),
        ("?limit=0", "limit"),
        ("?since=1", "since"),
    ] {
        let problem = get(query)
            .await
            .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(named), "{}", problem.detail);
    }
}
