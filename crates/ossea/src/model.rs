//! What we read of the cloud. Unknown words of newer releases are kept as `Other`, never guessed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, SnapshotId, TemplateId, VolumeId, ZoneId,
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
    /// The template it was made from; absent for blank volumes, and so for replicas.
    pub template: Option<TemplateId>,
    /// A job that is running on the volume.
    pub pending_job: Option<AsyncJobId>,
}

/// States of a volume snapshot (`cloudstack-api.md` section 7.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Requests per interval and the interval in seconds, where throttling is on.
    pub api_limit: Option<(u32, u32)>,
}

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
