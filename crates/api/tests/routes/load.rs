//! Lanes, the rate of one caller, bodies that stop coming, and headers for browsers.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use failover_api::ApiSettings;
use failover_api::dto::ErrorCode;
use futures::FutureExt;
use ossea_sim::{FaultRule, WayFault};
use serde_json::json;
use tower_http::timeout::TimeoutBody;

use crate::fixture::{PGWIN, TestApi, send, settings, with_json};

fn one_place_each() -> ApiSettings {
    ApiSettings {
        heavy_requests: 1,
        light_requests: 1,
        ..settings()
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_can_be_seen_and_cancelled_while_the_heavy_lane_is_full() {
    let (api, job_id) = TestApi::failing_over().await;
    let api = api.again_with(one_place_each());
    api.cloud
        .add_fault(FaultRule::on("listZones", WayFault::SlowAnswer { seconds: 30 }).forever());
    let mut slow = Box::pin(api.post("/api/v1/ossea/check", json!({})));
    assert!(slow.as_mut().now_or_never().is_none(), "the cloud is slow");

    for heavy in [
        with_json(Method::POST, "/api/v1/ossea/check", "{}".to_owned()),
        with_json(Method::POST, "/api/v1/inventory/import", "{}".to_owned()),
        Request::get(format!("/api/v1/failover/{PGWIN}/readiness"))
            .body(Body::empty())
            .unwrap(),
    ] {
        let answer = api.send(heavy).await;
        let problem = answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServerBusy);
        assert_eq!(answer.headers[header::RETRY_AFTER], "2");
        assert!(
            problem.required_actions[1].contains("server.heavy_requests"),
            "{}",
            answer.text
        );
    }
    let status = api.get(&format!("/api/v1/failover/{job_id}/status")).await;
    assert_eq!(status.status, StatusCode::OK, "{}", status.text);
    let cancel = api.ask(&job_id, "cancel", json!({})).await;
    assert_eq!(cancel.status, StatusCode::ACCEPTED, "{}", cancel.text);

    assert_eq!(slow.await.status, StatusCode::OK);
    let next = api.post("/api/v1/ossea/check", json!({})).await;
    assert_eq!(
        next.status,
        StatusCode::OK,
        "the place is free again: {}",
        next.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_asks_too_often_is_told_to_wait() {
    let api = TestApi::with_settings(ApiSettings {
        requests_per_second: NonZeroU32::new(5).unwrap(),
        ..settings()
    });
    for n in 0..10 {
        assert_eq!(
            api.get("/api/v1/vms").await.status,
            StatusCode::OK,
            "{n}: a burst"
        );
    }
    let answer = api.get("/api/v1/vms").await;
    let problem = answer.problem(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited);
    assert!(problem.detail.contains("5 times"), "{}", problem.detail);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert_eq!(
        api.get("/healthz").await.status,
        StatusCode::OK,
        "load balancers are not counted"
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    for n in 0..5 {
        assert_eq!(
            api.get("/api/v1/vms").await.status,
            StatusCode::OK,
            "{n}: a second later"
        );
    }
    api.get("/api/v1/vms")
        .await
        .problem(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_is_told_so() {
    let api = TestApi::empty();
    let never = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let body = Body::new(TimeoutBody::new(Duration::from_secs(15), never));
    let request = Request::post("/api/v1/failover/live").header(header::CONTENT_TYPE, "application/json");
    let answer = api.send(request.body(body).unwrap()).await;
    let problem = answer.problem(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout);
    assert!(problem.detail.contains("nothing was done"), "{}", problem.detail);
}

const CONSOLE: &str = "https://console.example.org";

fn from_page(method: Method, origin: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri("/api/v1/vms");
    let request = request
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization");
    request.body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_shut_out() {
    let api = TestApi::empty();
    api.send(from_page(Method::OPTIONS, CONSOLE))
        .await
        .problem(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed);
    let read = api.send(from_page(Method::GET, CONSOLE)).await;
    assert!(!read.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test(start_paused = true)]
async fn pages_of_an_allowed_origin_may_call() {
    let api = TestApi::with_settings(ApiSettings {
        allowed_origins: vec![CONSOLE.to_owned()],
        token: Some("hunter2".into()),
        ..ApiSettings::default()
    });
    let asked = send(api.router.clone(), from_page(Method::OPTIONS, CONSOLE)).await;
    assert_eq!(
        asked.status,
        StatusCode::OK,
        "a preflight has no token: {}",
        asked.text
    );
    assert_eq!(asked.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], CONSOLE);
    let headers = asked.headers[header::ACCESS_CONTROL_ALLOW_HEADERS]
        .to_str()
        .unwrap();
    assert!(
        headers.contains("authorization") && headers.contains("idempotency-key"),
        "{headers}"
    );
    let refused = api.send(from_page(Method::GET, CONSOLE)).await;
    refused.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    assert_eq!(
        refused.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        CONSOLE,
        "the page may read why"
    );
    let stranger = api
        .send(from_page(Method::OPTIONS, "https://evil.example.org"))
        .await;
    assert!(!stranger.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test(start_paused = true)]
async fn a_browser_makes_nothing_of_an_answer() {
    let api = TestApi::empty();
    for path in ["/api/v1/failover/jobs", "/api/v1/nowhere", "/healthz"] {
        let headers = api.get(path).await.headers;
        let is =
            |name, value: &'static str| assert_eq!(headers[name], HeaderValue::from_static(value), "{path}");
        is(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        is(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        );
        is(header::REFERRER_POLICY, "no-referrer");
    }
    assert_eq!(
        api.get("/healthz").await.headers[header::CACHE_CONTROL],
        "no-store"
    );
    let listed = api.get("/api/v1/failover/jobs").await;
    assert_eq!(listed.headers[header::CACHE_CONTROL], "private, no-cache");
}
