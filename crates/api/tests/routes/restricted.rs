//! Tokens that are restricted to certain source VMs see and touch nothing else.

use axum::http::{Method, StatusCode};
use failover_api::dto::ErrorCode;
use failover_domain::{AttentionCode, Decision, JobId};
use serde_json::{Value, json};

use crate::fixture::{Answer, PGWIN, TestApi, WEB, attention, report_of, sample_inventory, with_json};
use crate::tokens::make;

/// An API on which [`PGWIN`] is being failed over, and the secret of an operator of [`WEB`] alone.
async fn operator_of_web() -> (TestApi, JobId, String) {
    let (api, job_id) = TestApi::failing_over().await;
    let made = make(&api, json!({"name": "web", "role": "operator", "vms": [WEB]})).await;
    (api, job_id, made.secret)
}

async fn send(api: &TestApi, secret: &str, method: Method, path: &str, body: &Value) -> Answer {
    let mut request = with_json(method, path, body.to_string());
    let authorization = format!("Bearer {secret}").parse().unwrap();
    request.headers_mut().insert("authorization", authorization);
    api.send(request).await
}

#[tokio::test(start_paused = true)]
async fn whatever_names_another_vm_is_refused() {
    let (api, job, secret) = operator_of_web().await;
    let mut both = sample_inventory();
    both["vms"].as_array_mut().unwrap().truncate(2);
    for (method, path, body) in [
        (Method::GET, format!("/api/v1/vms/{PGWIN}"), json!({})),
        (Method::GET, format!("/api/v1/vms/{PGWIN}/quarantine"), json!({})),
        (
            Method::DELETE,
            format!("/api/v1/vms/{PGWIN}/quarantine/v"),
            json!({"reason": "x"}),
        ),
        (
            Method::PUT,
            format!("/api/v1/vms/{PGWIN}/replica"),
            report_of(PGWIN),
        ),
        (Method::GET, format!("/api/v1/vms/{PGWIN}/sync-status"), json!({})),
        (
            Method::GET,
            format!("/api/v1/failover/{PGWIN}/readiness"),
            json!({}),
        ),
        (
            Method::GET,
            format!("/api/v1/network-mappings/{PGWIN}"),
            json!({}),
        ),
        (
            Method::PUT,
            format!("/api/v1/network-mappings/{PGWIN}/VM%20Network"),
            json!({"purpose": "test", "network": "test-isolated"}),
        ),
        (
            Method::POST,
            "/api/v1/network-mappings".to_owned(),
            json!({"vm_id": PGWIN, "source_network": "VM Network", "purpose": "test", "network": "test-isolated"}),
        ),
        (
            Method::POST,
            "/api/v1/failover/live".to_owned(),
            json!({"vm_id": PGWIN}),
        ),
        (
            Method::POST,
            "/api/v1/failover/test?dry_run=true".to_owned(),
            json!({"vm_id": PGWIN}),
        ),
        (
            Method::GET,
            format!("/api/v1/failover/jobs?vm_id={PGWIN}"),
            json!({}),
        ),
        (Method::GET, format!("/api/v1/failover/jobs/{job}"), json!({})),
        (
            Method::GET,
            format!("/api/v1/failover/jobs/{job}/events"),
            json!({}),
        ),
        (Method::GET, format!("/api/v1/failover/{job}/status"), json!({})),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/cancel"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/retry"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/extend"),
            json!({"by": "1h"}),
        ),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/decide"),
            json!({"attention": "STOP_FAILED", "decision": "retry"}),
        ),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/commit"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/v1/failover/jobs/{job}/rollback"),
            json!({}),
        ),
        (Method::DELETE, format!("/api/v1/failover/test/{job}"), json!({})),
        (Method::POST, "/api/v1/inventory/import".to_owned(), both),
    ] {
        let answer = send(&api, &secret, method.clone(), &path, &body).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{method} {path}: {}",
            answer.text
        );
        let problem = answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
        assert!(
            problem.detail.contains("restricted"),
            "{path}: {}",
            problem.detail
        );
    }
    assert_eq!(api.asked(&job).await, []);
}

