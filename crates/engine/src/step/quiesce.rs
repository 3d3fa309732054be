//! The quiesce gate: no writer on any replica before it leaves the OMA.
//!
//! * **Done** when the database shows no active replication of the source VM and the cloud shows every
//!   replica attached to the OMA with no job on it.
//! * **Command**: none. **Postcondition**: the same facts.
//! * **Unknown outcome**: impossible; nothing is changed. If the replicas cannot be secured nothing is touched.

use ossea::Volume;

use super::{Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::{Plan, PlannedDisk};

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let vm = view.parts.inventory.vm(&view.plan.vm_id).await?;
    let Some(vm) = vm else {
        return Ok(gone(format!(
            "source VM {} is no longer in the inventory",
            view.plan.vm_id
        )));
    };
    let running = &vm.sync.active_replications;
    if !running.is_empty() {
        return Ok(blocked(format!(
            "the migration tool still writes to its replicas: {}",
            running.join(", ")
        )));
    }
    let mut seen = Vec::with_capacity(view.plan.disks.len());
    for disk in &view.plan.disks {
        seen.push(view.parts.cloud.volume(&disk.volume).await?);
    }
    Ok(judge(view.plan, &seen))
}

fn judge(plan: &Plan, seen: &[Option<Volume>]) -> Observation {
    for (disk, volume) in plan.disks.iter().zip(seen) {
        if let Some(problem) = problem_of(plan, disk, volume.as_ref()) {
            return problem;
        }
    }
    Observation::Done(StepFacts::Plain)
}

fn problem_of(plan: &Plan, disk: &PlannedDisk, volume: Option<&Volume>) -> Option<Observation> {
    let Some(volume) = volume else {
        return Some(gone(format!(
            "replica {} of {} does not exist in the cloud",
            disk.volume, disk.label
        )));
    };
    match &volume.attachment {
        Some(at) if at.vm == plan.oma => in_between(volume),
        Some(at) => Some(blocked(format!(
            "replica {} is on VM {} and not on the OMA",
            volume.name, at.vm_name
        ))),
        None => Some(blocked(format!(
            "replica {} is on no VM and not on the OMA",
            volume.name
        ))),
    }
}
