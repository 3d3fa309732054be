//! Attaching, detaching and deleting volumes.

use failover_domain::{AsyncJobId, CloudVmId, VolumeId};

use super::Cloud;
use super::command::{ApiCommand, DetachTarget};
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::Effect;
use super::objects::{Attached, VmState, Volume, VolumeState, VolumeType};
use crate::contents::{StorageKind, is_data_device};
use crate::settings::Profile;

/// The most data disks of a KVM VM.
const MAX_DATA_DISKS: usize = 32;

impl Cloud {
    pub(super) fn check_attach(
        &self,
        volume: &VolumeId,
        vm: &CloudVmId,
        device: Option<u32>,
    ) -> Result<Option<CloudVmId>, ApiError> {
        let volume = self.volume_row(volume)?;
        if volume.attached.is_some() {
            return Err(ApiError::invalid(
                "Please specify a volume that is not attached to any VM.",
            ));
        }
        if !matches!(volume.state, VolumeState::Allocated | VolumeState::Ready) {
            return Err(ApiError::invalid(
                "Volume state must be in Allocated, Ready or in Uploaded state",
            ));
        }
        let row = self.vm_row(vm)?;
        if !matches!(row.state, VmState::Running | VmState::Stopped) {
            return Err(ApiError::invalid(
                "Please specify a VM that is either running or stopped.",
            ));
        }
        if row.zone != volume.zone {
            return Err(ApiError::invalid(
                "Please specify a VM that is in the same zone as the volume.",
            ));
        }
        if device == Some(0) {
            self.check_root_swap(volume, row.state)?;
            if self
                .volumes_on(vm)
                .any(|other| other.attached.as_ref().is_some_and(|at| at.device == 0))
            {
                return Err(ApiError::invalid("Vm already has root volume attached to it"));
            }
        } else {
            let data_disks = self
                .volumes_on(vm)
                .filter(|other| other.kind == VolumeType::DataDisk)
                .count();
            if data_disks >= MAX_DATA_DISKS {
                return Err(ApiError::invalid(format!(
                    "The specified VM already has the maximum number of data disks ({MAX_DATA_DISKS}) attached. \
                     Please specify another VM."
                )));
            }
        }
        if self.is_frozen(vm) {
            let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
            return Err(ApiError::invalid(format!(
                "Unable to attach volume to {wording} {}/{vm}, please specify an {wording} that does not have \
                 {snapshot}s",
                row.name
            )));
        }
        Ok(Some(vm.clone()))
    }

    fn check_root_swap(&self, volume: &Volume, state: VmState) -> Result<(), ApiError> {
        if state != VmState::Stopped {
            return Err(ApiError::invalid(
                "Root volume detach can happen only when vm is in states: Stopped or Destroyed",
            ));
        }
        if self.storage_of(volume) == Some(StorageKind::Managed) {
            return Err(ApiError::invalid(
                "Root volume detach is not supported for Managed DataStores",
            ));
        }
        Ok(())
    }

    pub(super) fn begin_attach(
        &mut self,
        volume: &VolumeId,
        vm: &CloudVmId,
        device: Option<u32>,
    ) -> Result<f64, ApiError> {
        let row = self
            .volumes
            .get(volume)
            .ok_or_else(|| ApiError::runtime("The volume is gone"))?;
        if let Some(at) = &row.attached {
            let text = format!("Volume {} is already attached to VM {}", row.name, at.vm);
            return Err(ApiError::runtime(text));
        }
        if !matches!(row.state, VolumeState::Allocated | VolumeState::Ready) {
            let text = format!("Volume {} is in {} state", row.name, row.state.word());
            return Err(ApiError::runtime(text));
        }
        self.free_device(vm, device)?;
        let moving = self.move_for_attach(row, vm)?;
        let durations = self.settings.durations;
        let seconds = match self.vms.get(vm).map(|vm| vm.state) {
            Some(VmState::Running) => durations.attach_to_running,
            Some(
                VmState::Starting
                | VmState::Stopping
                | VmState::Stopped
                | VmState::Destroyed
                | VmState::Expunging
                | VmState::Error,
            ) => durations.attach,
            None => {
                return Err(ApiError::runtime(format!(
                    "The {} is gone",
                    self.settings.wording
                )));
            }
        };
        let (state, seconds) = match moving {
            // It is attached in the last moments of the job, which are not shown.
            Some(_) => (VolumeState::Migrating, seconds + durations.migrate_volume),
            None if row.state == VolumeState::Ready => (VolumeState::Attaching, seconds),
            None => match self.pool_for_attached(vm) {
                Some(_) => (VolumeState::Creating, seconds),
                None => (VolumeState::Allocated, seconds),
            },
        };
        if let Some(row) = self.volumes.get_mut(volume) {
            row.state = state;
        }
        Ok(seconds)
    }

