//! `POST /api/v1/failover/jobs/{job_id}/cancel`.

use axum::http::StatusCode;
use failover_api::dto::{CancelAnswer, ErrorCode, JobDetail, Permission};
use failover_domain::{JobId, JobStatus};
use failover_engine::{Event, Failure, FailureCode};
use serde_json::json;

use crate::fixture::{Answer, PGWIN, TestApi};

fn cause() -> Failure {
    Failure {
        code: FailureCode::SnapshotFailed,
        step: None,
        message: "no space".to_owned(),
        cloud: None,
        remedy: "make space".to_owned(),
    }
}

async fn cancel(api: &TestApi, job_id: &JobId) -> Answer {
    api.post(&format!("/api/v1/failover/jobs/{job_id}/cancel"), json!({}))
        .await
}

async fn permission(api: &TestApi, job_id: &JobId) -> Permission {
    let detail = api.get(&format!("/api/v1/failover/jobs/{job_id}")).await;
    let detail: JobDetail = serde_json::from_str(&detail.text).unwrap();
    detail.actions[0].permission.clone()
}

fn taken_up() -> Event {
    Event::TakenUp {
        worker: "test".to_owned(),
        epoch: 1,
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_noted_and_repeating_it_changes_nothing() {
    let (api, job_id) = TestApi::failing_over().await;
    let first = cancel(&api, &job_id).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
    let again = cancel(&api, &job_id).await;
    assert_eq!((again.status, &again.text), (StatusCode::ACCEPTED, &first.text));
    let answer: CancelAnswer = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        (answer.job_id, answer.status),
        (job_id.clone(), JobStatus::Pending)
    );
    assert!(
        matches!(permission(&api, &job_id).await, Permission::Refused { reason } if reason.contains("already"))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_allowed_is_what_the_job_says() {
    let (api, job_id) = TestApi::failing_over().await;
    let Permission::Allowed { url } = permission(&api, &job_id).await else {
        panic!("a fresh job may be cancelled")
    };
    assert_eq!(api.post(&url, json!({})).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_job_on_the_way_back_cannot_be_cancelled() {
    let (api, job_id) = TestApi::failing_over().await;
    api.journal(vec![taken_up(), Event::ReturnBegan { cause: cause() }])
        .await;
    let problem = cancel(&api, &job_id)
        .await
        .problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
    assert!(problem.detail.contains("on the way back"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_ended_cannot_be_cancelled() {
    let (api, job_id) = TestApi::failing_over().await;
    let failed = Event::Failed {
        cause: cause(),
        resting: Vec::new(),
    };
    api.journal(vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed])
        .await;
    assert_eq!(api.status_of(&job_id).await, JobStatus::Failed);
    let problem = cancel(&api, &job_id)
        .await
        .problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
    assert!(problem.detail.contains("failed"), "{}", problem.detail);
    assert_eq!(problem.job_id, Some(job_id));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_cannot_be_cancelled() {
    let api = TestApi::empty();
    let job_id = format!("live-failover-{PGWIN}-1").parse().unwrap();
    cancel(&api, &job_id)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::JobNotFound);
}
