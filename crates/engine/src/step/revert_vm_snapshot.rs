//! Brings all replicas on the stopped test VM back to their rollback point.
//!
//! * **Done** when the cloud said that the revert succeeded and the VM snapshot is `Ready` again. A revert leaves no
//!   other trace, so without the cloud's word it is done again: it ends in the same content.
//! * **Command**: `revertToVMSnapshot`, repeatable while the VM is stopped. **Postcondition**: as above.
//! * **Unknown outcome**: repeat. Until it is proven, the VM snapshot is not deleted: that would make the guest's
//!   writes permanent.

use failover_domain::Decision;
use ossea::{CloudVm, Command, VmSnapshot, VmSnapshotState, VmState};

use super::{Evidence, Looked, Observation, View, blocked, find_vm, gone};
use crate::event::StepFacts;
use crate::state::DiskState;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let cloud = view.parts.cloud.as_ref();
    let Some(vm) = find_vm(cloud, view.job_id, view.plan, view.state).await? else {
        return Ok(gone("the destination VM is gone".to_owned()));
    };
    let taken = cloud.vm_snapshots_of(&vm.id).await?;
    let ours = taken
        .iter()
        .find(|s| Some(s.name.as_str()) == view.plan.vm_snapshot_name());
    // Decided after this step was planned: what is kept for inspection must not be reverted.
    let is_kept = |d: &DiskState| d.needs_revert() && d.decision == Some(Decision::Keep);
    if *view.evidence != Evidence::Succeeded && view.state.disks.iter().any(is_kept) {
        return Ok(blocked(format!("VM {} is kept for inspection", vm.name)));
    }
    Ok(judge(&vm, ours, view.evidence))
}

fn judge(vm: &CloudVm, ours: Option<&VmSnapshot>, evidence: &Evidence) -> Observation {
    if vm.state != VmState::Stopped {
        return blocked(format!("VM {} is {} and not Stopped", vm.name, vm.state.word()));
    }
    let Some(ours) = ours else {
        return gone(format!("the rollback point of VM {} is gone", vm.name));
    };
    match &ours.state {
        VmSnapshotState::Ready if *evidence == Evidence::Succeeded => Observation::Done(StepFacts::Plain),
        VmSnapshotState::Ready => Observation::Act(Command::RevertToVmSnapshot {
            snapshot: ours.id.clone(),
        }),
        VmSnapshotState::Reverting
        | VmSnapshotState::Allocated
        | VmSnapshotState::Creating
        | VmSnapshotState::Other(_) => {
            Observation::Wait(format!("VM snapshot {} is {:?}", ours.name, ours.state))
        }
        VmSnapshotState::Expunging | VmSnapshotState::Error => gone(format!(
            "VM snapshot {} is {:?} and cannot be reverted to",
            ours.name, ours.state
        )),
    }
}
