//! Deletes the VM snapshot of a test, so that its replicas can be detached. Deleting keeps the present content, so it
//! comes after the revert, or where no guest was started, or where a person gave the rollback point up.
//!
//! * **Done** when the destination VM has no VM snapshot of the job's name.
//! * **Command**: `deleteVMSnapshot`. **Postcondition**: as above.
//! * **Unknown outcome**: look, and delete what is still there.
//! * A dirty replica whose rollback point was not given up is refused here, whatever the planner thought.

use ossea::{Command, VmSnapshot, VmSnapshotState};

use super::{Looked, Observation, View, blocked, find_vm};
use crate::event::StepFacts;
use crate::plan::Plan;
use crate::ports::Custody;
use crate::state::{DiskState, JobState};

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let cloud = view.parts.cloud.as_ref();
    let Some(vm) = find_vm(cloud, view.job_id, view.plan, view.state).await? else {
        return Ok(Observation::Done(StepFacts::Plain));
    };
    let taken = cloud.vm_snapshots_of(&vm.id).await?;
    Ok(judge(view.plan, view.state, &taken))
}

fn judge(plan: &Plan, state: &JobState, taken: &[VmSnapshot]) -> Observation {
    let ours = taken
        .iter()
        .find(|s| Some(s.name.as_str()) == plan.vm_snapshot_name());
    let Some(ours) = ours else {
        return Observation::Done(StepFacts::Plain);
    };
    let holds_writes = |d: &&DiskState| d.needs_revert() && matches!(d.custody, Custody::Destination { .. });
    if state.disks.iter().any(|d| holds_writes(&d)) {
        return blocked(format!(
            "VM snapshot {} is the only way back from the guest's writes; deleting it would make them permanent",
            ours.name
        ));
    }
    match &ours.state {
        VmSnapshotState::Ready | VmSnapshotState::Error | VmSnapshotState::Expunging => {
            Observation::Act(Command::DeleteVmSnapshot {
                snapshot: ours.id.clone(),
            })
        }
        VmSnapshotState::Allocated
        | VmSnapshotState::Creating
        | VmSnapshotState::Reverting
        | VmSnapshotState::Other(_) => {
            Observation::Wait(format!("VM snapshot {} is {:?}", ours.name, ours.state))
        }
    }
}
