//! What we read of the cloud. Unknown words of newer releases are kept as `Other`, never guessed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, NicId, OfferingId, SnapshotId, StoragePoolId, TemplateId, VmSnapshotId,
    VolumeId, ZoneId,
};
use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// States of a VM (`cloudstack-api.md` section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words are CloudStack's own")]
pub enum VmState {
    Starting,
    Running,
    Stopping,
    Stopped,
    Destroyed,
    Expunging,
    Migrating,
    Error,
    /// A state that this version does not know.
    Other(String),
}

/// A network card of a cloud VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudNic {
    /// The id; what removing the card or making it the default one takes.
    pub id: Option<NicId>,
    /// The network.
    pub network: NetworkId,
    /// The network's name.
    pub network_name: String,
    /// The MAC address as the cloud writes it.
    pub mac: String,
    /// The address, where the cloud manages one.
    pub address: Option<IpAddr>,
    /// Whether it is the default card.
    pub is_default: bool,
    /// The card's place.
    pub device: Option<u32>,
}

/// A VM of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudVm {
    /// The id.
    pub id: CloudVmId,
    /// The host name.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The state.
    pub state: VmState,
    /// The zone.
    pub zone: ZoneId,
    /// When it was made.
    pub created: Option<DateTime<Utc>>,
    /// The host it runs on.
    pub host: Option<String>,
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// The cards in device order.
    pub nics: Vec<CloudNic>,
    /// Stored details such as [`crate::DeployVm::MARK_DETAIL`].
    pub details: BTreeMap<String, String>,
    /// A job that is running on the VM.
    pub pending_job: Option<AsyncJobId>,
}

/// The kind of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeKind {
    /// Device 0 of a VM: dies with an expunged VM.
    Root,
    /// Any other volume, attached or not.
    Data,
    /// A kind that this version does not know.
    Other(String),
}

/// States of a volume (`cloudstack-api.md` section 7.2), as far as we tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "the words are CloudStack's own")]
pub enum VolumeState {
    Allocated,
    Creating,
    Ready,
    Attaching,
    Snapshotting,
    RevertSnapshotting,
    Migrating,
    Destroy,
    Expunging,
    /// A state that this version does not know.
    Other(String),
}

/// Where a volume hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The VM.
    pub vm: CloudVmId,
    /// The VM's name, for people.
    pub vm_name: String,
    /// The device; 0 is the root and a real value.
    pub device: Option<u32>,
}

/// A volume of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The id.
    pub id: VolumeId,
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: VolumeKind,
    /// The state.
    pub state: VolumeState,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The zone.
    pub zone: ZoneId,
    /// Where it hangs; `None` when it is detached.
    pub attachment: Option<Attachment>,
    /// The storage pool's name.
    pub storage: Option<String>,
    /// The storage pool; only told to root admins in some releases, and absent for a volume on no pool yet.
    pub pool: Option<StoragePoolId>,
    /// The template it was made from; absent for blank volumes, and so for replicas.
    pub template: Option<TemplateId>,
    /// A job that is running on the volume.
    pub pending_job: Option<AsyncJobId>,
}

/// States of a volume snapshot (`cloudstack-api.md` section 7.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "the words are CloudStack's own")]
pub enum SnapshotState {
    Allocated,
    Creating,
    CreatedOnPrimary,
    BackingUp,
    BackedUp,
    Destroying,
    Error,
    /// A state that this version does not know.
    Other(String),
}

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The id.
    pub id: SnapshotId,
    /// The name; not unique in the cloud.
    pub name: String,
    /// The volume.
    pub volume: VolumeId,
    /// The state. Only `BackedUp` can be reverted to.
    pub state: SnapshotState,
    /// When it was taken.
    pub created: Option<DateTime<Utc>>,
}

/// States of a VM snapshot (`cloudstack-api.md` section 7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words are CloudStack's own")]
pub enum VmSnapshotState {
    Allocated,
    Creating,
    Ready,
    Reverting,
    Expunging,
    /// It failed; the row blocks attaching, detaching and changes of cards until it is deleted.
    Error,
    /// A state that this version does not know.
    Other(String),
}

