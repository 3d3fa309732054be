//! Which networks a test may use follows from the stored mappings and the configuration.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "in a test an unexpected error is a failed test"
)]

mod lab;

use failover_access::Actor;
use failover_domain::{CheckStatus, FailoverType, Finding, NetworkMapping, Purpose};
use lab::{Lab, THREE_DISKS};

const TEST_ISOLATED: &str = "5e28f04f-fe7b-534c-84ed-67767603c2e2";

/// A source VM beside the one that is tested.
const OTHER: &str = "4205b000-0000-0000-0000-000000000002";

async fn map(lab: &Lab, purpose: Purpose) {
    map_for(lab, THREE_DISKS, purpose).await;
}

async fn map_for(lab: &Lab, vm: &str, purpose: Purpose) {
    let mapping = NetworkMapping {
        source_network: "VM Network".to_owned(),
        purpose,
        network_id: TEST_ISOLATED.parse().unwrap(),
        network_name: "test-isolated".to_owned(),
    };
    let vm = vm.parse().unwrap();
    lab.store
        .put_mapping(&vm, &mapping, &Actor::named("operator"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_network_that_another_vm_uses_in_production_is_refused_to_a_test() {
    let lab = Lab::new().await;
    map(&lab, Purpose::Test).await;
    map_for(&lab, OTHER, Purpose::Production).await;
    let finding = networks_of(&lab).await;
    for words in ["must not reach production", OTHER] {
        assert!(finding.message.contains(words), "{finding:#?}");
    }
}

async fn networks_of(lab: &Lab) -> Finding {
    let service = lab.parts.service();
    let vm = THREE_DISKS.parse().unwrap();
    let readiness = service.readiness(&vm, FailoverType::Test).await.unwrap();
    let mut checks = readiness.checks.into_iter();
    checks.find(|c| c.rule == "network_mappings").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stored_test_mapping_marks_its_network() {
    let lab = Lab::new().await;
    map(&lab, Purpose::Test).await;
    let finding = networks_of(&lab).await;
    assert_eq!(finding.status, CheckStatus::Pass, "{finding:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_network_of_a_stored_production_mapping_is_refused_to_a_test() {
    let mut lab = Lab::new().await;
    lab.parts.target.test_networks = [TEST_ISOLATED.parse().unwrap()].into();
    map(&lab, Purpose::Production).await;
    let finding = networks_of(&lab).await;
    assert!(finding.message.contains("not mapped"), "{finding:#?}");
    map(&lab, Purpose::Test).await;
    let finding = networks_of(&lab).await;
    assert!(
        finding.message.contains("must not reach production"),
        "{finding:#?}"
    );
}
