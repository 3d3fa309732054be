//! Takes a replica off the OMA.
//!
//! * **Done** when the cloud shows the replica on no VM.
//! * **Command**: `detachVolume`. **Postcondition**: as above.
//! * **Unknown outcome**: look; a replica that still hangs on the OMA is detached again. CloudStack refuses a
//!   guest that does not let go within 10 s and leaves the volume attached, so trying again is safe.
//! * **Undo**: `return_to_oma`.

use ossea::{Command, Volume};

use super::{Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::{Plan, PlannedDisk};

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    Ok(judge(view.plan, planned, volume.as_ref()))
}

fn judge(plan: &Plan, disk: &PlannedDisk, volume: Option<&Volume>) -> Observation {
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(wait) = in_between(volume) {
        return wait;
    }
    match &volume.attachment {
        None => Observation::Done(StepFacts::Plain),
        Some(at) if at.vm == plan.oma => Observation::Act(Command::DetachVolume {
            volume: disk.volume.clone(),
        }),
        Some(at) => blocked(format!(
            "replica {} is on VM {} and not on the OMA",
            volume.name, at.vm_name
        )),
    }
}