/// What a VM snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VmSnapshotKind {
    /// The disks. Reverting needs a Stopped VM.
    Disk,
    /// Disks and memory. Reverting needs a Running VM.
    DiskAndMemory,
    /// A kind that this version does not know.
    Other(String),
}

/// A snapshot of all disks of a VM. While a VM has one, in whatever state, no volume can be attached to it or
/// detached from it (`cloudstack-api.md` section 5(a)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmSnapshot {
    /// The id.
    pub id: VmSnapshotId,
    /// The name that the command gave, which CloudStack calls the display name; unique per VM.
    pub name: String,
    /// The VM.
    pub vm: CloudVmId,
    /// The state. Only `Ready` can be reverted to.
    pub state: VmSnapshotState,
    /// What it holds.
    pub kind: VmSnapshotKind,
    /// Whether it is the one that the VM's disks go back to. No proof of a revert.
    pub current: bool,
    /// When it was taken.
    pub created: Option<DateTime<Utc>>,
}

/// The kind of a storage pool, as far as rules of snapshots depend on it (`cloudstack-api.md` section 4.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolKind {
    /// NFS: QCOW2 files.
    NetworkFilesystem,
    /// A shared mount point: QCOW2 files.
    SharedMountPoint,
    /// A local directory: QCOW2 files.
    Filesystem,
    /// Ceph: raw images.
    Rbd,
    /// A kind that this version does not know, as the cloud writes it.
    Other(String),
}

/// How much of a zone reaches a storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolScope {
    /// The whole zone.
    Zone,
    /// One cluster.
    Cluster,
    /// One host.
    Host,
    /// A scope that this version does not know, as the cloud writes it.
    Other(String),
}

/// A primary storage pool. Only root admins are shown pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoragePool {
    /// The id.
    pub id: StoragePoolId,
    /// The name.
    pub name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The kind.
    pub kind: PoolKind,
    /// The scope.
    pub scope: PoolScope,
    /// The cluster of a pool with that scope.
    pub cluster: Option<String>,
    /// Whether each volume is an object of the storage system: such a pool refuses root swaps. `None` where
    /// the release does not tell.
    pub managed: Option<bool>,
}

/// What an account may have at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimit {
    /// Of what.
    pub resource: LimitedResource,
    /// At most so many; `None` is without limit.
    pub max: Option<u64>,
}

/// What limits are set for (`cloudstack-api.md` section 4.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitedResource {
    /// VMs.
    Vms,
    /// Volumes.
    Volumes,
    /// Volume snapshots.
    Snapshots,
    /// Virtual CPUs.
    Cpus,
    /// MiB of memory.
    MemoryMib,
    /// GiB of primary storage.
    PrimaryStorageGib,
    /// GiB of secondary storage.
    SecondaryStorageGib,
    /// A resource that we have no use for, by CloudStack's number.
    Other(u32),
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The id.
    pub id: NetworkId,
    /// The name.
    pub name: String,
    /// Isolated, Shared or L2.
    pub kind: String,
    /// The zone.
    pub zone: ZoneId,
    /// The state as the cloud writes it.
    pub state: String,
    /// Whether a VM may be deployed on it.
    pub can_deploy: bool,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// The id.
    pub id: ZoneId,
    /// The name.
    pub name: String,
    /// Whether it takes new VMs.
    pub enabled: bool,
}

