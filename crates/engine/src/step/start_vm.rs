//! Starts the destination VM. From the moment this is intended, every replica counts as dirty.
//!
//! * **Done** when the cloud shows the VM `Running`.
//! * **Command**: `startVirtualMachine`. **Postcondition**: as above.
//! * **Unknown outcome**: look, and start again if it is `Stopped`.
//! * **Undo**: `stop_vm`, and `revert` for every replica.

use failover_domain::CloudVmId;
use ossea::{CloudVm, Command, VmState};

use super::{Looked, Observation, View, blocked, gone};
use crate::event::StepFacts;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let id = match view.vm() {
        Ok(id) => id,
        Err(observation) => return Ok(observation),
    };
    let vm = view.parts.cloud.vm(id).await?;
    Ok(judge(id, vm.as_ref()))
}

fn judge(id: &CloudVmId, vm: Option<&CloudVm>) -> Observation {
    let Some(vm) = vm else {
        return gone(format!("destination VM {id} is gone"));
    };
    match &vm.state {
        VmState::Running => Observation::Done(StepFacts::Plain),
        VmState::Stopped => Observation::Act(Command::StartVirtualMachine { vm: id.clone() }),
        VmState::Starting | VmState::Stopping | VmState::Migrating => {
            Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state))
        }
        VmState::Destroyed | VmState::Expunging | VmState::Error => {
            blocked(format!("VM {} is {:?}", vm.name, vm.state))
        }
        VmState::Other(state) => Observation::Wait(format!("VM {} is {state}", vm.name)),
    }
}
