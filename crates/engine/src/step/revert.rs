//! Brings a replica back to its rollback point while it hangs on no VM.
//!
//! * **Done** when the cloud said that the revert succeeded and the volume is `Ready`. A revert leaves no
//!   other trace, so without the cloud's word it is done again: it ends in the same content.
//! * **Command**: `revertSnapshot`, repeatable. **Postcondition**: as above.
//! * **Unknown outcome**: repeat. Until it is proven, the replica stays dirty and does not return.

use failover_domain::Decision;
use ossea::{Command, Volume};

use super::{Evidence, Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;
use crate::state::DiskState;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    Ok(judge(
        planned,
        &view.state.disks[disk],
        view.evidence,
        volume.as_ref(),
    ))
}

fn judge(disk: &PlannedDisk, state: &DiskState, evidence: &Evidence, volume: Option<&Volume>) -> Observation {
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(wait) = in_between(volume) {
        return wait;
    }
    if let Some(at) = &volume.attachment {
        return blocked(format!(
            "replica {} is on VM {} and not detached",
            volume.name, at.vm_name
        ));
    }
    if *evidence == Evidence::Succeeded {
        return Observation::Done(StepFacts::Plain);
    }
    // Decided after this step was planned: what is kept for inspection must not be reverted.
    if state.decision == Some(Decision::Keep) {
        return blocked(format!("replica {} is kept for inspection", volume.name));
    }
    match &state.snapshot {
        Some(snapshot) => Observation::Act(Command::RevertSnapshot {
            snapshot: snapshot.clone(),
        }),
        None => gone(format!(
            "replica {} is dirty and has no rollback point",
            volume.name
        )),
    }
}
