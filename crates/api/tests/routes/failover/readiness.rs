//! `GET /api/v1/failover/{vm_id}/readiness`.

use axum::http::StatusCode;
use failover_api::dto::ErrorCode;
use failover_domain::Readiness;
use ossea_sim::WayFault;

use crate::fixture::{NOBODY, PGWIN, TestApi, WEB};

async fn readiness(api: &TestApi, vm_id: &str, query: &str) -> Readiness {
    let answer = api
        .get(&format!("/api/v1/failover/{vm_id}/readiness{query}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_ready_vm_shows_every_check() {
    let api = TestApi::ready().await;
    let verdict = readiness(&api, PGWIN, "").await;
    assert!(verdict.is_ready, "{verdict:#?}");
    for rule in [
        "vm_existence",
        "active_jobs",
        "sync_status",
        "network_mappings",
        "volume_state",
    ] {
        assert!(verdict.checks.iter().any(|check| check.rule == rule), "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_told_with_what_to_do() {
    let api = TestApi::with_inventory().await;
    let verdict = readiness(&api, WEB, "?type=live").await;
    assert!(
        !verdict.is_ready && !verdict.required_actions.is_empty(),
        "{verdict:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_test_failover_needs_test_mappings() {
    let api = TestApi::ready().await;
    let verdict = readiness(&api, PGWIN, "?type=test").await;
    assert!(
        verdict.failures().any(|check| check.rule == "network_mappings"),
        "{verdict:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_cloud_is_a_finding() {
    let api = TestApi::ready().await;
    api.break_cloud(&WayFault::LostRequest);
    let verdict = readiness(&api, PGWIN, "").await;
    assert!(
        verdict.failures().any(|check| check.rule == "cloud_reachable"),
        "{verdict:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vm_and_an_unknown_type_are_refused() {
    let api = TestApi::ready().await;
    let answer = api.get(&format!("/api/v1/failover/{NOBODY}/readiness")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    let answer = api
        .get(&format!("/api/v1/failover/{PGWIN}/readiness?type=life"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("live or test"), "{}", answer.text);
}
