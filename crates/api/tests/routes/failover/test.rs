//! `POST /api/v1/failover/test` and `DELETE /api/v1/failover/test/{job_id}`.

use axum::http::{StatusCode, header};
use failover_api::dto::engine::{Errand, TestErrand, Verb};
use failover_api::dto::{DryRunAnswer, JobCreated, Permission, RequestAnswer};
use failover_domain::{AtWindowEnd, JobStatus, JobType, RollbackStrategy};
use failover_engine::ports::JobStore;
use failover_engine::request::JobRequest;
use serde_json::{Value, json};

use crate::fixture::{PGWIN, TEST_NETWORK, TestApi};

const TEST: &str = "/api/v1/failover/test";

async fn started(api: &TestApi, body: Value) -> (JobCreated, TestErrand) {
    let answer = api.post(TEST, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let created: JobCreated = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(answer.headers[header::LOCATION], created.job_url.as_str());
    let plan = api.store.plan(&created.job_id).await.unwrap().unwrap();
    let Errand::Test(test) = plan.errand else {
        panic!("{:?}", plan.errand)
    };
    (created, test)
}

#[tokio::test(start_paused = true)]
async fn a_short_request_starts_a_test_of_an_hour_that_cleans_up() {
    let api = TestApi::ready_for_tests().await;
    let (created, test) = started(&api, json!({ "vm_id": PGWIN })).await;
    assert_eq!(
        (created.job_type, created.status),
        (JobType::Test, JobStatus::Pending)
    );
    assert!(created.job_id.as_str().starts_with("test-failover-"));
    assert_eq!(
        (test.window_seconds, test.at_window_end),
        (3600, AtWindowEnd::CleanUp)
    );
}

#[tokio::test(start_paused = true)]
async fn every_wish_of_the_request_is_in_the_plan() {
    let api = TestApi::ready_for_tests().await;
    let body = json!({
        "vm_id": PGWIN, "vm_name": "PGWINTESTBIOS", "test_duration": "1h30m", "auto_cleanup": false,
        "skip_validation": true, "network_mappings": {"VM Network": TEST_NETWORK},
        "boot": {"within": "7m"}, "on_boot_failure": "hold", "rollback_strategy": "volume_snapshots",
    });
    let (created, test) = started(&api, body).await;
    assert_eq!(
        (test.window_seconds, test.at_window_end, test.strategy),
        (5400, AtWindowEnd::Remind, RollbackStrategy::VolumeSnapshots)
    );
    let detail = api.detail(&created.job_id).await;
    assert_eq!(detail.plan.boot.within_seconds, 420);
    assert_eq!(detail.plan.vm.nics[0].network_name, TEST_NETWORK);
    let strategy = detail.strategy.unwrap();
    assert_eq!(strategy.strategy, RollbackStrategy::VolumeSnapshots);
    assert!(strategy.reason.contains("asked for"), "{}", strategy.reason);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_plan_way_back_and_strategy_and_changes_nothing() {
    let api = TestApi::ready_for_tests().await;
    let before = api.cloud.inventory();
    for (strategy, point) in [("auto", "revert"), ("volume_snapshots", "revertSnapshot")] {
        let body = json!({ "vm_id": PGWIN, "rollback_strategy": strategy });
        let answer = api.post("/api/v1/failover/test?dry_run=true", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let shown: DryRunAnswer = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(shown.plan.job_type, JobType::Test);
        assert!(shown.way_back.iter().any(|line| line.action.starts_with(point)));
        let chosen = shown.strategy.unwrap();
        assert_eq!(Some(chosen.strategy), shown.plan.test().map(|test| test.strategy));
        assert!(!chosen.reason.is_empty());
    }
    assert_eq!(api.job_count().await, 0);
    assert_eq!(api.cloud.inventory(), before);
}

#[tokio::test(start_paused = true)]
async fn a_test_is_ended_and_asking_again_changes_nothing() {
    let (api, job_id) = TestApi::test_window_open().await;
    let Permission::Allowed { url, method, .. } = api.permission(&job_id, Verb::EndTest).await else {
        panic!("the window is open")
    };
    assert_eq!(method, "DELETE");
    let first = api.delete(&url).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
    let answer: RequestAnswer = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        (answer.request, answer.status),
        (JobRequest::EndTest, JobStatus::Executing)
    );
    let again = api.delete(&url).await;
    assert_eq!((again.status, again.text), (StatusCode::ACCEPTED, first.text));
    assert_eq!(api.asked(&job_id).await, [JobRequest::EndTest]);
    let requests = api.detail(&job_id).await.requests;
    assert_eq!((requests.len(), requests[0].heard), (1, false));
}

#[tokio::test(start_paused = true)]
async fn only_an_open_window_can_be_ended() {
    let (api, job_id) = TestApi::testing().await;
    api.refuses(&job_id, Verb::EndTest, json!({}), "not open yet")
        .await;
    let (api, job_id) = TestApi::failing_over().await;
    api.refuses(&job_id, Verb::EndTest, json!({}), "only a test has a window")
        .await;
    let (api, job_id) = TestApi::failed_over().await;
    api.refuses(&job_id, Verb::EndTest, json!({}), "completed").await;
}
