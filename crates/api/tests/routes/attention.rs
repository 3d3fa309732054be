//! `GET /api/v1/attention`.

use std::time::Duration;

use axum::http::StatusCode;
use failover_api::ApiSettings;
use failover_api::dto::{AttentionPage, ErrorCode};
use failover_domain::{AttentionCode, Decision, JobStatus, Severity};
use failover_engine::Event;
use failover_engine::ports::{Inventory, ResyncMark};
use serde_json::json;

use crate::fixture::{PGWIN, TestApi, WEB, attention, carried_out, cause, failed, settings, taken_up};

/// The first replica of [`PGWIN`].
const REPLICA: &str = "ef9cdbd7-aabe-5d8f-b820-d241f8d04a6a";

async fn page(api: &TestApi, query: &str) -> AttentionPage {
    let answer = api.get(&format!("/api/v1/attention{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

fn codes(page: &AttentionPage) -> Vec<AttentionCode> {
    page.attention.iter().map(|view| view.attention.code).collect()
}

/// A failed job that left [`REPLICA`] in quarantine.
async fn quarantined() -> TestApi {
    let (api, _) = TestApi::failing_over().await;
    let object = format!("volume {REPLICA}");
    let raised = Event::AttentionRaised {
        attention: attention(AttentionCode::ReplicaQuarantined, &object, &[]),
    };
    api.write(vec![
        taken_up(),
        Event::ReturnBegan { cause: cause() },
        raised,
        failed(),
    ])
    .await;
    let volume = REPLICA.parse().unwrap();
    assert!(api.store.mark_resync(&volume, ResyncMark::Needed).await.unwrap());
    api
}

#[tokio::test(start_paused = true)]
async fn nobody_is_needed_where_nothing_is_wrong() {
    let (api, _) = TestApi::failing_over().await;
    assert_eq!(page(&api, "").await.attention, []);
}

#[tokio::test(start_paused = true)]
async fn attentions_of_all_jobs_are_listed_with_their_job() {
    let open = vec![
        attention(AttentionCode::RevertFailed, "volume a", &Decision::ALL),
        attention(AttentionCode::StopFailed, "VM x", &[Decision::Retry]),
    ];
    let (api, job_id) = TestApi::returning(open).await;
    let shown = page(&api, "").await;
    assert_eq!(
        codes(&shown),
        [AttentionCode::RevertFailed, AttentionCode::StopFailed]
    );
    let first = &shown.attention[0];
    assert_eq!(
        (&first.job_id, first.source_vm_name.as_str(), first.status),
        (&job_id, "PGWINTESTBIOS", JobStatus::Pending)
    );
    assert_eq!(first.vm_id.as_str(), PGWIN);
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlives_its_job_and_ends_with_the_mark() {
    let api = quarantined().await;
    let shown = page(&api, "?severity=error").await;
    assert_eq!(codes(&shown), [AttentionCode::ReplicaQuarantined]);
    assert_eq!(shown.attention[0].status, JobStatus::Failed);
    let volume = REPLICA.parse().unwrap();
    api.store.mark_resync(&volume, ResyncMark::Done).await.unwrap();
    assert_eq!(page(&api, "").await.attention, []);
    assert_eq!(api.detail(&shown.attention[0].job_id).await.summary.attention, []);
}

#[tokio::test(start_paused = true)]
async fn old_rollback_points_are_among_them_after_the_configured_time() {
    let settings = ApiSettings {
        retention_warn_after: Duration::from_secs(3600),
        ..settings()
    };
    let (api, job_id) = TestApi::failed_over().await;
    let api = api.again_with(settings);
    assert_eq!(page(&api, "").await.attention, []);
    tokio::time::advance(Duration::from_secs(3600)).await;
    let shown = page(&api, "?severity=warning").await;
    assert_eq!(codes(&shown), [AttentionCode::RollbackPointsOld]);
    assert_eq!(shown.attention[0].job_id, job_id);
    assert_eq!(page(&api, "?severity=critical").await.attention, []);
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let api = quarantined().await;
    for (source, network) in [
        ("VM%20Network", "production-app"),
        ("DMZ%20Network", "production-dmz"),
    ] {
        let body = json!({"purpose": "production", "network": network});
        let path = format!("/api/v1/network-mappings/{WEB}/{source}");
        assert_eq!(api.put(&path, body).await.status, StatusCode::OK);
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    let job_id = api.start(WEB).await;
    let mut raised = attention(AttentionCode::ReplicaDetached, "volume b", &[]);
    raised.severity = Severity::Critical;
    let plan = api.detail(&job_id).await.plan;
    let mut events = carried_out(&plan, 1);
    events.push(Event::ReturnBegan { cause: cause() });
    events.push(Event::AttentionRaised { attention: raised });
    api.write(events).await;

    let first = page(&api, "?limit=1").await;
    assert_eq!(
        codes(&first),
        [AttentionCode::ReplicaDetached],
        "the newest job is first"
    );
    let cursor = first.next_cursor.expect("there is a second page");
    let second = page(&api, &format!("?limit=1&cursor={cursor}")).await;
    assert_eq!(codes(&second), [AttentionCode::ReplicaQuarantined]);
    let filtered = page(&api, "?limit=1&severity=error").await;
    assert_eq!(
        codes(&filtered),
        [AttentionCode::ReplicaQuarantined],
        "a page is filled"
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_filters_are_named() {
    let api = TestApi::empty();
    for (query, part) in [
        ("severity=bad", "warning, error and critical"),
        ("limit=0", "from 1 to 500"),
        ("cursor=x", "live-failover-"),
        ("vm=x", "unknown field `vm`"),
    ] {
        let answer = api.get(&format!("/api/v1/attention?{query}")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{query}: {}", problem.detail);
    }
}
