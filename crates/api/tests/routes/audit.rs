//! `GET /api/v1/audit`.

use axum::http::StatusCode;
use failover_access::{Actor, ChainCheck};
use failover_api::dto::AuditPage;
use failover_api::dto::ErrorCode;
use failover_engine::ports::{Inventory, ResyncMark};
use serde_json::Value;

use crate::fixture::{PGWIN, TestApi, report_of};

#[tokio::test(start_paused = true)]
async fn the_newest_entries_come_first_and_no_more_than_asked_for() {
    let api = TestApi::with_inventory().await;
    let (vm, anna) = (PGWIN.parse().unwrap(), Actor::named("anna"));
    for (place, disk) in report_of(PGWIN)["disks"].as_array().unwrap().iter().enumerate() {
        let volume = disk["volume"]["id"].as_str().unwrap().parse().unwrap();
        api.store.mark_resync(&volume, ResyncMark::Needed).await.unwrap();
        let reason = format!("reason {place}");
        assert!(
            api.store
                .clear_quarantine(&vm, &volume, &anna, &reason)
                .await
                .unwrap()
        );
    }
    let reasons = |answer: &Value| -> Vec<String> {
        let entries = answer["entries"].as_array().unwrap();
        entries
            .iter()
            .map(|e| e["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = api.get("/api/v1/audit?actor=anna").await.json();
    assert_eq!(reasons(&all), ["reason 2", "reason 1", "reason 0"]);
    let two = api.get("/api/v1/audit?actor=anna&limit=2").await.json();
    assert_eq!(reasons(&two), ["reason 2", "reason 1"]);
    let answer = api.get("/api/v1/audit?limit=0").await;
    answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
}

/// Every page from the first row on, as a checking client reads them.
async fn whole_audit(api: &TestApi) -> Vec<AuditPage> {
    let mut pages: Vec<AuditPage> = Vec::new();
    loop {
        let after = pages
            .last()
            .and_then(|page| page.entries.last())
            .map_or(0, |row| row.seq);
        let path = format!("/api/v1/audit?order=oldest_first&limit=2&cursor={after}");
        let page: AuditPage = serde_json::from_str(&api.get(&path).await.text).unwrap();
        let is_end = page.entries.is_empty();
        pages.push(page);
        if is_end {
            return pages;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_state_change_is_in_the_chain_with_its_request() {
    let (api, job_id) = TestApi::failing_over().await;
    let request = axum::http::Request::post(format!("/api/v1/failover/jobs/{job_id}/cancel"))
        .header("x-request-id", "from-the-balancer");
    let answer = api.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let mapping = format!("/api/v1/network-mappings/{PGWIN}/VM%20Network?purpose=production");
    assert_eq!(api.delete(&mapping).await.status, StatusCode::NO_CONTENT);
    let pages = whole_audit(&api).await;
    let mut check = ChainCheck::default();
    let rows: Vec<_> = pages.iter().flat_map(|page| page.entries.clone()).collect();
    for row in &rows {
        check.follow(row).unwrap();
    }
    check.end(&pages.last().unwrap().head).unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    let imports = rows.iter().filter(|row| row.action == "report_vm").count();
    assert_eq!(
        actions[imports..],
        ["put_mapping", "start_live", "cancel", "delete_mapping"]
    );
    assert!(
        rows.iter()
            .all(|row| row.actor == "anonymous" && row.request_id.is_some())
    );
    assert_eq!(rows[imports + 2].request_id.as_deref(), Some("from-the-balancer"));
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_is_audited() {
    let api = TestApi::ready().await;
    let body = serde_json::json!({ "vm_id": PGWIN, "skip_validation": true });
    let answer = api.post("/api/v1/failover/live", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let found = api.get("/api/v1/audit?action=start_live").await.json();
    let reason = found["entries"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("skip_validation"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn filters_that_cannot_be_read_say_what_is_allowed() {
    let api = TestApi::empty();
    for (query, part) in [
        ("since=yesterday", "2026-01-31T18:00:00Z"),
        ("until=1", "until"),
        ("order=random", "oldest_first"),
        ("vm_id=web-01", "VMware UUID"),
        ("cursor=x", "cursor"),
        ("who=anna", "unknown field `who`"),
    ] {
        let answer = api.get(&format!("/api/v1/audit?{query}")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{query}: {}", problem.detail);
    }
    let none = api.get("/api/v1/audit?since=2026-01-31T18:00:00%2B01:00&until=2026-01-31T18:00:00Z");
    assert_eq!(none.await.json()["entries"], serde_json::json!([]));
}
