//! The four moments of a command's work, each handed to the module that knows the command.

use failover_domain::{AsyncJobId, CloudVmId};

use super::Cloud;
use super::command::{AfterDeploy, ApiCommand};
use super::error::ApiError;
use super::jobs::{JobObject, JobResult};
use super::objects::BootFailure;

impl Cloud {
    /// The job begins: preconditions. Answers in whose queue it waits, if in any.
    pub(super) fn check(
        &self,
        command: &ApiCommand,
        object: Option<&JobObject>,
    ) -> Result<Option<CloudVmId>, ApiError> {
        match command {
            ApiCommand::DeployVirtualMachine(deploy) => Ok(match deploy.after {
                AfterDeploy::LeaveStopped => None,
                AfterDeploy::Start => object.and_then(|vm| vm.id.parse().ok()),
            }),
            ApiCommand::StartVirtualMachine { vm } => self.check_start(vm),
            ApiCommand::StopVirtualMachine { vm, mode } => self.check_stop(vm, *mode),
            ApiCommand::DestroyVirtualMachine(destroy) => self.check_destroy(destroy),
            ApiCommand::ExpungeVirtualMachine { vm } => self.check_expunge(vm),
            ApiCommand::RecoverVirtualMachine { .. } | ApiCommand::UpdateVirtualMachine { .. } => Ok(None),
            ApiCommand::UpdateVolume { volume, .. } => self.volume_row(volume).map(|_| None),
            ApiCommand::AttachVolume { volume, vm, device } => self.check_attach(volume, vm, *device),
            ApiCommand::DetachVolume(target) => self.check_detach(target),
            ApiCommand::DeleteVolume { .. } => Ok(None),
            ApiCommand::CreateSnapshot { volume, .. } => Ok(self
                .volumes
                .get(volume)
                .and_then(|v| v.attached.as_ref())
                .map(|at| at.vm.clone())),
            ApiCommand::RevertSnapshot { snapshot } => self.check_revert(snapshot),
            ApiCommand::DeleteSnapshot { snapshot } => self.check_delete_snapshot(snapshot),
            ApiCommand::CreateVmSnapshot(new) => Ok(Some(new.vm.clone())),
            ApiCommand::RevertToVmSnapshot { snapshot } => self.check_revert_to_vm_snapshot(snapshot),
            ApiCommand::DeleteVmSnapshot { snapshot } => self.check_delete_vm_snapshot(snapshot),
            ApiCommand::AddNicToVirtualMachine { vm, nic } => self.check_add_nic(vm, nic),
            ApiCommand::RemoveNicFromVirtualMachine { vm, nic } => self.check_remove_nic(vm, nic),
            ApiCommand::UpdateDefaultNicForVirtualMachine { vm, nic } => self.check_default_nic(vm, nic),
            ApiCommand::CreateTags { on, tags } => self.check_create_tags(on, tags).map(|()| None),
            ApiCommand::DeleteTags { on, .. } => self.check_delete_tags(on).map(|()| None),
            ApiCommand::RebootVirtualMachine { vm } => self.check_reboot(vm),
            ApiCommand::CreateVolume(_) => Ok(None),
        }
    }

