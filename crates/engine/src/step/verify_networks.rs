//! Reads back that the destination VM is on the mapped networks, in order, with the MAC addresses asked for.
//!
//! * **Done** when it is so.
//! * **Command**: none: networks are given at creation. **Postcondition**: as above.
//! * **Unknown outcome**: impossible. **Undo**: none needed.

use ossea::CloudVm;

use super::{Looked, Observation, View, blocked, gone};
use crate::event::StepFacts;
use crate::plan::Plan;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let id = match view.vm() {
        Ok(id) => id,
        Err(observation) => return Ok(observation),
    };
    let vm = view.parts.cloud.vm(id).await?;
    Ok(match vm {
        Some(vm) => judge(view.plan, &vm),
        None => gone(format!("destination VM {id} is gone")),
    })
}

fn judge(plan: &Plan, vm: &CloudVm) -> Observation {
    let wanted: Vec<&str> = plan.vm.nics.iter().map(|n| n.network_name.as_str()).collect();
    let shown: Vec<&str> = vm.nics.iter().map(|n| n.network_name.as_str()).collect();
    let same_networks = plan.vm.nics.len() == vm.nics.len()
        && plan
            .vm
            .nics
            .iter()
            .zip(&vm.nics)
            .all(|(planned, nic)| planned.network == nic.network);
    if !same_networks {
        return blocked(format!(
            "VM {} is on networks {shown:?} instead of {wanted:?}",
            vm.name
        ));
    }
    for (planned, nic) in plan.vm.nics.iter().zip(&vm.nics) {
        let Some(mac) = &planned.mac else { continue };
        if !nic.mac.eq_ignore_ascii_case(mac.as_str()) {
            let network = &planned.network_name;
            return blocked(format!(
                "the card on {network} has the MAC address {} instead of {mac}",
                nic.mac
            ));
        }
    }
    Observation::Done(StepFacts::Plain)
}
