//! `/api/v1/ossea`.

use axum::http::{StatusCode, header};
use failover_api::dto::{ErrorCode, NetworkList};
use ossea_sim::WayFault;

use crate::fixture::TestApi;

const NETWORKS: &str = "/api/v1/ossea/networks";

#[tokio::test(start_paused = true)]
async fn the_networks_of_the_zone_are_listed_by_name() {
    let api = TestApi::empty();
    let list: NetworkList = serde_json::from_str(&api.get(NETWORKS).await.text).unwrap();
    let names: Vec<&str> = list.networks.iter().map(|n| n.name.as_str()).collect();
    assert!(
        names.is_sorted() && names.contains(&"production-app"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"remote-app"),
        "networks of other zones are no destination"
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_caller_is_told_when_to_come_back() {
    let api = TestApi::empty();
    api.break_cloud(&WayFault::Throttled { retry_after_ms: 7000 });
    let answer = api.get(NETWORKS).await;
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::OsseaApiError);
    assert_eq!(answer.headers[header::RETRY_AFTER], "7");
}
