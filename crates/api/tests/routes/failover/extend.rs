//! `POST /api/v1/failover/jobs/{job_id}/extend`.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use failover_api::dto::ErrorCode;
use failover_api::dto::engine::Verb;
use failover_domain::JobId;
use failover_engine::request::JobRequest;
use serde_json::{Value, json};

use crate::fixture::TestApi;

/// Extends a window and says until when.
async fn extended(api: &TestApi, job_id: &JobId, body: Value) -> DateTime<Utc> {
    let answer = api.ask(job_id, "extend", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let told: DateTime<Utc> = answer.json()["deadline"].as_str().unwrap().parse().unwrap();
    let asked = api.asked(job_id).await;
    assert_eq!(asked.last(), Some(&JobRequest::Extend { deadline: told }));
    told
}

#[tokio::test(start_paused = true)]
async fn by_counts_from_the_deadline_while_the_window_is_open_and_from_now_afterwards() {
    let (api, job_id) = TestApi::test_window_open().await;
    let deadline = api.detail(&job_id).await.window.unwrap().deadline;
    let by = json!({"by": "30m"});
    assert_eq!(
        extended(&api, &job_id, by.clone()).await,
        deadline + TimeDelta::minutes(30)
    );
    assert_eq!(
        extended(&api, &job_id, by.clone()).await,
        deadline + TimeDelta::minutes(30),
        "until the worker has heard the first one, the second is the same"
    );
    tokio::time::advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(
        extended(&api, &job_id, by).await,
        api.clock.now() + TimeDelta::minutes(30)
    );
}

#[tokio::test(start_paused = true)]
async fn until_may_also_shorten_the_window() {
    let (api, job_id) = TestApi::test_window_open().await;
    let sooner = api.clock.now() + TimeDelta::minutes(5);
    let body = json!({"until": sooner.to_rfc3339()});
    assert_eq!(extended(&api, &job_id, body).await, sooner);
}

#[tokio::test(start_paused = true)]
async fn bad_values_name_what_is_allowed() {
    let (api, job_id) = TestApi::test_window_open().await;
    let past = (api.clock.now() - TimeDelta::seconds(1)).to_rfc3339();
    let far = (api.clock.now() + TimeDelta::days(31)).to_rfc3339();
    for (body, part) in [
        (json!({}), "exactly one"),
        (json!({"by": "1h", "until": far}), "exactly one"),
        (json!({"by": "a while"}), "by is \"a while\""),
        (json!({"by": "0s"}), "by is \"0s\""),
        (json!({"by": "30days"}), "not after"),
        (json!({"until": "tomorrow"}), "until is \"tomorrow\""),
        (json!({"until": past}), "allowed is an instant after"),
        (json!({"until": far}), "not after"),
        (json!({"for": "1h"}), "unknown field `for`"),
    ] {
        let answer = api.ask(&job_id, "extend", body.clone()).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    assert_eq!(api.asked(&job_id).await, []);
}

#[tokio::test(start_paused = true)]
async fn only_an_open_window_can_be_extended() {
    let body = json!({"by": "1h"});
    let (api, job_id) = TestApi::testing().await;
    api.refuses(&job_id, Verb::Extend, body.clone(), "not open yet")
        .await;
    let (api, job_id) = TestApi::failing_over().await;
    api.refuses(&job_id, Verb::Extend, body.clone(), "only a test has a window")
        .await;
    let (api, job_id) = TestApi::failed_over().await;
    api.refuses(&job_id, Verb::Extend, body, "completed").await;
}
