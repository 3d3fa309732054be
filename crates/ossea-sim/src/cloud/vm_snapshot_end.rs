//! Deleting VM snapshots. The present content of the disks stays: what was written since becomes permanent.

use failover_domain::{AsyncJobId, CloudVmId, VmSnapshotId};

use super::Cloud;
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::Effect;
use super::objects::{VmSnapshotState, VmSnapshotStrategy};

impl Cloud {
    pub(super) fn check_delete_vm_snapshot(&self, id: &VmSnapshotId) -> Result<Option<CloudVmId>, ApiError> {
        let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
        let row = self.vm_snapshot_row(id)?;
        match row.state {
            VmSnapshotState::Ready | VmSnapshotState::Error | VmSnapshotState::Expunging => {}
            VmSnapshotState::Allocated
            | VmSnapshotState::Creating
            | VmSnapshotState::Reverting
            | VmSnapshotState::Hidden => {
                return Err(ApiError::invalid(format!(
                    "Can't delete the {snapshot} {id} in state {}",
                    row.state.word()
                )));
            }
        }
        let other_task = self
            .vm_snapshots_on(&row.vm)
            .any(|other| other.id != *id && other.state.is_task());
        if other_task {
            return Err(ApiError::invalid(format!(
                "There is other active {snapshot} tasks on the {wording}, please try again later"
            )));
        }
        Ok(Some(row.vm.clone()))
    }

    pub(super) fn begin_delete_vm_snapshot(&mut self, id: &VmSnapshotId) -> f64 {
        if let Some(row) = self.vm_snapshots.get_mut(id) {
            row.state = VmSnapshotState::Expunging;
        }
        self.settings.durations.delete_vm_snapshot
    }

    pub(super) fn finish_delete_vm_snapshot(
        &mut self,
        job: &AsyncJobId,
        id: &VmSnapshotId,
    ) -> Result<JobResult, ApiError> {
        let row = self.vm_snapshot_row(id)?;
        let has_children = self
            .vm_snapshots_on(&row.vm)
            .any(|other| other.parent.as_ref() == Some(id));
        match (row.strategy, has_children) {
            (VmSnapshotStrategy::FileBased, true) => self.hide_vm_snapshot(job, id),
            (VmSnapshotStrategy::FileBased, false)
            | (
                VmSnapshotStrategy::Libvirt | VmSnapshotStrategy::ByVolume | VmSnapshotStrategy::OfStorage,
                _,
            ) => self.remove_vm_snapshot(job, id),
        }
        Ok(JobResult::Success)
    }

    /// The files of later snapshots rest on its file, so its row stays: not listed, and freezing the VM.
    fn hide_vm_snapshot(&mut self, job: &AsyncJobId, id: &VmSnapshotId) {
        if let Some(row) = self.vm_snapshots.get_mut(id) {
            row.state = VmSnapshotState::Hidden;
            let vm = row.vm.clone();
            let snapshot = id.clone();
            self.effect(Some(job), Effect::VmSnapshotHidden { snapshot, vm });
        }
    }

    /// The row goes away. What rested on it rests on what it rested on, and hidden ancestors on which nothing rests any
    /// more go with it.
    fn remove_vm_snapshot(&mut self, job: &AsyncJobId, id: &VmSnapshotId) {
        let mut next = Some(id.clone());
        while let Some(row) = next.take().and_then(|id| self.vm_snapshots.remove(&id)) {
            self.removed.insert(row.id.to_string());
            let of_vm = self.vm_snapshots.values_mut().filter(|other| other.vm == row.vm);
            for child in of_vm.filter(|other| other.parent.as_ref() == Some(&row.id)) {
                child.parent.clone_from(&row.parent);
            }
            let effect = Effect::VmSnapshotDeleted {
                snapshot: row.id,
                vm: row.vm.clone(),
            };
            self.effect(Some(job), effect);
            let Some(parent) = row.parent else { return };
            if row.current {
                self.make_current(&parent);
            }
            let is_hidden = self
                .vm_snapshots
                .get(&parent)
                .is_some_and(|parent| parent.state == VmSnapshotState::Hidden);
            let is_needed = self
                .vm_snapshots_on(&row.vm)
                .any(|other| other.parent.as_ref() == Some(&parent));
            next = (is_hidden && !is_needed).then_some(parent);
        }
    }

    /// A file-based snapshot that could not be deleted stays in Expunging, from where it can be deleted again; others
    /// fail for good.
    pub(super) fn abandon_delete_vm_snapshot(&mut self, id: &VmSnapshotId) {
        if let Some(row) = self.vm_snapshots.get_mut(id)
            && row.state == VmSnapshotState::Expunging
        {
            row.state = match row.strategy {
                VmSnapshotStrategy::FileBased => VmSnapshotState::Expunging,
                VmSnapshotStrategy::Libvirt
                | VmSnapshotStrategy::ByVolume
                | VmSnapshotStrategy::OfStorage => VmSnapshotState::Error,
            };
        }
    }

    /// A VM that is destroyed loses its snapshots, in whatever state; the content of its disks stays.
    pub(super) fn drop_vm_snapshots(&mut self, job: &AsyncJobId, vm: &CloudVmId) {
        let all: Vec<VmSnapshotId> = self.vm_snapshots_on(vm).map(|row| row.id.clone()).collect();
        for id in all {
            self.remove_vm_snapshot(job, &id);
        }
    }
}
