//! Stops the destination VM on the way back: gracefully first, forced after the grace period. After a forced stop a guest
//! on a host that nobody reaches may run on, so its replicas are marked for a full synchronisation before they return.
//!
//! * **Done** when the cloud shows it `Stopped`, or not at all.
//! * **Command**: `stopVirtualMachine`, idempotent. **Postcondition**: as above.
//! * **Unknown outcome**: look, and stop again.

use ossea::{CloudVm, Command, StopMode, VmState};

use super::{Evidence, Looked, Observation, View, blocked, find_vm};
use crate::event::StepFacts;
use crate::plan::Step;
use crate::state::Standing;

pub(super) async fn observe(view: &View<'_>, step: &Step) -> Looked {
    let vm = find_vm(view.parts.cloud.as_ref(), view.job_id, view.plan, view.state).await?;
    let observed = judge(vm.as_ref(), mode(view, step));
    let is_stopped = matches!(observed, Observation::Done(_));
    if is_stopped && *view.evidence == Evidence::Succeeded && was_graceful(view, step) {
        return Ok(Observation::Done(StepFacts::GuestOff));
    }
    Ok(observed)
}

/// Whether the last stop that was sent is a graceful one.
fn was_graceful(view: &View<'_>, step: &Step) -> bool {
    let record = view.state.steps.get(&step.id);
    record.is_some_and(|r| r.attempts > 0 && !r.forced)
}

/// Forced once a graceful stop was tried in vain and the grace period since then is over. A graceful one follows every
/// forced one that failed: when the host answers again, nobody needs to doubt that the guest is off.
fn mode(view: &View<'_>, step: &Step) -> StopMode {
    // A VM that somebody started again after it was stopped is asked kindly first, as ever.
    let record = view.state.steps.get(&step.id);
    let Some(record) = record.filter(|r| !matches!(r.standing, Standing::Done { .. })) else {
        return StopMode::Graceful;
    };
    let waited = (view.now - record.since).to_std().unwrap_or_default();
    if record.attempts > 0 && !record.forced && waited >= view.parts.settings.stop_grace {
        StopMode::Forced
    } else {
        StopMode::Graceful
    }
}

fn judge(vm: Option<&CloudVm>, mode: StopMode) -> Observation {
    let Some(vm) = vm else {
        return Observation::Done(StepFacts::Plain);
    };
    match &vm.state {
        VmState::Stopped => Observation::Done(StepFacts::Plain),
        VmState::Running => Observation::Act(Command::StopVirtualMachine {
            vm: vm.id.clone(),
            mode,
        }),
        VmState::Starting | VmState::Stopping | VmState::Migrating => {
            Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state))
        }
        VmState::Destroyed | VmState::Expunging | VmState::Error => blocked(format!(
            "VM {} is {:?}: its volumes cannot be detached; recover it in the cloud",
            vm.name, vm.state
        )),
        VmState::Other(state) => Observation::Wait(format!("VM {} is {state}", vm.name)),
    }
}
