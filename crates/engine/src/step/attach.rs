//! Attaches a replica to the destination VM at its device.
//!
//! * **Done** when the cloud shows the replica on the destination VM at the planned device.
//! * **Command**: `attachVolume` with an explicit device. **Postcondition**: as above.
//! * **Unknown outcome**: look, and attach again if it hangs on no VM.
//! * **Undo**: `detach_from_destination`, then `return_to_oma`.

use failover_domain::CloudVmId;
use ossea::{Command, Volume};

use super::{Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let vm = match view.vm() {
        Ok(vm) => vm,
        Err(observation) => return Ok(observation),
    };
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    Ok(judge(planned, vm, volume.as_ref()))
}

fn judge(disk: &PlannedDisk, vm: &CloudVmId, volume: Option<&Volume>) -> Observation {
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(wait) = in_between(volume) {
        return wait;
    }
    let device = disk.destination_device;
    match &volume.attachment {
        None => Observation::Act(Command::AttachVolume {
            volume: disk.volume.clone(),
            vm: vm.clone(),
            device: Some(device),
        }),
        Some(at) if at.vm == *vm && at.device == Some(device) => Observation::Done(StepFacts::Attached {
            disk: disk.disk,
            device,
        }),
        Some(at) => blocked(format!(
            "replica {} is on VM {} at device {:?} instead of device {device} of the destination VM",
            volume.name, at.vm_name, at.device
        )),
    }
}
