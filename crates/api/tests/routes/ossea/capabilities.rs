//! `GET /api/v1/ossea/capabilities`.

use std::time::Duration;

use axum::http::StatusCode;
use failover_api::dto::ossea::{Fact, ReleaseLine, StoppedVmSnapshot};
use failover_api::dto::{CapabilitiesAnswer, ErrorCode};
use ossea_sim::{FaultRule, WayFault};

use super::Counter;
use crate::fixture::TestApi;

const CAPABILITIES: &str = "/api/v1/ossea/capabilities";

async fn answer(api: &TestApi, path: &str) -> CapabilitiesAnswer {
    let answer = api.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_cloud_tells_its_version_and_what_follows_from_it() {
    let api = TestApi::empty();
    let told = answer(&api, CAPABILITIES).await;
    let capabilities = told.capabilities;
    assert_eq!(
        (capabilities.version.as_str(), capabilities.release_line),
        ("4.22.1.0", ReleaseLine::V4_22)
    );
    assert!(capabilities.may_expunge_vm && capabilities.snapshots_running_vms);
    let on_nfs = capabilities
        .snapshots_of_stopped_vms
        .iter()
        .find(|row| row.storage == "NetworkFilesystem")
        .expect("the zone has NFS, or everything that is known is told");
    assert_eq!(on_nfs.outcome, StoppedVmSnapshot::FileBased);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_told_is_said_to_be_so() {
    let api = TestApi::empty();
    let body = api.get(CAPABILITIES).await.json();
    let skew = &body["capabilities"]["clock_skew_ms"];
    assert_eq!(skew["answer"], "not_told", "a cloud without a clock of its own");
    assert_eq!(skew["reason"], "not_measured");
    let told = answer(&api, CAPABILITIES).await.capabilities;
    assert!(matches!(told.clock_skew_ms, Fact::NotTold(_)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_grows_old_and_can_be_renewed() {
    let api = TestApi::empty();
    let asked = Counter::of(&api, "listCapabilities");
    answer(&api, CAPABILITIES).await;
    tokio::time::advance(Duration::from_secs(299)).await;
    let old = answer(&api, CAPABILITIES).await.probe;
    assert!(old.age_seconds.unwrap() >= 299, "{old:?}");
    assert_eq!(asked.calls(&api), 1);
    let new = answer(&api, &format!("{CAPABILITIES}?refresh=true")).await.probe;
    assert!(new.age_seconds.unwrap() < 5, "{new:?}");
    assert_eq!(asked.calls(&api), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_goes_away_leaves_what_it_told_and_its_age() {
    let api = TestApi::empty();
    answer(&api, CAPABILITIES).await;
    api.break_cloud(&WayFault::LostRequest);
    tokio::time::advance(Duration::from_secs(600)).await;
    let told = answer(&api, CAPABILITIES).await;
    assert_eq!(told.capabilities.version, "4.22.1.0");
    assert!(told.probe.age_seconds.unwrap() >= 600);
    let failed = told.probe.failed_refresh.unwrap();
    assert!(failed.error.contains("unreachable"), "{}", failed.error);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_was_never_there_is_a_problem() {
    for (fault, status) in [
        (WayFault::LostRequest, StatusCode::BAD_GATEWAY),
        (WayFault::Busy, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let api = TestApi::empty();
        api.break_cloud(&fault);
        api.get(CAPABILITIES)
            .await
            .problem(status, ErrorCode::OsseaApiError);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_callers_at_once_ask_the_cloud_once() {
    let api = TestApi::empty();
    let asked = Counter::of(&api, "listCapabilities");
    let calls = (0..10).map(|_| api.get(CAPABILITIES));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert_eq!(asked.calls(&api), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_query_is_named() {
    let api = TestApi::empty();
    for query in ["refresh=soon", "force=true"] {
        let answer = api.get(&format!("{CAPABILITIES}?{query}")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        let name = query.split('=').next().unwrap();
        assert!(problem.detail.contains(name), "{}", problem.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_not_be_told_is_no_failure() {
    let api = TestApi::empty();
    let refused = WayFault::Refuse {
        code: 401,
        text: "not for you".to_owned(),
    };
    for command in ["listStoragePools", "listResourceLimits"] {
        api.cloud
            .add_fault(FaultRule::on(command, refused.clone()).forever());
    }
    let body = api.get(CAPABILITIES).await.json();
    assert_eq!(
        body["capabilities"]["standing"],
        serde_json::json!({"answer": "told", "value": "limited"})
    );
    assert_eq!(body["capabilities"]["storage_pools"]["reason"], "to_our_role");
}
