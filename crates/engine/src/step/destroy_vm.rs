//! Destroys and expunges the destination VM on the way back.
//!
//! * **Done** when the cloud no longer shows it.
//! * **Command**: `destroyVirtualMachine` with expunge, and only with the proof that the cloud, asked just
//!   before, shows no replica on it: device 0 dies with the VM. **Postcondition**: as above.
//! * **Unknown outcome**: look, and destroy again if it is still there.

use failover_domain::VolumeId;
use ossea::{Command, EmptiedVm, VmState, Volume, VolumeKind, VolumeState};

use super::{Looked, Observation, View, find_vm, protected};
use crate::event::StepFacts;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let cloud = view.parts.cloud.as_ref();
    let Some(vm) = find_vm(cloud, view.job_id, view.plan, view.state).await? else {
        return Ok(Observation::Done(StepFacts::Plain));
    };
    match &vm.state {
        VmState::Expunging | VmState::Starting | VmState::Stopping | VmState::Migrating => {
            return Ok(Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state)));
        }
        VmState::Running | VmState::Stopped | VmState::Destroyed | VmState::Error | VmState::Other(_) => {}
    }
    let shown = cloud.volumes_on(&vm.id).await?;
    let own_root = own_root(view, &shown);
    Ok(
        match EmptiedVm::prove(&vm.id, &shown, &view.plan.replicas(), own_root) {
            Ok(vm) => Observation::Act(Command::DestroyVirtualMachine { vm }),
            Err(error) => protected(&error),
        },
    )
}

/// The scratch root that may die with the VM: the one in the ledger, or, when the worker died before it could
/// note it, a root that was never allocated on storage. A root with content is never taken for ours.
fn own_root<'a>(view: &'a View<'_>, shown: &'a [Volume]) -> Option<&'a VolumeId> {
    view.state.scratch_root.as_ref().or_else(|| {
        let blank = |v: &&Volume| {
            v.kind == VolumeKind::Root && v.state == VolumeState::Allocated && v.template.is_some()
        };
        shown.iter().find(blank).map(|v| &v.id)
    })
}
