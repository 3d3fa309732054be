//! What a job shows of a test, of what comes after a live failover, and of what may be done.

use std::time::Duration;

use axum::http::StatusCode;
use failover_api::dto::engine::{Comparison, Difference, StepFacts, Verb, VmHealth};
use failover_api::dto::{CommitPolicyView, ErrorCode, JobPage, JobStatusView, Permission};
use failover_domain::{AtWindowEnd, AttentionCode, Severity};
use failover_engine::Event;
use failover_engine::event::ClosingReason;
use failover_engine::plan::{Direction, Step, StepKind};
use serde_json::{Value, json};

use crate::fixture::{PGWIN, TestApi, carried_out, cause};

async fn status(api: &TestApi, job_id: &failover_domain::JobId) -> JobStatusView {
    let answer = api.get(&format!("/api/v1/failover/{job_id}/status")).await;
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_open_window_moves_the_progress_and_tells_its_time() {
    let (api, job_id) = TestApi::test_window_open().await;
    let opened_at = api.detail(&job_id).await.window.unwrap().opened_at;
    tokio::time::advance(Duration::from_secs(1200)).await;
    let detail = api.detail(&job_id).await;
    let window = detail.window.unwrap();
    assert_eq!(window.opened_at, opened_at);
    assert_eq!(
        (window.remaining_seconds, window.at_window_end),
        (2400, AtWindowEnd::CleanUp)
    );
    assert!((detail.summary.progress - 75.0).abs() < 0.01);
    let short = status(&api, &job_id).await;
    assert!((short.progress - 75.0).abs() < 0.01);
    assert_eq!(short.window_deadline, Some(window.deadline));
    let list: JobPage = serde_json::from_str(&api.get("/api/v1/failover/jobs").await.text).unwrap();
    assert!((list.jobs[0].progress - 75.0).abs() < 0.01);
    assert_eq!(list.jobs[0].window_deadline, Some(window.deadline));
}

#[tokio::test(start_paused = true)]
async fn the_health_of_the_test_vm_is_told_while_its_window_is_open() {
    let (api, job_id) = TestApi::test_window_open().await;
    assert_eq!(api.detail(&job_id).await.health, None);
    let health = VmHealth::NotRunning {
        state: "Stopped".to_owned(),
    };
    api.write(vec![Event::HealthSeen {
        health: health.clone(),
    }])
    .await;
    assert_eq!(api.detail(&job_id).await.health, Some(health));
    api.write(vec![Event::ReturnBegan { cause: cause() }]).await;
    let detail = api.detail(&job_id).await;
    assert_eq!(detail.health, None);
    assert_eq!(detail.window.unwrap().remaining_seconds, 0);
    assert_eq!(detail.summary.window_deadline, None);
}

#[tokio::test(start_paused = true)]
async fn a_test_that_is_cleaned_up_shows_the_cloud_before_and_after() {
    let (api, job_id) = TestApi::test_window_open().await;
    let plan = api.detail(&job_id).await.plan;
    let window = Step::new(Direction::Forward, StepKind::TestWindow);
    let comparison = Comparison {
        compared: 7,
        differences: vec![Difference {
            object: "volume x".to_owned(),
            before: "not there".to_owned(),
            after: "there".to_owned(),
        }],
    };
    api.write(vec![
        Event::StepDone {
            step: window,
            facts: StepFacts::WindowClosed {
                why: ClosingReason::WindowOver,
            },
        },
        Event::StageFinished {
            stage: plan.stages.len() - 1,
        },
        Event::ClosingBegan {
            why: ClosingReason::WindowOver,
        },
        Event::Closed {
            comparison: Some(comparison.clone()),
            resting: Vec::new(),
        },
    ])
    .await;
    let detail = api.detail(&job_id).await;
    assert_eq!(detail.comparison, Some(comparison));
    assert_eq!(detail.summary.status, failover_domain::JobStatus::Completed);
    assert!(detail.strategy.is_some() && detail.commit_policy.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_verb_is_allowed_or_says_why_not() {
    let (api, job_id) = TestApi::test_window_open().await;
    let actions = api.detail(&job_id).await.actions;
    let verbs: Vec<Verb> = actions.iter().map(|view| view.action).collect();
    assert_eq!(verbs, Verb::ALL);
    for view in &actions {
        let is_allowed = matches!(view.permission, Permission::Allowed { .. });
        let expected = matches!(view.action, Verb::Cancel | Verb::EndTest | Verb::Extend);
        assert_eq!(is_allowed, expected, "{view:?}");
    }
    let shown = api.get(&format!("/api/v1/failover/jobs/{job_id}")).await.json();
    let expected = json!({
        "action": "end_test", "permission": "allowed", "method": "DELETE",
        "url": format!("/api/v1/failover/test/{job_id}"),
        "meaning": "The test VM is stopped, its writes are undone, and the replicas return to the OMA.",
    });
    assert_eq!(shown["actions"][1], expected);
}

#[tokio::test(start_paused = true)]
async fn requests_are_shown_with_whether_they_were_heard() {
    let (api, job_id) = TestApi::test_window_open().await;
    let answer = api.ask(&job_id, "extend", json!({"by": "1h"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let request = api.detail(&job_id).await.requests.remove(0);
    assert!(!request.heard);
    api.write(vec![Event::RequestHeard {
        number: 1,
        by: request.request.by,
        request: request.request.request,
    }])
    .await;
    let shown = api.get(&format!("/api/v1/failover/jobs/{job_id}")).await.json();
    assert_eq!(
        (&shown["requests"][0]["request"], &shown["requests"][0]["heard"]),
        (&json!("extend"), &json!(true))
    );
    assert_eq!(shown["window"]["remaining_seconds"], 7200);
}

#[tokio::test(start_paused = true)]
async fn a_commit_policy_is_shown_as_it_was_asked_for() {
    let api = TestApi::ready().await;
    let policy = json!({"policy": "rollback_after", "after": "1h"});
    let body = json!({"vm_id": PGWIN, "commit_policy": policy});
    let answer = api.post("/api/v1/failover/live", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let job_id = answer.json()["job_id"].as_str().unwrap().parse().unwrap();
    let plan = api.detail(&job_id).await.plan;
    let mut events = carried_out(&plan, plan.stages.len());
    events.push(Event::Completed);
    api.write(events).await;
    let detail = api.detail(&job_id).await;
    assert_eq!(
        detail.commit_policy,
        Some(CommitPolicyView::RollbackAfter {
            after: "1h".to_owned()
        })
    );
    let completed = detail.summary.completed_at.unwrap();
    assert_eq!(
        detail.summary.settle_at,
        Some(completed + chrono::TimeDelta::hours(1))
    );
}

#[tokio::test(start_paused = true)]
async fn bad_commit_policies_start_nothing() {
    let api = TestApi::ready().await;
    let after = |policy: &str, after: &str| json!({"policy": policy, "after": after});
    for (policy, part) in [
        (after("commit_after", "59s"), "commit_policy.after is \"59s\""),
        (after("rollback_after", "91days"), "from 1m to 2months"),
        (
            after("rollback_after", "later"),
            "commit_policy.after is \"later\"",
        ),
        (after("manual", "1h"), "unknown field `after`"),
        (json!({"policy": "commit_after"}), "missing field `after`"),
        (json!({"policy": "never"}), "unknown variant `never`"),
        (json!("manual"), "commit_policy"),
    ] {
        let body = json!({"vm_id": PGWIN, "commit_policy": policy});
        let answer = api.post("/api/v1/failover/live", body).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{policy}: {}", problem.detail);
    }
    assert_eq!(api.job_count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn old_rollback_points_are_told_until_somebody_settles_them() {
    let (api, job_id) = TestApi::failed_over().await;
    let since = api.detail(&job_id).await.summary.completed_at.unwrap() + chrono::TimeDelta::days(7);
    let week = Duration::from_secs(7 * 24 * 3600);
    tokio::time::advance(week - Duration::from_secs(1)).await;
    assert_eq!(api.detail(&job_id).await.summary.attention, []);
    tokio::time::advance(Duration::from_secs(1)).await;
    let attention = api.detail(&job_id).await.summary.attention;
    assert_eq!(
        (attention[0].code, attention[0].severity, attention[0].since),
        (AttentionCode::RollbackPointsOld, Severity::Warning, since)
    );
    assert!(attention[0].choices[0].starts_with("commit") && attention[0].choices[1].starts_with("rollback"));
    assert_eq!(status(&api, &job_id).await.attention_count, 1);
    let listed = api.get("/api/v1/failover/jobs").await.json();
    assert_eq!(listed["jobs"][0]["attention"][0]["code"], "ROLLBACK_POINTS_OLD");
    let answer = api.ask(&job_id, "commit", Value::Null).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(status(&api, &job_id).await.attention_count, 0);
}
