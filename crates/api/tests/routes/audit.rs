//! `GET /api/v1/audit`.

use axum::http::StatusCode;
use failover_api::dto::ErrorCode;
use failover_engine::ports::{Inventory, ResyncMark};
use serde_json::Value;

use crate::fixture::{PGWIN, TestApi, report_of};

#[tokio::test(start_paused = true)]
async fn the_newest_entries_come_first_and_no_more_than_asked_for() {
    let api = TestApi::with_inventory().await;
    let vm = PGWIN.parse().unwrap();
    for (place, disk) in report_of(PGWIN)["disks"].as_array().unwrap().iter().enumerate() {
        let volume = disk["volume"]["id"].as_str().unwrap().parse().unwrap();
        api.store.mark_resync(&volume, ResyncMark::Needed).await.unwrap();
        let reason = format!("reason {place}");
        assert!(
            api.store
                .clear_quarantine(&vm, &volume, "anna", &reason)
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
    let all = api.get("/api/v1/audit").await.json();
    assert_eq!(reasons(&all), ["reason 2", "reason 1", "reason 0"]);
    let two = api.get("/api/v1/audit?limit=2").await.json();
    assert_eq!(reasons(&two), ["reason 2", "reason 1"]);
    let answer = api.get("/api/v1/audit?limit=0").await;
    answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
}
