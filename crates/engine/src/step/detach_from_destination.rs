//! Takes a replica off the destination VM on the way back.
//!
//! * **Done** when the cloud shows the replica anywhere but on the destination VM.
//! * **Command**: `detachVolume`, on the stopped VM. **Postcondition**: as above.
//! * **Unknown outcome**: look, and detach again if it is still there.

use failover_domain::CloudVmId;
use ossea::{Command, Volume};

use super::{Looked, Observation, View, gone, in_between};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    Ok(judge(planned, view.state.vm.as_ref(), volume.as_ref()))
}

fn judge(disk: &PlannedDisk, vm: Option<&CloudVmId>, volume: Option<&Volume>) -> Observation {
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(wait) = in_between(volume) {
        return wait;
    }
    match &volume.attachment {
        Some(at) if Some(&at.vm) == vm => Observation::Act(Command::DetachVolume {
            volume: disk.volume.clone(),
        }),
        Some(_) | None => Observation::Done(StepFacts::Plain),
    }
}
