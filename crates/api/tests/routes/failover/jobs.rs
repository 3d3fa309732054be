//! `GET /api/v1/failover/jobs` and what is under it.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, JobDetail, JobPage, JobStatusView, Permission, StepStanding};
use failover_domain::{JobStatus, RequestKey};
use failover_engine::ports::JobStore;
use failover_engine::{Event, Failure, FailureCode};
use serde_json::json;

use crate::fixture::{PGWIN, TestApi, WEB, taken_up};

fn cancelled() -> Failure {
    Failure {
        code: FailureCode::Cancelled,
        step: None,
        message: "a person cancelled the job".to_owned(),
        cloud: None,
        remedy: "Start it again when it is wanted.".to_owned(),
    }
}

/// An API with a failed job of PGWIN and a pending one of WEB.
async fn two_jobs() -> TestApi {
    let (api, _) = TestApi::failing_over().await;
    let failed = Event::Failed {
        cause: cancelled(),
        comparison: None,
        resting: Vec::new(),
    };
    let lease = api
        .journal(vec![
            taken_up(),
            Event::ReturnBegan { cause: cancelled() },
            failed,
        ])
        .await;
    api.store.release(&lease).await.unwrap();
    for (source, network) in [
        ("VM%20Network", "production-app"),
        ("DMZ%20Network", "production-dmz"),
    ] {
        let body = json!({"purpose": "production", "network": network});
        let path = format!("/api/v1/network-mappings/{WEB}/{source}");
        assert_eq!(api.put(&path, body).await.status, StatusCode::OK);
    }
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    api.start(WEB).await;
    api
}

async fn list(api: &TestApi, query: &str) -> JobPage {
    let answer = api.get(&format!("/api/v1/failover/jobs{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn jobs_are_listed_newest_first_and_filtered() {
    let api = two_jobs().await;
    let vms = |page: JobPage| {
        page.jobs
            .into_iter()
            .map(|j| j.vm_id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(vms(list(&api, "").await), [WEB, PGWIN]);
    assert_eq!(vms(list(&api, "?status=active").await), [WEB]);
    assert_eq!(vms(list(&api, "?status=failed,completed").await), [PGWIN]);
    assert_eq!(vms(list(&api, &format!("?vm_id={WEB}")).await), [WEB]);
    assert_eq!(vms(list(&api, "?type=live").await), [WEB, PGWIN]);
    assert_eq!(vms(list(&api, "?type=test").await), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let api = two_jobs().await;
    let first = list(&api, "?limit=1").await;
    let cursor = first.next_cursor.expect("there is a second page");
    let second = list(&api, &format!("?limit=1&cursor={cursor}")).await;
    assert_eq!(
        (first.jobs[0].vm_id.as_str(), second.jobs[0].vm_id.as_str()),
        (WEB, PGWIN)
    );
    assert_eq!(second.next_cursor, None);
}

#[tokio::test(start_paused = true)]
async fn wrong_filters_are_named() {
    let api = TestApi::empty();
    for (query, part) in [
        ("status=done", "powering_on"),
        ("vm_id=web-01", "VMware UUID"),
        ("type=life", "live, test, rollback or commit"),
        ("limit=0", "from 1 to 500"),
        ("limit=many", "from 1 to 500"),
        ("cursor=x", "live-failover-"),
        ("state=failed", "unknown field `state`"),
    ] {
        let answer = api.get(&format!("/api/v1/failover/jobs?{query}")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{query}: {}", problem.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_and_an_id_that_is_none() {
    let api = TestApi::empty();
    let unknown = format!("live-failover-{PGWIN}-1");
    for path in [
        format!("jobs/{unknown}"),
        format!("{unknown}/status"),
        format!("jobs/{unknown}/events"),
    ] {
        let answer = api.get(&format!("/api/v1/failover/{path}")).await;
        let problem = answer.problem(StatusCode::NOT_FOUND, ErrorCode::JobNotFound);
        assert!(problem.detail.contains(&unknown));
    }
    let answer = api.get("/api/v1/failover/jobs/nonsense").await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.detail.contains("nonsense") && problem.detail.contains("live-failover-"),
        "{}",
        problem.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_in_full_tells_how_every_step_stands() {
    let (api, job_id) = TestApi::failing_over().await;
    let plan = api.store.plan(&job_id).await.unwrap().unwrap();
    let step = plan.steps().next().unwrap().clone();
    let intended = Event::StepIntended {
        key: RequestKey::derive(&job_id, step.id.as_str(), 0),
        step: step.clone(),
        attempt: 0,
        command: "look around".to_owned(),
        creates: None,
        forced: false,
    };
    api.journal(vec![taken_up(), Event::StageEntered { stage: 0 }, intended])
        .await;
    tokio::time::advance(std::time::Duration::from_secs(30)).await;

    let answer = api.get(&format!("/api/v1/failover/jobs/{job_id}")).await;
    let detail: JobDetail = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(detail.plan, plan);
    assert_eq!(detail.elapsed_seconds, 30);
    assert_eq!(detail.expected_seconds, plan.expected_seconds());
    assert!(detail.owner.is_some());
    let steps: Vec<_> = detail
        .stages
        .iter()
        .flat_map(|s| &s.lanes)
        .flat_map(|l| &l.steps)
        .collect();
    assert_eq!(steps.len(), plan.steps().count());
    let open = steps.iter().find(|view| view.step == step).unwrap();
    assert!(matches!(&open.standing, StepStanding::Open { command, .. } if command == "look around"));
    assert!(
        steps
            .iter()
            .filter(|view| view.step != step)
            .all(|view| view.standing == StepStanding::Waiting)
    );
    assert!(matches!(detail.actions[0].permission, Permission::Allowed { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_says_why_in_the_customers_words() {
    let api = two_jobs().await;
    let job = list(&api, "?status=failed").await.jobs.remove(0);
    assert_eq!(job.error_message.as_deref(), Some("a person cancelled the job"));
    let answer = api.get(&format!("/api/v1/failover/{}/status", job.job_id)).await;
    let status: JobStatusView = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(
        (status.status, status.progress),
        (JobStatus::Failed, job.progress)
    );
    assert!(status.completed_at.is_some());
    let shown = answer.json();
    for field in [
        "job_id",
        "vm_id",
        "job_type",
        "status",
        "progress",
        "error_message",
        "updated_at",
        "completed_at",
    ] {
        assert!(shown.get(field).is_some(), "{field}");
    }
}
