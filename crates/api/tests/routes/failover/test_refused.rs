//! `POST /api/v1/failover/test`: what is refused. Nothing is ever changed by it.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, Problem};
use serde_json::{Value, json};

use crate::fixture::{PGWIN, PRODUCTION_APP, TestApi, WEB};

const TEST: &str = "/api/v1/failover/test";

async fn refused(api: &TestApi, body: Value, status: StatusCode, code: ErrorCode) -> Problem {
    let before = api.cloud.inventory();
    let problem = api.post(TEST, body.clone()).await.problem(status, code);
    let dry = api.post("/api/v1/failover/test?dry_run=true", body).await;
    assert_eq!(
        dry.problem(status, code).detail,
        problem.detail,
        "the dry run says the same"
    );
    assert_eq!(api.job_count().await, 0);
    assert_eq!(api.cloud.inventory(), before, "nothing is created");
    problem
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_not_marked_for_tests() {
    let api = TestApi::ready_for_tests().await;
    // "production-app" is a production network of the VM; "production-db" is a network that nobody has marked.
    for network in [PRODUCTION_APP, "production-db"] {
        let body = json!({ "vm_id": PGWIN, "network_mappings": {"VM Network": network} });
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let problem = refused(&api, body, status, ErrorCode::ValidationFailed).await;
        let finding = problem
            .findings
            .iter()
            .find(|f| f.rule == "network_mappings")
            .unwrap();
        assert!(finding.message.contains("VM Network"), "{}", finding.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_vm_with_production_mappings_only() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN, "skip_validation": true });
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let problem = refused(&api, body, status, ErrorCode::ValidationFailed).await;
    assert!(
        problem.findings.iter().any(|f| f.rule == "network_mappings"),
        "there is no fallback network"
    );
}

#[tokio::test(start_paused = true)]
async fn bad_values_name_field_value_and_what_is_allowed() {
    let api = TestApi::ready_for_tests().await;
    for (field, value, parts) in [
        (
            "test_duration",
            json!("soon"),
            ["test_duration is \"soon\"", "from 10s to 30days"],
        ),
        (
            "test_duration",
            json!("9s"),
            ["test_duration is \"9s\"", "from 10s to 30days"],
        ),
        (
            "test_duration",
            json!("31days"),
            ["test_duration is \"31days\"", "1h30m"],
        ),
        ("test_duration", json!(""), ["test_duration is \"\"", "1h30m"]),
        ("test_duration", json!(30), ["test_duration", "string"]),
        ("auto_cleanup", json!("no"), ["auto_cleanup", "boolean"]),
        (
            "rollback_strategy",
            json!("snapshot"),
            ["rollback_strategy", "volume_snapshots"],
        ),
        (
            "commit_policy",
            json!({"policy": "manual"}),
            ["unknown field `commit_policy`", "test_duration"],
        ),
    ] {
        let mut body = json!({ "vm_id": PGWIN });
        body[field] = value;
        let problem = refused(&api, body, StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest).await;
        for part in parts {
            assert!(problem.detail.contains(part), "{field}: {}", problem.detail);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_is_being_tested_already() {
    let (api, job_id) = TestApi::testing().await;
    for path in [TEST, "/api/v1/failover/live"] {
        let answer = api.post(path, json!({ "vm_id": PGWIN })).await;
        let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::ActiveJobs);
        assert_eq!(problem.job_id, Some(job_id.clone()));
    }
    let answer = api.post(TEST, json!({ "vm_id": WEB })).await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ValidationFailed);
}
