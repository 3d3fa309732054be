//! `/api/v1/network-mappings` of many source VMs: the list of all, bulk, copies and suggestions.

use axum::http::StatusCode;
use failover_api::dto::{
    BulkMappingsAnswer, CopyAnswer, ErrorCode, MappingPage, MappingSuggestions, MappingsOfNetwork,
    SuggestionReason,
};
use failover_domain::Purpose;
use ossea_sim::WayFault;
use serde_json::{Value, json};

use crate::fixture::{NOBODY, PGWIN, PRODUCTION_APP, TestApi, WEB, with_json};
use crate::tokens::make;

const MAPPINGS: &str = "/api/v1/network-mappings";
/// Three networks.
const APP: &str = "e1aed5f1-637d-590e-83f5-ffc1c1f80bcd";

fn wanted(vm: &str, source: &str, purpose: &str, network: &str) -> Value {
    json!({"vm_id": vm, "source_network": source, "purpose": purpose, "network": network})
}

/// An API on which three VMs have four mappings, in the order of the list of all.
async fn mapped() -> TestApi {
    let api = TestApi::with_inventory().await;
    let list = json!({"mappings": [
        wanted(PGWIN, "VM Network", "production", "production-app"),
        wanted(WEB, "DMZ Network", "test", "test-dmz"),
        wanted(WEB, "VM Network", "production", "production-app"),
        wanted(APP, "DMZ Network", "production", "production-dmz"),
    ]});
    let answer = api.post(&format!("{MAPPINGS}/bulk"), list).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer: BulkMappingsAnswer = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((answer.stored, answer.mappings.len()), (4, 4));
    api
}

