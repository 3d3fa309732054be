//! Takes the scratch root off the destination VM, so that device 0 is free.
//!
//! * **Done** when the cloud shows the scratch root on no VM, or not at all.
//! * **Command**: `detachVolume`; a database change only, the volume was never allocated on storage.
//!   **Postcondition**: as above.
//! * **Unknown outcome**: look, and detach again if it is still attached. **Undo**: none needed.

use failover_domain::VolumeId;
use ossea::{Command, Volume};

use super::{Looked, Observation, View, blocked};
use crate::event::StepFacts;
use crate::plan::Plan;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let Some(root) = &view.state.scratch_root else {
        return Ok(Observation::Done(StepFacts::Plain));
    };
    let volume = view.parts.cloud.volume(root).await?;
    Ok(judge(view.plan, root, view.state.vm.as_ref(), volume.as_ref()))
}

fn judge(
    plan: &Plan,
    root: &VolumeId,
    vm: Option<&failover_domain::CloudVmId>,
    volume: Option<&Volume>,
) -> Observation {
    if plan.disks.iter().any(|d| d.volume == *root) {
        return blocked(format!("volume {root} is a replica and no scratch root"));
    }
    let Some(volume) = volume else {
        return Observation::Done(StepFacts::Plain);
    };
    if let Some(job) = &volume.pending_job {
        return Observation::Wait(format!(
            "scratch root {} is busy with the cloud's job {job}",
            volume.name
        ));
    }
    match &volume.attachment {
        None => Observation::Done(StepFacts::Plain),
        Some(at) if Some(&at.vm) == vm => Observation::Act(Command::DetachVolume { volume: root.clone() }),
        Some(at) => blocked(format!(
            "scratch root {} is on another VM, {}",
            volume.name, at.vm_name
        )),
    }
}
