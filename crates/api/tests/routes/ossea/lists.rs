//! `GET /api/v1/ossea/{zones,networks,service-offerings,templates}`.

use axum::http::{StatusCode, header};
use failover_api::dto::{ErrorCode, NetworkList, OfferingList, TemplateList, ZoneList};
use ossea_sim::{FaultRule, WayFault};

use crate::fixture::{TestApi, target};

const ZONES: &str = "/api/v1/ossea/zones";
const NETWORKS: &str = "/api/v1/ossea/networks";
const OFFERINGS: &str = "/api/v1/ossea/service-offerings";
const TEMPLATES: &str = "/api/v1/ossea/templates";
/// The zone `zone-2` of the sample cloud.
const OTHER_ZONE: &str = "826a6d75-efea-5f97-9b3d-115fd4646ad0";

#[tokio::test(start_paused = true)]
async fn zones_are_listed_and_the_configured_one_is_marked() {
    let api = TestApi::empty();
    let list: ZoneList = serde_json::from_str(&api.get(ZONES).await.text).unwrap();
    let shown: Vec<(&str, bool)> = list
        .zones
        .iter()
        .map(|zone| (zone.name.as_str(), zone.is_configured))
        .collect();
    assert_eq!(shown, [("zone-1", true), ("zone-2", false)]);
}

#[tokio::test(start_paused = true)]
async fn the_networks_of_the_configured_zone_are_listed_by_name() {
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
async fn another_zone_can_be_asked_for() {
    let api = TestApi::empty();
    let answer = api.get(&format!("{NETWORKS}?zone={OTHER_ZONE}")).await;
    let list: NetworkList = serde_json::from_str(&answer.text).unwrap();
    let names: Vec<&str> = list.networks.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["remote-app"]);
    let answer = api.get(&format!("{TEMPLATES}?zone={OTHER_ZONE}")).await;
    let list: TemplateList = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(list.zone_id.as_str(), OTHER_ZONE);
    assert_eq!(list.templates.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_the_cloud_does_not_have_is_no_empty_list() {
    let api = TestApi::empty();
    for route in [NETWORKS, TEMPLATES] {
        let answer = api.get(&format!("{route}?zone=nowhere")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains("zone is nowhere"), "{}", problem.detail);
        assert!(problem.required_actions[0].contains(ZONES));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_and_unknown_parameters_are_refused() {
    let api = TestApi::empty();
    for path in [
        format!("{NETWORKS}?zone=a/b"),
        format!("{TEMPLATES}?zone="),
        format!("{ZONES}?zone={OTHER_ZONE}"),
        format!("{OFFERINGS}?name=x"),
    ] {
        let answer = api.get(&path).await;
        answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn offerings_and_templates_tell_what_decides_about_them() {
    let api = TestApi::empty();
    let list: OfferingList = serde_json::from_str(&api.get(OFFERINGS).await.text).unwrap();
    let configured: Vec<_> = list
        .service_offerings
        .iter()
        .filter(|o| o.is_configured)
        .collect();
    assert_eq!(configured.len(), 1);
    assert_eq!(configured[0].id, target().offering);
    assert_eq!(
        (configured[0].customized, configured[0].cpu_bounds),
        (true, Some((1, 32)))
    );
    let list: TemplateList = serde_json::from_str(&api.get(TEMPLATES).await.text).unwrap();
    let template = &list.templates[0];
    assert!(template.is_configured && template.ready && !template.password_enabled);
    assert_eq!(template.size_bytes, 1 << 30);
}

#[tokio::test(start_paused = true)]
async fn every_list_carries_the_age_of_the_probe() {
    let api = TestApi::empty();
    for route in [ZONES, NETWORKS, OFFERINGS, TEMPLATES] {
        let probe = &api.get(route).await.json()["probe"];
        assert_eq!(probe["version"], "4.22.1.0", "{route}");
        assert!(probe["age_seconds"].is_u64(), "{route}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_does_not_depend_on_the_probe() {
    let api = TestApi::empty();
    api.cloud
        .add_fault(FaultRule::on("listCapabilities", WayFault::Busy).forever());
    let list: ZoneList = serde_json::from_str(&api.get(ZONES).await.text).unwrap();
    assert_eq!(list.zones.len(), 2);
    assert_eq!(list.probe.taken_at, None);
    assert!(list.probe.failed_refresh.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_caller_is_told_when_to_come_back() {
    let api = TestApi::empty();
    api.break_cloud(&WayFault::Throttled { retry_after_ms: 7000 });
    for route in [ZONES, NETWORKS, OFFERINGS, TEMPLATES] {
        let answer = api.get(route).await;
        answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::OsseaApiError);
        assert_eq!(answer.headers[header::RETRY_AFTER], "7");
    }
}
