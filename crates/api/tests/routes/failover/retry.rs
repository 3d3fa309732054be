//! `POST /api/v1/failover/jobs/{job_id}/retry`.

use axum::http::StatusCode;
use failover_api::dto::RequestAnswer;
use failover_api::dto::engine::Verb;
use failover_engine::request::JobRequest;
use serde_json::json;

use crate::fixture::TestApi;

#[tokio::test(start_paused = true)]
async fn a_retry_on_the_way_back_is_noted_as_often_as_it_is_asked() {
    let (api, job_id) = TestApi::returning(Vec::new()).await;
    for _ in 0..2 {
        let answer = api.ask(&job_id, "retry", json!({})).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        let answer: RequestAnswer = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(
            (answer.request, answer.requested_by.as_str()),
            (JobRequest::Retry, "anonymous")
        );
    }
    assert_eq!(api.asked(&job_id).await, [JobRequest::Retry, JobRequest::Retry]);
}

#[tokio::test(start_paused = true)]
async fn on_the_way_there_and_after_the_end_nothing_is_tried_again() {
    let (api, job_id) = TestApi::failing_over().await;
    api.refuses(&job_id, Verb::Retry, json!({}), "by themselves")
        .await;
    let (api, job_id) = TestApi::failed().await;
    api.refuses(&job_id, Verb::Retry, json!({}), "start the failover anew")
        .await;
}
