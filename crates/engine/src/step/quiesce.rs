//! The quiesce gate: no writer on any replica before it leaves the OMA.
//!
//! * **Done** when the database shows no active replication of the source VM, the cloud shows every replica attached
//!   to the OMA with no job on it, and the migration tool, where it is asked, says that it has let go of them.
//! * **Command**: none of the cloud; the migration tool is asked under a key that never changes.
//!   **Postcondition**: the same facts, its answer included.
//! * **Unknown outcome**: ask again under the same key. If the replicas cannot be secured nothing is touched.
//! * **Undo**: `resume`.

use ossea::Volume;

use super::{Evidence, Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::{Plan, PlannedDisk};
use crate::writer::WriterWish;

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
    let is_asked = view.parts.writer.hears(WriterWish::Quiesce);
    Ok(judge(view.plan, &seen, is_asked, view.evidence))
}

fn judge(plan: &Plan, seen: &[Option<Volume>], is_asked: bool, evidence: &Evidence) -> Observation {
    for (disk, volume) in plan.disks.iter().zip(seen) {
        if let Some(problem) = problem_of(plan, disk, volume.as_ref()) {
            return problem;
        }
    }
    if is_asked && *evidence != Evidence::Succeeded {
        return Observation::Ask(WriterWish::Quiesce);
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
