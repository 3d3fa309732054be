//! Snapshots of all disks of a VM, and what they forbid meanwhile.

use std::collections::BTreeSet;

use failover_domain::{CloudVmId, VmSnapshotId, VolumeId};
use ossea::{Accepted, Command, EmptiedVm, StopMode, VmSnapshotKind, VmSnapshotState, VmState};

use super::world::{BACKEND, DISK0, DISK1, TEST_NETWORK, UNKNOWN, World};

fn create(vm: &CloudVmId, name: &str) -> Command {
    Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: name.to_owned(),
        description: "a rollback point".to_owned(),
    }
}

fn revert(snapshot: &VmSnapshotId) -> Command {
    Command::RevertToVmSnapshot {
        snapshot: snapshot.clone(),
    }
}

fn delete(snapshot: &VmSnapshotId) -> Command {
    Command::DeleteVmSnapshot {
        snapshot: snapshot.clone(),
    }
}

fn attach(volume: &VolumeId, vm: &CloudVmId, device: u32) -> Command {
    Command::AttachVolume {
        volume: volume.clone(),
        vm: vm.clone(),
        device: Some(device),
    }
}

fn detach(volume: &VolumeId) -> Command {
    Command::DetachVolume {
        volume: volume.clone(),
    }
}

fn disks() -> [VolumeId; 2] {
    [DISK0.parse().unwrap(), DISK1.parse().unwrap()]
}

/// A stopped VM whose disks are the two replicas.
async fn failed_over(world: &World) -> CloudVmId {
    let vm = world.deploy_without_root("web-01").await;
    for (disk, device) in disks().iter().zip(0..) {
        world.done(&detach(disk)).await;
        world.done(&attach(disk, &vm, device)).await;
    }
    vm
}

async fn snapshotted(world: &World, vm: &CloudVmId, name: &str) -> VmSnapshotId {
    world.done(&create(vm, name)).await.unwrap().parse().unwrap()
}

async fn states(world: &World, vm: &CloudVmId) -> Vec<VmSnapshotState> {
    let shown = world.client().vm_snapshots_of(vm).await.unwrap();
    shown.into_iter().map(|snapshot| snapshot.state).collect()
}

pub async fn the_disks_of_a_stopped_vm_are_snapshotted(world: &World) {
    let vm = failed_over(world).await;
    assert_eq!(world.client().vm_snapshots_of(&vm).await.unwrap(), []);
    let accepted = world.submit(&create(&vm, "point 0~ä")).await.unwrap();
    let Accepted::Job {
        job,
        created: Some(created),
    } = accepted
    else {
        panic!("{accepted:?}")
    };
    assert_eq!(world.object_of(&job).await, Some(created.clone()));
    let id: VmSnapshotId = created.parse().unwrap();
    let seen = world.client().vm_snapshot(&id).await.unwrap().unwrap();
    assert_eq!(
        (
            seen.name.as_str(),
            &seen.vm,
            &seen.state,
            &seen.kind,
            seen.current
        ),
        (
            "point 0~ä",
            &vm,
            &VmSnapshotState::Ready,
            &VmSnapshotKind::Disk,
            true
        )
    );
    assert_eq!(world.client().vm_snapshots_of(&vm).await.unwrap(), [seen]);
}

pub async fn a_name_is_used_once_on_each_vm(world: &World) {
    let vm = failed_over(world).await;
    let first = snapshotted(world, &vm, "point").await;
    assert_eq!(world.refused(&create(&vm, "point")).await, 530);
    assert_eq!(states(world, &vm).await.len(), 1);
    world.done(&delete(&first)).await;
    snapshotted(world, &vm, "point").await;
}

pub async fn every_refusal_inside_the_call_is_a_530(world: &World) {
    let unstarted = world.deploy_stopped("web-02").await;
    assert_eq!(
        world.refused(&create(&unstarted, "point")).await,
        530,
        "the root is on no storage yet"
    );
    let rootless = world.deploy_without_root("web-03").await;
    assert_eq!(world.refused(&create(&rootless, "point")).await, 530, "no root");
    let vm = failed_over(world).await;
    assert_eq!(
        world.refused(&create(&vm, &"n".repeat(256))).await,
        530,
        "the name is too long"
    );
    world.destroy(&unstarted).await;
    assert_eq!(
        world.refused(&create(&unstarted, "point")).await,
        530,
        "the VM is gone"
    );
    for vm in [&rootless, &vm] {
        assert_eq!(states(world, vm).await, []);
    }
}

pub async fn what_never_was_is_refused_at_once(world: &World) {
    assert_eq!(
        world.refused(&create(&UNKNOWN.parse().unwrap(), "point")).await,
        431
    );
    let snapshot = UNKNOWN.parse().unwrap();
    assert_eq!(world.refused(&revert(&snapshot)).await, 431);
    assert_eq!(world.refused(&delete(&snapshot)).await, 431);
    assert_eq!(world.client().vm_snapshot(&snapshot).await.unwrap(), None);
    assert!(
        world
            .client()
            .vm_snapshots_of(&UNKNOWN.parse().unwrap())
            .await
            .is_err()
    );
}

pub async fn the_snapshots_of_a_vm_are_shown_newest_first(world: &World) {
    let vm = failed_over(world).await;
    for name in ["one", "two", "three"] {
        snapshotted(world, &vm, name).await;
    }
    let shown = world.client().vm_snapshots_of(&vm).await.unwrap();
    let seen: Vec<(&str, bool)> = shown
        .iter()
        .map(|snapshot| (snapshot.name.as_str(), snapshot.current))
        .collect();
    assert_eq!(seen, [("three", true), ("two", false), ("one", false)]);
}

