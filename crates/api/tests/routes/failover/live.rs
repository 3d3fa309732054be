//! `POST /api/v1/failover/live`: starts and dry runs.

use axum::http::{StatusCode, header};
use failover_api::dto::{DryRunAnswer, ErrorCode, JobCreated, JobDetail};
use failover_domain::JobStatus;
use failover_engine::plan::{BootGrade, OnBootFailure, WarningPolicy};
use failover_engine::ports::JobStore;
use futures::future::join_all;
use serde_json::json;

use crate::fixture::{PGWIN, PRODUCTION_APP, TestApi, WEB};

const LIVE: &str = "/api/v1/failover/live";

#[tokio::test(start_paused = true)]
async fn a_start_answers_at_once_with_the_jobs_address() {
    let api = TestApi::ready().await;
    let answer = api
        .post(LIVE, json!({ "vm_id": PGWIN, "vm_name": "PGWINTESTBIOS" }))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let created: JobCreated = serde_json::from_str(&answer.text).unwrap();
    assert!(
        created
            .job_id
            .as_str()
            .starts_with(&format!("live-failover-{PGWIN}-"))
    );
    assert_eq!(created.status, JobStatus::Pending);
    assert_eq!(answer.headers[header::LOCATION], created.job_url.as_str());
    assert!(created.expected_seconds.is_some_and(|seconds| seconds > 0));

    let shown = api.get(&created.job_url).await;
    let detail: JobDetail = serde_json::from_str(&shown.text).unwrap();
    assert_eq!(detail.summary.job_id, created.job_id);
    assert_eq!(detail.volumes.len(), 3);
    assert_eq!(detail.stages.len(), detail.plan.stages.len());
    for url in [created.status_url, created.events_url] {
        assert_eq!(api.get(&url).await.status, StatusCode::OK, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_customers_document_starts_a_failover() {
    let api = TestApi::with_inventory().await;
    let body = json!({
        "vm_id": PGWIN, "vm_name": "PGWINTESTBIOS", "skip_validation": false,
        "network_mappings": {"VM Network": PRODUCTION_APP},
    });
    let answer = api.post(LIVE, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn every_wish_of_the_request_is_in_the_plan() {
    let api = TestApi::with_inventory().await;
    let body = json!({
        "vm_id": WEB, "skip_validation": true,
        "network_mappings": {"VM Network": "production-app", "DMZ Network": "production-dmz"},
        "boot": {"within": "7m", "grades": ["ping", "tcp:22"]},
        "on_boot_failure": "hold",
    });
    let answer = api.post(LIVE, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let job_id = answer.json()["job_id"].as_str().unwrap().parse().unwrap();
    let plan = api.store.plan(&job_id).await.unwrap().unwrap();
    assert_eq!(plan.boot.within_seconds, 420);
    assert_eq!(plan.boot.grades, [BootGrade::Ping, BootGrade::Tcp(22)].into());
    assert_eq!(plan.boot.on_failure, OnBootFailure::Hold);
    assert_eq!(plan.warnings, WarningPolicy::Skip);
    let networks: Vec<&str> = plan.vm.nics.iter().map(|nic| nic.network_name.as_str()).collect();
    assert_eq!(networks, ["production-app", "production-dmz"]);
}

#[tokio::test(start_paused = true)]
async fn mappings_of_a_request_are_for_that_job_alone() {
    let api = TestApi::with_inventory().await;
    let body = json!({ "vm_id": PGWIN, "network_mappings": {"VM Network": "production-app"} });
    assert_eq!(api.post(LIVE, body).await.status, StatusCode::ACCEPTED);
    let mappings = api.get(&format!("/api/v1/network-mappings/{PGWIN}")).await.json();
    assert_eq!(mappings["mappings"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_everything_and_changes_nothing() {
    let api = TestApi::ready().await;
    let before = api.cloud.inventory();
    let answer = api
        .post("/api/v1/failover/live?dry_run=true", json!({ "vm_id": PGWIN }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let shown: DryRunAnswer = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(shown.plan.disks.len(), 3);
    assert!(shown.readiness.is_ready);
    assert!(
        shown
            .way_back
            .iter()
            .any(|line| line.action.contains("attachVolume"))
    );
    assert_eq!(api.job_count().await, 0);
    assert_eq!(api.cloud.inventory(), before);
}

#[tokio::test(start_paused = true)]
async fn of_fifty_simultaneous_requests_one_starts_the_job_and_the_others_are_led_to_it() {
    let api = TestApi::ready().await;
    let answers = join_all((0..50).map(|_| api.post(LIVE, json!({ "vm_id": PGWIN })))).await;
    let accepted: Vec<_> = answers
        .iter()
        .filter(|a| a.status == StatusCode::ACCEPTED)
        .collect();
    assert_eq!(accepted.len(), 1);
    let job_id = accepted[0].json()["job_id"].clone();
    for answer in answers.iter().filter(|a| a.status != StatusCode::ACCEPTED) {
        let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::ActiveJobs);
        assert_eq!(problem.job_id.unwrap().as_str(), job_id);
        assert_eq!(api.get(&problem.job_url.unwrap()).await.status, StatusCode::OK);
    }
    assert_eq!(api.job_count().await, 1);
}
