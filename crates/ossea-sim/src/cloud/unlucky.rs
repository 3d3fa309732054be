//! Work that goes wrong in a way of its own: guests that do not stop, content that cannot be brought back, VMs that
//! cannot be expunged.

use failover_domain::{AsyncJobId, VolumeId};
use ossea::StopMode;
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::command::{ApiCommand, DestroyEnd};
use super::error::ApiError;
use super::jobs::JobOutcome;
use super::objects::VmState;
use crate::faults::RuleId;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfortune {
    GuestDoesNotStop,
    Unrevertable,
    ExpungeFails,
}

/// A guest that runs on although its VM is marked stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StrayGuest {
    /// The run of the VM that did not end.
    pub(super) run: u64,
    /// The disks that it had, and still writes to, wherever they are by now.
    pub(super) disks: Vec<VolumeId>,
}

impl Cloud {
    /// The end of a job under a misfortune, which strikes only the work that it is about.
    pub(super) fn finish_unluckily(
        &mut self,
        job: &AsyncJobId,
        command: &ApiCommand,
        rule: RuleId,
        misfortune: Misfortune,
    ) -> JobOutcome {
        let struck = match misfortune {
            Misfortune::GuestDoesNotStop => self.stop_unluckily(job, command),
            Misfortune::Unrevertable => self.revert_unluckily(job, command),
            Misfortune::ExpungeFails => self.expunge_unluckily(job, command),
        };
        match struck {
            Some(outcome) => {
                self.faults.fired(rule);
                outcome
            }
            None => self.finish_on_host(job, command),
        }
    }

    /// Asked gently, the VM runs on and the job fails; by force it is marked stopped, whatever its guest does.
    fn stop_unluckily(&mut self, job: &AsyncJobId, command: &ApiCommand) -> Option<JobOutcome> {
        if let Some(outcome) = self.stop_by_force_only(job, command) {
            return Some(outcome);
        }
        let vm = if let ApiCommand::StopVirtualMachine { vm, .. } = command {
            vm
        } else if let ApiCommand::DestroyVirtualMachine(destroy) = command {
            // `vm.destroy.forcestop` is off.
            &destroy.vm
        } else {
            return None;
        };
        let row = self.vms.get(vm).filter(|row| row.state == VmState::Stopping)?;
        let text = format!(
            "Failed to stop {}: its guest does not shut down",
            row.instance_name
        );
        self.abandon(command, job);
        Some(JobOutcome::Failed(ApiError::runtime(text)))
    }

    /// A forced stop that does not reach the guest: the VM is marked stopped, and its guest runs on (cloudstack-api.md
    /// section 4.11). `None` for every other command.
    pub(super) fn stop_by_force_only(
        &mut self,
        job: &AsyncJobId,
        command: &ApiCommand,
    ) -> Option<JobOutcome> {
        let ApiCommand::StopVirtualMachine {
            vm,
            mode: StopMode::Forced,
        } = command
        else {
            return None;
        };
        let row = self.vms.get(vm).filter(|row| row.state == VmState::Stopping)?;
        let run = row.run;
        self.guest_is_left_behind(job, vm, run);
        Some(match self.vm_result(vm) {
            Ok(result) => JobOutcome::Succeeded(result),
            Err(error) => JobOutcome::Failed(error),
        })
    }

    fn revert_unluckily(&mut self, job: &AsyncJobId, command: &ApiCommand) -> Option<JobOutcome> {
        if !matches!(
            command,
            ApiCommand::RevertSnapshot { .. } | ApiCommand::RevertToVmSnapshot { .. }
        ) {
            return None;
        }
        let objects = self.objects_of(command).join(" ");
        self.abandon(command, job);
        let text = format!("Failed to revert; the snapshot cannot be read: {objects}");
        Some(JobOutcome::Failed(ApiError::runtime(text)))
    }

    /// Everything before expunging is done.
    fn expunge_unluckily(&mut self, job: &AsyncJobId, command: &ApiCommand) -> Option<JobOutcome> {
        let error = if let ApiCommand::ExpungeVirtualMachine { vm } = command {
            self.abandon_expunge(vm);
            self.expunge_failed(vm)
        } else if let ApiCommand::DestroyVirtualMachine(destroy) = command
            && destroy.end == DestroyEnd::Expunged
        {
            self.destroy_without_expunging(job, destroy)
        } else {
            return None;
        };
        Some(JobOutcome::Failed(error))
    }
}
