//! Takes the rollback point of a test as one disk-only VM snapshot of the stopped destination VM, when all replicas
//! hang on it. From then on nothing can be attached or detached until it is deleted (`cloudstack-api.md` 5(a)).
//!
//! * **Done** when a VM snapshot of the job's name is `Ready` and holds disks only.
//! * **Command**: `createVMSnapshot`, an async create. **Postcondition**: as above.
//! * **Unknown outcome**: the name is unique to the job, so the first attempt is found by VM and name. A leftover of a
//!   cut-off attempt (`Error`) is deleted before another one is taken; no guest has written yet.
//! * **Undo**: `revert_vm_snapshot` when a guest was started, then `delete_vm_snapshot`.

use failover_domain::CloudVmId;
use ossea::{CloudVm, Command, VmSnapshot, VmSnapshotKind, VmSnapshotState, VmState};

use super::{Looked, Observation, View, blocked, gone};
use crate::event::StepFacts;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let id = match view.vm() {
        Ok(id) => id,
        Err(observation) => return Ok(observation),
    };
    let Some(name) = view.plan.vm_snapshot_name() else {
        return Ok(blocked("the plan has no VM snapshot".to_owned()));
    };
    let vm = view.parts.cloud.vm(id).await?;
    let taken = view.parts.cloud.vm_snapshots_of(id).await?;
    Ok(judge(name, id, vm.as_ref(), &taken))
}

fn judge(name: &str, id: &CloudVmId, vm: Option<&CloudVm>, taken: &[VmSnapshot]) -> Observation {
    let Some(vm) = vm else {
        return gone(format!("destination VM {id} is gone"));
    };
    if let Some(foreign) = taken.iter().find(|s| s.name != name) {
        return blocked(format!(
            "somebody took VM snapshot {} of destination VM {}",
            foreign.name, vm.name
        ));
    }
    let Some(ours) = taken.first() else {
        return match &vm.state {
            VmState::Stopped => Observation::Act(Command::CreateVmSnapshot {
                vm: id.clone(),
                name: name.to_owned(),
                description: "rollback point of a test failover".to_owned(),
            }),
            VmState::Stopping | VmState::Migrating => {
                Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state))
            }
            VmState::Starting
            | VmState::Running
            | VmState::Destroyed
            | VmState::Expunging
            | VmState::Error
            | VmState::Other(_) => blocked(format!(
                "VM {} is {} and not Stopped: a rollback point taken now would hold a guest's writes",
                vm.name,
                vm.state.word()
            )),
        };
    };
    match &ours.state {
        VmSnapshotState::Ready if ours.kind == VmSnapshotKind::Disk => {
            Observation::Done(StepFacts::VmSnapshotTaken {
                vm_snapshot: ours.id.clone(),
            })
        }
        VmSnapshotState::Ready => blocked(format!(
            "VM snapshot {name} holds {:?} and not disks alone",
            ours.kind
        )),
        VmSnapshotState::Error => Observation::Act(Command::DeleteVmSnapshot {
            snapshot: ours.id.clone(),
        }),
        VmSnapshotState::Allocated
        | VmSnapshotState::Creating
        | VmSnapshotState::Reverting
        | VmSnapshotState::Expunging
        | VmSnapshotState::Other(_) => Observation::Wait(format!("VM snapshot {name} is {:?}", ours.state)),
    }
}
