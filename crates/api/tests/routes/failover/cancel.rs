//! `POST /api/v1/failover/jobs/{job_id}/cancel`.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use failover_api::dto::engine::Verb;
use failover_api::dto::{CancelAnswer, ErrorCode, Permission};
use failover_domain::JobStatus;
use failover_engine::Event;
use failover_engine::ports::JobStore;
use failover_engine::request::JobRequest;
use serde_json::json;

use crate::fixture::{PGWIN, TestApi, carried_out};

/// A live failover whose destination VM is being started.
async fn powering_on() -> (TestApi, failover_domain::JobId) {
    let (api, job_id) = TestApi::failing_over().await;
    let plan = api.store.plan(&job_id).await.unwrap().unwrap();
    let last = plan.stages.len() - 1;
    let mut events = carried_out(&plan, last);
    events.push(Event::StageEntered { stage: last });
    api.write(events).await;
    assert_eq!(api.status_of(&job_id).await, JobStatus::PoweringOn);
    (api, job_id)
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_noted_and_repeating_it_changes_nothing() {
    let (api, job_id) = TestApi::failing_over().await;
    let first = api.ask(&job_id, "cancel", json!({})).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
    let again = api.ask(&job_id, "cancel", json!({})).await;
    assert_eq!((again.status, &again.text), (StatusCode::ACCEPTED, &first.text));
    let answer: CancelAnswer = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        (answer.job_id, answer.status),
        (job_id.clone(), JobStatus::Pending)
    );
    assert_eq!(api.asked(&job_id).await, [JobRequest::Cancel]);
    assert!(matches!(
        api.permission(&job_id, Verb::Cancel).await,
        Permission::Refused { reason } if reason.contains("already")
    ));
}

#[tokio::test(start_paused = true)]
async fn what_is_allowed_is_what_the_job_says() {
    let (api, job_id) = TestApi::failing_over().await;
    let Permission::Allowed { url, method, meaning } = api.permission(&job_id, Verb::Cancel).await else {
        panic!("a fresh job may be cancelled")
    };
    assert_eq!(method, "POST");
    assert!(meaning.contains("replicas return"), "{meaning}");
    assert_eq!(api.post(&url, json!({})).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn the_body_may_be_left_out_and_is_checked_when_it_is_there() {
    let (api, job_id) = TestApi::failing_over().await;
    let path = format!("/api/v1/failover/jobs/{job_id}/cancel");
    for (body, part) in [
        (r#"{"discard": true}"#, "unknown field `discard`"),
        (r#"{"discard_guest_writes": "yes"}"#, "discard_guest_writes"),
        ("{", "not JSON"),
    ] {
        let answer = api.post_text(&path, body).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    assert_eq!(api.asked(&job_id).await, []);
    let bare = Request::post(&path).body(Body::empty()).unwrap();
    assert_eq!(api.send(bare).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn what_a_guest_may_have_written_is_discarded_with_consent_only() {
    let (api, job_id) = powering_on().await;
    let Permission::NeedsConsent { meaning, consent, .. } = api.permission(&job_id, Verb::Cancel).await
    else {
        panic!("the guest may have written")
    };
    for body in [json!({}), json!({"discard_guest_writes": false})] {
        let answer = api.ask(&job_id, "cancel", body).await;
        let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::ConsentNeeded);
        assert_eq!(problem.detail, meaning);
        assert!(
            problem.required_actions[0].contains(&consent),
            "{:?}",
            problem.required_actions
        );
    }
    assert_eq!(api.asked(&job_id).await, []);
    let answer = api.ask(&job_id, "cancel", json!({ consent: true })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(api.asked(&job_id).await, [JobRequest::Cancel]);
}

#[tokio::test(start_paused = true)]
async fn a_test_whose_window_is_open_can_be_cancelled() {
    let (api, job_id) = TestApi::test_window_open().await;
    let answer = api.ask(&job_id, "cancel", json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_refused_on_the_way_back_and_after_the_end() {
    let (api, job_id) = TestApi::returning(Vec::new()).await;
    api.refuses(&job_id, Verb::Cancel, json!({}), "on the way back")
        .await;
    let (api, job_id) = TestApi::failed().await;
    api.refuses(&job_id, Verb::Cancel, json!({}), "failed").await;
    let (api, job_id) = TestApi::failed_over().await;
    api.refuses(&job_id, Verb::Cancel, json!({}), "completed").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_and_a_commit_cannot_be_cancelled() {
    for verb in ["rollback", "commit"] {
        let (api, live) = TestApi::failed_over().await;
        let agreed = json!({"discard_guest_writes": true});
        let answer = api.ask(&live, verb, agreed).await;
        let job_id = answer.json()["job_id"].as_str().unwrap().parse().unwrap();
        api.refuses(&job_id, Verb::Cancel, json!({}), "goes on until")
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_can_be_asked_nothing() {
    let api = TestApi::empty();
    let job_id = format!("live-failover-{PGWIN}-1").parse().unwrap();
    for (verb, body) in [
        ("cancel", json!({})),
        ("retry", json!({})),
        ("extend", json!({"by": "5m"})),
        ("decide", json!({"attention": "STOP_FAILED", "decision": "retry"})),
        ("commit", json!({})),
        ("rollback", json!({})),
    ] {
        let answer = api.ask(&job_id, verb, body).await;
        answer.problem(StatusCode::NOT_FOUND, ErrorCode::JobNotFound);
    }
    let answer = api.delete(&format!("/api/v1/failover/test/{job_id}")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::JobNotFound);
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_first_decides_how_a_test_ends() {
    let extend = json!({"by": "5m"});
    for first in [Verb::EndTest, Verb::Cancel] {
        let (api, job_id) = TestApi::test_window_open().await;
        let end = format!("/api/v1/failover/test/{job_id}");
        let (asked, other, words) = if first == Verb::EndTest {
            let asked = api.delete(&end).await;
            (
                asked,
                api.ask(&job_id, "cancel", json!({})).await,
                "ending the test was asked for already",
            )
        } else {
            let asked = api.ask(&job_id, "cancel", json!({})).await;
            (asked, api.delete(&end).await, "cancelling was asked for already")
        };
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
        let extended = api.ask(&job_id, "extend", extend.clone()).await;
        for refused in [other, extended] {
            let problem = refused.problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
            assert!(problem.detail.contains(words), "{}", problem.detail);
        }
        assert_eq!(api.asked(&job_id).await.len(), 1);
    }
}