/// A service offering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceOffering {
    /// The id.
    pub id: OfferingId,
    /// The name.
    pub name: String,
    /// Whether CPUs and memory are given at deployment.
    pub customized: bool,
    /// Fixed number of CPUs.
    pub cpus: Option<u32>,
    /// Fixed MHz per CPU; where absent on a custom offering it must be given.
    pub cpu_speed_mhz: Option<u32>,
    /// Fixed MiB of memory.
    pub memory_mib: Option<u32>,
    /// Bounds of a constrained custom offering.
    pub cpu_bounds: Option<(u32, u32)>,
    /// Bounds of a constrained custom offering, MiB.
    pub memory_bounds_mib: Option<(u32, u32)>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The id.
    pub id: TemplateId,
    /// The name.
    pub name: String,
    /// Whether it can be deployed in the zone asked for.
    pub ready: bool,
    /// The hypervisor as the cloud writes it.
    pub hypervisor: String,
    /// Whether a password server is needed, which L2 networks lack.
    pub password_enabled: bool,
    /// Its virtual size in bytes.
    pub size_bytes: u64,
}

/// Version and settings of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The version as the cloud writes it, such as `4.22.1.0`.
    pub version: String,
    /// Whether volumes of running VMs may be snapshotted.
    pub kvm_snapshot_enabled: bool,
    /// Whether our account may expunge VMs.
    pub may_expunge_vm: bool,
    /// Whether our account may expunge volumes; absent in releases that have no such setting.
    pub may_expunge_volume: Option<bool>,
    /// Whether our account may force a stop; absent in releases that have no such setting.
    pub may_force_stop: Option<bool>,
    /// Whether our account is shown destroyed VMs; absent in releases that have no such setting.
    pub shows_destroyed_vms: Option<bool>,
    /// Requests per interval and the interval in seconds, where throttling is on.
    pub api_limit: Option<(u32, u32)>,
}

/// CloudStack's words for the variants of an enum, read and written in one place. A word of a newer release is kept.
macro_rules! words {
    ($kind:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $kind {
            /// CloudStack's word for it.
            pub fn word(&self) -> &str {
                match self {
                    $($kind::$variant => $word,)+
                    $kind::Other(word) => word,
                }
            }
        }

        impl From<String> for $kind {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => $kind::$variant,)+
                    _ => $kind::Other(word),
                }
            }
        }
    };
}

words!(VmState {
    Starting = "Starting", Running = "Running", Stopping = "Stopping", Stopped = "Stopped", Destroyed = "Destroyed",
    Expunging = "Expunging", Migrating = "Migrating", Error = "Error",
});
words!(VolumeKind { Root = "ROOT", Data = "DATADISK" });
words!(VolumeState {
    Allocated = "Allocated", Creating = "Creating", Ready = "Ready", Attaching = "Attaching",
    Snapshotting = "Snapshotting", RevertSnapshotting = "RevertSnapshotting", Migrating = "Migrating",
    Destroy = "Destroy", Expunging = "Expunging",
});
words!(SnapshotState {
    Allocated = "Allocated", Creating = "Creating", CreatedOnPrimary = "CreatedOnPrimary", BackingUp = "BackingUp",
    BackedUp = "BackedUp", Destroying = "Destroying", Error = "Error",
});
words!(VmSnapshotState {
    Allocated = "Allocated", Creating = "Creating", Ready = "Ready", Reverting = "Reverting",
    Expunging = "Expunging", Error = "Error",
});
words!(VmSnapshotKind { Disk = "Disk", DiskAndMemory = "DiskAndMemory" });
words!(PoolKind {
    NetworkFilesystem = "NetworkFilesystem", SharedMountPoint = "SharedMountPoint", Filesystem = "Filesystem",
    Rbd = "RBD",
});
words!(PoolScope { Zone = "ZONE", Cluster = "CLUSTER", Host = "HOST" });

/// How an async job fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobReport {
    /// It has not ended.
    Pending,
    /// The cloud says that it succeeded. The caller still looks.
    Succeeded {
        /// The id of the job's object, where the result names one.
        object: Option<String>,
    },
    /// The cloud says that it failed, and why.
    Failed(Refusal),
    /// The job was cut off (restart of the management server, cancelled queue item): the work may have been
    /// done or not.
    Interrupted {
        /// The code that came with it.
        code: u32,
    },
    /// The cloud does not know the job: never accepted, or forgotten after 24 hours.
    NotKnown,
}
