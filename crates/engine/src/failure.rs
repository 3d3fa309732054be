//! What a failed step means to a person: a code, a sentence, and what to do before trying again.

use crate::event::{Failure, FailureCode, StepError, StepErrorKind};
use crate::plan::{Plan, Step, StepKind};

/// The failure of a job whose `step` was given up.
pub fn failure_of(plan: &Plan, step: &Step, error: &StepError) -> Failure {
    let (code, action, remedy) = match step.kind {
        StepKind::Validate => (
            FailureCode::ValidationFailed,
            "the readiness rules said no".to_owned(),
            "Look at the readiness of the VM and mend what it lists.",
        ),
        StepKind::TakeInventory => (
            FailureCode::VolumeNotAvailable,
            "what the cloud has could not be noted before the first touch".to_owned(),
            "Look at the cloud's words; the account must be able to list its volumes, snapshots and VMs. Then start again.",
        ),
        StepKind::Quiesce | StepKind::Resume | StepKind::Quarantine { .. } => (
            FailureCode::VolumeNotAvailable,
            "the replicas could not be secured".to_owned(),
            "Let the migration tool finish or stop its job on these replicas, then start again.",
        ),
        StepKind::DetachFromOma { disk } => (
            FailureCode::VolumeTransferFailed,
            format!(
                "replica {} could not be detached from the OMA",
                plan.disks[disk].volume_name
            ),
            "Close whatever uses the block device on the OMA (NBD, LVM, mounts), then start again.",
        ),
        StepKind::Snapshot { disk } | StepKind::DeleteSnapshot { disk } => (
            FailureCode::SnapshotFailed,
            format!(
                "no rollback point of replica {} could be taken",
                plan.disks[disk].volume_name
            ),
            "Look at the cloud's words; check the snapshot limit of the account and the secondary storage, then start again.",
        ),
        StepKind::VmSnapshot
        | StepKind::VerifyRollbackPoints
        | StepKind::RevertVmSnapshot
        | StepKind::DeleteVmSnapshot => (
            FailureCode::SnapshotFailed,
            format!("destination VM {} has no usable rollback point", plan.vm.name),
            "Look at the cloud's words; choose rollback_strategy=volume_snapshots if the cloud cannot take a snapshot of a stopped VM, then start again.",
        ),
        StepKind::CreateVm
        | StepKind::DetachScratchRoot
        | StepKind::DeleteScratchRoot
        | StepKind::DestroyVm => (
            FailureCode::VmCreationFailed,
            format!("destination VM {} could not be created", plan.vm.name),
            "Look at the cloud's words; check capacity, limits, offering and template, then start again.",
        ),
        StepKind::VerifyNetworks => (
            FailureCode::NetworkConfigurationFailed,
            format!("destination VM {} is not on the mapped networks", plan.vm.name),
            "Check the network mappings and the networks in the cloud, then start again.",
        ),
        StepKind::Attach { disk }
        | StepKind::DetachFromDestination { disk }
        | StepKind::Revert { disk }
        | StepKind::ReturnToOma { disk } => (
            FailureCode::VolumeTransferFailed,
            format!(
                "replica {} could not be attached to destination VM {}",
                plan.disks[disk].volume_name, plan.vm.name
            ),
            "Look at the cloud's words and at the volume in the cloud, then start again.",
        ),
        StepKind::VerifyDisks => (
            FailureCode::VolumeTransferFailed,
            format!(
                "destination VM {} does not show exactly the planned disks",
                plan.vm.name
            ),
            "Find out who else changes volumes of this VM, then start again.",
        ),
        StepKind::StartVm | StepKind::StopVm => (
            FailureCode::PowerOnFailed,
            format!("destination VM {} did not start", plan.vm.name),
            "Look at the cloud's words; check host capacity and UEFI support of the hosts, then start again.",
        ),
        StepKind::VerifyBoot | StepKind::TestWindow => (
            FailureCode::BootVerificationFailed,
            format!(
                "destination VM {} started but did not pass boot verification",
                plan.vm.name
            ),
            "Use on_boot_failure=hold to look at its console, mend the guest's drivers or the grades asked for, then start again.",
        ),
    };
    let cloud = error
        .refusal
        .as_ref()
        .map(|r| format!(" ({r})"))
        .unwrap_or_default();
    // Some causes are the same whatever the step was.
    let remedy = match error.kind {
        StepErrorKind::Unavailable => {
            "Make the cloud reachable again (`failoverctl networks` shows whether it is), then start again."
        }
        StepErrorKind::Refused
        | StepErrorKind::Gone
        | StepErrorKind::Blocked
        | StepErrorKind::TimedOut
        | StepErrorKind::NotReady
        | StepErrorKind::BootNotVerified => remedy,
    };
    Failure {
        code,
        step: Some(step.id.clone()),
        message: format!("{action}: {}{cloud}", error.message),
        cloud: error.refusal.clone(),
        remedy: remedy.to_owned(),
    }
}