    /// Its turn has come: last checks, states in between. Answers how many seconds it takes at scale 1.
    pub(super) fn begin(&mut self, job: &AsyncJobId, command: &ApiCommand) -> Result<f64, ApiError> {
        let durations = self.settings.durations;
        match command {
            ApiCommand::DeployVirtualMachine(deploy) => match deploy.after {
                AfterDeploy::LeaveStopped => Ok(durations.deploy),
                AfterDeploy::Start => {
                    let seconds = self.begin_start(&self.deployed_vm(job)?)?;
                    Ok(durations.deploy + seconds)
                }
            },
            ApiCommand::StartVirtualMachine { vm } => self.begin_start(vm),
            ApiCommand::StopVirtualMachine { vm, .. } => Ok(self.begin_stop(vm)),
            ApiCommand::DestroyVirtualMachine(destroy) => Ok(self.begin_destroy(destroy)),
            ApiCommand::ExpungeVirtualMachine { vm } => Ok(self.begin_expunge(vm)),
            ApiCommand::RecoverVirtualMachine { .. }
            | ApiCommand::UpdateVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. } => Ok(0.0),
            ApiCommand::AttachVolume { volume, vm, device } => self.begin_attach(volume, vm, *device),
            ApiCommand::DetachVolume(target) => Ok(self.detach_seconds(target)),
            ApiCommand::DeleteVolume { .. } => Ok(0.0),
            ApiCommand::CreateSnapshot {
                volume,
                quiesce,
                backup,
                ..
            } => self.begin_snapshot(job, volume, *quiesce, *backup),
            ApiCommand::RevertSnapshot { snapshot } => self.begin_revert(snapshot),
            ApiCommand::DeleteSnapshot { snapshot } => Ok(self.begin_delete_snapshot(snapshot)),
            ApiCommand::CreateVmSnapshot(_) => self.begin_vm_snapshot(job),
            ApiCommand::RevertToVmSnapshot { snapshot } => self.begin_revert_to_vm_snapshot(snapshot),
            ApiCommand::DeleteVmSnapshot { snapshot } => Ok(self.begin_delete_vm_snapshot(snapshot)),
            ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. } => Ok(durations.change_nic),
            ApiCommand::CreateTags { .. } | ApiCommand::DeleteTags { .. } => Ok(0.0),
            ApiCommand::RebootVirtualMachine { .. } => Ok(durations.reboot),
            ApiCommand::CreateVolume(volume) => Ok(self.begin_create_volume(volume)),
        }
    }

    /// The work is done: its effect.
    pub(super) fn finish(
        &mut self,
        job: &AsyncJobId,
        command: &ApiCommand,
        boot: Option<BootFailure>,
    ) -> Result<JobResult, ApiError> {
        match command {
            ApiCommand::DeployVirtualMachine(deploy) => {
                let vm = self.deployed_vm(job)?;
                match deploy.after {
                    AfterDeploy::LeaveStopped => self.vm_result(&vm),
                    AfterDeploy::Start => self.finish_start(job, &vm, boot),
                }
            }
            ApiCommand::StartVirtualMachine { vm } => self.finish_start(job, vm, boot),
            ApiCommand::StopVirtualMachine { vm, .. } => self.finish_stop(job, vm),
            ApiCommand::DestroyVirtualMachine(destroy) => self.finish_destroy(job, destroy),
            ApiCommand::ExpungeVirtualMachine { vm } => self.finish_expunge(job, vm),
            ApiCommand::RecoverVirtualMachine { .. } | ApiCommand::UpdateVirtualMachine { .. } => {
                Ok(JobResult::Success)
            }
            ApiCommand::UpdateVolume { volume, protection } => self.protect_volume(job, volume, *protection),
            ApiCommand::AttachVolume { volume, vm, device } => self.finish_attach(job, volume, vm, *device),
            ApiCommand::DetachVolume(target) => self.finish_detach(job, target),
            ApiCommand::DeleteVolume { .. } => Ok(JobResult::Success),
            ApiCommand::CreateSnapshot { .. } => self.finish_snapshot(job),
            ApiCommand::RevertSnapshot { snapshot } => self.finish_revert(job, snapshot),
            ApiCommand::DeleteSnapshot { snapshot } => self.finish_delete_snapshot(job, snapshot),
            ApiCommand::CreateVmSnapshot(_) => self.finish_vm_snapshot(job),
            ApiCommand::RevertToVmSnapshot { snapshot } => self.finish_revert_to_vm_snapshot(job, snapshot),
            ApiCommand::DeleteVmSnapshot { snapshot } => self.finish_delete_vm_snapshot(job, snapshot),
            ApiCommand::AddNicToVirtualMachine { vm, nic } => self.finish_add_nic(job, vm, nic),
            ApiCommand::RemoveNicFromVirtualMachine { vm, nic } => self.finish_remove_nic(job, vm, nic),
            ApiCommand::UpdateDefaultNicForVirtualMachine { vm, nic } => {
                self.finish_default_nic(job, vm, nic)
            }
            ApiCommand::CreateTags { on, tags } => self.finish_create_tags(on, tags),
            ApiCommand::DeleteTags { on, tags } => self.finish_delete_tags(on, tags),
            ApiCommand::RebootVirtualMachine { vm } => self.finish_reboot(vm),
            ApiCommand::CreateVolume(_) => self.finish_create_volume(job),
        }
    }

    /// The work under way is not done: states in between go back.
    pub(super) fn abandon(&mut self, command: &ApiCommand, job: &AsyncJobId) {
        match command {
            ApiCommand::DeployVirtualMachine(_) => {
                if let Ok(vm) = self.deployed_vm(job) {
                    self.abandon_start(&vm);
                }
            }
            ApiCommand::StartVirtualMachine { vm } => self.abandon_start(vm),
            ApiCommand::StopVirtualMachine { vm, .. } => self.abandon_stop(vm),
            ApiCommand::DestroyVirtualMachine(destroy) => self.abandon_destroy(destroy),
            ApiCommand::ExpungeVirtualMachine { vm } => self.abandon_expunge(vm),
            ApiCommand::RecoverVirtualMachine { .. }
            | ApiCommand::UpdateVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. } => {}
            ApiCommand::AttachVolume { volume, .. } => self.abandon_attach(volume),
            ApiCommand::DetachVolume(_)
            | ApiCommand::DeleteVolume { .. }
            | ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. }
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. }
            | ApiCommand::RebootVirtualMachine { .. } => {}
            ApiCommand::CreateVolume(_) => self.abandon_create_volume(job),
            ApiCommand::CreateSnapshot { .. } => self.abandon_snapshot(job),
            ApiCommand::RevertSnapshot { snapshot } => self.abandon_revert(snapshot),
            ApiCommand::DeleteSnapshot { snapshot } => self.abandon_delete_snapshot(snapshot),
            ApiCommand::CreateVmSnapshot(_) => self.abandon_vm_snapshot(job),
            ApiCommand::RevertToVmSnapshot { snapshot } => self.abandon_revert_to_vm_snapshot(snapshot),
            ApiCommand::DeleteVmSnapshot { snapshot } => self.abandon_delete_vm_snapshot(snapshot),
        }
    }

    /// A restart found the job still waiting: only the row of a snapshot that was never begun goes away.
    pub(super) fn forget_queued(&mut self, command: &ApiCommand, job: &AsyncJobId) {
        if let ApiCommand::CreateSnapshot { .. } = command {
            self.forget_snapshot_row(job);
        }
        if let ApiCommand::CreateVmSnapshot(_) = command {
            self.forget_vm_snapshot_row(job);
        }
    }

    /// The agents complete the work while nobody waits for them any more, and the rows tell it at once. A snapshot of a
    /// volume or a VM that was being made ends in Error all the same, as the server that comes up finds it
    /// (cloudstack-api.md section 3.4); so does one whose copy to secondary storage nobody follows any more. An agent
    /// that does not answer completes nothing.
    pub(super) fn complete_unattended(&mut self, command: &ApiCommand, job: &AsyncJobId) {
        let is_lost = matches!(
            command,
            ApiCommand::CreateSnapshot { .. } | ApiCommand::CreateVmSnapshot(_)
        );
        if is_lost || self.check_agent(command).is_err() || self.finish(job, command, None).is_err() {
            self.abandon(command, job);
        }
    }

    /// The VM that a deploy job made.
    fn deployed_vm(&self, job: &AsyncJobId) -> Result<CloudVmId, ApiError> {
        let object = self.jobs.get(job).and_then(|job| job.object.as_ref());
        let id = object.and_then(|object| object.id.parse::<CloudVmId>().ok());
        id.filter(|id| self.vms.contains_key(id)).ok_or_else(|| {
            ApiError::invalid(format!(
                "Unable to find the {} that was deployed",
                self.settings.wording
            ))
        })
    }

    /// The result of a job on a VM: the VM as it is now.
    pub(super) fn vm_result(&self, vm: &CloudVmId) -> Result<JobResult, ApiError> {
        self.vm_row(vm).map(|vm| JobResult::Vm(Box::new(vm.clone())))
    }
}
