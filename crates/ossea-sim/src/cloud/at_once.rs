//! Commands without a job: they are done when their call answers.

use failover_domain::{CloudVmId, VolumeId};

use super::Cloud;
use super::command::ApiCommand;
use super::error::ApiError;
use super::jobs::JobResult;
use crate::contents::Protection;
use crate::faults::{RuleId, Work, WorkFault};

/// A command without a job.
#[derive(Debug, Clone, Copy)]
pub(super) enum AtOnce<'a> {
    DeleteVolume {
        volume: &'a VolumeId,
    },
    RecoverVirtualMachine {
        vm: &'a CloudVmId,
    },
    UpdateVirtualMachine {
        vm: &'a CloudVmId,
        protection: Protection,
    },
}

impl ApiCommand {
    /// The command, if it has no job.
    pub(super) fn at_once(&self) -> Option<AtOnce<'_>> {
        match self {
            ApiCommand::DeleteVolume { volume } => Some(AtOnce::DeleteVolume { volume }),
            ApiCommand::RecoverVirtualMachine { vm } => Some(AtOnce::RecoverVirtualMachine { vm }),
            ApiCommand::UpdateVirtualMachine { vm, protection } => Some(AtOnce::UpdateVirtualMachine {
                vm,
                protection: *protection,
            }),
            ApiCommand::DeployVirtualMachine(_)
            | ApiCommand::StartVirtualMachine { .. }
            | ApiCommand::StopVirtualMachine { .. }
            | ApiCommand::DestroyVirtualMachine(_)
            | ApiCommand::ExpungeVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. }
            | ApiCommand::AttachVolume { .. }
            | ApiCommand::DetachVolume(_)
            | ApiCommand::CreateSnapshot { .. }
            | ApiCommand::RevertSnapshot { .. }
            | ApiCommand::DeleteSnapshot { .. }
            | ApiCommand::CreateVmSnapshot(_)
            | ApiCommand::RevertToVmSnapshot { .. }
            | ApiCommand::DeleteVmSnapshot { .. }
            | ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. }
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. }
            | ApiCommand::RebootVirtualMachine { .. }
            | ApiCommand::CreateVolume(_) => None,
        }
    }
}

impl Cloud {
    /// How long the call takes at scale 1.
    pub(super) fn seconds_at_once(&self, command: AtOnce<'_>) -> f64 {
        match command {
            AtOnce::DeleteVolume { .. } => self.settings.durations.delete_volume,
            AtOnce::RecoverVirtualMachine { .. } | AtOnce::UpdateVirtualMachine { .. } => 0.0,
        }
    }

    /// Does the work inside the call; a fault of the work shows in its answer.
    pub(super) fn do_at_once(
        &mut self,
        command: AtOnce<'_>,
        fault: Option<(RuleId, WorkFault)>,
    ) -> Result<JobResult, ApiError> {
        let Some((rule, fault)) = fault else {
            return self.act(command);
        };
        self.faults.fired(rule);
        match fault {
            WorkFault::JobFails { code, text, work } => {
                match work {
                    Work::Done => drop(self.act(command)?),
                    Work::NotDone => {}
                }
                Err(ApiError::of_command(code, text))
            }
            WorkFault::NoCapacity => Err(ApiError::no_capacity()),
            WorkFault::LimitReached => Err(ApiError::limit_reached()),
            // The answer only comes later.
            WorkFault::Delay { .. } => self.act(command),
            // These are about jobs and never get here.
            WorkFault::JobStuck
            | WorkFault::JobInterrupted { .. }
            | WorkFault::JobCancelled { .. }
            | WorkFault::JobPurged { .. }
            | WorkFault::GuestDoesNotBoot { .. }
            | WorkFault::WrongNetwork { .. }
            | WorkFault::DetachTimeout
            | WorkFault::DeviceBusy
            | WorkFault::Unattachable
            | WorkFault::AgentUnreachable
            | WorkFault::GuestDoesNotStop
            | WorkFault::Unrevertable
            | WorkFault::ExpungeFails => self.act(command),
        }
    }

    fn act(&mut self, command: AtOnce<'_>) -> Result<JobResult, ApiError> {
        match command {
            AtOnce::DeleteVolume { volume } => self.delete_volume(volume).map(|()| JobResult::Success),
            AtOnce::RecoverVirtualMachine { vm } => self.recover(vm),
            AtOnce::UpdateVirtualMachine { vm, protection } => self.protect_vm(vm, protection),
        }
    }
}