#[tokio::test(start_paused = true)]
async fn their_own_vm_is_theirs() {
    let (api, _, secret) = operator_of_web().await;
    let own = json!({"vms": [report_of(WEB)]});
    for (method, path, body, status) in [
        (
            Method::GET,
            format!("/api/v1/vms/{WEB}"),
            json!({}),
            StatusCode::OK,
        ),
        (
            Method::GET,
            format!("/api/v1/failover/{WEB}/readiness"),
            json!({}),
            StatusCode::OK,
        ),
        (
            Method::POST,
            "/api/v1/inventory/import".to_owned(),
            own,
            StatusCode::OK,
        ),
        (
            Method::PUT,
            format!("/api/v1/vms/{WEB}/replica"),
            report_of(WEB),
            StatusCode::OK,
        ),
        (
            Method::GET,
            "/api/v1/ossea/networks".to_owned(),
            json!({}),
            StatusCode::OK,
        ),
        (
            Method::GET,
            format!("/api/v1/failover/jobs?vm_id={WEB}"),
            json!({}),
            StatusCode::OK,
        ),
    ] {
        let answer = send(&api, &secret, method, &path, &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_show_theirs_only() {
    let (api, _, secret) = operator_of_web().await;
    let other = make(&api, json!({"name": "pg", "role": "viewer", "vms": [PGWIN]})).await;
    let count = async |secret: &str, path: &str, list: &str| {
        let answer = api.get_as(secret, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()[list].as_array().unwrap().len()
    };
    assert_eq!(count(&secret, "/api/v1/failover/jobs", "jobs").await, 0);
    assert_eq!(count(&other.secret, "/api/v1/failover/jobs", "jobs").await, 1);
    assert_eq!(count(&secret, "/api/v1/debug/failover-jobs", "jobs").await, 0);
    assert_eq!(
        count(&other.secret, "/api/v1/debug/failover-jobs", "jobs").await,
        1
    );
    assert_eq!(count(&secret, "/api/v1/vms", "vms").await, 1);
    assert_eq!(count(&secret, "/api/v1/failover/readiness", "vms").await, 1);
    assert_eq!(count(&other.secret, "/api/v1/failover/readiness", "vms").await, 1);
    let page = api
        .get_as(&secret, &format!("/api/v1/vms?cursor={WEB}"))
        .await
        .json();
    assert_eq!((&page["vms"], &page["next_cursor"]), (&json!([]), &Value::Null));
    let name = report_of(PGWIN)["name"].as_str().unwrap().to_owned();
    assert_eq!(
        count(&secret, &format!("/api/v1/vms?name={name}"), "vms").await,
        0
    );
    assert_eq!(
        count(&other.secret, &format!("/api/v1/vms?name={name}"), "vms").await,
        1
    );
}

#[tokio::test(start_paused = true)]
async fn attentions_of_other_vms_are_not_theirs() {
    let (api, _) = TestApi::returning(vec![attention(
        AttentionCode::StopFailed,
        "vm-1",
        &[Decision::Retry],
    )])
    .await;
    for (name, vm, expected) in [("web", WEB, 0), ("pg", PGWIN, 1)] {
        let made = make(&api, json!({"name": name, "role": "viewer", "vms": [vm]})).await;
        let list = api.get_as(&made.secret, "/api/v1/attention").await.json();
        assert_eq!(list["attention"].as_array().unwrap().len(), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restricted_admin_makes_no_tokens_and_reads_no_audit() {
    let api = TestApi::empty();
    let made = make(&api, json!({"name": "web", "role": "admin", "vms": [WEB]})).await;
    for path in ["/api/v1/tokens", "/api/v1/audit", "/api/v1/debug/logs"] {
        let answer = api.get_as(&made.secret, path).await;
        answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    }
    let body = json!({"name": "more", "role": "admin"});
    let answer = send(&api, &made.secret, Method::POST, "/api/v1/tokens", &body).await;
    answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
}
