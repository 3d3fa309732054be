//! Looking at the rows of the cloud.

use failover_domain::{
    AsyncJobId, CloudVmId, DiskOfferingId, NetworkId, OfferingId, SnapshotId, TemplateId, VmSnapshotId,
    VolumeId, ZoneId,
};

use super::Cloud;
use super::error::ApiError;
use super::jobs::Job;
use super::objects::{NetworkState, Snapshot, Vm, VmSnapshot, VmState, Volume};
use super::table::VmKey;
use crate::contents::{
    DiskOfferingContents, NetworkContents, OfferingContents, TemplateContents, ZoneContents,
};
use crate::settings::Role;

impl Cloud {
    /// The VM of this id, also a destroyed one.
    pub fn vm(&self, id: &CloudVmId) -> Option<&Vm> {
        self.vms.get(id)
    }

    /// The VMs that the caller may see: plain users do not see destroyed ones.
    pub fn visible_vms(&self) -> impl Iterator<Item = &Vm> {
        self.vms.values().filter(|vm| self.is_visible(vm))
    }

    /// The VM of this id, if the caller may see it.
    pub fn visible_vm(&self, id: &CloudVmId) -> Option<&Vm> {
        self.vms.get(id).filter(|vm| self.is_visible(vm))
    }

    /// The VMs of exactly this name that the caller may see.
    pub fn visible_vms_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Vm> + use<'a> {
        let named = self.vms.with(&VmKey::Name(name.to_owned()));
        named.filter(|vm| self.is_visible(vm))
    }

    fn is_visible(&self, vm: &Vm) -> bool {
        match (self.settings.role, vm.state) {
            (Role::User, VmState::Destroyed | VmState::Expunging) => false,
            (
                Role::User,
                VmState::Starting | VmState::Running | VmState::Stopping | VmState::Stopped | VmState::Error,
            ) => true,
            (Role::RootAdmin, _) => true,
        }
    }

    /// The volume of this id.
    pub fn volume(&self, id: &VolumeId) -> Option<&Volume> {
        self.volumes.get(id)
    }

    /// The volumes on a VM, by id.
    pub fn volumes_on(&self, vm: &CloudVmId) -> impl Iterator<Item = &Volume> + use<'_> {
        self.volumes.with(vm)
    }

    /// All volumes.
    pub fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.values()
    }

    /// The snapshot of this id.
    pub fn snapshot(&self, id: &SnapshotId) -> Option<&Snapshot> {
        self.snapshots.get(id)
    }

    /// The snapshots of a volume, by id.
    pub fn snapshots_of(&self, volume: &VolumeId) -> impl Iterator<Item = &Snapshot> + use<'_> {
        self.snapshots.with(volume)
    }

    /// All snapshots.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values()
    }

    /// The VM snapshot of this id, in any state.
    pub fn vm_snapshot(&self, id: &VmSnapshotId) -> Option<&VmSnapshot> {
        self.vm_snapshots.get(id)
    }

    /// All VM snapshots, newest first.
    pub fn vm_snapshots(&self) -> Vec<&VmSnapshot> {
        let mut all: Vec<&VmSnapshot> = self.vm_snapshots.values().collect();
        all.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.number));
        all
    }

    /// The network of this id.
    pub fn network(&self, id: &NetworkId) -> Option<&NetworkContents> {
        self.networks.get(id)
    }

    /// All networks.
    pub fn networks(&self) -> impl Iterator<Item = &NetworkContents> {
        self.networks.values()
    }

    /// The state of a network.
    pub fn network_state(&self, id: &NetworkId) -> NetworkState {
        self.network_states
            .get(id)
            .copied()
            .unwrap_or(NetworkState::Allocated)
    }

    /// The zone of this id.
    pub fn zone(&self, id: &ZoneId) -> Option<&ZoneContents> {
        self.zones.get(id)
    }

    /// All zones.
    pub fn zones(&self) -> impl Iterator<Item = &ZoneContents> {
        self.zones.values()
    }

    /// The offering of this id.
    pub fn offering(&self, id: &OfferingId) -> Option<&OfferingContents> {
        self.offerings.get(id)
    }

    /// All service offerings.
    pub fn offerings(&self) -> impl Iterator<Item = &OfferingContents> {
        self.offerings.values()
    }

    /// The disk offering of this id.
    pub fn disk_offering(&self, id: &DiskOfferingId) -> Option<&DiskOfferingContents> {
        self.disk_offerings.get(id)
    }

    /// All disk offerings.
    pub fn disk_offerings(&self) -> impl Iterator<Item = &DiskOfferingContents> {
        self.disk_offerings.values()
    }

    /// The template of this id.
    pub fn template(&self, id: &TemplateId) -> Option<&TemplateContents> {
        self.templates.get(id)
    }

    /// All templates.
    pub fn templates(&self) -> impl Iterator<Item = &TemplateContents> {
        self.templates.values()
    }

    /// The job of this id, until it is forgotten.
    pub fn job(&self, id: &AsyncJobId) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// The job on an object that was accepted last, finished or not, until it is forgotten.
    pub fn newest_job_on(&self, kind: &str, id: &str) -> Option<&Job> {
        let on = self.jobs.values().filter(|job| job.is_on(kind, id));
        on.max_by_key(|job| job.sequence)
    }

    /// The unfinished jobs in the order of their acceptance.
    pub fn unfinished_jobs(&self) -> impl Iterator<Item = &Job> {
        self.unfinished.values().filter_map(|id| self.jobs.get(id))
    }

    /// The unfinished job that the row of an object shows.
    pub fn pending_job(&self, object: &str) -> Option<&AsyncJobId> {
        self.pending.get(object).and_then(|jobs| jobs.last())
    }

    /// Whether an object of this id was there and is gone.
    pub fn is_removed(&self, id: &str) -> bool {
        self.removed.contains(id)
    }

    pub(super) fn vm_row(&self, id: &CloudVmId) -> Result<&Vm, ApiError> {
        self.vms
            .get(id)
            .ok_or_else(|| ApiError::invalid(format!("Unable to find a virtual machine with id {id}")))
    }

    pub(super) fn volume_row(&self, id: &VolumeId) -> Result<&Volume, ApiError> {
        self.volumes
            .get(id)
            .ok_or_else(|| ApiError::invalid(format!("Unable to find volume with ID: {id}")))
    }
}