async fn page(api: &TestApi, query: &str) -> MappingPage {
    let answer = api.get(&format!("{MAPPINGS}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

async fn suggested(api: &TestApi, vm: &str, purpose: &str) -> Vec<(String, Vec<String>)> {
    let answer = api
        .get(&format!("{MAPPINGS}/{vm}/suggestions?purpose={purpose}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer: MappingSuggestions = serde_json::from_str(&answer.text).unwrap();
    let names = |list: failover_api::dto::NetworkSuggestions| {
        let names = list.suggestions.into_iter().map(|one| one.network_name);
        (list.source_network, names.collect())
    };
    answer.networks.into_iter().map(names).collect()
}

#[tokio::test(start_paused = true)]
async fn all_mappings_come_in_pages_and_can_be_filtered() {
    let api = mapped().await;
    let whole = page(&api, "").await;
    assert_eq!((whole.mappings.len(), whole.next_cursor), (4, None));
    for limit in 1..=4 {
        let (mut joined, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let one = page(&api, &query).await;
            joined.extend(one.mappings);
            let Some(cursor) = one.next_cursor else { break };
            query = format!("?limit={limit}&cursor={}", cursor.replace(' ', "%20"));
        }
        assert_eq!(joined, whole.mappings, "in pages of {limit}");
    }
    for (query, expected) in [
        (format!("?vm_id={WEB}"), 2),
        (format!("?vm_id={WEB}&purpose=test"), 1),
        ("?purpose=production".to_owned(), 3),
        (format!("?network_id={PRODUCTION_APP}"), 2),
        ("?network_id=no-such-network".to_owned(), 0),
    ] {
        assert_eq!(page(&api, &query).await.mappings.len(), expected, "{query}");
    }
    for query in ["?purpose=both", "?cursor=x", "?limit=0", "?vm=x", "?vm_id=x"] {
        let answer = api.get(&format!("{MAPPINGS}{query}")).await;
        answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    }
    let answer = api.get(&format!("{MAPPINGS}?vm_id={NOBODY}")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
}

#[tokio::test(start_paused = true)]
async fn the_mappings_of_one_network_are_shown() {
    let api = mapped().await;
    let answer = api.get(&format!("{MAPPINGS}/{WEB}/DMZ%20Network")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let shown: MappingsOfNetwork = serde_json::from_str(&answer.text).unwrap();
    let purposes: Vec<Purpose> = shown.mappings.iter().map(|m| m.purpose).collect();
    assert_eq!(purposes, [Purpose::Test]);
    let answer = api.get(&format!("{MAPPINGS}/{WEB}/DB%20Network")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::MappingNotFound);
    let answer = api.get(&format!("{MAPPINGS}/{NOBODY}/x")).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
}

#[tokio::test(start_paused = true)]
async fn all_mistakes_of_a_list_are_told_and_nothing_is_stored() {
    let api = mapped().await;
    let before = page(&api, "").await;
    let bulk = format!("{MAPPINGS}/bulk");
    let refused = async |list: Value, paths: &[&str]| {
        let answer = api.post(&bulk, json!({"mappings": list})).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        let told: Vec<&str> = problem.mistakes.iter().map(|m| m.path.as_str()).collect();
        assert_eq!(told, paths, "{}", answer.text);
        assert_eq!(page(&api, "").await, before);
    };
    let good = wanted(APP, "VM Network", "production", "production-app");
    refused(json!([]), &["mappings"]).await;
    refused(
        json!([
            good.clone(),
            wanted(NOBODY, "VM Network", "production", "production-app"),
            wanted(PGWIN, "DMZ Network", "test", "remote-app"),
            good.clone(),
        ]),
        &[
            "mappings[3]",
            "mappings[1].vm_id",
            "mappings[2].source_network",
            "mappings[2].network",
        ],
    )
    .await;
    refused(
        json!([
            good,
            wanted(APP, "DB Network", "test", "production-app"),
            wanted(APP, "DB Network", "production", "test-dmz"),
            wanted(PGWIN, "VM Network", "test", "test-l2"),
            wanted(WEB, "VM Network", "production", "test-l2"),
        ]),
        &[
            "mappings[1].network",
            "mappings[2].network",
            "mappings[4].network",
        ],
    )
    .await;
    api.break_cloud(&WayFault::LostRequest);
    let list = json!({"mappings": [wanted(APP, "VM Network", "production", "production-app")]});
    let answer = api.post(&bulk, list).await;
    answer.problem(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError);
}

#[tokio::test(start_paused = true)]
async fn a_copy_tells_what_it_took_and_what_had_no_counterpart() {
    let api = mapped().await;
    let path = format!("{MAPPINGS}/{PGWIN}/copy-from/{WEB}");
    let answer = api.post(&path, json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let copy: CopyAnswer = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((copy.copied.len(), copy.without_counterpart.len()), (1, 1));
    assert_eq!(copy.without_counterpart[0].source_network, "DMZ Network");
    assert_eq!(copy.unmapped_for_test, ["VM Network"]);

    let path = format!("{MAPPINGS}/{APP}/copy-from/{WEB}");
    let answer = api.post(&path, json!({"purpose": "test"})).await;
    let copy: CopyAnswer = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(copy.copied[0].network_name, "test-dmz");
    let stored = page(&api, &format!("?vm_id={APP}&purpose=test")).await.mappings;
    assert_eq!(stored[0].mapping, copy.copied[0]);
    assert_eq!(stored.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn there_must_be_something_to_copy() {
    let api = mapped().await;
    let copy = async |from: &str, body: Value| {
        api.post(&format!("{MAPPINGS}/{PGWIN}/copy-from/{from}"), body)
            .await
    };
    let answer = copy(PGWIN, json!({})).await;
    answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    let answer = copy(APP, json!({"purpose": "test"})).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::MappingNotFound);
    let answer = copy(NOBODY, json!({})).await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
}

#[tokio::test(start_paused = true)]
async fn suggestions_have_reasons_and_store_nothing() {
    let api = mapped().await;
    let before = page(&api, "").await;
    let path = format!("{MAPPINGS}/{WEB}/suggestions");
    let answer = api.get(&format!("{path}?purpose=production")).await;
    let shown: MappingSuggestions = serde_json::from_str(&answer.text).unwrap();
    let dmz = &shown.networks[0].suggestions[0];
    let words = vec!["dmz".to_owned()];
    assert_eq!(dmz.network_name, "production-dmz");
    assert_eq!(
        dmz.reasons,
        [
            SuggestionReason::OtherVms {
                count: 1,
                such_as: APP.parse().unwrap()
            },
            SuggestionReason::CommonWords { words }
        ]
    );
    let app = &shown.networks[1];
    assert_eq!(app.mapped_to.as_ref().unwrap().as_str(), PRODUCTION_APP);
    assert_eq!(app.suggestions[0].network_name, "production-app");
    assert_eq!(page(&api, "").await, before);
    for query in ["", "?purpose=both"] {
        let answer = api.get(&format!("{path}{query}")).await;
        answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_is_only_suggested_networks_that_are_marked_for_tests() {
    let api = mapped().await;
    let marked = vec!["test-dmz".to_owned()];
    let none = Vec::new;
    assert_eq!(
        suggested(&api, APP, "test").await,
        [
            ("DB Network".to_owned(), none()),
            ("DMZ Network".to_owned(), marked),
            ("VM Network".to_owned(), none()),
        ],
        "test-db is not marked"
    );
    let production = suggested(&api, APP, "production").await;
    assert_eq!(production[1].1, ["production-dmz"], "test-dmz is for tests");
}

#[tokio::test(start_paused = true)]
async fn a_restricted_token_sees_and_touches_its_own_mappings_only() {
    let api = mapped().await;
    let made = make(&api, json!({"name": "web", "role": "operator", "vms": [WEB]})).await;
    let get = async |path: String| api.get_as(&made.secret, &path).await;
    let all = get(MAPPINGS.to_owned()).await.json();
    let all = all["mappings"].as_array().unwrap().clone();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|mapping| mapping["vm_id"] == WEB));
    let own = get(format!("{MAPPINGS}/{WEB}/suggestions?purpose=production")).await;
    assert!(
        !own.text.contains(APP) && !own.text.contains(PGWIN),
        "{}",
        own.text
    );
    for path in [
        format!("{MAPPINGS}?vm_id={PGWIN}"),
        format!("{MAPPINGS}/{PGWIN}/VM%20Network"),
        format!("{MAPPINGS}/{PGWIN}/suggestions?purpose=test"),
    ] {
        let answer = get(path).await;
        answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    }
    let foreign = json!({"mappings": [
        wanted(WEB, "VM Network", "production", "production-db"),
        wanted(PGWIN, "VM Network", "production", "production-db"),
    ]});
    for (path, body) in [
        (format!("{MAPPINGS}/bulk"), foreign),
        (format!("{MAPPINGS}/{PGWIN}/copy-from/{WEB}"), json!({})),
        (format!("{MAPPINGS}/{WEB}/copy-from/{PGWIN}"), json!({})),
    ] {
        let mut request = with_json(axum::http::Method::POST, &path, body.to_string());
        let authorization = format!("Bearer {}", made.secret).parse().unwrap();
        request.headers_mut().insert("authorization", authorization);
        let answer = api.send(request).await;
        answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    }
}
