//! `source_power_state`: two VMs with one identity must not run at once.

use failover_domain::PowerState;
use serde_json::json;

use crate::outcome::{Outcome, unknown_vm};
use crate::view::View;

pub(crate) fn check(view: &View<'_>) -> Outcome {
    let Some(vm) = view.vm() else { return unknown_vm() };
    let details = json!({ "power_state": vm.power_state });
    let remedy = "Shut the source VM down, synchronise once more, and let the migration tool report it.";
    match vm.power_state {
        PowerState::PoweredOff => Outcome::pass(format!("source VM {} is powered off", vm.name), details),
        PowerState::PoweredOn => Outcome::fail(
            format!(
                "source VM {} is still powered on: what it writes now is lost, and it keeps its addresses",
                vm.name
            ),
            remedy,
            details,
        ),
        PowerState::Suspended => Outcome::fail(
            format!(
                "source VM {} is suspended: what its memory holds is lost",
                vm.name
            ),
            remedy,
            details,
        ),
        PowerState::Unknown => Outcome::fail(
            format!("nobody has reported whether source VM {} is powered off", vm.name),
            "Make sure that the source VM is off, and report its power state to the inventory.",
            details,
        ),
    }
}
