//! `/api/v1/network-mappings`.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, MappingsOfVm};
use ossea_sim::WayFault;
use serde_json::json;

use crate::fixture::{NOBODY, PGWIN, PRODUCTION_APP, REMOTE_APP, TestApi, WEB};

const MAPPINGS: &str = "/api/v1/network-mappings";

async fn mappings(api: &TestApi) -> MappingsOfVm {
    let answer = api.get(&format!("{MAPPINGS}/{WEB}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn mappings_are_made_by_name_or_by_id_and_shown_side_by_side() {
    let api = TestApi::with_inventory().await;
    assert_eq!(
        mappings(&api).await.unmapped_for_production,
        ["DMZ Network", "VM Network"]
    );
    let by_name = json!({"vm_id": WEB, "source_network": "VM Network", "purpose": "production", "network": "production-app"});
    let created = api.post(MAPPINGS, by_name).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    assert_eq!(created.json()["network_id"], PRODUCTION_APP);
    let by_id = json!({"purpose": "test", "network": "5e28f04f-fe7b-534c-84ed-67767603c2e2"});
    let put = api.put(&format!("{MAPPINGS}/{WEB}/VM%20Network"), by_id).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    assert_eq!(put.json()["network_name"], "test-isolated");

    let shown = mappings(&api).await;
    assert_eq!(shown.mappings.len(), 2);
    assert_eq!(
        (shown.unmapped_for_production, shown.unmapped_for_test),
        (vec!["DMZ Network".into()], vec!["DMZ Network".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_replaced_and_removed() {
    let api = TestApi::with_inventory().await;
    let path = format!("{MAPPINGS}/{WEB}/VM%20Network");
    for network in ["production-app", "production-db"] {
        assert_eq!(
            api.put(&path, json!({"purpose": "production", "network": network}))
                .await
                .status,
            StatusCode::OK
        );
    }
    let shown = mappings(&api).await.mappings;
    assert_eq!(
        (shown.len(), shown[0].network_name.as_str()),
        (1, "production-db")
    );
    let answer = api.delete(&format!("{path}?purpose=test")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::MappingNotFound);
    assert_eq!(
        api.delete(&format!("{path}?purpose=production")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(mappings(&api).await.mappings, []);
}

#[tokio::test(start_paused = true)]
async fn only_networks_of_the_vm_and_of_the_zone_can_be_mapped() {
    let api = TestApi::with_inventory().await;
    let answer = api
        .put(
            &format!("{MAPPINGS}/{WEB}/vm%20network"),
            json!({"purpose": "test", "network": "test-l2"}),
        )
        .await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(
        problem.detail.contains("\"VM Network\""),
        "what is allowed is named: {}",
        problem.detail
    );
    for network in ["remote-app", REMOTE_APP, "Production-App", ""] {
        let body = json!({"purpose": "production", "network": network});
        let answer = api.put(&format!("{MAPPINGS}/{WEB}/VM%20Network"), body).await;
        let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NetworkMappingMissing);
        assert!(problem.detail.contains("production-app"), "{}", problem.detail);
    }
    assert_eq!(mappings(&api).await.mappings, []);
}

#[tokio::test(start_paused = true)]
async fn a_network_serves_production_or_tests_whichever_vm_they_are_for() {
    let api = TestApi::with_inventory().await;
    let put = async |vm: &str, purpose: &str, network: &str| {
        let body = json!({"purpose": purpose, "network": network});
        api.put(&format!("{MAPPINGS}/{vm}/VM%20Network"), body).await
    };
    for (vm, purpose, network) in [(WEB, "test", "test-l2"), (PGWIN, "production", "production-app")] {
        assert_eq!(put(vm, purpose, network).await.status, StatusCode::OK);
    }
    let before = mappings(&api).await.mappings;
    for (vm, purpose, network, user) in [
        (WEB, "test", "production-app", PGWIN),
        (PGWIN, "test", "production-app", PGWIN),
        (PGWIN, "production", "test-l2", WEB),
    ] {
        let answer = put(vm, purpose, network).await;
        let problem = answer.problem(StatusCode::CONFLICT, ErrorCode::NetworkPurposeConflict);
        for words in [network, user] {
            assert!(problem.detail.contains(words), "{}", problem.detail);
        }
    }
    assert_eq!(mappings(&api).await.mappings, before, "the good one stands");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vm_has_no_mappings() {
    let api = TestApi::with_inventory().await;
    let path = format!("{MAPPINGS}/{NOBODY}");
    let body = json!({"purpose": "test", "network": "test-l2"});
    api.get(&path)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    api.put(&format!("{path}/x"), body)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    let answer = api.delete(&format!("{path}/x?purpose=test")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_purpose_is_production_or_test() {
    let api = TestApi::with_inventory().await;
    let path = format!("{MAPPINGS}/{WEB}/VM%20Network");
    for query in ["", "?purpose=both", "?purpse=test"] {
        let answer = api.delete(&format!("{path}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.text.contains("purpose"), "{}", answer.text);
    }
    let answer = api
        .put(&path, json!({"purpose": "both", "network": "test-l2"}))
        .await;
    answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn without_the_cloud_nothing_can_be_mapped() {
    let api = TestApi::with_inventory().await;
    api.break_cloud(&WayFault::LostRequest);
    let body = json!({"purpose": "production", "network": "production-app"});
    let answer = api.put(&format!("{MAPPINGS}/{WEB}/VM%20Network"), body).await;
    answer.problem(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError);
}
