//! A comparable picture of the whole cloud, for the view before and after.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use failover_domain::{CloudVmId, NetworkId, SnapshotId, VmSnapshotId, VolumeId};
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::content::Content;
use super::objects::{
    SnapshotState, VmSnapshotState, VmSnapshotType, VmState, Volume, VolumeState, VolumeType,
};

/// Everything a failover can change. Two equal inventories mean: same attachments, same contents, nothing left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudInventory {
    /// The VMs, by id.
    pub vms: Vec<VmPicture>,
    /// The volumes that hang nowhere, by id.
    pub detached: Vec<VolumePicture>,
    /// The snapshots, by id.
    pub snapshots: Vec<SnapshotPicture>,
    /// The VM snapshots in every state, by id.
    pub vm_snapshots: Vec<VmSnapshotPicture>,
    /// The VMs that are marked stopped while their guests run on.
    pub stray_guests: Vec<CloudVmId>,
}

/// A VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VmPicture {
    pub id: CloudVmId,
    pub name: String,
    pub display_name: String,
    pub state: VmState,
    /// By device.
    pub disks: Vec<DiskPicture>,
    /// By device.
    pub nics: Vec<NicPicture>,
}

/// A volume at a device of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DiskPicture {
    pub device: u32,
    #[serde(flatten)]
    pub volume: VolumePicture,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VolumePicture {
    pub id: VolumeId,
    pub name: String,
    pub kind: VolumeType,
    pub state: VolumeState,
    pub size_bytes: u64,
    pub content: Content,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NicPicture {
    pub network: NetworkId,
    pub network_name: String,
    pub mac: String,
    pub is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SnapshotPicture {
    pub id: SnapshotId,
    pub name: String,
    pub volume: VolumeId,
    pub state: SnapshotState,
    /// The content's generation; absent before the snapshot was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

/// A VM snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VmSnapshotPicture {
    pub id: VmSnapshotId,
    pub name: String,
    pub vm: CloudVmId,
    pub state: VmSnapshotState,
    pub kind: VmSnapshotType,
    pub current: bool,
    /// Of the content of each disk; none before the snapshot was begun.
    pub generations: BTreeMap<VolumeId, u64>,
}

impl VolumePicture {
    fn of(volume: &Volume) -> Self {
        Self {
            id: volume.id.clone(),
            name: volume.name.clone(),
            kind: volume.kind,
            state: volume.state,
            size_bytes: volume.size_bytes,
            content: volume.content.clone(),
        }
    }
}

impl CloudInventory {
    /// The VM of this id.
    pub fn vm(&self, id: &CloudVmId) -> Option<&VmPicture> {
        self.vms.iter().find(|vm| vm.id == *id)
    }

    /// The VM of this name.
    pub fn vm_named(&self, name: &str) -> Option<&VmPicture> {
        self.vms.iter().find(|vm| vm.name == name)
    }
}

impl Cloud {
    /// The picture of the whole cloud.
    pub fn inventory(&self) -> CloudInventory {
        let detached = self.volumes.values().filter(|volume| volume.attached.is_none());
        let snapshots = self.snapshots.values().map(|snapshot| SnapshotPicture {
            id: snapshot.id.clone(),
            name: snapshot.name.clone(),
            volume: snapshot.volume.clone(),
            state: snapshot.state,
            generation: snapshot.content.as_ref().map(|content| content.generation),
        });
        let vm_snapshots = self.vm_snapshots.values().map(|snapshot| VmSnapshotPicture {
            id: snapshot.id.clone(),
            name: snapshot.display_name.clone(),
            vm: snapshot.vm.clone(),
            state: snapshot.state,
            kind: snapshot.kind,
            current: snapshot.current,
            generations: snapshot.generations(),
        });
        CloudInventory {
            vms: self.vms.keys().filter_map(|id| self.picture_of_vm(id)).collect(),
            detached: detached.map(VolumePicture::of).collect(),
            snapshots: snapshots.collect(),
            vm_snapshots: vm_snapshots.collect(),
            stray_guests: self.strays.keys().cloned().collect(),
        }
    }

    fn picture_of_vm(&self, id: &CloudVmId) -> Option<VmPicture> {
        let vm = self.vms.get(id)?;
        let mut disks: Vec<DiskPicture> = self
            .volumes_on(id)
            .filter_map(|volume| {
                let device = volume.attached.as_ref()?.device;
                Some(DiskPicture {
                    device,
                    volume: VolumePicture::of(volume),
                })
            })
            .collect();
        disks.sort_by_key(|disk| disk.device);
        let nics = vm.nics.iter().map(|nic| NicPicture {
            network: nic.network.clone(),
            network_name: self
                .networks
                .get(&nic.network)
                .map_or_else(String::new, |n| n.name.clone()),
            mac: nic.mac.clone(),
            is_default: vm.is_default(nic),
            address: nic.address(),
        });
        Some(VmPicture {
            id: vm.id.clone(),
            name: vm.name.clone(),
            display_name: vm.display_name.clone(),
            state: vm.state,
            disks,
            nics: nics.collect(),
        })
    }
}
