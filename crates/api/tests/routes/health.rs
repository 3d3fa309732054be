//! `/healthz` and `/readyz`, and a database that is away.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use failover_access::Actor;
use failover_api::dto::ErrorCode;
use failover_api::{ApiPorts, ApiState, router};
use failover_domain::{JobId, VmId};
use failover_engine::StoredEvent;
use failover_engine::plan::Plan;
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use serde_json::json;

use crate::fixture::{PGWIN, TestApi, send, service_over, settings, with_json};

/// A store whose database is away.
struct Away(StoreError);

macro_rules! always_away {
    ($($name:ident($($arg:ident: $type:ty),*) -> $ok:ty | $error:ty;)+) => {
        #[async_trait]
        impl JobStore for Away {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$ok, $error> {
                let _ = ($($arg,)*);
                Err(self.0.clone().into())
            })+
        }
    };
}

always_away! {
    create(job: NewJob) -> JobId | CreateError;
    job(id: &JobId) -> Option<JobRecord> | StoreError;
    plan(id: &JobId) -> Option<Plan> | StoreError;
    jobs(filter: &JobFilter) -> Vec<JobRecord> | StoreError;
    active_job(vm: &VmId) -> Option<JobId> | StoreError;
    events(id: &JobId, after: u64, limit: usize) -> Vec<StoredEvent> | StoreError;
    volumes(id: &JobId) -> Vec<VolumeRow> | StoreError;
    resources(id: &JobId) -> Vec<ResourceRow> | StoreError;
    submit_request(id: &JobId, by: &Actor, request: &JobRequest) -> RequestOutcome | StoreError;
    requests(id: &JobId) -> Vec<StoredRequest> | StoreError;
    due_settlements(limit: usize) -> Vec<JobRecord> | StoreError;
    renew_worker(worker: &WorkerId, lease: Duration) -> () | StoreError;
    claim(worker: &WorkerId, limit: usize) -> Vec<ClaimedJob> | StoreError;
    append(lease: &Lease, batch: &Batch) -> () | AppendError;
    open_requests(worker: &WorkerId) -> Vec<OpenRequest> | StoreError;
    release(lease: &Lease) -> () | StoreError;
    retire_worker(worker: &WorkerId) -> () | StoreError;
}

async fn api_whose_database_says(error: StoreError) -> Router {
    let api = TestApi::ready().await;
    let mut service = service_over(&api.cloud, &api.store, &api.clock);
    service.jobs = Arc::new(Away(error));
    router(ApiState::new(
        service,
        ApiPorts::of(api.store.clone()),
        settings(),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_healthy_api_says_so() {
    let api = TestApi::empty();
    for (path, status) in [("/healthz", "alive"), ("/readyz", "ready")] {
        let answer = api.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (StatusCode::OK, &json!(status))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_database_the_api_is_alive_but_not_ready() {
    let text = "connection refused to postgres://failover:hunter2@db/failover".to_owned();
    let router = api_whose_database_says(StoreError::Unavailable(text)).await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(send(router.clone(), get("/healthz")).await.status, StatusCode::OK);

    let start = with_json(
        axum::http::Method::POST,
        "/api/v1/failover/live",
        json!({ "vm_id": PGWIN }).to_string(),
    );
    for request in [get("/readyz"), get("/api/v1/failover/jobs"), start] {
        let answer = send(router.clone(), request).await;
        answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::DatabaseUnavailable);
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
        assert!(
            !answer.text.contains("hunter2"),
            "a secret is repeated: {}",
            answer.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_of_another_version_is_told_as_such() {
    let router = api_whose_database_says(StoreError::Schema("it is newer".to_owned())).await;
    let answer = send(router, Request::get("/readyz").body(Body::empty()).unwrap()).await;
    let problem = answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::DatabaseUnavailable);
    assert!(problem.detail.contains("it is newer"), "{}", problem.detail);
}
