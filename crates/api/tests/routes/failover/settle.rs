//! `POST /api/v1/failover/jobs/{job_id}/commit` and `.../rollback`.

use axum::http::{StatusCode, header};
use failover_api::dto::engine::Verb;
use failover_api::dto::{ErrorCode, JobCreated};
use failover_domain::{JobId, JobType};
use failover_engine::ports::{JobStore, NewJob};
use serde_json::json;

use crate::fixture::{Answer, PGWIN, TestApi};

fn created(answer: &Answer) -> JobCreated {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let created: JobCreated = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(answer.headers[header::LOCATION], created.job_url.as_str());
    created
}

async fn settled(api: &TestApi, live: &JobId, verb: &str) -> JobId {
    created(&api.ask(live, verb, json!({})).await).job_id
}

#[tokio::test(start_paused = true)]
async fn a_settlement_is_a_job_of_its_own_and_asking_again_leads_to_it() {
    for (verb, job_type, prefix) in [
        ("commit", JobType::Commit, "commit-"),
        ("rollback", JobType::Rollback, "rollback-"),
    ] {
        let (api, live) = TestApi::failed_over().await;
        let first = created(&api.ask(&live, verb, json!({})).await);
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
        requested_by: "somebody".to_owned(),
        at: api.clock.now(),
    };
    let other = api.store.create(other).await.unwrap();
    let answer = api.ask(&live, "commit", json!({})).await;
    let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::ActiveJobs);
    assert_eq!(problem.job_id, Some(other));
    assert!(problem.detail.contains(PGWIN), "{}", problem.detail);
}
