//! Creates the destination VM, stopped, with its networks in order.
//!
//! * **Done** when the cloud shows the VM, by id or by name and our mark, `Stopped`, and its scratch root is known.
//! * **Command**: `deployVirtualMachine`, an async create. **Postcondition**: as above.
//! * **Unknown outcome**: never repeated blindly. The cloud's job is asked first, then the VM is looked for by
//!   name and mark; only when both say that nothing exists is the request sent again.
//! * **Undo**: `destroy_vm`.

use ossea::{CloudVm, Command, DeployVm, NicRequest, VmState, Volume, VolumeKind};

use super::{Looked, Observation, View, blocked, find_vm, gone};
use crate::event::StepFacts;
use crate::plan::Plan;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let cloud = view.parts.cloud.as_ref();
    let vm = find_vm(cloud, view.job_id, view.plan, view.state).await?;
    let volumes = match &vm {
        Some(vm) => cloud.volumes_on(&vm.id).await?,
        None => Vec::new(),
    };
    Ok(judge(view, vm.as_ref(), &volumes))
}

fn judge(view: &View<'_>, vm: Option<&CloudVm>, volumes: &[Volume]) -> Observation {
    let Some(vm) = vm else {
        return match &view.state.vm {
            Some(id) => gone(format!("destination VM {id} was created and is gone")),
            None => Observation::Act(deploy(view)),
        };
    };
    match &vm.state {
        VmState::Stopped => {
            let root = volumes.iter().find(|v| v.kind == VolumeKind::Root);
            if let Some(replica) = root.filter(|r| view.plan.disks.iter().any(|d| d.volume == r.id)) {
                return blocked(format!(
                    "replica {} is the root of the new VM {}",
                    replica.name, vm.name
                ));
            }
            let scratch_root = root.map(|v| v.id.clone());
            Observation::Done(StepFacts::VmCreated {
                vm: vm.id.clone(),
                scratch_root,
            })
        }
        VmState::Starting | VmState::Stopping | VmState::Migrating => {
            Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state))
        }
        VmState::Running | VmState::Destroyed | VmState::Expunging | VmState::Error => blocked(format!(
            "the new VM {} is {:?} instead of Stopped",
            vm.name, vm.state
        )),
        VmState::Other(state) => Observation::Wait(format!("VM {} is {state}", vm.name)),
    }
}

fn deploy(view: &View<'_>) -> Command {
    let Plan { vm, .. } = view.plan;
    let nic = |n: &crate::plan::PlannedNic| NicRequest {
        network: n.network.clone(),
        mac: n.mac.clone(),
    };
    Command::DeployVirtualMachine(Box::new(DeployVm {
        name: vm.name.clone(),
        display_name: vm.display_name.clone(),
        mark: view.job_id.to_string(),
        zone: vm.zone.clone(),
        offering: vm.offering.clone(),
        template: vm.template.clone(),
        custom_size: vm.custom_size,
        firmware: vm.shape.firmware,
        secure_boot: vm.shape.secure_boot,
        nics: vm.nics.iter().map(nic).collect(),
    }))
}
