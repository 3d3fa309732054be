//! Reads back that the destination VM shows exactly the planned disks at the planned devices.
//!
//! * **Done** when it is so: nothing missing, nothing else, every volume `Ready`.
//! * **Command**: none. **Postcondition**: as above.
//! * **Unknown outcome**: impossible. **Undo**: none needed.

use std::collections::BTreeMap;

use failover_domain::VolumeId;
use ossea::Volume;

use super::{Looked, Observation, View, blocked, in_between};
use crate::event::StepFacts;
use crate::plan::Plan;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let vm = match view.vm() {
        Ok(vm) => vm,
        Err(observation) => return Ok(observation),
    };
    let volumes = view.parts.cloud.volumes_on(vm).await?;
    Ok(judge(view.plan, &volumes))
}

fn judge(plan: &Plan, volumes: &[Volume]) -> Observation {
    if let Some(wait) = volumes.iter().find_map(in_between) {
        return wait;
    }
    let shown: BTreeMap<&VolumeId, Option<u32>> = volumes
        .iter()
        .map(|v| (&v.id, v.attachment.as_ref().and_then(|at| at.device)))
        .collect();
    let wanted: BTreeMap<&VolumeId, Option<u32>> = plan
        .disks
        .iter()
        .map(|d| (&d.volume, Some(d.destination_device)))
        .collect();
    if shown == wanted {
        Observation::Done(StepFacts::Plain)
    } else {
        blocked(format!(
            "the cloud shows volumes at devices {shown:?} instead of {wanted:?}"
        ))
    }
}
