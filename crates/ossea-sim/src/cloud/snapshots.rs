//! Volume snapshots.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use failover_domain::{AsyncJobId, CloudVmId, SnapshotId, VolumeId};

use super::command::{ApiCommand, Backup, Quiesce, SnapshotLocation};
use super::error::ApiError;
use super::jobs::{Due, JobResult};
use super::limits::Resource;
use super::log::Effect;
use super::objects::{ResourceType, Snapshot, SnapshotState, VmState, Volume, VolumeState};
use super::{Cloud, GIB};
use crate::contents::StorageKind;

/// The part of a snapshot's time that passes on primary storage; afterwards its volume is free again while the
/// copy to secondary storage goes on.
const PRIMARY_PART: i32 = 5;

impl Cloud {
    /// The part of `createSnapshot` that happens inside its HTTP call.
    pub(super) fn create_snapshot_row(
        &mut self,
        volume: &VolumeId,
        name: Option<&str>,
        location: SnapshotLocation,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, ApiError> {
        let row = self.volume_row(volume)?;
        if row.state != VolumeState::Ready {
            return Err(ApiError::invalid(format!(
                "VolumeId: {volume} is not in Ready state but {}. Cannot take snapshot.",
                row.state.word()
            )));
        }
        if location == SnapshotLocation::Given && self.storage_of(row) != Some(StorageKind::Managed) {
            let text = "Snapshot location is supported only for snapshots on managed storage";
            return Err(ApiError::invalid(text));
        }
        self.check_snapshot_of_attached(row)?;
        self.check_limits(&[
            (Resource::Snapshots, 1),
            (Resource::SecondaryStorageGib, row.size_bytes.div_ceil(GIB)),
        ])?;
        let (volume_name, size_bytes, zone) = (row.name.clone(), row.size_bytes, row.zone.clone());
        let owner = row
            .attached
            .as_ref()
            .and_then(|at| self.vms.get(&at.vm))
            .map(|vm| vm.name.clone());
        let owner = owner.unwrap_or_else(|| "detached".to_owned());
        let name = name.map_or_else(
            || format!("{owner}_{volume_name}_{}", self.time.format("%Y%m%d%H%M%S")),
            str::to_owned,
        );
        let id = self.fresh_id();
        let snapshot = Snapshot {
            id: id.parse().expect("a UUID is a legal id"),
            name,
            volume: volume.clone(),
            volume_name,
            zone,
            state: SnapshotState::Allocated,
            created: self.time,
            size_bytes,
            content: None,
        };
        self.snapshots.insert(snapshot.id.clone(), snapshot);
        self.put_tags(ResourceType::Snapshot, &id, tags);
        Ok(id)
    }

    fn check_snapshot_of_attached(&self, volume: &Volume) -> Result<(), ApiError> {
        let Some(vm) = volume.attached.as_ref().and_then(|at| self.vms.get(&at.vm)) else {
            return Ok(());
        };
        match vm.state {
            VmState::Stopped => {}
            VmState::Destroyed | VmState::Expunging => {
                let text = format!("The {} is in {} state", self.settings.wording, vm.state.word());
                return Err(ApiError::runtime(text));
            }
            VmState::Starting | VmState::Running | VmState::Stopping | VmState::Error => {
                if !self.settings.snapshots_running_vms() {
                    return Err(ApiError::runtime(
                        "KVM Snapshot is not supported for Running VMs. It is disabled by default due to a \
                         possible volume corruption in certain cases.",
                    ));
                }
            }
        }
        let sibling_is_active = self.volumes_on(&vm.id).any(|sibling| {
            sibling.id != volume.id
                && sibling.state == VolumeState::Ready
                && self.is_being_snapshotted(&sibling.id)
        });
        if sibling_is_active {
            return Err(ApiError::invalid(
                "There is other active snapshot tasks on the instance to which the volume is attached, please \
                 try again later",
            ));
        }
        if self.has_vm_snapshot_task(&vm.id) {
            return Err(ApiError::runtime(format!(
                "There is other active {} tasks on the {} to which the volume is attached, please try again later",
                self.settings.wording.vm_snapshot(),
                self.settings.wording
            )));
        }
        Ok(())
    }

    pub(super) fn begin_snapshot(
        &mut self,
        job: &AsyncJobId,
        volume: &VolumeId,
        quiesce: Quiesce,
        backup: Backup,
    ) -> Result<f64, ApiError> {
        let hidden = || {
            let text = "Failed to create Snapshot due to an internal error creating Snapshot for volume";
            ApiError::runtime(format!("{text} {volume}"))
        };
        let owner = self.volumes.get(volume).and_then(|row| row.attached.as_ref());
        if owner.is_some_and(|at| self.has_file_based_snapshot(&at.vm)) {
            self.forget_snapshot_row(job);
            let text = format!(
                "Failed to create Snapshot due to unsupported operation: volume {volume} has a file-based {}",
                self.settings.wording.vm_snapshot()
            );
            return Err(ApiError::of_command(432, text));
        }
        let row = self.volumes.get_mut(volume).ok_or_else(hidden)?;
        if row.state != VolumeState::Ready || quiesce == Quiesce::Asked {
            // The snapshot's row stays behind in Allocated, as in the real cloud.
            return Err(hidden());
        }
        row.state = VolumeState::Snapshotting;
        // The content is that of the instant at which the snapshot begins.
        let (content, size_bytes) = (row.content.clone(), row.size_bytes);
        let generation = content.generation;
        let snapshot = self.snapshot_of_job(job).ok_or_else(hidden)?;
        snapshot.state = SnapshotState::Creating;
        snapshot.content = Some(content);
        snapshot.size_bytes = size_bytes;
        let snapshot = snapshot.id.clone();
        self.effect(
            Some(job),
            Effect::SnapshotTaken {
                snapshot,
                volume: volume.clone(),
                generation,
            },
        );
        let seconds = self.settings.durations.create_snapshot;
        match backup {
            Backup::AfterJob => Ok(seconds / f64::from(PRIMARY_PART)),
            Backup::WithinJob => {
                let on_primary: TimeDelta = self.settings.time(seconds) / PRIMARY_PART;
                self.plan(self.time + on_primary, Due::SnapshotLeavesPrimary(job.clone()));
                Ok(seconds)
            }
        }
    }

    pub(super) fn snapshot_leaves_primary(&mut self, job: &AsyncJobId) {
        if self.running(job).is_none() {
            return;
        }
        if let Some(snapshot) = self.snapshot_of_job(job) {
            snapshot.state = SnapshotState::BackingUp;
            let volume = snapshot.volume.clone();
            self.volume_is_free(&volume, VolumeState::Snapshotting);
        }
    }

    /// The snapshot that a `createSnapshot` job made.
    fn snapshot_of_job(&mut self, job: &AsyncJobId) -> Option<&mut Snapshot> {
        let id: SnapshotId = self.jobs.get(job)?.object.as_ref()?.id.parse().ok()?;
        self.snapshots.get_mut(&id)
    }

    fn volume_is_free(&mut self, volume: &VolumeId, from: VolumeState) {
        if let Some(row) = self.volumes.get_mut(volume)
            && row.state == from
        {
            row.state = VolumeState::Ready;
        }
    }

    pub(super) fn finish_snapshot(&mut self, job: &AsyncJobId) -> Result<JobResult, ApiError> {
        let gone = || ApiError::runtime("Failed to create Snapshot due to an internal error");
        let backup = self.backup_of_job(job);
        let snapshot = self.snapshot_of_job(job).ok_or_else(gone)?;
        snapshot.state = match backup {
            Backup::WithinJob => SnapshotState::BackedUp,
            Backup::AfterJob => SnapshotState::BackingUp,
        };
        let result = JobResult::Snapshot(Box::new(snapshot.clone()));
        let (id, volume) = (snapshot.id.clone(), snapshot.volume.clone());
        self.volume_is_free(&volume, VolumeState::Snapshotting);
        if backup == Backup::AfterJob {
            let whole = self.settings.time(self.settings.durations.create_snapshot);
            let rest = whole - whole / PRIMARY_PART;
            self.plan(self.time + rest, Due::SnapshotIsBackedUp(id));
        }
        Ok(result)
    }

    fn backup_of_job(&self, job: &AsyncJobId) -> Backup {
        match self.jobs.get(job).map(|job| &job.command) {
            Some(ApiCommand::CreateSnapshot { backup, .. }) => *backup,
            Some(_) | None => Backup::WithinJob,
        }
    }

    /// The copy that outlived its job is complete.
    pub(super) fn snapshot_is_backed_up(&mut self, id: &SnapshotId) {
        if let Some(snapshot) = self.snapshots.get_mut(id)
            && snapshot.state == SnapshotState::BackingUp
        {
            snapshot.state = SnapshotState::BackedUp;
        }
    }

    /// The row stays behind in Error; the volume is usable again. (What resets a volume after a restart of the
    /// real management server is not known; a volume that stays locked for ever would be worse than the truth.)
    pub(super) fn abandon_snapshot(&mut self, job: &AsyncJobId) {
        if let Some(snapshot) = self.snapshot_of_job(job) {
            snapshot.state = SnapshotState::Error;
            // Nothing can be read of it, whatever becomes of a later deletion.
            snapshot.content = None;
            let volume = snapshot.volume.clone();
            self.volume_is_free(&volume, VolumeState::Snapshotting);
        }
    }

    /// The row of a snapshot that was never begun goes away.
    pub(super) fn forget_snapshot_row(&mut self, job: &AsyncJobId) {
        if let Some(snapshot) = self.snapshot_of_job(job) {
            let id = snapshot.id.clone();
            self.snapshots.remove(&id);
            self.removed.insert(id.to_string());
        }
    }

    pub(super) fn check_revert(&self, id: &SnapshotId) -> Result<Option<CloudVmId>, ApiError> {
        let snapshot = self
            .snapshots
            .get(id)
            .ok_or_else(|| ApiError::invalid("No such snapshot"))?;
        let volume = self.volume_row(&snapshot.volume)?;
        if volume.state != VolumeState::Ready {
            return Err(ApiError::invalid("The volume is not in Ready state."));
        }
        let vm = volume.attached.as_ref().and_then(|at| self.vms.get(&at.vm));
        if vm.is_some_and(|vm| vm.state != VmState::Stopped) {
            return Err(ApiError::invalid(format!(
                "The {} the specified disk is attached to is not in the shutdown state.",
                self.settings.wording
            )));
        }
        if vm.is_some_and(|vm| self.is_frozen(&vm.id)) {
            return Err(ApiError::invalid(format!(
                "Unable to revert the volume, its {} has {}s",
                self.settings.wording,
                self.settings.wording.vm_snapshot()
            )));
        }
        if snapshot.state != SnapshotState::BackedUp {
            return Err(ApiError::runtime("The snapshot is in no store of the zone"));
        }
        // Reverting is not in the queue of any VM.
        Ok(None)
    }

    pub(super) fn begin_revert(&mut self, id: &SnapshotId) -> Result<f64, ApiError> {
        let gone = || ApiError::runtime("The volume is not in Ready state.");
        let volume = self
            .snapshots
            .get(id)
            .map(|snapshot| snapshot.volume.clone())
            .ok_or_else(gone)?;
        self.volumes.get_mut(&volume).ok_or_else(gone)?.state = VolumeState::RevertSnapshotting;
        Ok(self.settings.durations.revert_snapshot)
    }

    pub(super) fn finish_revert(&mut self, job: &AsyncJobId, id: &SnapshotId) -> Result<JobResult, ApiError> {
        let gone = || ApiError::runtime("The snapshot is in no store of the zone");
        let snapshot = self.snapshots.get(id).cloned().ok_or_else(gone)?;
        let content = snapshot.content.clone().ok_or_else(gone)?;
        let row = self.volumes.get_mut(&snapshot.volume).ok_or_else(gone)?;
        row.state = VolumeState::Ready;
        row.size_bytes = snapshot.size_bytes;
        let generation = content.generation;
        row.content = content;
        let (snapshot_id, volume) = (id.clone(), snapshot.volume.clone());
        self.effect(
            Some(job),
            Effect::SnapshotReverted {
                snapshot: snapshot_id,
                volume,
                generation,
            },
        );
        Ok(JobResult::Snapshot(Box::new(snapshot)))
    }

    pub(super) fn abandon_revert(&mut self, id: &SnapshotId) {
        if let Some(volume) = self.snapshots.get(id).map(|snapshot| snapshot.volume.clone()) {
            self.volume_is_free(&volume, VolumeState::RevertSnapshotting);
        }
    }

    pub(super) fn check_delete_snapshot(&self, id: &SnapshotId) -> Result<Option<CloudVmId>, ApiError> {
        let snapshot = self.snapshots.get(id);
        let snapshot =
            snapshot.ok_or_else(|| ApiError::invalid(format!("Unable to find a snapshot with id {id}")))?;
        match snapshot.state {
            SnapshotState::Creating | SnapshotState::BackingUp => {
                let text = format!(
                    "Failed to delete snapshot:{id} in {} state",
                    snapshot.state.word()
                );
                Err(ApiError::runtime(text))
            }
            SnapshotState::Allocated
            | SnapshotState::BackedUp
            | SnapshotState::Destroying
            | SnapshotState::Error => self.check_not_reverting_to(snapshot),
        }
    }

    /// The content that is being copied back must stay until its volume has it.
    fn check_not_reverting_to(&self, snapshot: &Snapshot) -> Result<Option<CloudVmId>, ApiError> {
        let volume = self.volumes.get(&snapshot.volume);
        match volume.map(|volume| volume.state) {
            Some(VolumeState::RevertSnapshotting) => Err(ApiError::runtime(format!(
                "Failed to delete snapshot:{}: its volume is being reverted",
                snapshot.id
            ))),
            Some(
                VolumeState::Allocated
                | VolumeState::Creating
                | VolumeState::Ready
                | VolumeState::Attaching
                | VolumeState::Migrating
                | VolumeState::Snapshotting
                | VolumeState::Destroy
                | VolumeState::Expunging,
            )
            | None => Ok(None),
        }
    }

    pub(super) fn begin_delete_snapshot(&mut self, id: &SnapshotId) -> f64 {
        if let Some(snapshot) = self.snapshots.get_mut(id) {
            snapshot.state = SnapshotState::Destroying;
        }
        self.settings.durations.delete_snapshot
    }

    pub(super) fn finish_delete_snapshot(
        &mut self,
        job: &AsyncJobId,
        id: &SnapshotId,
    ) -> Result<JobResult, ApiError> {
        let gone = || ApiError::invalid(format!("Unable to find a snapshot with id {id}"));
        let snapshot = self.snapshots.remove(id).ok_or_else(gone)?;
        self.removed.insert(id.to_string());
        self.effect(
            Some(job),
            Effect::SnapshotDeleted {
                snapshot: id.clone(),
                volume: snapshot.volume,
            },
        );
        Ok(JobResult::Success)
    }

    pub(super) fn abandon_delete_snapshot(&mut self, id: &SnapshotId) {
        if let Some(snapshot) = self.snapshots.get_mut(id)
            && snapshot.state == SnapshotState::Destroying
        {
            snapshot.state = match snapshot.content {
                Some(_) => SnapshotState::BackedUp,
                None => SnapshotState::Error,
            };
        }
    }
}
