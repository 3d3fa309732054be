//! `POST /api/v1/failover/jobs/{job_id}/commit` and `.../rollback`.

use axum::http::{StatusCode, header};
use failover_api::dto::engine::Verb;
use failover_api::dto::{ErrorCode, JobCreated, Permission};
use failover_domain::{JobId, JobStatus, JobType};
use failover_engine::Event;
use failover_engine::event::ClosingReason;
use failover_engine::ports::{JobStore, NewJob};
use serde_json::json;

use crate::fixture::{Answer, PGWIN, TestApi, taken_up};

fn created(answer: &Answer) -> JobCreated {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let created: JobCreated = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(answer.headers[header::LOCATION], created.job_url.as_str());
    created
}

/// A commit discards nothing, and takes no notice.
fn agreed() -> serde_json::Value {
    json!({"discard_guest_writes": true})
}

async fn settled(api: &TestApi, live: &JobId, verb: &str) -> JobId {
    created(&api.ask(live, verb, agreed()).await).job_id
}

#[tokio::test(start_paused = true)]
async fn a_settlement_is_a_job_of_its_own_and_asking_again_leads_to_it() {
    for (verb, job_type, prefix) in [
        ("commit", JobType::Commit, "commit-"),
        ("rollback", JobType::Rollback, "rollback-"),
    ] {
        let (api, live) = TestApi::failed_over().await;
        let first = created(&api.ask(&live, verb, agreed()).await);
        assert_eq!(first.status, JobStatus::Pending);
        assert_eq!(first.job_type, job_type);
        assert!(first.job_id.as_str().starts_with(prefix), "{}", first.job_id);
        assert_eq!(settled(&api, &live, verb).await, first.job_id);
        assert_eq!(api.job_count().await, 2);

        let shown = api.detail(&live).await;
        assert_eq!(shown.summary.settled_by, Some(first.job_id.clone()));
        let detail = api.detail(&first.job_id).await;
        assert_eq!(detail.settles, Some(live));
        assert!(
            detail
                .way_back
                .iter()
                .any(|line| line.action.starts_with("deleteSnapshot")),
            "{:?}",
            detail.way_back
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_needs_the_consent_that_the_guests_writes_are_discarded() {
    let (api, live) = TestApi::failed_over().await;
    let Permission::NeedsConsent { meaning, consent, .. } = api.permission(&live, Verb::Rollback).await
    else {
        panic!("a rollback discards what the guest wrote");
    };
    assert!(meaning.contains("discarded") && consent.contains("discard_guest_writes"));
    let answer = api.ask(&live, "rollback", json!({})).await;
    answer.problem(StatusCode::CONFLICT, ErrorCode::ConsentNeeded);
    assert_eq!(api.job_count().await, 1, "nothing was begun");
    settled(&api, &live, "rollback").await;
}

#[tokio::test(start_paused = true)]
async fn asking_again_tells_how_the_settlement_stands() {
    let (api, live) = TestApi::failed_over().await;
    let by = settled(&api, &live, "commit").await;
    let why = ClosingReason::Settlement;
    let closed = Event::Closed {
        comparison: None,
        resting: Vec::new(),
    };
    let events = vec![taken_up(), Event::ClosingBegan { why }, closed];
    api.write(events).await;
    let again = created(&api.ask(&live, "commit", json!({})).await);
    assert_eq!((again.job_id, again.status), (by, JobStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_settled_once() {
    let (api, live) = TestApi::failed_over().await;
    let by = settled(&api, &live, "commit").await;
    api.refuses(&live, Verb::Rollback, json!({}), by.as_str()).await;
}

#[tokio::test(start_paused = true)]
async fn only_a_completed_live_failover_is_settled() {
    for (verb, name) in [(Verb::Commit, "commit"), (Verb::Rollback, "rollback")] {
        let (api, job_id) = TestApi::failing_over().await;
        api.refuses(&job_id, verb, json!({}), "only a completed failover")
            .await;
        let (api, job_id) = TestApi::failed().await;
        api.refuses(&job_id, verb, json!({}), "failed").await;
        let (api, job_id) = TestApi::test_window_open().await;
        api.refuses(&job_id, verb, json!({}), "only a live failover")
            .await;
        let (api, live) = TestApi::failed_over().await;
        let job_id = settled(&api, &live, name).await;
        api.refuses(&job_id, verb, json!({}), "only a live failover")
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_job_of_the_vm_comes_first() {
    let (api, live) = TestApi::failed_over().await;
    // The replicas hang on the destination VM: another job is one that the store has, not one that is ready.
    let other = NewJob {
        plan: api.store.plan(&live).await.unwrap().unwrap(),
        requested_by: failover_access::Actor::named("somebody"),
        at: api.clock.now(),
    };
    let other = api.store.create(other).await.unwrap();
    let answer = api.ask(&live, "commit", json!({})).await;
    let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::ActiveJobs);
    assert_eq!(problem.job_id, Some(other));
    assert!(problem.detail.contains(PGWIN), "{}", problem.detail);
}