    /// The device that is asked for, or the lowest free one, which is never 0.
    fn free_device(&self, vm: &CloudVmId, device: Option<u32>) -> Result<u32, ApiError> {
        let taken = |device: u32| {
            self.volumes_on(vm)
                .find(|other| other.attached.as_ref().is_some_and(|at| at.device == device))
        };
        let Some(device) = device else {
            return (1..=33)
                .find(|device| is_data_device(*device) && taken(*device).is_none())
                .ok_or_else(|| ApiError::runtime("No free device"));
        };
        if device != 0 && !is_data_device(device) {
            return Err(ApiError::runtime("deviceId should be 0,1,2,4-33"));
        }
        match taken(device) {
            None => Ok(device),
            Some(other) => {
                let text = format!("deviceId {device} is used by vol {} on vm {vm}", other.name);
                Err(ApiError::runtime(text))
            }
        }
    }

    pub(super) fn finish_attach(
        &mut self,
        job: &AsyncJobId,
        volume: &VolumeId,
        vm: &CloudVmId,
        device: Option<u32>,
    ) -> Result<JobResult, ApiError> {
        self.check_still_attachable(volume, vm)?;
        let device = self.free_device(vm, device)?;
        if let Some(moving) = self.move_for_attach(self.volume_row(volume)?, vm)? {
            self.move_volume(job, moving);
        }
        let pool = self.pool_for_attached(vm);
        let at = self.time;
        let row = self
            .volumes
            .get_mut(volume)
            .ok_or_else(|| ApiError::runtime("The volume is gone"))?;
        if row.pool.is_none() {
            row.pool = pool;
        }
        row.state = match (row.state, &row.pool) {
            (VolumeState::Allocated | VolumeState::Creating, None) => VolumeState::Allocated,
            (VolumeState::Allocated | VolumeState::Creating, Some(_))
            | (
                VolumeState::Attaching
                | VolumeState::Migrating
                | VolumeState::Ready
                | VolumeState::Snapshotting
                | VolumeState::RevertSnapshotting
                | VolumeState::Destroy
                | VolumeState::Expunging,
                _,
            ) => VolumeState::Ready,
        };
        row.attached = Some(Attached {
            vm: vm.clone(),
            device,
            at,
        });
        if device == 0 {
            row.kind = VolumeType::Root;
        }
        let result = JobResult::Volume(Box::new(row.clone()));
        self.effect(
            Some(job),
            Effect::VolumeAttached {
                volume: volume.clone(),
                vm: vm.clone(),
                device,
            },
        );
        Ok(result)
    }

    /// What the end of the work finds: another job may have taken the volume meanwhile, and destroying a stopped VM
    /// waits in no queue.
    fn check_still_attachable(&self, volume: &VolumeId, vm: &CloudVmId) -> Result<(), ApiError> {
        let row = self.vms.get(vm);
        let row = row.ok_or_else(|| ApiError::runtime(format!("The {} is gone", self.settings.wording)))?;
        if !matches!(row.state, VmState::Running | VmState::Stopped) {
            let text = format!("{} is in {} state", row.instance_name, row.state.word());
            return Err(ApiError::runtime(text));
        }
        match &self.volume_row(volume)?.attached {
            Some(at) => {
                let text = format!("Volume {volume} is already attached to VM {}", at.vm);
                Err(ApiError::runtime(text))
            }
            None => Ok(()),
        }
    }

    /// The pool on which a volume that is on none yet is made when it is attached to `vm`.
    fn pool_for_attached(&self, vm: &CloudVmId) -> Option<String> {
        let ready_root = self
            .volumes_on(vm)
            .find(|v| v.kind == VolumeType::Root && v.state == VolumeState::Ready);
        match (ready_root, self.settings.profile) {
            (Some(root), Profile::V4_18 | Profile::V4_21 | Profile::V4_22) => root.pool.clone(),
            (None, Profile::V4_18 | Profile::V4_21) => None,
            (None, Profile::V4_22) => self.first_pool(&self.vms.get(vm)?.zone),
        }
    }

    pub(super) fn abandon_attach(&mut self, volume: &VolumeId) {
        let Some(row) = self.volumes.get_mut(volume) else {
            return;
        };
        match row.state {
            VolumeState::Attaching | VolumeState::Migrating => row.state = VolumeState::Ready,
            VolumeState::Creating => row.state = VolumeState::Allocated,
            VolumeState::Allocated
            | VolumeState::Ready
            | VolumeState::Snapshotting
            | VolumeState::RevertSnapshotting
            | VolumeState::Destroy
            | VolumeState::Expunging => {}
        }
    }

    /// The error of an attach that the agent could not do.
    pub(super) fn attach_failed(&self, command: &ApiCommand) -> ApiError {
        let objects = self.objects_of(command).join(" ");
        ApiError::runtime(format!(
            "Failed to attach volume; it cannot be attached: {objects}"
        ))
    }

