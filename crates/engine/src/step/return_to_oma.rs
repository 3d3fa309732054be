//! Brings a clean replica back to the OMA, at its old device where that is free.
//!
//! * **Done** when the cloud shows the replica on the OMA; the device that was read back is recorded.
//! * **Command**: `attachVolume`. **Postcondition**: as above.
//! * **Unknown outcome**: look, and attach again if it hangs on no VM.
//! * A dirty replica is refused here, whatever the planner thought, unless it was marked for a full
//!   synchronisation.

use ossea::{Command, Volume};

use super::{Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::{Plan, PlannedDisk};
use crate::state::DiskState;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    let on_oma = match &volume {
        Some(v) if v.attachment.is_none() => view.parts.cloud.volumes_on(&view.plan.oma).await?,
        Some(_) | None => Vec::new(),
    };
    Ok(judge(
        view.plan,
        planned,
        &view.state.disks[disk],
        volume.as_ref(),
        &on_oma,
    ))
}

fn judge(
    plan: &Plan,
    disk: &PlannedDisk,
    state: &DiskState,
    volume: Option<&Volume>,
    on_oma: &[Volume],
) -> Observation {
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(wait) = in_between(volume) {
        return wait;
    }
    match &volume.attachment {
        Some(at) if at.vm == plan.oma => {
            let device = at.device.unwrap_or(disk.oma_device);
            Observation::Done(StepFacts::Attached {
                disk: disk.disk,
                device,
            })
        }
        Some(at) => blocked(format!(
            "replica {} is on VM {} and not detached",
            volume.name, at.vm_name
        )),
        None if state.needs_revert() || state.needs_mark() => blocked(format!(
            "replica {} is dirty and does not return as clean",
            volume.name
        )),
        None => {
            let taken = |v: &Volume| {
                v.attachment
                    .as_ref()
                    .is_some_and(|at| at.device == Some(disk.oma_device))
            };
            // Somebody may have attached another volume there meanwhile; any free device is better than none.
            let device = if on_oma.iter().any(taken) {
                None
            } else {
                Some(disk.oma_device)
            };
            Observation::Act(Command::AttachVolume {
                volume: disk.volume.clone(),
                vm: plan.oma.clone(),
                device,
            })
        }
    }
}
