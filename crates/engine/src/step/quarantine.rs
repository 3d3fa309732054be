//! Marks a replica for a full synchronisation, because its rollback point was given up.
//!
//! * **Done** when the inventory, where the migration tool reads it, shows the mark.
//! * **Command**: none of the cloud; the mark is set, which may be repeated. **Postcondition**: as above.
//! * **Unknown outcome**: set it again. The replica does not return before the mark was read back.

use failover_domain::SourceVm;

use super::{Looked, Observation, View, gone};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;
use crate::ports::ResyncMark;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let inventory = &view.parts.inventory;
    inventory.mark_resync(&planned.volume, ResyncMark::Needed).await?;
    let vm = inventory.vm(&view.plan.vm_id).await?;
    Ok(judge(planned, vm.as_ref()))
}

fn judge(disk: &PlannedDisk, vm: Option<&SourceVm>) -> Observation {
    let mut replicas = vm
        .iter()
        .flat_map(|vm| &vm.disks)
        .filter_map(|d| d.replica.as_ref());
    match replicas.find(|r| r.volume_id == disk.volume) {
        Some(replica) if replica.needs_full_resync => Observation::Done(StepFacts::Plain),
        Some(_) => Observation::Wait(format!(
            "the mark on replica {} is not there yet",
            disk.volume_name
        )),
        None => gone(format!(
            "replica {} is no longer in the inventory, so the migration tool would not see that it needs a full \
             synchronisation",
            disk.volume
        )),
    }
}
