//! What holds for all routes: tokens, request ids, limits, and problems for everything that goes wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_api::dto::ErrorCode;
use failover_api::{ApiPorts, ApiSettings, ApiState, router};
use failover_domain::inventory::VmReport;
use failover_domain::{SourceVm, VmId, VolumeId};
use failover_engine::ports::{ClearError, Inventory, PutError, PutOutcome, ResyncMark, StoreError};
use ossea_sim::{FaultRule, WayFault};
use serde_json::json;

use crate::fixture::{Answer, PGWIN, TestApi, sample_inventory, send, service_over, settings, with_json};

fn with_token() -> TestApi {
    TestApi::with_settings(ApiSettings {
        token: Some("hunter2".into()),
        ..ApiSettings::default()
    })
}

async fn get_with(api: &TestApi, authorization: &str) -> Answer {
    let request = Request::get("/api/v1/vms").header(header::AUTHORIZATION, authorization);
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_the_api() {
    let api = with_token();
    for right in ["Bearer hunter2", "bearer hunter2"] {
        assert_eq!(get_with(&api, right).await.status, StatusCode::OK, "{right}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_token_nothing_is_shown() {
    let api = with_token();
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer hunter",
        "Bearer hunter22",
        "Basic hunter2",
        "hunter2",
    ] {
        let answer = get_with(&api, wrong).await;
        answer.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        assert!(!answer.text.contains("hunter"), "{}", answer.text);
    }
    let start = api.post("/api/v1/failover/live", json!({ "vm_id": PGWIN })).await;
    start.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    let unknown = api.get("/api/v1/secrets").await;
    unknown.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn load_balancers_need_no_token() {
    let api = with_token();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(api.get(path).await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_routes_are_problems() {
    let api = TestApi::empty();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/vm",
        "/api/v2/vms",
        "/api/v1/failover/jobs/",
    ] {
        let problem = api
            .get(path)
            .await
            .problem(StatusCode::NOT_FOUND, ErrorCode::RouteNotFound);
        assert_eq!(problem.instance.as_deref(), Some(path));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_methods_are_problems_that_name_the_right_ones() {
    let api = TestApi::empty();
    for (path, allowed) in [
        ("/api/v1/vms", "GET"),
        ("/api/v1/failover/jobs", "GET"),
        ("/healthz", "GET"),
    ] {
        let answer = api.delete(path).await;
        answer.problem(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed);
        assert!(answer.headers[header::ALLOW].to_str().unwrap().contains(allowed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let api = TestApi::empty();
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = Request::post("/api/v1/failover/live");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = api.send(request.body(Body::from("{}")).unwrap()).await;
        answer.problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::UnsupportedMediaType,
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_refused() {
    let api = TestApi::with_settings(ApiSettings {
        body_limit: 64,
        ..settings()
    });
    let body = json!({ "vm_id": PGWIN, "vm_name": "x".repeat(64) });
    let answer = api.post("/api/v1/failover/live", body).await;
    answer.problem(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge);
    let import = api
        .post(
            "/api/v1/inventory/import",
            json!({ "vms": [], "padding": "x".repeat(64) }),
        )
        .await;
    import.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_no_route_knows_is_refused_everywhere() {
    let api = TestApi::with_inventory().await;
    for (path, allowed) in [
        (format!("/api/v1/vms/{PGWIN}?verbose=true"), "none is allowed"),
        ("/api/v1/vms?limits=2".to_owned(), "cursor, limit, name"),
        ("/api/v1/ossea/zones?zone=1".to_owned(), "none is allowed"),
    ] {
        let answer = api.get(&path).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(allowed), "{}", problem.detail);
    }
    let dry = api
        .post("/api/v1/failover/live?dryrun=true", json!({ "vm_id": PGWIN }))
        .await;
    dry.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert_eq!(api.job_count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_text_with_nul_is_refused_wherever_it_is() {
    let api = TestApi::with_inventory().await;
    let body = format!(r#"{{"vm_id": "{PGWIN}", "vm_name": "PGWIN\u0000"}}"#);
    let answers = [
        api.get("/api/v1/vms?name=web%00").await,
        api.post_text("/api/v1/failover/live", &body).await,
    ];
    for answer in answers {
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains("NUL"), "{}", problem.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_in_paths_are_checked() {
    let api = TestApi::empty();
    for path in [
        "/api/v1/vms/web-01",
        "/api/v1/network-mappings/%FF",
        "/api/v1/failover/web-01/readiness",
    ] {
        api.get(path)
            .await
            .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    }
    let problem = api
        .get("/api/v1/vms/web-01")
        .await
        .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.detail.contains("web-01") && problem.detail.contains("VMware UUID"),
        "{}",
        problem.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_keeps_the_id_that_it_came_with() {
    let api = TestApi::empty();
    let request = Request::get("/api/v1/nowhere").header("x-request-id", "from-the-balancer");
    let answer = api.send(request.body(Body::empty()).unwrap()).await;
    let problem = answer.problem(StatusCode::NOT_FOUND, ErrorCode::RouteNotFound);
    assert_eq!(problem.request_id.as_deref(), Some("from-the-balancer"));
    assert!(api.get("/healthz").await.headers.contains_key("x-request-id"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_a_problem() {
    let settings = ApiSettings {
        request_timeout: Duration::from_secs(2),
        ..settings()
    };
    let api = TestApi::with_settings(settings);
    api.cloud
        .add_fault(FaultRule::on("listNetworks", WayFault::SlowAnswer { seconds: 3600 }).forever());
    let imported = api.post("/api/v1/inventory/import", sample_inventory()).await;
    assert_eq!(imported.status, StatusCode::OK, "{}", imported.text);
    let mapping = json!({"purpose": "production", "network": "production-app"});
    let path = format!("/api/v1/network-mappings/{PGWIN}/VM%20Network");
    let answer = api.put(&path, mapping).await;
    let problem = answer.problem(StatusCode::GATEWAY_TIMEOUT, ErrorCode::RequestTimeout);
    assert!(problem.detail.contains("2s"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn names_in_paths_may_hold_any_character() {
    let api = TestApi::with_inventory().await;
    let path = format!("/api/v1/network-mappings/{PGWIN}/VLAN%2F7%20%C3%BC");
    let body = json!({"purpose": "test", "network": "test-l2"}).to_string();
    let answer = api.send(with_json(Method::PUT, &path, body)).await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(problem.detail.contains("VLAN/7 ü"), "{}", problem.detail);
}

/// An inventory with a mistake of ours in it.
struct Broken;

#[async_trait]
impl Inventory for Broken {
    async fn put_vm(&self, _: &VmReport, _: DateTime<Utc>, _: &Actor) -> Result<PutOutcome, PutError> {
        panic!("put_vm with hunter2")
    }
    async fn vm(&self, _: &VmId) -> Result<Option<SourceVm>, StoreError> {
        panic!("vm with hunter2")
    }
    async fn vms_named(&self, _: &str) -> Result<Vec<SourceVm>, StoreError> {
        panic!("vms_named with hunter2")
    }
    async fn vms(&self, _: Option<&VmId>, _: usize) -> Result<Vec<SourceVm>, StoreError> {
        panic!("vms with hunter2")
    }
    async fn mark_resync(&self, _: &VolumeId, _: ResyncMark) -> Result<bool, StoreError> {
        panic!("mark_resync with hunter2")
    }
    async fn clear_quarantine(&self, _: &VmId, _: &VolumeId, _: &Actor, _: &str) -> Result<bool, ClearError> {
        panic!("clear_quarantine with hunter2")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_problem_that_keeps_its_words_to_the_log() {
    let api = TestApi::empty();
    let mut service = service_over(&api.cloud, &api.store, &api.clock);
    service.inventory = Arc::new(Broken);
    let router = router(ApiState::new(
        service,
        ApiPorts::of(api.store.clone()),
        settings(),
    ));
    let answer = send(router, Request::get("/api/v1/vms").body(Body::empty()).unwrap()).await;
    answer.problem(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::InternalError);
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
}
