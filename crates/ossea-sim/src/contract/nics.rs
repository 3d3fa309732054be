//! Adding and removing network cards, and choosing the default one.

use std::net::IpAddr;

use failover_domain::{CloudVmId, NicId};
use ossea::{CloudNic, Command, DeployVm, NicRequest};

use super::world::{BACKEND, FAR_NETWORK, PRODUCTION, TEST_NETWORK, UNKNOWN, World};

fn add(vm: &CloudVmId, network: &str) -> Command {
    Command::AddNic {
        vm: vm.clone(),
        network: network.parse().unwrap(),
        mac: None,
        address: None,
    }
}

fn add_at(vm: &CloudVmId, network: &str, mac: &str, address: Option<&str>) -> Command {
    Command::AddNic {
        vm: vm.clone(),
        network: network.parse().unwrap(),
        mac: Some(mac.parse().unwrap()),
        address: address.map(|text| text.parse().unwrap()),
    }
}

fn remove(vm: &CloudVmId, nic: &NicId) -> Command {
    Command::RemoveNic {
        vm: vm.clone(),
        nic: nic.clone(),
    }
}

fn choose(vm: &CloudVmId, nic: &NicId) -> Command {
    Command::UpdateDefaultNic {
        vm: vm.clone(),
        nic: nic.clone(),
    }
}

fn shape(nics: &[CloudNic]) -> Vec<(&str, Option<u32>, bool)> {
    nics.iter()
        .map(|nic| (nic.network.as_str(), nic.device, nic.is_default))
        .collect()
}

async fn card(world: &World, vm: &CloudVmId, network: &str) -> CloudNic {
    let nics = world.vm(vm).await.nics;
    let mut on = nics.into_iter().filter(|nic| nic.network.as_str() == network);
    on.next().unwrap()
}

async fn card_id(world: &World, vm: &CloudVmId, network: &str) -> NicId {
    card(world, vm, network).await.id.unwrap()
}

pub async fn a_second_card_is_added_and_is_not_the_default(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let added = add_at(&vm, BACKEND, "00:50:56:9a:01:02", None);
    assert_eq!(world.done(&added).await, Some(vm.to_string()));
    let nics = world.vm(&vm).await.nics;
    assert_eq!(
        shape(&nics),
        [(PRODUCTION, Some(0), true), (BACKEND, Some(1), false)]
    );
    assert_eq!(nics[1].mac, "00:50:56:9a:01:02");
    assert_ne!(nics[0].id, nics[1].id);
}

pub async fn the_only_card_is_replaced_by_adding_choosing_and_removing(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let old = card_id(world, &vm, PRODUCTION).await;
    world.done(&add(&vm, TEST_NETWORK)).await;
    let new = card_id(world, &vm, TEST_NETWORK).await;
    world.done(&choose(&vm, &new)).await;
    world.done(&remove(&vm, &old)).await;
    // The card that stays keeps its place.
    assert_eq!(shape(&world.vm(&vm).await.nics), [(TEST_NETWORK, Some(1), true)]);
    // The next one takes the lowest free place, and the default does not move.
    world.done(&add(&vm, BACKEND)).await;
    assert_eq!(
        shape(&world.vm(&vm).await.nics),
        [(BACKEND, Some(0), false), (TEST_NETWORK, Some(1), true)]
    );
}

pub async fn a_second_card_on_the_same_network_is_refused_in_the_job(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    assert_eq!(world.failed(&add(&vm, PRODUCTION)).await, 530);
    world.done(&add(&vm, BACKEND)).await;
    assert_eq!(world.failed(&add(&vm, BACKEND)).await, 530);
    assert_eq!(world.vm(&vm).await.nics.len(), 2);
}

