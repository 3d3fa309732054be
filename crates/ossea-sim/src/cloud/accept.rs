//! What happens inside the HTTP call of a command: parameters that name nothing, the work of create commands, and
//! the client's own job id.

use failover_domain::AsyncJobId;

use super::Cloud;
use super::command::{Accepted, ApiCommand, DetachTarget};
use super::error::ApiError;
use super::jobs::{JobObject, Phase};
use crate::faults::{RuleId, Work, WorkFault};

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
        self.check_parameters(&command)?;
        if let ApiCommand::DeleteVolume { volume } = &command {
            let Some((rule, WorkFault::JobFails { code, text, work })) = fault else {
                self.delete_volume(volume)?;
                return Ok(Accepted::Done);
            };
            self.faults.fired(rule);
            match work {
                Work::Done => self.delete_volume(volume)?,
                Work::NotDone => {}
            }
            return Err(ApiError::of_command(code, text));
        }
        self.refuse_creation(&command, fault.as_ref())?;
        let created = match &command {
            ApiCommand::DeployVirtualMachine(deploy) => Some(self.create_vm(deploy, fault.as_ref())?),
            ApiCommand::CreateSnapshot { volume, name, .. } => {
                Some(self.create_snapshot_row(volume, name.as_deref())?)
            }
            ApiCommand::StartVirtualMachine { .. }
            | ApiCommand::StopVirtualMachine { .. }
            | ApiCommand::DestroyVirtualMachine { .. }
            | ApiCommand::AttachVolume { .. }
            | ApiCommand::DetachVolume(_)
            | ApiCommand::DeleteVolume { .. }
            | ApiCommand::RevertSnapshot { .. }
            | ApiCommand::DeleteSnapshot { .. } => None,
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
                ApiCommand::DeployVirtualMachine(_) | ApiCommand::CreateSnapshot { .. },
                Some((_, WorkFault::LimitReached)),
            ) => ApiError::limit_reached(),
            (_, _) => return Ok(()),
        };
        if let Some((rule, _)) = fault {
            self.faults.fired(*rule);
        }
        Err(error)
    }

    /// The id of the job: the client's, if it is free.
    fn job_id(&mut self, key: Option<&str>) -> Result<AsyncJobId, ApiError> {
        let Some(key) = key else {
            return Ok(self.fresh_id().parse().expect("a UUID is a legal id"));
        };
        let malformed = || ApiError::invalid(format!("UUID: {key} doesn't follow the UUID format"));
        let is_lower_case_uuid = key.len() == 36
            && !key.bytes().any(|b| b.is_ascii_uppercase())
            && uuid::Uuid::try_parse(key).is_ok();
        if !is_lower_case_uuid {
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

    /// Refuses ids that never named a row.
    fn check_parameters(&self, command: &ApiCommand) -> Result<(), ApiError> {
        let api = command.api_name();
        let vm = |parameter: &str, id: &failover_domain::CloudVmId| {
            let known = self.is_known(id.as_str(), self.vms.contains_key(id));
            known
                .then_some(())
                .ok_or_else(|| ApiError::unknown_entity(api, parameter, id.as_str()))
        };
        let volume = |parameter: &str, id: &failover_domain::VolumeId| {
            let known = self.is_known(id.as_str(), self.volumes.contains_key(id));
            known
                .then_some(())
                .ok_or_else(|| ApiError::unknown_entity(api, parameter, id.as_str()))
        };
        let snapshot = |id: &failover_domain::SnapshotId| {
            let known = self.is_known(id.as_str(), self.snapshots.contains_key(id));
            known
                .then_some(())
                .ok_or_else(|| ApiError::unknown_entity(api, "id", id.as_str()))
        };
        match command {
            ApiCommand::DeployVirtualMachine(_) | ApiCommand::DetachVolume(DetachTarget::Ambiguous) => Ok(()),
            ApiCommand::StartVirtualMachine { vm: id }
            | ApiCommand::StopVirtualMachine { vm: id, .. }
            | ApiCommand::DestroyVirtualMachine { vm: id, .. } => vm("id", id),
            ApiCommand::AttachVolume {
                volume: disk, vm: id, ..
            } => {
                volume("id", disk)?;
                vm("virtualmachineid", id)
            }
            ApiCommand::DetachVolume(DetachTarget::Slot { vm: id, .. }) => vm("virtualmachineid", id),
            ApiCommand::DetachVolume(DetachTarget::Volume(id)) | ApiCommand::DeleteVolume { volume: id } => {
                volume("id", id)
            }
            ApiCommand::CreateSnapshot { volume: id, .. } => volume("volumeid", id),
            ApiCommand::RevertSnapshot { snapshot: id } | ApiCommand::DeleteSnapshot { snapshot: id } => {
                snapshot(id)
            }
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
            ApiCommand::StartVirtualMachine { vm }
            | ApiCommand::StopVirtualMachine { vm, .. }
            | ApiCommand::DestroyVirtualMachine { vm, .. } => of("VirtualMachine", vm.as_str()),
            ApiCommand::AttachVolume { volume, .. } | ApiCommand::DeleteVolume { volume } => {
                of("Volume", volume.as_str())
            }
            ApiCommand::DetachVolume(target) => of("Volume", self.detach_target(target)?.id.as_str()),
            ApiCommand::RevertSnapshot { snapshot } | ApiCommand::DeleteSnapshot { snapshot } => {
                of("Snapshot", snapshot.as_str())
            }
        }
    }

    /// Ids and names of everything that a command involves: what fault rules filter by and the record shows.
    pub(super) fn objects_of(&self, command: &ApiCommand) -> Vec<String> {
        let mut objects = Vec::new();
        let mut vm = |id: &failover_domain::CloudVmId| {
            objects.push(id.to_string());
            objects.extend(self.vms.get(id).map(|vm| vm.name.clone()));
        };
        match command {
            ApiCommand::DeployVirtualMachine(deploy) => objects.extend(deploy.name.clone()),
            ApiCommand::StartVirtualMachine { vm: id }
            | ApiCommand::StopVirtualMachine { vm: id, .. }
            | ApiCommand::DestroyVirtualMachine { vm: id, .. } => vm(id),
            ApiCommand::AttachVolume { volume, vm: id, .. } => {
                vm(id);
                self.push_volume(volume, &mut objects);
            }
            ApiCommand::DetachVolume(target) => {
                if let DetachTarget::Slot { vm: id, .. } = target {
                    vm(id);
                }
                if let Some(volume) = self.detach_target(target) {
                    self.push_volume(&volume.id, &mut objects);
                }
            }
            ApiCommand::DeleteVolume { volume } => self.push_volume(volume, &mut objects),
            ApiCommand::CreateSnapshot { volume, name, .. } => {
                self.push_volume(volume, &mut objects);
                objects.extend(name.clone());
            }
            ApiCommand::RevertSnapshot { snapshot } | ApiCommand::DeleteSnapshot { snapshot } => {
                objects.push(snapshot.to_string());
                if let Some(snapshot) = self.snapshots.get(snapshot) {
                    objects.push(snapshot.name.clone());
                    self.push_volume(&snapshot.volume, &mut objects);
                }
            }
        }
        objects
    }

    fn push_volume(&self, id: &failover_domain::VolumeId, objects: &mut Vec<String>) {
        objects.push(id.to_string());
        objects.extend(self.volumes.get(id).map(|volume| volume.name.clone()));
    }
}