    /// The error of a host whose device is busy.
    pub(super) fn device_is_busy(&self, command: &ApiCommand) -> ApiError {
        let objects = self.objects_of(command).join(" ");
        ApiError::runtime(format!(
            "{} failed; Device or resource busy: {objects}",
            command.api_name()
        ))
    }

    pub(super) fn detach_target(&self, target: &DetachTarget) -> Option<&Volume> {
        match target {
            DetachTarget::Volume(id) => self.volumes.get(id),
            DetachTarget::Slot { vm, device } => self
                .volumes_on(vm)
                .find(|volume| volume.attached.as_ref().is_some_and(|at| at.device == *device)),
            DetachTarget::Ambiguous => None,
        }
    }

    pub(super) fn check_detach(&self, target: &DetachTarget) -> Result<Option<CloudVmId>, ApiError> {
        let volume = match target {
            DetachTarget::Volume(id) => self.volume_row(id)?,
            DetachTarget::Slot { .. } => self
                .detach_target(target)
                .ok_or_else(|| ApiError::runtime("Index 0 out of bounds for length 0"))?,
            DetachTarget::Ambiguous => {
                return Err(ApiError::invalid(
                    "Please provide either a volume id, or a tuple(device id, instance id)",
                ));
            }
        };
        let Some(at) = &volume.attached else {
            return Err(ApiError::invalid("The specified volume is not attached to a VM."));
        };
        let state = self.vm_row(&at.vm)?.state;
        if !matches!(state, VmState::Running | VmState::Stopped | VmState::Destroyed) {
            return Err(ApiError::invalid(
                "Please specify a VM that is either running or stopped.",
            ));
        }
        if volume.kind == VolumeType::Root {
            self.check_root_swap(volume, state)?;
        }
        if self.is_frozen(&at.vm) {
            let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
            return Err(ApiError::invalid(format!(
                "Unable to detach volume, please specify an {wording} that does not have {snapshot}s"
            )));
        }
        Ok(Some(at.vm.clone()))
    }

    pub(super) fn detach_seconds(&self, target: &DetachTarget) -> f64 {
        let durations = self.settings.durations;
        match self.detach_target(target).map(|volume| volume.kind) {
            Some(VolumeType::Root) => durations.detach_root,
            Some(VolumeType::DataDisk) | None => durations.detach,
        }
    }

    /// A detach that comes late clears whatever attachment the volume has by then, also a newer one, as the real
    /// cloud does (apache/cloudstack issue 14214).
    pub(super) fn finish_detach(
        &mut self,
        job: &AsyncJobId,
        target: &DetachTarget,
    ) -> Result<JobResult, ApiError> {
        let Some(id) = self.detach_target(target).map(|volume| volume.id.clone()) else {
            return Err(ApiError::runtime("The volume is gone"));
        };
        self.clear_attachment(Some(job), &id);
        let row = self
            .volumes
            .get(&id)
            .ok_or_else(|| ApiError::runtime("The volume is gone"))?;
        Ok(JobResult::Volume(Box::new(row.clone())))
    }

    pub(super) fn clear_attachment(&mut self, job: Option<&AsyncJobId>, id: &VolumeId) {
        let Some(row) = self.volumes.get_mut(id) else {
            return;
        };
        row.kind = VolumeType::DataDisk;
        if let Some(at) = row.attached.take() {
            let effect = Effect::VolumeDetached {
                volume: id.clone(),
                vm: at.vm,
                device: at.device,
            };
            self.effect(job, effect);
        }
    }

    /// The error of a detach from a guest that does not let go.
    pub(super) fn detach_timed_out(&self, command: &ApiCommand) -> ApiError {
        let objects = self.objects_of(command).join(" ");
        ApiError::runtime(format!(
            "Failed to detach volume; Could not detach volume after sending the command and waiting for [10000] \
             milliseconds: {objects}"
        ))
    }

    /// `deleteVolume`, inside its call.
    pub(super) fn delete_volume(&mut self, id: &VolumeId) -> Result<(), ApiError> {
        let row = self.volume_row(id)?;
        if self.is_being_snapshotted(id) {
            return Err(ApiError::invalid(
                "There are snapshot operations in progress on the volume, unable to delete it",
            ));
        }
        if row.attached.is_some() {
            return Err(ApiError::invalid(
                "Please specify a volume that is not attached to any VM.",
            ));
        }
        self.check_volume_not_protected(row)?;
        self.remove_volume(None, id);
        Ok(())
    }

    pub(super) fn remove_volume(&mut self, job: Option<&AsyncJobId>, id: &VolumeId) {
        if let Some(row) = self.volumes.remove(id) {
            self.removed.insert(id.to_string());
            let generation = row.content.generation;
            self.effect(
                job,
                Effect::VolumeDeleted {
                    volume: row.id,
                    generation,
                },
            );
        }
    }
}