pub async fn a_card_elsewhere_or_with_a_name_or_an_address_that_is_taken_is_refused_in_the_job(
    world: &World,
) {
    let vm = world.deploy_stopped("web-01").await;
    let other = DeployVm {
        nics: vec![NicRequest {
            network: BACKEND.parse().unwrap(),
            mac: Some("00:50:56:9a:01:02".parse().unwrap()),
        }],
        ..world.deployment("web-02")
    };
    let other = world.deployed(other).await;
    let namesake = DeployVm {
        nics: vec![NicRequest {
            network: TEST_NETWORK.parse().unwrap(),
            mac: None,
        }],
        ..world.deployment("WEB-01")
    };
    world.deployed(namesake).await;
    world
        .done(&Command::StartVirtualMachine { vm: other.clone() })
        .await;
    let taken = card(world, &other, BACKEND).await.address.unwrap().to_string();
    let refused = [
        ("another zone", add(&vm, FAR_NETWORK)),
        ("the name is taken there", add(&vm, TEST_NETWORK)),
        (
            "the MAC address is in use",
            add_at(&vm, BACKEND, "00:50:56:9a:01:02", None),
        ),
        (
            "the address is in use",
            add_at(&vm, BACKEND, "00:50:56:9a:01:03", Some(&taken)),
        ),
        (
            "the address is not of the network",
            add_at(&vm, BACKEND, "00:50:56:9a:01:03", Some("192.0.2.1")),
        ),
    ];
    for (why, command) in refused {
        assert_eq!(world.failed(&command).await, 530, "{why}");
    }
    assert_eq!(world.vm(&vm).await.nics.len(), 1);
    // A MAC address is unique on its network only.
    world
        .done(&add_at(&other, PRODUCTION, "00:50:56:9a:01:02", None))
        .await;
    let foreign_family = Command::AddNic {
        vm: vm.clone(),
        network: BACKEND.parse().unwrap(),
        mac: None,
        address: Some("2001:db8::1".parse::<IpAddr>().unwrap()),
    };
    assert_eq!(world.refused(&foreign_family).await, 431);
}

pub async fn the_default_card_stays_and_is_not_chosen_again(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let default = card_id(world, &vm, PRODUCTION).await;
    assert_eq!(world.failed(&remove(&vm, &default)).await, 431);
    assert_eq!(world.failed(&choose(&vm, &default)).await, 530);
    assert_eq!(shape(&world.vm(&vm).await.nics), [(PRODUCTION, Some(0), true)]);
}

pub async fn a_card_that_never_was_is_refused_at_once_and_one_that_is_gone_in_the_job(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let unknown: NicId = UNKNOWN.parse().unwrap();
    assert_eq!(world.refused(&remove(&vm, &unknown)).await, 431);
    assert_eq!(world.refused(&choose(&vm, &unknown)).await, 431);
    assert_eq!(world.refused(&add(&vm, UNKNOWN)).await, 431);
    assert_eq!(world.refused(&add(&UNKNOWN.parse().unwrap(), BACKEND)).await, 431);
    world.done(&add(&vm, BACKEND)).await;
    let gone = card_id(world, &vm, BACKEND).await;
    world.done(&remove(&vm, &gone)).await;
    assert_eq!(world.failed(&remove(&vm, &gone)).await, 431);
    assert_eq!(world.failed(&choose(&vm, &gone)).await, 431);
    // A card of another VM is no better.
    let other = world.deploy_stopped("web-02").await;
    let foreign = card_id(world, &other, PRODUCTION).await;
    assert_eq!(world.failed(&choose(&vm, &foreign)).await, 431);
    assert_eq!(world.failed(&remove(&vm, &foreign)).await, 431);
}

pub async fn a_card_added_to_a_running_vm_takes_an_address(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.done(&Command::StartVirtualMachine { vm: vm.clone() }).await;
    let address = "127.30.2.77";
    world
        .done(&add_at(&vm, BACKEND, "00:50:56:9a:01:02", Some(address)))
        .await;
    let seen = card(world, &vm, BACKEND).await;
    assert_eq!(seen.address, Some(address.parse().unwrap()));
}
