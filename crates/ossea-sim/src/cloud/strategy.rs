//! What a VM snapshot is made with (cloudstack-api.md section 4.8).
//!
//! | VM and request | up to 4.20 | from 4.21 on |
//! |---|---|---|
//! | disks on storage with a strategy of its own, without memory | that one | that one |
//! | running, with memory, all disks in files | libvirt | libvirt, but beside a file-based snapshot none |
//! | running, without memory | none | file-based, else by volume where the setting is on |
//! | stopped, all disks in files | libvirt, which fails in the job | file-based, else as before |
//! | stopped, a disk elsewhere | none | none |
//!
//! Where none fits, the command is refused at once.

use failover_domain::CloudVmId;

use super::Cloud;
use super::objects::{Vm, VmSnapshotStrategy, VmSnapshotType, VmState};
use crate::contents::StorageKind;
use crate::settings::KvmSnapshots;

/// What the disks of a VM are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DisksIn {
    /// All in QCOW2 files.
    Files,
    /// All in storage with a strategy of its own.
    OwnStrategy,
    /// Raw, mixed, or not all on storage yet.
    Anything,
}

impl Cloud {
    /// The strategy that serves a VM as it is now.
    pub(super) fn strategy_for(&self, vm: &Vm, kind: VmSnapshotType) -> Option<VmSnapshotStrategy> {
        let profile = self.settings.profile;
        let by_files = profile.snapshots_vms_by_files();
        let by_volume = match self.settings.vm_snapshots_by_volume {
            KvmSnapshots::Enabled => Some(VmSnapshotStrategy::ByVolume),
            KvmSnapshots::Disabled => None,
        };
        let is_running = vm.state == VmState::Running;
        match (is_running, kind, self.disks_in(&vm.id)) {
            (_, VmSnapshotType::Disk, DisksIn::OwnStrategy) => Some(VmSnapshotStrategy::OfStorage),
            (true, VmSnapshotType::DiskAndMemory, DisksIn::Files) => {
                let beside_files = by_files && self.has_file_based_snapshot(&vm.id);
                (!beside_files).then_some(VmSnapshotStrategy::Libvirt)
            }
            (true, VmSnapshotType::Disk, DisksIn::Files) if by_files && self.may_be_file_based(&vm.id) => {
                Some(VmSnapshotStrategy::FileBased)
            }
            (true, VmSnapshotType::Disk, DisksIn::Files | DisksIn::Anything) => by_volume,
            (false, VmSnapshotType::Disk, DisksIn::Files) => {
                let file_based = by_files && self.may_be_file_based(&vm.id);
                Some(match file_based {
                    true => VmSnapshotStrategy::FileBased,
                    false => VmSnapshotStrategy::Libvirt,
                })
            }
            (false, VmSnapshotType::Disk, DisksIn::Anything)
            | (false, VmSnapshotType::DiskAndMemory, _)
            | (true, VmSnapshotType::DiskAndMemory, DisksIn::OwnStrategy | DisksIn::Anything) => None,
        }
    }

    fn disks_in(&self, vm: &CloudVmId) -> DisksIn {
        let mut kinds = self.volumes_on(vm).map(|volume| self.storage_of(volume));
        let Some(first) = kinds.next() else {
            return DisksIn::Anything;
        };
        match first {
            Some(StorageKind::Nfs) if kinds.all(|kind| kind == first) => DisksIn::Files,
            Some(StorageKind::Managed) if kinds.all(|kind| kind == first) => DisksIn::OwnStrategy,
            Some(StorageKind::Nfs | StorageKind::Managed | StorageKind::Rbd) | None => DisksIn::Anything,
        }
    }

    /// The file-based strategy wants no volume snapshot in any state, leftovers included, and no VM snapshot with
    /// memory.
    fn may_be_file_based(&self, vm: &CloudVmId) -> bool {
        let has_volume_snapshots = self.volumes_on(vm).any(|volume| {
            self.snapshots
                .values()
                .any(|snapshot| snapshot.volume == volume.id)
        });
        let has_memory = self
            .vm_snapshots_on(vm)
            .any(|snapshot| snapshot.kind == VmSnapshotType::DiskAndMemory);
        !has_volume_snapshots && !has_memory
    }

    /// Whether a VM has a file-based snapshot in any state: it and volume snapshots exclude each other.
    pub(super) fn has_file_based_snapshot(&self, vm: &CloudVmId) -> bool {
        self.vm_snapshots_on(vm)
            .any(|snapshot| snapshot.strategy == VmSnapshotStrategy::FileBased)
    }
}
