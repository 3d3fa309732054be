//! Protection from deletion, which releases before 4.20 do not know: they ignore the parameter and delete.

use failover_domain::{AsyncJobId, CloudVmId, VolumeId};

use super::Cloud;
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::Effect;
use super::objects::Volume;
use crate::contents::Protection;

impl Cloud {
    pub(super) fn check_vm_not_protected(&self, id: &CloudVmId) -> Result<(), ApiError> {
        let vm = self.vm_row(id)?;
        self.check_not_protected(vm.protection, &vm.instance_name)
    }

    pub(super) fn check_volume_not_protected(&self, volume: &Volume) -> Result<(), ApiError> {
        self.check_not_protected(volume.protection, &volume.name)
    }

    fn check_not_protected(&self, protection: Protection, name: &str) -> Result<(), ApiError> {
        match protection {
            Protection::On if self.settings.profile.protects_from_deletion() => {
                let text = format!("{name} has delete protection enabled and cannot be deleted");
                Err(ApiError::invalid(text))
            }
            Protection::On | Protection::Off => Ok(()),
        }
    }

    /// `updateVirtualMachine`, inside its call.
    pub(super) fn protect_vm(&mut self, id: &CloudVmId, to: Protection) -> Result<JobResult, ApiError> {
        self.vm_row(id)?;
        if let Some(vm) = self.vms.get_mut(id)
            && self.settings.profile.protects_from_deletion()
        {
            vm.protection = to;
            self.protection_changed(None, id.as_str(), to);
        }
        self.vm_result(id)
    }

    /// The end of `updateVolume`.
    pub(super) fn protect_volume(
        &mut self,
        job: &AsyncJobId,
        id: &VolumeId,
        to: Protection,
    ) -> Result<JobResult, ApiError> {
        self.volume_row(id)?;
        if let Some(volume) = self.volumes.get_mut(id)
            && self.settings.profile.protects_from_deletion()
        {
            volume.protection = to;
            self.protection_changed(Some(job), id.as_str(), to);
        }
        self.volume_row(id)
            .map(|volume| JobResult::Volume(Box::new(volume.clone())))
    }

    fn protection_changed(&mut self, job: Option<&AsyncJobId>, object: &str, protection: Protection) {
        let object = object.to_owned();
        self.effect(job, Effect::ProtectionChanged { object, protection });
    }
}
