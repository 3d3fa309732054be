//! `/api/v1/vms`.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, VmPage, VmView};
use serde_json::json;

use crate::fixture::{NOBODY, PGWIN, TestApi, WEB, report_of};

async fn list(api: &TestApi, query: &str) -> VmPage {
    let answer = api.get(&format!("/api/v1/vms{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn vms_are_listed_page_by_page() {
    let api = TestApi::with_inventory().await;
    assert_eq!(list(&api, "").await.vms.len(), 6);
    let mut seen = Vec::new();
    let mut query = "?limit=4".to_owned();
    loop {
        let page = list(&api, &query).await;
        seen.extend(page.vms.into_iter().map(|view| view.vm.vm_id));
        match page.next_cursor {
            Some(cursor) => query = format!("?limit=4&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_vm_is_found_by_its_exact_name() {
    let api = TestApi::with_inventory().await;
    let found = list(&api, "?name=SQL%20Server%2002").await;
    assert_eq!(found.vms.len(), 1);
    assert_eq!(list(&api, "?name=SQL").await.vms.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_vm_shows_its_disks_and_its_active_job() {
    let (api, job_id) = TestApi::failing_over().await;
    let answer = api.get(&format!("/api/v1/vms/{PGWIN}")).await;
    let view: VmView = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((view.vm.disks.len(), view.active_job), (3, Some(job_id)));
    let answer = api.get(&format!("/api/v1/vms/{NOBODY}")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_report_creates_a_vm_and_the_next_one_replaces_it() {
    let api = TestApi::empty();
    let path = format!("/api/v1/vms/{WEB}/replica");
    let mut report = report_of(WEB);
    let created = api.put(&path, report.clone()).await;
    assert_eq!(
        (created.status, &created.json()["change"]),
        (StatusCode::CREATED, &json!("created"))
    );
    report["cpus"] = json!(16);
    let updated = api.put(&path, report).await;
    assert_eq!(
        (updated.status, &updated.json()["change"]),
        (StatusCode::OK, &json!("updated"))
    );
    assert_eq!(
        api.get(&format!("/api/v1/vms/{WEB}")).await.json()["spec"]["cpus"],
        16
    );
}

#[tokio::test(start_paused = true)]
async fn all_mistakes_of_a_report_are_told_at_once() {
    let api = TestApi::empty();
    let mut report = report_of(PGWIN);
    report["name"] = json!(" ");
    report["disks"][1]["size_bytes"] = json!(0);
    report["disks"][2]["unit"] = json!(1);
    report["disks"][2]["bus"] = json!(0);
    let answer = api.put(&format!("/api/v1/vms/{PGWIN}/replica"), report).await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    let paths: Vec<&str> = problem.mistakes.iter().map(|m| m.path.as_str()).collect();
    assert_eq!(
        paths,
        ["name", "disks[1].size_bytes", "disks[2]"],
        "{:?}",
        problem.mistakes
    );
    assert_eq!(list(&api, "").await.vms.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn unreadable_reports_name_the_field() {
    let api = TestApi::empty();
    let path = format!("/api/v1/vms/{PGWIN}/replica");
    for (field, value) in [
        ("cpus", json!(0)),
        ("colour", json!("red")),
        ("power_state", json!("asleep")),
    ] {
        let mut report = report_of(PGWIN);
        report[field] = value;
        let answer = api.put(&path, report).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(field), "{field}: {}", problem.detail);
    }
    let mut report = report_of(PGWIN);
    report["disks"][2]["controller"] = json!("floppy");
    let problem = api
        .put(&path, report)
        .await
        .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.detail.contains("disks[2].controller"),
        "{}",
        problem.detail
    );
}

#[tokio::test(start_paused = true)]
async fn path_and_body_must_name_the_same_vm() {
    let api = TestApi::empty();
    let answer = api
        .put(&format!("/api/v1/vms/{WEB}/replica"), report_of(PGWIN))
        .await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(problem.detail.contains(WEB) && problem.detail.contains(PGWIN));
}

#[tokio::test(start_paused = true)]
async fn a_volume_belongs_to_one_vm() {
    let api = TestApi::with_inventory().await;
    let mut report = report_of(WEB);
    report["disks"][0]["volume"] = report_of(PGWIN)["disks"][0]["volume"].clone();
    let answer = api.put(&format!("/api/v1/vms/{WEB}/replica"), report).await;
    let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::VolumeNotAvailable);
    assert!(problem.detail.contains(PGWIN), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn disks_do_not_change_under_a_running_job() {
    let (api, job_id) = TestApi::failing_over().await;
    let path = format!("/api/v1/vms/{PGWIN}/replica");
    let mut report = report_of(PGWIN);
    assert_eq!(
        api.put(&path, report.clone()).await.status,
        StatusCode::OK,
        "the same disks do no harm"
    );
    report["disks"].as_array_mut().unwrap().pop();
    let problem = api
        .put(&path, report)
        .await
        .problem(StatusCode::CONFLICT, ErrorCode::ActiveJobs);
    assert_eq!(problem.job_id, Some(job_id));
}
