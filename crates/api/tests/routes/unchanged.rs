//! `ETag` and `If-None-Match` on what clients poll.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use failover_api::ApiSettings;
use failover_api::dto::ErrorCode;
use serde_json::json;

use crate::fixture::{Answer, NOBODY, PGWIN, TestApi, taken_up};

async fn get_if_none(api: &TestApi, path: &str, tags: &str) -> Answer {
    let request = Request::get(path).header(header::IF_NONE_MATCH, tags);
    api.send(request.body(Body::empty()).unwrap()).await
}

fn tag(answer: &Answer) -> String {
    answer.headers[header::ETAG].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_clients_poll_is_not_sent_twice() {
    let (api, job_id) = TestApi::failing_over().await;
    for path in [
        "/api/v1/failover/jobs".to_owned(),
        format!("/api/v1/failover/jobs/{job_id}"),
        format!("/api/v1/failover/{job_id}/status"),
        format!("/api/v1/failover/jobs/{job_id}/events"),
        format!("/api/v1/failover/{PGWIN}/readiness"),
        format!("/api/v1/vms/{PGWIN}/sync-status"),
        "/api/v1/ossea/zones".to_owned(),
        "/api/v1/attention".to_owned(),
        "/api/v1/vms".to_owned(),
        format!("/api/v1/vms/{PGWIN}"),
        format!("/api/v1/network-mappings/{PGWIN}"),
    ] {
        let first = api.get(&path).await;
        assert_eq!(first.status, StatusCode::OK, "{path}: {}", first.text);
        assert!(tag(&first).starts_with("W/\""), "{path}: {}", tag(&first));
        tokio::time::advance(Duration::from_secs(2)).await;
        let again = get_if_none(&api, &path, &tag(&first)).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!((again.text.as_str(), tag(&again)), ("", tag(&first)), "{path}");
        assert!(!again.headers.contains_key(header::CONTENT_TYPE), "{path}");
        assert!(again.headers.contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_changed_is_sent() {
    let (api, job_id) = TestApi::failing_over().await;
    let path = format!("/api/v1/failover/{job_id}/status");
    let before = api.get(&path).await;
    api.write(vec![taken_up()]).await;
    let after = get_if_none(&api, &path, &tag(&before)).await;
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(after.json()["last_seq"], 2);
    assert_ne!(tag(&after), tag(&before));
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_recognised_in_every_form_that_it_may_have() {
    let api = TestApi::with_inventory().await;
    let first = tag(&api.get("/api/v1/vms").await);
    let strong = first.strip_prefix("W/").unwrap();
    for known in [format!("\"other\", {first}"), strong.to_owned(), "*".to_owned()] {
        let answer = get_if_none(&api, "/api/v1/vms", &known).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
    }
    for unknown in ["\"other\"", "", "W/", "nonsense"] {
        let answer = get_if_none(&api, "/api/v1/vms", unknown).await;
        assert_eq!(answer.status, StatusCode::OK, "{unknown}");
    }
}

#[tokio::test(start_paused = true)]
async fn problems_and_changes_have_no_tag() {
    let api = TestApi::with_inventory().await;
    let answer = get_if_none(&api, &format!("/api/v1/vms/{NOBODY}"), "*").await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    assert!(!answer.headers.contains_key(header::ETAG));
    let check = api.post("/api/v1/ossea/check", json!({})).await;
    assert!(!check.headers.contains_key(header::ETAG));
}

#[tokio::test(start_paused = true)]
async fn a_tag_opens_nothing() {
    let api = TestApi::with_settings(ApiSettings {
        token: Some("hunter2".into()),
        ..ApiSettings::default()
    });
    let answer = get_if_none(&api, "/api/v1/vms", "*").await;
    answer.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
}
