//! Destroying, expunging and recovering VMs: data disks are set free, the disk at device 0 dies with an expunged VM.

use chrono::TimeDelta;
use failover_domain::{AsyncJobId, CloudVmId, VolumeId};

use super::Cloud;
use super::command::{Destroy, DestroyEnd};
use super::error::ApiError;
use super::jobs::{Due, JobResult};
use super::log::{Effect, StopCause};
use super::objects::{VmState, VolumeType};
use crate::settings::{Profile, Role, UserExpunge};

/// `expunge.delay`, and no turn of the collector (`expunge.interval`) after it.
const EXPUNGE_DELAY: TimeDelta = TimeDelta::hours(24);

impl Cloud {
    pub(super) fn check_destroy(&self, destroy: &Destroy) -> Result<Option<CloudVmId>, ApiError> {
        match destroy.end {
            DestroyEnd::Expunged => self.check_may_expunge()?,
            DestroyEnd::Recoverable => {}
        }
        let state = self.vm_row(&destroy.vm)?.state;
        let is_destroyed = matches!(state, VmState::Destroyed | VmState::Expunging);
        if is_destroyed && destroy.end == DestroyEnd::Recoverable {
            return Ok(None);
        }
        self.check_vm_not_protected(&destroy.vm)?;
        let root_is_snapshotted = self
            .volumes_on(&destroy.vm)
            .filter(|v| v.kind == VolumeType::Root)
            .any(|root| self.is_being_snapshotted(&root.id));
        if root_is_snapshotted {
            return Err(ApiError::runtime(
                "There is/are unbacked up snapshot(s) on ROOT volume",
            ));
        }
        self.check_doomed_disks(destroy)?;
        // The work in the database is beside the queue; stopping a guest and deleting VM snapshots are not
        // (cloudstack-api.md section 3.6).
        let is_on = matches!(state, VmState::Starting | VmState::Running | VmState::Stopping);
        Ok((is_on || self.is_frozen(&destroy.vm)).then(|| destroy.vm.clone()))
    }

    fn check_may_expunge(&self) -> Result<(), ApiError> {
        match (self.settings.role, self.settings.user_expunge) {
            (Role::User, UserExpunge::Denied) => Err(ApiError::runtime(
                "Account does not have permission for expunging.",
            )),
            (Role::User, UserExpunge::Allowed)
            | (Role::RootAdmin, UserExpunge::Allowed | UserExpunge::Denied) => Ok(()),
        }
    }

    /// The disks that are to be deleted with the VM must be its data disks.
    fn check_doomed_disks(&self, destroy: &Destroy) -> Result<(), ApiError> {
        for id in &destroy.volumes {
            let volume = self.volume_row(id)?;
            if volume.kind != VolumeType::DataDisk || !volume.is_on(&destroy.vm) {
                return Err(ApiError::invalid(format!(
                    "Volume {id} is not a data disk of the {} {}",
                    self.settings.wording, destroy.vm
                )));
            }
            self.check_volume_not_protected(volume)?;
        }
        Ok(())
    }

    pub(super) fn begin_destroy(&mut self, destroy: &Destroy) -> f64 {
        let id = &destroy.vm;
        let is_destroyed = self.vms.get(id).is_some_and(|vm| vm.state == VmState::Destroyed);
        match destroy.end {
            DestroyEnd::Expunged if is_destroyed => self.begin_expunge(id),
            DestroyEnd::Expunged | DestroyEnd::Recoverable => {
                self.begin_stop(id) + self.settings.durations.destroy
            }
        }
    }

    pub(super) fn finish_destroy(
        &mut self,
        job: &AsyncJobId,
        destroy: &Destroy,
    ) -> Result<JobResult, ApiError> {
        self.destroy(job, destroy)?;
        let result = self.vm_result(&destroy.vm)?;
        match destroy.end {
            DestroyEnd::Recoverable => {}
            DestroyEnd::Expunged => self.expunge(job, &destroy.vm),
        }
        for disk in &destroy.volumes {
            self.remove_volume(Some(job), disk);
        }
        Ok(result)
    }

    /// Everything but expunging.
    fn destroy(&mut self, job: &AsyncJobId, destroy: &Destroy) -> Result<(), ApiError> {
        let id = &destroy.vm;
        let after = match self.vm_row(id)?.state {
            VmState::Running | VmState::Starting | VmState::Stopping => {
                self.write_to_all_disks(id);
                self.guest_ends(Some(job), id, StopCause::Asked);
                VmState::Destroyed
            }
            VmState::Stopped => VmState::Destroyed,
            VmState::Error => VmState::Expunging,
            VmState::Destroyed | VmState::Expunging => return Ok(()),
        };
        self.free_data_disks(job, id);
        self.drop_vm_snapshots(job, id);
        if let Some(vm) = self.vms.get_mut(id) {
            vm.state = after;
            self.effect(Some(job), Effect::VmDestroyed { vm: id.clone() });
        }
        if after == VmState::Destroyed {
            self.plan(self.time + EXPUNGE_DELAY, Due::ExpungeDelayIsOver(id.clone()));
        }
        Ok(())
    }