pub async fn disks_and_cards_are_frozen_until_the_last_snapshot_is_deleted(world: &World) {
    let vm = failed_over(world).await;
    let [root, disk] = disks();
    let spare = world.deploy_with_loose_root("web-02").await.1.id;
    let add = |network: &str| Command::AddNic {
        vm: vm.clone(),
        network: network.parse().unwrap(),
        mac: None,
        address: None,
    };
    world.done(&add(BACKEND)).await;
    // Nothing but the snapshot keeps this card from being removed or chosen.
    let card = world.vm(&vm).await.nics[1].id.clone().unwrap();
    let snapshot = snapshotted(world, &vm, "point").await;
    let remove = Command::RemoveNic {
        vm: vm.clone(),
        nic: card.clone(),
    };
    let frozen = [
        attach(&spare, &vm, 2),
        detach(&disk),
        detach(&root),
        add(TEST_NETWORK),
        remove.clone(),
        Command::UpdateDefaultNic {
            vm: vm.clone(),
            nic: card,
        },
    ];
    for command in &frozen {
        assert_eq!(world.failed(command).await, 431, "{command}");
    }
    // Starting and stopping go on, and do not thaw anything.
    world.done(&Command::StartVirtualMachine { vm: vm.clone() }).await;
    assert_eq!(world.failed(&detach(&disk)).await, 431);
    world
        .done(&Command::StopVirtualMachine {
            vm: vm.clone(),
            mode: StopMode::Graceful,
        })
        .await;
    world.done(&delete(&snapshot)).await;
    world.done(&add(TEST_NETWORK)).await;
    world.done(&remove).await;
    world.done(&attach(&spare, &vm, 2)).await;
    world.done(&detach(&disk)).await;
    world.done(&detach(&root)).await;
}

pub async fn going_back_needs_a_stopped_vm_and_can_be_repeated(world: &World) {
    let vm = failed_over(world).await;
    let snapshot = snapshotted(world, &vm, "point").await;
    world.done(&Command::StartVirtualMachine { vm: vm.clone() }).await;
    assert_eq!(world.failed(&revert(&snapshot)).await, 431);
    world
        .done(&Command::StopVirtualMachine {
            vm: vm.clone(),
            mode: StopMode::Graceful,
        })
        .await;
    for _ in 0..2 {
        assert_eq!(world.done(&revert(&snapshot)).await, Some(vm.to_string()));
        assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
        assert_eq!(states(world, &vm).await, [VmSnapshotState::Ready]);
    }
}

pub async fn a_deleted_vm_snapshot_is_gone_and_deleted_only_once(world: &World) {
    let vm = failed_over(world).await;
    let snapshot = snapshotted(world, &vm, "point").await;
    assert_eq!(world.done(&delete(&snapshot)).await, None);
    assert_eq!(world.client().vm_snapshot(&snapshot).await.unwrap(), None);
    assert_eq!(states(world, &vm).await, []);
    assert_eq!(world.failed(&delete(&snapshot)).await, 431);
    assert_eq!(world.failed(&revert(&snapshot)).await, 431);
}

pub async fn a_vm_has_at_most_ten_snapshots(world: &World) {
    let vm = failed_over(world).await;
    for number in 1..=10 {
        snapshotted(world, &vm, &format!("point {number}")).await;
    }
    assert_eq!(world.refused(&create(&vm, "point 11")).await, 530);
    assert_eq!(states(world, &vm).await.len(), 10);
}

pub async fn a_volume_is_not_snapshotted_beside_a_vm_snapshot(world: &World) {
    let vm = failed_over(world).await;
    let [disk, _] = disks();
    let of_volume = Command::CreateSnapshot {
        volume: disk.clone(),
        name: "point".to_owned(),
    };
    let snapshot = snapshotted(world, &vm, "point").await;
    assert_eq!(world.failed(&of_volume).await, 432);
    assert_eq!(
        world.client().snapshots_of(&disk).await.unwrap(),
        [],
        "the row is gone"
    );
    world.done(&delete(&snapshot)).await;
    world.done(&of_volume).await;
}

pub async fn beside_a_volume_snapshot_it_fails_in_the_job_and_freezes_the_vm(world: &World) {
    let vm = failed_over(world).await;
    let [root, disk] = disks();
    let of_volume = Command::CreateSnapshot {
        volume: disk.clone(),
        name: "point".to_owned(),
    };
    let volume_snapshot = world.done(&of_volume).await.unwrap().parse().unwrap();
    assert_eq!(world.failed(&create(&vm, "point")).await, 530);
    let [left] = &world.client().vm_snapshots_of(&vm).await.unwrap()[..] else {
        panic!("the row stays")
    };
    assert_eq!((&left.state, left.current), (&VmSnapshotState::Error, false));
    assert_eq!(world.failed(&detach(&root)).await, 431);
    let back = Command::RevertSnapshot {
        snapshot: volume_snapshot,
    };
    assert_eq!(world.failed(&back).await, 431);
    assert_eq!(world.failed(&revert(&left.id)).await, 431);
    world.done(&delete(&left.id)).await;
    world.done(&back).await;
    world.done(&detach(&root)).await;
}

pub async fn a_destroyed_vm_takes_its_snapshots_along(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await.id;
    world.done(&Command::StartVirtualMachine { vm: vm.clone() }).await;
    let snapshot = snapshotted(world, &vm, "point").await;
    let shown = world.volumes_on(&vm).await;
    let proof = EmptiedVm::prove(&vm, &shown, &BTreeSet::new(), Some(&root)).unwrap();
    world.done(&Command::DestroyVirtualMachine { vm: proof }).await;
    assert_eq!(world.client().vm_snapshot(&snapshot).await.unwrap(), None);
    assert_eq!(states(world, &vm).await, []);
    assert_eq!(world.failed(&delete(&snapshot)).await, 431);
}
