//! `POST /api/v1/failover/jobs/{job_id}/decide`.

use axum::http::StatusCode;
use failover_api::dto::ErrorCode;
use failover_api::dto::engine::Verb;
use failover_domain::{Attention, AttentionCode, Decision};
use failover_engine::ports::JobStore;
use failover_engine::request::JobRequest;
use failover_engine::{Event, StoredEvent};
use serde_json::{Value, json};

use crate::fixture::{TestApi, attention};

/// Two replicas that cannot be reverted, and a leftover.
fn open() -> Vec<Attention> {
    vec![
        attention(AttentionCode::RevertFailed, "volume a", &Decision::ALL),
        attention(AttentionCode::RevertFailed, "volume b", &Decision::ALL),
        attention(AttentionCode::LeftoverObject, "VM x", &[Decision::Retry]),
        attention(AttentionCode::ReplicaMissing, "volume c", &[]),
    ]
}

fn decide(code: &str, object: Option<&str>, decision: &str, reason: Option<&str>) -> Value {
    let mut body = json!({"attention": code, "decision": decision});
    if let Some(object) = object {
        body["object"] = json!(object);
    }
    if let Some(reason) = reason {
        body["reason"] = json!(reason);
    }
    body
}

#[tokio::test(start_paused = true)]
async fn a_decision_names_its_attention_and_its_reason() {
    let (api, job_id) = TestApi::returning(open()).await;
    let body = decide(
        "REVERT_FAILED",
        Some("volume b"),
        "force",
        Some("  the snapshot is broken "),
    );
    let answer = api.ask(&job_id, "decide", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let only_one = decide("LEFTOVER_OBJECT", None, "retry", None);
    let answer = api.ask(&job_id, "decide", only_one).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let decided = |code, object: &str, decision, reason: &str| JobRequest::Decide {
        code,
        object: Some(object.to_owned()),
        decision,
        reason: reason.to_owned(),
    };
    assert_eq!(
        api.asked(&job_id).await,
        [
            decided(
                AttentionCode::RevertFailed,
                "volume b",
                Decision::Force,
                "the snapshot is broken"
            ),
            decided(AttentionCode::LeftoverObject, "VM x", Decision::Retry, ""),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_was_heard_can_be_repeated_without_effect() {
    let (api, job_id) = TestApi::returning(open()).await;
    let body = decide(
        "REVERT_FAILED",
        Some("volume b"),
        "keep",
        Some("for the auditors"),
    );
    let first = api.ask(&job_id, "decide", body.clone()).await;
    let request = api.store.requests(&job_id).await.unwrap().remove(0);
    api.write(vec![Event::RequestHeard {
        number: request.number,
        by: request.by,
        request: request.request,
    }])
    .await;
    let heard: Vec<StoredEvent> = api.store.events(&job_id, 0, 100).await.unwrap();
    let again = api.ask(&job_id, "decide", body).await;
    assert_eq!((again.status, again.text), (StatusCode::ACCEPTED, first.text));
    assert_eq!(api.store.events(&job_id, 0, 100).await.unwrap(), heard);
    assert_eq!(api.asked(&job_id).await.len(), 1);
    let other = decide("REVERT_FAILED", Some("volume b"), "force", Some("no more"));
    let answer = api.ask(&job_id, "decide", other).await;
    answer.problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
}

#[tokio::test(start_paused = true)]
async fn bad_decisions_are_refused_with_what_is_open() {
    let (api, job_id) = TestApi::returning(open()).await;
    let (bad, conflict) = (
        (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
        (StatusCode::CONFLICT, ErrorCode::NotAllowed),
    );
    let some = Some("because");
    for (body, (status, code), part) in [
        (
            decide("REVERT_FAILED", None, "force", some),
            bad,
            "volume a, volume b",
        ),
        (
            decide("REVERT_FAILED", Some("volume a"), "force", None),
            bad,
            "reason",
        ),
        (
            decide("REVERT_FAILED", Some("volume a"), "keep", Some("  ")),
            bad,
            "reason",
        ),
        (
            decide("REVERT_FAILED", Some("volume a"), "ignore", some),
            bad,
            "retry",
        ),
        (decide("NO_SUCH_CODE", None, "retry", None), bad, "REVERT_FAILED"),
        (
            decide("REVERT_FAILED", Some("volume z"), "retry", None),
            conflict,
            "volume a",
        ),
        (
            decide("STOP_FAILED", None, "retry", None),
            conflict,
            "LEFTOVER_OBJECT",
        ),
        (
            decide("LEFTOVER_OBJECT", None, "force", some),
            conflict,
            "decisions retry",
        ),
        (
            decide("REPLICA_MISSING", None, "retry", None),
            conflict,
            "in the cloud",
        ),
    ] {
        let problem = api
            .ask(&job_id, "decide", body.clone())
            .await
            .problem(status, code);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    assert_eq!(api.asked(&job_id).await, []);
}

#[tokio::test(start_paused = true)]
async fn without_an_attention_there_is_nothing_to_decide() {
    let body = decide("STOP_FAILED", None, "retry", None);
    let (api, job_id) = TestApi::failing_over().await;
    api.refuses(&job_id, Verb::Decide, body.clone(), "no attention")
        .await;
    let (api, job_id) = TestApi::failed().await;
    api.refuses(&job_id, Verb::Decide, body, "ended").await;
}