    fn free_data_disks(&mut self, job: &AsyncJobId, id: &CloudVmId) {
        let data_disks: Vec<VolumeId> = self
            .volumes_on(id)
            .filter(|v| v.kind == VolumeType::DataDisk)
            .map(|v| v.id.clone())
            .collect();
        for disk in data_disks {
            self.clear_attachment(Some(job), &disk);
        }
    }

    /// Plain users cannot even ask for it.
    pub(super) fn check_expunge(&self, id: &CloudVmId) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        match vm.state {
            VmState::Destroyed | VmState::Expunging | VmState::Error => Ok(None),
            VmState::Starting | VmState::Running | VmState::Stopping | VmState::Stopped => {
                Err(ApiError::runtime(format!(
                    "{} is {}, wanted is Destroyed, Expunging or Error",
                    vm.instance_name,
                    vm.state.word()
                )))
            }
        }
    }

    pub(super) fn begin_expunge(&mut self, id: &CloudVmId) -> f64 {
        if let Some(vm) = self.vms.get_mut(id) {
            vm.state = VmState::Expunging;
        }
        self.settings.durations.expunge
    }

    pub(super) fn finish_expunge(&mut self, job: &AsyncJobId, id: &CloudVmId) -> Result<JobResult, ApiError> {
        self.vm_row(id)?;
        self.expunge(job, id);
        Ok(JobResult::Success)
    }

    /// A VM whose expunging failed is Expunging, from 4.22.1 on in Error.
    pub(super) fn abandon_expunge(&mut self, id: &CloudVmId) {
        let left = match self.settings.profile {
            Profile::V4_18 | Profile::V4_21 => VmState::Expunging,
            Profile::V4_22 => VmState::Error,
        };
        if let Some(vm) = self.vms.get_mut(id)
            && matches!(vm.state, VmState::Destroyed | VmState::Expunging)
        {
            vm.state = left;
        }
    }

    /// The work of a destruction is not done: a VM that ran runs again, one that was being expunged is left behind.
    pub(super) fn abandon_destroy(&mut self, destroy: &Destroy) {
        self.abandon_stop(&destroy.vm);
        let is_expunging = self
            .vms
            .get(&destroy.vm)
            .is_some_and(|vm| vm.state == VmState::Expunging);
        match destroy.end {
            DestroyEnd::Expunged if is_expunging => self.abandon_expunge(&destroy.vm),
            DestroyEnd::Expunged | DestroyEnd::Recoverable => {}
        }
    }

    /// A fault lets the last part of a destruction fail.
    pub(super) fn destroy_without_expunging(&mut self, job: &AsyncJobId, destroy: &Destroy) -> ApiError {
        if let Err(error) = self.destroy(job, destroy) {
            return error;
        }
        self.abandon_expunge(&destroy.vm);
        self.expunge_failed(&destroy.vm)
    }

    pub(super) fn expunge_failed(&self, id: &CloudVmId) -> ApiError {
        let wording = self.settings.wording;
        ApiError::runtime(format!("Failed to expunge {wording} with ID {id}"))
    }

    fn expunge(&mut self, job: &AsyncJobId, id: &CloudVmId) {
        self.free_data_disks(job, id);
        self.drop_vm_snapshots(job, id);
        self.remove_vm(Some(job), id);
    }

    /// Nobody recovered the VM in time. What it had but its root it lost when it was destroyed.
    pub(super) fn expunge_delay_is_over(&mut self, id: &CloudVmId) {
        if self.vms.get(id).is_some_and(|vm| vm.state == VmState::Destroyed) {
            self.remove_vm(None, id);
        }
    }

    /// The end of a VM and of the disks that it still has.
    fn remove_vm(&mut self, job: Option<&AsyncJobId>, id: &CloudVmId) {
        let roots: Vec<VolumeId> = self.volumes_on(id).map(|volume| volume.id.clone()).collect();
        for root in roots {
            self.remove_volume(job, &root);
        }
        if let Some(vm) = self.vms.remove(id) {
            let cards = vm.nics.into_iter().map(|nic| nic.id.to_string());
            self.removed.extend(cards);
        }
        self.removed.insert(id.to_string());
        self.effect(job, Effect::VmExpunged { vm: id.clone() });
    }

    /// `recoverVirtualMachine`, inside its call.
    pub(super) fn recover(&mut self, id: &CloudVmId) -> Result<JobResult, ApiError> {
        match (self.settings.role, self.settings.user_expunge) {
            (Role::User, UserExpunge::Denied) => {
                return Err(ApiError::denied(format!(
                    "Recovering a {} can only be done by an Admin",
                    self.settings.wording
                )));
            }
            (Role::User, UserExpunge::Allowed)
            | (Role::RootAdmin, UserExpunge::Allowed | UserExpunge::Denied) => {}
        }
        let state = self.vm_row(id)?.state;
        match self.vms.get_mut(id) {
            Some(vm) if vm.state == VmState::Destroyed => vm.state = VmState::Stopped,
            Some(_) | None => {
                return Err(ApiError::invalid(format!(
                    "Unable to recover the {} with id {id} in state {}, wanted is Destroyed",
                    self.settings.wording,
                    state.word()
                )));
            }
        }
        let is_planned = Due::ExpungeDelayIsOver(id.clone());
        self.agenda.retain(|_, due| *due != is_planned);
        self.effect(None, Effect::VmRecovered { vm: id.clone() });
        self.vm_result(id)
    }
}
