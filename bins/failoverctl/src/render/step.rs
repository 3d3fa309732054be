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
        StepKind::StartVm => Call::Changes(format!("startVirtualMachine {vm}")),
        StepKind::VerifyBoot => Call::Reads(format!("watches {vm} boot")),
        StepKind::StopVm => Call::Changes(format!("stopVirtualMachine {vm}")),
        StepKind::DetachFromDestination { disk } => {
            of(disk, &|d| format!("detachVolume {} from {vm}", d.volume_name))
        }
        StepKind::Revert { disk } => of(disk, &|d| {
            format!("revertSnapshot of {} ({})", d.volume_name, d.snapshot_name)
        }),
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
