//! `POST /api/v1/inventory/import` and `GET /api/v1/inventory/export`.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, ImportAnswer};
use serde_json::{Value, json};

use crate::fixture::{PGWIN, TestApi, WEB, report_of, sample_inventory};
use crate::tokens::make;

const IMPORT: &str = "/api/v1/inventory/import";
const EXPORT: &str = "/api/v1/inventory/export";

async fn vm_count(api: &TestApi) -> usize {
    api.get("/api/v1/vms").await.json()["vms"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test(start_paused = true)]
async fn a_file_is_taken_whole_and_may_be_taken_again() {
    let api = TestApi::empty();
    for (created, updated) in [(6, 0), (0, 6)] {
        let answer = api.post(IMPORT, sample_inventory()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let answer: ImportAnswer = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(
            (answer.created, answer.updated, answer.failed),
            (created, updated, 0)
        );
        assert_eq!(answer.vms.len(), 6);
    }
    assert_eq!(vm_count(&api).await, 6);
}

#[tokio::test(start_paused = true)]
async fn mistakes_of_all_vms_are_told_together_and_nothing_is_changed() {
    let api = TestApi::empty();
    let mut file = sample_inventory();
    file["vms"][0]["disks"] = json!([]);
    file["vms"][1]["name"] = json!("");
    file["vms"][2]["vm_id"] = file["vms"][1]["vm_id"].clone();
    file["vms"][3]["disks"][0]["volume"]["id"] = file["vms"][4]["disks"][1]["volume"]["id"].clone();
    let problem = api
        .post(IMPORT, file)
        .await
        .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    let paths: Vec<&str> = problem.mistakes.iter().map(|m| m.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "vms[0].disks",
            "vms[1].name",
            "vms[2].vm_id",
            "vms[4].disks[1].volume.id"
        ]
    );
    assert!(problem.detail.contains("4 mistakes"), "{}", problem.detail);
    assert_eq!(vm_count(&api).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_volume_of_a_vm_outside_the_file_is_a_mistake() {
    let api = TestApi::with_inventory().await;
    let mut report = report_of(WEB);
    report["disks"][0]["volume"] = report_of(PGWIN)["disks"][0]["volume"].clone();
    report["cpus"] = json!(32);
    let answer = api.post(IMPORT, json!({ "vms": [report] })).await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.mistakes[0].message.contains(PGWIN),
        "{:?}",
        problem.mistakes
    );
    assert_eq!(
        api.get(&format!("/api/v1/vms/{WEB}")).await.json()["spec"]["cpus"],
        2
    );
}

#[tokio::test(start_paused = true)]
async fn disks_of_a_vm_with_an_active_job_are_left_alone() {
    let (api, job_id) = TestApi::failing_over().await;
    assert_eq!(
        api.post(IMPORT, sample_inventory()).await.status,
        StatusCode::OK,
        "the same disks do no harm"
    );
    let mut report = report_of(PGWIN);
    report["disks"].as_array_mut().unwrap().pop();
    let answer = api.post(IMPORT, json!({ "vms": [report] })).await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.mistakes[0].message.contains(job_id.as_str()),
        "{:?}",
        problem.mistakes
    );
}

#[tokio::test(start_paused = true)]
async fn an_export_is_taken_again_unchanged() {
    let api = TestApi::with_inventory().await;
    let mut odd = report_of(WEB);
    odd["display_name"] = json!("The web server");
    odd["change_id"] = json!("52 3c ec 11/7");
    odd["synced_at"] = json!("2026-11-25T12:00:00Z");
    for field in ["power_state", "cpus", "firmware"] {
        odd.as_object_mut().unwrap().remove(field);
    }
    let answer = api.put(&format!("/api/v1/vms/{WEB}/replica"), odd.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let file = api.get(EXPORT).await.json();
    let vms = file["vms"].as_array().unwrap();
    assert_eq!(vms.len(), 6);
    let exported = vms.iter().find(|vm| vm["vm_id"] == WEB).unwrap();
    for field in [
        "display_name",
        "change_id",
        "synced_at",
        "power_state",
        "cpus",
        "firmware",
    ] {
        assert_eq!(exported.get(field), odd.get(field), "{field}");
    }

    let fresh = TestApi::empty();
    for api in [&api, &fresh] {
        let answer = api.post(IMPORT, file.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(api.get(EXPORT).await.json(), file);
    }
    for vm in vms {
        let path = format!("/api/v1/vms/{}", vm["vm_id"].as_str().unwrap());
        let (mut was, mut is) = (api.get(&path).await.json(), fresh.get(&path).await.json());
        for shown in [&mut was, &mut is] {
            shown["spec"].as_object_mut().unwrap().remove("provenance");
        }
        assert_eq!(was, is);
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_shows_a_restricted_token_its_own_vms_only() {
    let api = TestApi::with_inventory().await;
    let made = make(&api, json!({"name": "web", "role": "viewer", "vms": [WEB]})).await;
    let file = api.get_as(&made.secret, EXPORT).await.json();
    let ids: Vec<&Value> = file["vms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vm| &vm["vm_id"])
        .collect();
    assert_eq!(ids, [WEB]);
}

#[tokio::test(start_paused = true)]
async fn unreadable_files_are_refused_with_the_place() {
    let api = TestApi::empty();
    let mut unknown: Value = sample_inventory();
    unknown["vms"][3]["disks"][0]["colour"] = json!("red");
    for (file, part) in [
        (json!({ "vms": [] }), "vms"),
        (json!({ "machines": [] }), "unknown field `machines`"),
        (unknown, "vms[3].disks[0].colour"),
    ] {
        let answer = api.post(IMPORT, file).await;
        answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
}
