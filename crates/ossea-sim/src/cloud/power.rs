//! Starting and stopping VMs.

use failover_domain::{AsyncJobId, CloudVmId, VolumeId};
use ossea::StopMode;

use super::Cloud;
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::StopCause;
use super::objects::{BootFailure, VmState, VolumeState, VolumeType};
use crate::settings::{Role, UserForceStop};

impl Cloud {
    pub(super) fn check_start(&self, id: &CloudVmId) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        match vm.state {
            VmState::Running => Err(ApiError::invalid(format!(
                "The virtual machine {id} ({}) is already running",
                vm.display_name
            ))),
            VmState::Destroyed | VmState::Expunging | VmState::Error => {
                let text = format!("Cannot start {} in {} state", vm.instance_name, vm.state.word());
                Err(ApiError::runtime(text))
            }
            VmState::Starting | VmState::Stopping | VmState::Stopped => Ok(Some(id.clone())),
        }
    }

    /// Answers how many seconds it takes at scale 1.
    pub(super) fn begin_start(&mut self, id: &CloudVmId) -> Result<f64, ApiError> {
        let vm = self
            .vms
            .get(id)
            .ok_or_else(|| ApiError::runtime(format!("The {} is gone", self.settings.wording)))?;
        match vm.state {
            VmState::Stopped => {}
            // Another start was before it in the queue.
            VmState::Running => return Ok(self.settings.durations.start),
            VmState::Starting
            | VmState::Stopping
            | VmState::Destroyed
            | VmState::Expunging
            | VmState::Error => {
                return Err(ApiError::runtime(format!(
                    "There are concurrent operations on {}",
                    vm.instance_name
                )));
            }
        }
        let Some(root) = self.root_of(id) else {
            let text = format!(
                "Unable to start {} because the ROOT volume is missing.",
                vm.instance_name
            );
            return Err(ApiError::runtime(text));
        };
        if let Some(root) = self.volumes.get_mut(&root)
            && root.state == VolumeState::Allocated
        {
            root.state = VolumeState::Creating;
        }
        if let Some(vm) = self.vms.get_mut(id) {
            vm.state = VmState::Starting;
        }
        let migrate = self.settings.durations.migrate_volume;
        let moves = self.moves_for_start(id);
        Ok(moves
            .iter()
            .fold(self.settings.durations.start, |seconds, _| seconds + migrate))
    }

    fn root_of(&self, vm: &CloudVmId) -> Option<VolumeId> {
        self.volumes_on(vm)
            .find(|volume| volume.kind == VolumeType::Root)
            .map(|volume| volume.id.clone())
    }

    pub(super) fn finish_start(
        &mut self,
        job: &AsyncJobId,
        id: &CloudVmId,
        failure: Option<BootFailure>,
    ) -> Result<JobResult, ApiError> {
        let vm = self.vm_row(id)?;
        if vm.state == VmState::Starting {
            let pool = self.pool_for_start(vm);
            for moving in self.moves_for_start(id) {
                self.move_volume(job, moving);
            }
            if let Some(root) = self.root_of(id).and_then(|root| self.volumes.get_mut(&root))
                && root.state == VolumeState::Creating
            {
                root.state = VolumeState::Ready;
                root.pool = pool;
            }
            self.guest_starts(job, id, failure);
        }
        self.vm_result(id)
    }

    /// A guest that restarts writes to its disks on both sides of it.
    pub(super) fn check_reboot(&self, id: &CloudVmId) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        match vm.state {
            VmState::Running => Ok(Some(id.clone())),
            VmState::Starting
            | VmState::Stopping
            | VmState::Stopped
            | VmState::Destroyed
            | VmState::Expunging
            | VmState::Error => Err(ApiError::of_command(530, "Failed to reboot vm instance")),
        }
    }

    pub(super) fn finish_reboot(&mut self, id: &CloudVmId) -> Result<JobResult, ApiError> {
        self.check_reboot(id)?;
        self.write_to_all_disks(id);
        self.vm_result(id)
    }

    pub(super) fn abandon_start(&mut self, id: &CloudVmId) {
        let Some(vm) = self.vms.get_mut(id) else { return };
        if vm.state == VmState::Starting {
            vm.state = VmState::Stopped;
            if let Some(root) = self.root_of(id).and_then(|root| self.volumes.get_mut(&root))
                && root.state == VolumeState::Creating
            {
                root.state = VolumeState::Allocated;
            }
        }
    }

    pub(super) fn check_stop(&self, id: &CloudVmId, mode: StopMode) -> Result<Option<CloudVmId>, ApiError> {
        let settings = self.settings;
        match (mode, settings.role, settings.user_force_stop) {
            (StopMode::Forced, Role::User, UserForceStop::Denied) => {
                return Err(ApiError::runtime(
                    "Account does not have the permission to force stop the virtual machine",
                ));
            }
            (StopMode::Forced, Role::User, UserForceStop::Allowed)
            | (StopMode::Forced, Role::RootAdmin, UserForceStop::Allowed | UserForceStop::Denied)
            | (StopMode::Graceful, Role::User | Role::RootAdmin, _) => {}
        }
        self.vm_row(id)?;
        Ok(Some(id.clone()))
    }

    /// Only a running VM has anything to stop; for every other state the command succeeds without effect.
    pub(super) fn begin_stop(&mut self, id: &CloudVmId) -> f64 {
        match self.vms.get_mut(id) {
            Some(vm) if vm.state == VmState::Running => {
                vm.state = VmState::Stopping;
                self.settings.durations.stop
            }
            Some(_) | None => 0.0,
        }
    }

    pub(super) fn finish_stop(&mut self, job: &AsyncJobId, id: &CloudVmId) -> Result<JobResult, ApiError> {
        if self.vm_row(id)?.state == VmState::Stopping {
            // A guest flushes its disks when it shuts down.
            self.write_to_all_disks(id);
            self.guest_ends(Some(job), id, StopCause::Asked);
        }
        self.vm_result(id)
    }

    pub(super) fn abandon_stop(&mut self, id: &CloudVmId) {
        if let Some(vm) = self.vms.get_mut(id)
            && vm.state == VmState::Stopping
        {
            vm.state = VmState::Running;
        }
    }
}
