//! The ends of VMs, and what does not end as it should.

use std::collections::BTreeSet;

use crate::WorkFault;
use crate::cloud::command::{ApiCommand, Destroy, DestroyEnd};
use failover_domain::{CloudVmId, VolumeId};
use ossea::{Accepted, Command, EmptiedVm, StopMode, VmSnapshotState, VmState, VolumeState};

use super::world::{DISK0, UNKNOWN, World};

fn start(vm: &CloudVmId) -> Command {
    Command::StartVirtualMachine { vm: vm.clone() }
}

fn stop(vm: &CloudVmId, mode: StopMode) -> Command {
    Command::StopVirtualMachine { vm: vm.clone(), mode }
}

fn recover(vm: &CloudVmId) -> Command {
    Command::RecoverVirtualMachine { vm: vm.clone() }
}

fn detach(volume: &VolumeId) -> Command {
    Command::DetachVolume {
        volume: volume.clone(),
    }
}

/// Whatever hangs on the VM may go with it.
async fn proof(world: &World, vm: &CloudVmId) -> EmptiedVm {
    let shown = world.volumes_on(vm).await;
    let root = shown.first().map(|volume| volume.id.clone());
    EmptiedVm::prove(vm, &shown, &BTreeSet::new(), root.as_ref()).unwrap()
}

/// A VM with a replica as its only disk.
async fn failed_over(world: &World) -> (CloudVmId, VolumeId) {
    let vm = world.deploy_without_root("web-01").await;
    let root: VolumeId = DISK0.parse().unwrap();
    world.done(&detach(&root)).await;
    let attach = Command::AttachVolume {
        volume: root.clone(),
        vm: vm.clone(),
        device: Some(0),
    };
    world.done(&attach).await;
    (vm, root)
}

pub async fn a_destroyed_vm_keeps_its_root_until_it_is_recovered(world: &World) {
    let (vm, root) = failed_over(world).await;
    world.interfere(ApiCommand::DestroyVirtualMachine(Destroy {
        vm: vm.clone(),
        end: DestroyEnd::Recoverable,
        volumes: Vec::new(),
    }));
    world.becomes(&vm, VmState::Destroyed).await;
    assert_eq!(world.failed(&detach(&root)).await, 431);
    assert_eq!(world.failed(&start(&vm)).await, 530);
    assert_eq!(world.submit(&recover(&vm)).await, Ok(Accepted::Done));
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
    world.done(&detach(&root)).await;
    assert_eq!(world.refused(&recover(&vm)).await, 431);
}

pub async fn only_a_destroyed_vm_is_recovered(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    assert_eq!(world.refused(&recover(&vm)).await, 431);
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
    world.destroy(&vm).await;
    assert_eq!(world.refused(&recover(&vm)).await, 431);
    assert_eq!(world.refused(&recover(&UNKNOWN.parse().unwrap())).await, 431);
}

pub async fn a_vm_that_could_not_be_expunged_is_left_in_error_and_expunged_later(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await.id;
    let vm_is_emptied = proof(world, &vm).await;
    let rule = world.fault("destroyVirtualMachine", WorkFault::ExpungeFails);
    let destroy = Command::DestroyVirtualMachine {
        vm: vm_is_emptied.clone(),
    };
    assert_eq!(world.failed(&destroy).await, 530);
    world.struck_once(rule);
    assert_eq!(world.vm(&vm).await.state, VmState::Error);
    assert_eq!(world.root_of(&vm).await.id, root);
    assert_eq!(world.failed(&start(&vm)).await, 530);
    assert_eq!(world.refused(&recover(&vm)).await, 431);
    world.done(&stop(&vm, StopMode::Graceful)).await;
    let expunge = Command::ExpungeVirtualMachine { vm: vm_is_emptied };
    let rule = world.fault("expungeVirtualMachine", WorkFault::ExpungeFails);
    assert_eq!(world.failed(&expunge).await, 530);
    world.struck_once(rule);
    assert_eq!(world.done(&expunge).await, None);
    assert_eq!(world.client().vm(&vm).await.unwrap(), None);
    assert_eq!(world.client().volume(&root).await.unwrap(), None);
    assert_eq!(world.failed(&expunge).await, 431);
}

pub async fn only_what_is_destroyed_is_expunged(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let expunge = Command::ExpungeVirtualMachine {
        vm: proof(world, &vm).await,
    };
    assert_eq!(world.failed(&expunge).await, 530);
    world.done(&start(&vm)).await;
    assert_eq!(world.failed(&expunge).await, 530);
    assert_eq!(world.vm(&vm).await.state, VmState::Running);
    let nobody = EmptiedVm::prove(&UNKNOWN.parse().unwrap(), &[], &BTreeSet::new(), None).unwrap();
    assert_eq!(
        world
            .refused(&Command::ExpungeVirtualMachine { vm: nobody })
            .await,
        431
    );
}

pub async fn a_guest_that_does_not_stop_runs_on_unless_it_is_forced(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.done(&start(&vm)).await;
    let rule = world.fault("stopVirtualMachine", WorkFault::GuestDoesNotStop);
    assert_eq!(world.failed(&stop(&vm, StopMode::Graceful)).await, 530);
    world.struck_once(rule);
    assert_eq!(world.vm(&vm).await.state, VmState::Running);
    let rule = world.fault("stopVirtualMachine", WorkFault::GuestDoesNotStop);
    world.done(&stop(&vm, StopMode::Forced)).await;
    world.struck_once(rule);
    let seen = world.vm(&vm).await;
    assert_eq!((seen.state, seen.host), (VmState::Stopped, None));
}

pub async fn a_volume_that_cannot_be_reverted_keeps_its_snapshot(world: &World) {
    let disk: VolumeId = DISK0.parse().unwrap();
    world.done(&detach(&disk)).await;
    let create = Command::CreateSnapshot {
        volume: disk.clone(),
        name: "point".to_owned(),
    };
    let snapshot = world.done(&create).await.unwrap().parse().unwrap();
    let revert = Command::RevertSnapshot { snapshot };
    let rule = world.fault("revertSnapshot", WorkFault::Unrevertable);
    assert_eq!(world.failed(&revert).await, 530);
    world.struck_once(rule);
    assert_eq!(world.volume(&disk).await.state, VolumeState::Ready);
    world.done(&revert).await;
}

pub async fn a_vm_that_cannot_be_reverted_keeps_its_snapshot(world: &World) {
    let (vm, _) = failed_over(world).await;
    let create = Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: "point".to_owned(),
        description: String::new(),
    };
    let snapshot = world.done(&create).await.unwrap().parse().unwrap();
    let rule = world.fault("revertToVMSnapshot", WorkFault::Unrevertable);
    let revert = Command::RevertToVmSnapshot { snapshot };
    assert_eq!(world.failed(&revert).await, 530);
    world.struck_once(rule);
    let shown = world.client().vm_snapshots_of(&vm).await.unwrap();
    assert_eq!(shown[0].state, VmSnapshotState::Ready);
    world.done(&revert).await;
}
