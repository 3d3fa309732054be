//! Steps in words: the cloud call that a step makes, with the objects of its plan.

use failover_api::dto::engine::{Plan, PlannedDisk, StepKind};

use super::figures;

/// What a step asks of the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// A command that changes the cloud.
    Changes(String),
    /// It only reads.
    Reads(String),
}

impl Call {
    /// The call in words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Call::Changes(text) | Call::Reads(text) => text,
        }
    }
}

/// The call of a step.
pub(crate) fn call(plan: &Plan, kind: StepKind) -> Call {
    let vm = &plan.vm.name;
    let of = |disk: usize, make: &dyn Fn(&PlannedDisk) -> String| match plan.disks.get(disk) {
        Some(planned) => Call::Changes(make(planned)),
        None => Call::Changes(format!("{} of disk {disk}", kind.name())),
    };
    match kind {
        StepKind::Validate => Call::Reads("checks readiness once more".to_owned()),
        StepKind::Quiesce => Call::Reads("checks that nobody writes to the replicas".to_owned()),
        StepKind::TakeInventory => {
            Call::Reads("notes what the cloud has of the replicas and of VMs of that name".to_owned())
        }
        StepKind::DetachFromOma { disk } => of(disk, &|d| {
            format!(
                "detachVolume {} from the OMA (device {})",
                d.volume_name, d.oma_device
            )
        }),
        StepKind::Snapshot { disk } => of(disk, &|d| {
            format!("createSnapshot of {} ({})", d.volume_name, d.snapshot_name)
        }),
        StepKind::CreateVm => Call::Changes(format!(
            "deployVirtualMachine {vm}, stopped, with {}",
            figures::count(plan.vm.nics.len(), "network card")
        )),
        StepKind::VerifyNetworks => Call::Reads(format!("reads back the network cards of {vm}")),
        StepKind::DetachScratchRoot => Call::Changes(format!("detachVolume scratch root from {vm}")),
        StepKind::DeleteScratchRoot => Call::Changes("deleteVolume scratch root".to_owned()),
        StepKind::Attach { disk } => of(disk, &|d| {
            format!(
                "attachVolume {} to {vm} at device {}",
                d.volume_name, d.destination_device
            )
        }),
        StepKind::VerifyDisks => Call::Reads(format!("reads back the disks of {vm}")),
        StepKind::VmSnapshot => Call::Changes(format!("createVMSnapshot of {vm} ({})", vm_snapshot(plan))),
        StepKind::VerifyRollbackPoints => {
            Call::Reads("reads back the rollback point of every replica".to_owned())
        }
        StepKind::StartVm => Call::Changes(format!("startVirtualMachine {vm}")),
        StepKind::VerifyBoot => Call::Reads(format!("watches {vm} boot")),
        StepKind::TestWindow => Call::Reads(format!(
            "keeps the test window open for {} and watches {vm}",
            figures::seconds(plan.test().map_or(0, |test| test.window_seconds))
        )),
        StepKind::RevertVmSnapshot => {
            Call::Changes(format!("revertToVMSnapshot of {vm} ({})", vm_snapshot(plan)))
        }
        StepKind::DeleteVmSnapshot => {
            Call::Changes(format!("deleteVMSnapshot of {vm} ({})", vm_snapshot(plan)))
        }
        StepKind::StopVm => Call::Changes(format!("stopVirtualMachine {vm}")),
        StepKind::DetachFromDestination { disk } => {
            of(disk, &|d| format!("detachVolume {} from {vm}", d.volume_name))
        }
        StepKind::Revert { disk } => of(disk, &|d| {
            format!("revertSnapshot of {} ({})", d.volume_name, d.snapshot_name)
        }),
        // Marked in our own tables; the cloud is not asked.
        StepKind::Quarantine { disk } => match plan.disks.get(disk) {
            Some(planned) => Call::Reads(format!(
                "marks {} for a full synchronisation",
                planned.volume_name
            )),
            None => Call::Reads(format!("marks disk {disk} for a full synchronisation")),
        },
        StepKind::Resume => Call::Reads("tells the migration tool that it may go on".to_owned()),
        StepKind::ReturnToOma { disk } => of(disk, &|d| {
            format!(
                "attachVolume {} to the OMA at device {}",
                d.volume_name, d.oma_device
            )
        }),
        StepKind::DestroyVm => Call::Changes(format!("destroyVirtualMachine {vm} expunge")),
        StepKind::DeleteSnapshot { disk } => of(disk, &|d| {
            format!("deleteSnapshot of {} ({})", d.volume_name, d.snapshot_name)
        }),
    }
}

fn vm_snapshot(plan: &Plan) -> &str {
    plan.vm_snapshot_name().unwrap_or("no VM snapshot")
}
