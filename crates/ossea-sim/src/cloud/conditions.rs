//! What may be wrong with the whole cloud for a while: a management server in maintenance, a host that does not answer.

use failover_domain::AsyncJobId;
use ossea::StopMode;
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::command::{AfterDeploy, ApiCommand};
use super::error::ApiError;
use super::jobs::JobOutcome;
use super::objects::VmState;
use crate::settings::Profile;

/// The state of what the cloud stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The management server.
    pub server: ServerMode,
    /// The agents of the hosts.
    pub agent: Agent,
}

/// Whether the management server takes new jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMode {
    /// It does.
    #[default]
    Up,
    /// It is in maintenance, or about to shut down: what runs goes on, and new jobs are refused.
    Maintenance,
}

/// Whether the agent of the host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// It does.
    #[default]
    Connected,
    /// It does not: what needs the host fails.
    Unreachable,
}

impl Cloud {
    /// What is wrong with the whole cloud.
    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// Makes something be wrong with the whole cloud, or right again.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Refuses a command whose job the management server does not take. It does so before a create command makes its
    /// object.
    pub(super) fn check_maintenance(&self, command: &ApiCommand) -> Result<(), ApiError> {
        match (self.conditions.server, command.at_once()) {
            (ServerMode::Maintenance, None) => Err(self.no_new_jobs(command)),
            (ServerMode::Up, _) | (ServerMode::Maintenance, Some(_)) => Ok(()),
        }
    }

    /// The error of a server that takes no new jobs. Only a proxy before it says so of a command that needs none.
    pub(super) fn no_new_jobs(&self, command: &ApiCommand) -> ApiError {
        match (self.settings.profile, command.at_once()) {
            (Profile::V4_18, None) => {
                let text = "A shutdown has been triggered. Can not accept new jobs";
                ApiError::runtime(text).read_by(self.settings.role)
            }
            (Profile::V4_18, Some(_)) | (Profile::V4_21 | Profile::V4_22, _) => ApiError::busy(),
        }
    }

    /// The error of a job that needs the host while its agent does not answer.
    pub(super) fn check_agent(&self, command: &ApiCommand) -> Result<(), ApiError> {
        match self.conditions.agent {
            Agent::Connected => Ok(()),
            Agent::Unreachable => self.without_agent(command),
        }
    }

    /// The end of a job whose host does not answer.
    pub(super) fn finish_without_agent(&mut self, job: &AsyncJobId, command: &ApiCommand) -> JobOutcome {
        if let Some(outcome) = self.stop_by_force_only(job, command) {
            return outcome;
        }
        match self.without_agent(command) {
            Ok(()) => self.finish_well(job, command),
            Err(error) => {
                self.abandon(command, job);
                JobOutcome::Failed(error)
            }
        }
    }

    /// How a command ends without the host; well, if it does not need it.
    fn without_agent(&self, command: &ApiCommand) -> Result<(), ApiError> {
        let is_running = |vm| {
            let state = self.vms.get(vm).map(|vm| vm.state);
            matches!(state, Some(VmState::Running | VmState::Stopping))
        };
        let runtime = |text: &str| Err(ApiError::runtime(text));
        match command {
            ApiCommand::StartVirtualMachine { .. } => Err(unreachable_host()),
            ApiCommand::DeployVirtualMachine(deploy) => match deploy.after {
                AfterDeploy::Start => Err(unreachable_host()),
                AfterDeploy::LeaveStopped => Ok(()),
            },
            ApiCommand::StopVirtualMachine { vm, mode } => match mode {
                StopMode::Graceful if is_running(vm) => runtime("Unable to stop: the agent does not answer"),
                StopMode::Graceful | StopMode::Forced => Ok(()),
            },
            ApiCommand::RebootVirtualMachine { vm } if is_running(vm) => {
                runtime("Failed to reboot; the agent does not answer")
            }
            ApiCommand::DestroyVirtualMachine(destroy) if is_running(&destroy.vm) => {
                runtime("Failed to destroy: unable to stop")
            }
            ApiCommand::AttachVolume { vm, .. } if is_running(vm) => {
                runtime("Failed to attach volume; the agent does not answer")
            }
            ApiCommand::DetachVolume(target) => {
                let at = self
                    .detach_target(target)
                    .and_then(|volume| volume.attached.as_ref());
                match at {
                    Some(at) if is_running(&at.vm) => {
                        runtime("Failed to detach volume; the agent does not answer")
                    }
                    Some(_) | None => Ok(()),
                }
            }
            ApiCommand::CreateSnapshot { .. } => {
                runtime("Failed to create Snapshot due to an internal error creating Snapshot for volume")
            }
            ApiCommand::RevertSnapshot { .. } => runtime("Failed to revert snapshot"),
            ApiCommand::DeleteSnapshot { .. } => runtime("Failed to delete snapshot"),
            ApiCommand::CreateVmSnapshot(_) => {
                runtime("Failed to create the snapshot; the agent does not answer")
            }
            ApiCommand::RevertToVmSnapshot { .. } => runtime("Failed to revert; the agent does not answer"),
            ApiCommand::DeleteVmSnapshot { .. } => {
                runtime("Failed to delete the snapshot; the agent does not answer")
            }
            ApiCommand::AddNicToVirtualMachine { vm, .. }
            | ApiCommand::RemoveNicFromVirtualMachine { vm, .. }
                if is_running(vm) =>
            {
                runtime("Failed to change the cards; the agent does not answer")
            }
            ApiCommand::DestroyVirtualMachine(_)
            | ApiCommand::ExpungeVirtualMachine { .. }
            | ApiCommand::RecoverVirtualMachine { .. }
            | ApiCommand::UpdateVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. }
            | ApiCommand::RebootVirtualMachine { .. }
            | ApiCommand::CreateVolume(_)
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. }
            | ApiCommand::AttachVolume { .. }
            | ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. }
            | ApiCommand::DeleteVolume { .. } => Ok(()),
        }
    }
}

fn unreachable_host() -> ApiError {
    ApiError::of_command(534, "Resource [Host:1] is unreachable: the agent does not answer")
}
