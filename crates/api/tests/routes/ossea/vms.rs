//! `GET /api/v1/ossea/vms?mac=`.

use axum::http::StatusCode;
use failover_api::dto::ossea::SearchOutcome;
use failover_api::dto::{ErrorCode, VmSearchAnswer};
use failover_domain::Firmware;
use ossea::{Command, DeployVm, NicRequest, OsseaClient};
use ossea_sim::WayFault;

use crate::fixture::{PRODUCTION_APP, TestApi, target};

const OMA_MAC: &str = "02:03:00:fa:11:01";
const NO_MAC: &str = "02:00:00:00:00:99";

async fn search(api: &TestApi, macs: &str) -> VmSearchAnswer {
    let answer = api.get(&format!("/api/v1/ossea/vms?mac={macs}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

/// Another VM with a card of this address.
async fn deploy(api: &TestApi, mac: &str) {
    let target = target();
    let vm = DeployVm {
        name: "twin".into(),
        display_name: "twin".into(),
        mark: "test".into(),
        zone: target.zone,
        offering: "86a99b8a-628c-50fd-977c-003477fc305e".parse().unwrap(),
        template: target.template,
        custom_size: None,
        firmware: Firmware::Bios,
        secure_boot: false,
        nics: vec![NicRequest {
            network: PRODUCTION_APP.parse().unwrap(),
            mac: Some(mac.parse().unwrap()),
        }],
    };
    let key = "0b0e7a52-6f0e-4b8e-9a55-000000000001".parse().unwrap();
    let command = Command::DeployVirtualMachine(Box::new(vm));
    api.cloud.submit(&key, &command).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_oma_is_found_by_its_address_and_compared_with_the_configuration() {
    let api = TestApi::empty();
    for spelling in ["02:03:00:fa:11:01", "02-03-00-FA-11-01"] {
        let found = search(&api, spelling).await;
        assert_eq!(found.outcome, SearchOutcome::One);
        let [vm] = &found.matches[..] else {
            panic!("{found:?}")
        };
        assert_eq!((&vm.vm_id, vm.state.as_str()), (&target().oma_vm, "Running"));
        assert!(vm.is_configured && vm.cards[0].is_match);
        assert_eq!(vm.cards[0].network_name, "management");
        assert_eq!(found.configured_oma.vm.as_ref(), Some(vm));
        assert!(found.not_found.is_empty());
        assert!(found.advice.contains("nothing needs to be changed"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_of_nobody_finds_nothing_and_shows_the_configured_oma() {
    let api = TestApi::empty();
    let found = search(&api, NO_MAC).await;
    assert_eq!((found.outcome, found.matches.len()), (SearchOutcome::None, 0));
    assert_eq!(found.not_found, [NO_MAC.parse().unwrap()]);
    let oma = found.configured_oma.vm.unwrap();
    assert_eq!(
        (oma.cards[0].mac.as_str(), oma.cards[0].is_match),
        (OMA_MAC, false)
    );
}

#[tokio::test(start_paused = true)]
async fn several_vms_with_the_address_are_all_shown_and_none_is_chosen() {
    let api = TestApi::empty();
    deploy(&api, OMA_MAC).await;
    let found = search(&api, &format!("{OMA_MAC},{NO_MAC}")).await;
    assert_eq!(found.outcome, SearchOutcome::Several);
    let names: Vec<&str> = found.matches.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names, ["oma", "twin"]);
    assert_eq!(found.not_found, [NO_MAC.parse().unwrap()]);
    assert!(found.advice.contains("Compare"), "{}", found.advice);
}

#[tokio::test(start_paused = true)]
async fn another_vm_than_the_configured_one_is_named_with_its_id() {
    let api = TestApi::empty();
    deploy(&api, "02:00:00:00:00:07").await;
    let found = search(&api, "02:00:00:00:00:07").await;
    let vm = &found.matches[0];
    assert!(!vm.is_configured);
    assert!(found.advice.contains(vm.vm_id.as_str()), "{}", found.advice);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_address_is_refused() {
    let api = TestApi::empty();
    let many = [OMA_MAC; 33].join(",");
    for query in [
        "",
        "?mac=",
        "?mac=,",
        "?mac=oma",
        &format!("?mac={OMA_MAC},x"),
        &format!("?mac={many}"),
        &format!("?mac={OMA_MAC}&name=oma"),
    ] {
        let answer = api.get(&format!("/api/v1/ossea/vms{query}")).await;
        answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_list_its_vms_is_a_problem() {
    let api = TestApi::empty();
    api.break_cloud(&WayFault::LostRequest);
    let answer = api.get(&format!("/api/v1/ossea/vms?mac={OMA_MAC}")).await;
    answer.problem(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError);
}
