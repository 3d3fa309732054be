//! What happens inside the HTTP call of a command: the work of commands without a job and of create commands, and the
//! client's own job id.

use failover_domain::AsyncJobId;

use super::Cloud;
use super::command::{Accepted, ApiCommand, Destroy};
use super::error::ApiError;
use super::jobs::{JobObject, Phase};
use crate::faults::{RuleId, WorkFault};
use crate::settings::Role;

impl Cloud {
    /// Accepts or refuses a command.
    ///
    /// For create commands the object is made *before* the client's job id is looked at, as in the real cloud: a
    /// repeated create leaves a second object and no job.
    pub(super) fn accept(
        &mut self,
        key: Option<&str>,
        command: ApiCommand,
        fault: Option<(RuleId, WorkFault)>,
    ) -> Result<Accepted, ApiError> {
        self.check_role(&command)?;
        self.check_parameters(&command)?;
        if let Some(command) = command.at_once() {
            return self.do_at_once(command, fault).map(Accepted::Done);
        }
        self.refuse_creation(&command, fault.as_ref())?;
        let created = match &command {
            ApiCommand::DeployVirtualMachine(deploy) => Some(self.create_vm(deploy, fault.as_ref())?),
            ApiCommand::CreateSnapshot {
                volume,
                name,
                location,
                tags,
                ..
            } => Some(self.create_snapshot_row(volume, name.as_deref(), *location, tags)?),
            ApiCommand::CreateVolume(volume) => Some(self.create_volume_row(volume)?),
            ApiCommand::CreateVmSnapshot(new) => Some(self.create_vm_snapshot_row(new)?),
            ApiCommand::StartVirtualMachine { .. }
            | ApiCommand::StopVirtualMachine { .. }
            | ApiCommand::DestroyVirtualMachine(_)
            | ApiCommand::ExpungeVirtualMachine { .. }
            | ApiCommand::RecoverVirtualMachine { .. }
            | ApiCommand::UpdateVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. }
            | ApiCommand::AttachVolume { .. }
            | ApiCommand::DetachVolume(_)
            | ApiCommand::DeleteVolume { .. }
            | ApiCommand::RevertSnapshot { .. }
            | ApiCommand::DeleteSnapshot { .. }
            | ApiCommand::RevertToVmSnapshot { .. }
            | ApiCommand::DeleteVmSnapshot { .. }
            | ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. }
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. }
            | ApiCommand::RebootVirtualMachine { .. } => None,
        };
        let job = self.job_id(key)?;
        let object = self.object_of(&command, created.as_deref());
        self.start_job(job.clone(), command, object, fault);
        Ok(Accepted::Job { job, created })
    }

    /// Faults that a create command shows in its answer, before it has made anything.
    fn refuse_creation(
        &mut self,
        command: &ApiCommand,
        fault: Option<&(RuleId, WorkFault)>,
    ) -> Result<(), ApiError> {
        let error = match (command, fault) {
            (ApiCommand::DeployVirtualMachine(_), Some((_, WorkFault::NoCapacity))) => {
                ApiError::no_capacity()
            }
            (
                ApiCommand::DeployVirtualMachine(_)
                | ApiCommand::CreateSnapshot { .. }
                | ApiCommand::CreateVolume(_),
                Some((_, WorkFault::LimitReached)),
            ) => ApiError::limit_reached(),
            (_, _) => return Ok(()),
        };
        if let Some((rule, _)) = fault {
            self.faults.fired(*rule);
        }
        Err(error)
    }

    /// Refuses what the caller's role may not call at all.
    fn check_role(&self, command: &ApiCommand) -> Result<(), ApiError> {
        match (self.settings.role, command) {
            (Role::User, ApiCommand::ExpungeVirtualMachine { .. }) => {
                Err(ApiError::forbidden(command.api_name()))
            }
            (Role::User | Role::RootAdmin, _) => Ok(()),
        }
    }

    /// The id of the job: the client's, if it is free.
    fn job_id(&mut self, key: Option<&str>) -> Result<AsyncJobId, ApiError> {
        let Some(key) = key else {
            return Ok(self.fresh_id().parse().expect("a UUID is a legal id"));
        };
        let malformed = || ApiError::invalid(format!("UUID: {key} doesn't follow the UUID format"));
        if !is_lower_case_uuid(key) {
            return Err(malformed());
        }
        let id: AsyncJobId = key.parse().map_err(|_| malformed())?;
        match self.jobs.get(&id).map(|job| &job.phase) {
            None => Ok(id),
            Some(Phase::Queued | Phase::Running { .. }) => Err(ApiError::invalid(format!(
                "UUID: {key} already exists so can't create/update with custom id"
            ))),
            Some(Phase::Ended { .. }) => Err(ApiError::runtime("Entity already exists ")),
        }
    }

    /// The object on whose row the job shows.
    fn object_of(&self, command: &ApiCommand, created: Option<&str>) -> Option<JobObject> {
        let of = |kind: &'static str, id: &str| {
            Some(JobObject {
                kind: kind.into(),
                id: id.to_owned(),
            })
        };
        match command {
            ApiCommand::DeployVirtualMachine(_) => of("VirtualMachine", created?),
            ApiCommand::CreateSnapshot { .. } => of("Snapshot", created?),
            ApiCommand::CreateVmSnapshot(_) => of(JobObject::VM_SNAPSHOT, created?),
            ApiCommand::CreateVolume(_) => of("Volume", created?),
            ApiCommand::CreateTags { .. } | ApiCommand::DeleteTags { .. } => None,
            ApiCommand::StartVirtualMachine { vm }
            | ApiCommand::RebootVirtualMachine { vm }
            | ApiCommand::StopVirtualMachine { vm, .. }
            | ApiCommand::DestroyVirtualMachine(Destroy { vm, .. })
            | ApiCommand::ExpungeVirtualMachine { vm }
            | ApiCommand::RecoverVirtualMachine { vm }
            | ApiCommand::UpdateVirtualMachine { vm, .. }
            | ApiCommand::AddNicToVirtualMachine { vm, .. }
            | ApiCommand::RemoveNicFromVirtualMachine { vm, .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { vm, .. } => of("VirtualMachine", vm.as_str()),
            ApiCommand::AttachVolume { volume, .. }
            | ApiCommand::DeleteVolume { volume }
            | ApiCommand::UpdateVolume { volume, .. } => of("Volume", volume.as_str()),
            ApiCommand::DetachVolume(target) => of("Volume", self.detach_target(target)?.id.as_str()),
            ApiCommand::RevertSnapshot { snapshot } | ApiCommand::DeleteSnapshot { snapshot } => {
                of("Snapshot", snapshot.as_str())
            }
            ApiCommand::RevertToVmSnapshot { snapshot } | ApiCommand::DeleteVmSnapshot { snapshot } => {
                of(JobObject::VM_SNAPSHOT, snapshot.as_str())
            }
        }
    }
}

/// The only form in which callers may choose ids.
pub(super) fn is_lower_case_uuid(text: &str) -> bool {
    text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase()) && uuid::Uuid::try_parse(text).is_ok()
}
