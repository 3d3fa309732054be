//! Destroying VMs: data disks are set free, the disk at device 0 dies with an expunged VM.

use failover_domain::{AsyncJobId, CloudVmId, VolumeId};

use super::Cloud;
use super::command::DestroyEnd;
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::{Effect, StopCause};
use super::objects::{VmState, VolumeType};
use crate::settings::{Role, UserExpunge};

impl Cloud {
    pub(super) fn check_destroy(
        &self,
        id: &CloudVmId,
        end: DestroyEnd,
    ) -> Result<Option<CloudVmId>, ApiError> {
        match (end, self.settings.role, self.settings.user_expunge) {
            (DestroyEnd::Expunged, Role::User, UserExpunge::Denied) => {
                return Err(ApiError::runtime(
                    "Account does not have permission for expunging.",
                ));
            }
            (DestroyEnd::Expunged, Role::User, UserExpunge::Allowed)
            | (DestroyEnd::Expunged, Role::RootAdmin, UserExpunge::Allowed | UserExpunge::Denied)
            | (DestroyEnd::Recoverable, Role::User | Role::RootAdmin, _) => {}
        }
        self.vm_row(id)?;
        let root_is_snapshotted = self
            .volumes_on(id)
            .filter(|v| v.kind == VolumeType::Root)
            .any(|root| self.is_being_snapshotted(&root.id));
        if root_is_snapshotted {
            return Err(ApiError::runtime(
                "There is/are unbacked up snapshot(s) on ROOT volume",
            ));
        }
        // Most of the work is in the database, beside the queue.
        Ok(None)
    }

    pub(super) fn begin_destroy(&mut self, id: &CloudVmId) -> f64 {
        self.begin_stop(id) + self.settings.durations.destroy
    }

    pub(super) fn finish_destroy(
        &mut self,
        job: &AsyncJobId,
        id: &CloudVmId,
        end: DestroyEnd,
    ) -> Result<JobResult, ApiError> {
        match self.vm_row(id)?.state {
            VmState::Running | VmState::Starting | VmState::Stopping => {
                self.write_to_all_disks(id);
                self.guest_ends(Some(job), id, StopCause::Asked);
            }
            VmState::Stopped | VmState::Destroyed | VmState::Expunging | VmState::Error => {}
        }
        let data_disks: Vec<VolumeId> = self
            .volumes_on(id)
            .filter(|v| v.kind == VolumeType::DataDisk)
            .map(|v| v.id.clone())
            .collect();
        for disk in data_disks {
            self.clear_attachment(Some(job), &disk);
        }
        self.drop_vm_snapshots(job, id);
        if let Some(vm) = self.vms.get_mut(id)
            && vm.state != VmState::Destroyed
        {
            vm.state = VmState::Destroyed;
            self.effect(Some(job), Effect::VmDestroyed { vm: id.clone() });
        }
        let result = self.vm_result(id)?;
        match end {
            DestroyEnd::Recoverable => {}
            DestroyEnd::Expunged => self.expunge(job, id),
        }
        Ok(result)
    }

    fn expunge(&mut self, job: &AsyncJobId, id: &CloudVmId) {
        let roots: Vec<VolumeId> = self.volumes_on(id).map(|volume| volume.id.clone()).collect();
        for root in roots {
            self.remove_volume(Some(job), &root);
        }
        if let Some(vm) = self.vms.remove(id) {
            let cards = vm.nics.into_iter().map(|nic| nic.id.to_string());
            self.removed.extend(cards);
        }
        self.removed.insert(id.to_string());
        self.effect(Some(job), Effect::VmExpunged { vm: id.clone() });
    }
}
