//! The rows of the simulated cloud, in CloudStack's own words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};
use failover_domain::{
    CloudVmId, DiskOfferingId, NetworkId, NicId, OfferingId, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};
use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::contents::Protection;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the words are CloudStack's own")]
        pub enum $name { $(#[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word that CloudStack writes.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// States of a VM.
    VmState {
        Starting = "Starting", Running = "Running", Stopping = "Stopping", Stopped = "Stopped",
        Destroyed = "Destroyed", Expunging = "Expunging", Error = "Error",
    }
}
words! {
    /// States of a volume. An expunged volume is a removed row.
    VolumeState {
        Allocated = "Allocated", Creating = "Creating", Ready = "Ready", Attaching = "Attaching",
        Migrating = "Migrating", Snapshotting = "Snapshotting", RevertSnapshotting = "RevertSnapshotting", Destroy = "Destroy",
        Expunging = "Expunging",
    }
}
words! {
    /// Kinds of volumes.
    VolumeType { Root = "ROOT", DataDisk = "DATADISK" }
}
words! {
    /// States of a volume snapshot. A destroyed snapshot is a removed row.
    SnapshotState {
        Allocated = "Allocated", Creating = "Creating", BackingUp = "BackingUp", BackedUp = "BackedUp",
        Destroying = "Destroying", Error = "Error",
    }
}
words! {
    /// States of a VM snapshot. A removed snapshot is a removed row.
    VmSnapshotState {
        Allocated = "Allocated", Creating = "Creating", Ready = "Ready", Reverting = "Reverting",
        Expunging = "Expunging", Error = "Error", Hidden = "Hidden",
    }
}
words! {
    /// What a VM snapshot holds.
    VmSnapshotType { Disk = "Disk", DiskAndMemory = "DiskAndMemory" }
}
words! {
    /// Kinds of objects that can have tags.
    ResourceType { UserVm = "UserVm", Volume = "Volume", Snapshot = "Snapshot", VmSnapshot = "VMSnapshot" }
}

impl ResourceType {
    /// The kind of this word, in any case.
    pub fn of_word(word: &str) -> Option<Self> {
        let all = [Self::UserVm, Self::Volume, Self::Snapshot, Self::VmSnapshot];
        all.into_iter()
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

words! {
    /// Kinds of networks.
    NetworkType { Isolated = "Isolated", Shared = "Shared", L2 = "L2" }
}
words! {
    /// States of a network.
    NetworkState { Allocated = "Allocated", Implemented = "Implemented" }
}

/// What runs inside a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guest {
    /// The OMA: it writes only when replication says so, which the simulator does not play.
    Appliance,
    /// An ordinary guest: it writes to every disk when it starts, and goes on writing while it runs.
    Workload,
}

/// How the guest of a running VM fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootFailure {
    /// The guest powers itself off soon after the start.
    PowersOff,
    /// The guest runs, but no address ever appears.
    NoAddress,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    /// The card's id.
    pub id: NicId,
    /// The card's place, which it keeps when others go.
    pub device: u32,
    /// The network.
    pub network: NetworkId,
    /// The MAC address.
    pub mac: String,
    /// The address that the network reserved; L2 networks have none. Shown only while it is [`Nic::shown`].
    pub reserved: Option<Ipv4Addr>,
    /// Whether the address appears in answers.
    pub shown: AddressShown,
}

/// Whether a card's address appears in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressShown {
    /// Not yet, or not any more.
    Hidden,
    /// The VM runs and the guest took the address.
    Shown,
}

impl Nic {
    /// The address as answers show it.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match self.shown {
            AddressShown::Shown => self.reserved,
            AddressShown::Hidden => None,
        }
    }
}

/// How a VM boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boot {
    /// Legacy BIOS.
    Bios,
    /// UEFI without secure boot.
    UefiLegacy,
    /// UEFI with secure boot.
    UefiSecure,
}

/// A VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct Vm {
    pub id: CloudVmId,
    pub name: String,
    pub display_name: String,
    pub instance_name: String,
    pub state: VmState,
    pub zone: ZoneId,
    pub host: Option<String>,
    pub offering: OfferingId,
    pub template: Option<TemplateId>,
    pub cpus: u32,
    pub cpu_speed: u32,
    pub memory_mib: u32,
    pub boot: Boot,
    /// By device.
    pub nics: Vec<Nic>,
    /// The default card; only a VM without cards has none.
    pub default_nic: Option<NicId>,
    pub protection: Protection,
    pub details: BTreeMap<String, String>,
    pub created: DateTime<Utc>,
    pub guest: Guest,
    /// Counts the starts, so that what a former run had planned is recognised as over.
    pub(crate) run: u64,
}

/// The size of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct Shape {
    pub cpus: u32,
    pub cpu_speed: u32,
    pub memory_mib: u32,
}

impl Vm {
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            cpus: self.cpus,
            cpu_speed: self.cpu_speed,
            memory_mib: self.memory_mib,
        }
    }

    pub(crate) fn reshape(&mut self, shape: Shape) {
        self.cpus = shape.cpus;
        self.cpu_speed = shape.cpu_speed;
        self.memory_mib = shape.memory_mib;
    }

    /// Whether a card is the default one.
    pub fn is_default(&self, nic: &Nic) -> bool {
        self.default_nic.as_ref() == Some(&nic.id)
    }

    /// Whether it has this host name, which is the same in any case.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The lowest device at which it has no card.
    pub(crate) fn free_card_device(&self) -> u32 {
        let taken: BTreeSet<u32> = self.nics.iter().map(|nic| nic.device).collect();
        (0..).find(|device| !taken.contains(device)).unwrap_or(u32::MAX)
    }
}

/// Where a volume hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct Attached {
    pub vm: CloudVmId,
    pub device: u32,
    pub at: DateTime<Utc>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct Volume {
    pub id: VolumeId,
    pub name: String,
    pub kind: VolumeType,
    pub state: VolumeState,
    pub size_bytes: u64,
    pub zone: ZoneId,
    pub attached: Option<Attached>,
    /// The pool's name; absent until the volume is made on one.
    pub pool: Option<String>,
    pub template: Option<TemplateId>,
    /// The disk offering of which it was made.
    pub offering: Option<DiskOfferingId>,
    pub created: DateTime<Utc>,
    pub protection: Protection,
    /// What is on it.
    pub content: Content,
}

impl Volume {
    /// Whether it hangs on `vm`.
    pub fn is_on(&self, vm: &CloudVmId) -> bool {
        self.attached.as_ref().is_some_and(|at| at.vm == *vm)
    }
}

/// A volume snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct Snapshot {
    pub id: SnapshotId,
    pub name: String,
    pub volume: VolumeId,
    pub volume_name: String,
    pub zone: ZoneId,
    pub state: SnapshotState,
    pub created: DateTime<Utc>,
    pub size_bytes: u64,
    /// What the volume held when it was taken; absent before.
    pub content: Option<Content>,
}

impl VmSnapshotState {
    /// Whether the snapshot is being made, gone back to or deleted.
    pub(crate) fn is_task(self) -> bool {
        match self {
            VmSnapshotState::Allocated
            | VmSnapshotState::Creating
            | VmSnapshotState::Reverting
            | VmSnapshotState::Expunging => true,
            VmSnapshotState::Ready | VmSnapshotState::Error | VmSnapshotState::Hidden => false,
        }
    }
}

impl VmSnapshotType {
    /// The state of the VM in which one can go back to such a snapshot.
    pub(crate) fn needed_to_revert(self) -> VmState {
        match self {
            VmSnapshotType::Disk => VmState::Stopped,
            VmSnapshotType::DiskAndMemory => VmState::Running,
        }
    }
}

/// What a VM snapshot is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VmSnapshotStrategy {
    /// The default one: libvirt's own snapshots inside QCOW2 files, only of a running VM.
    Libvirt,
    /// A new file on top of each disk's, from 4.21 on. Excludes volume snapshots.
    FileBased,
    /// A snapshot of each volume while the guest is frozen.
    ByVolume,
    /// What the storage system brings along.
    OfStorage,
}

/// A disk as a VM snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDisk {
    /// Its size.
    pub size_bytes: u64,
    /// What was on it.
    pub content: Content,
}

/// A VM snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are CloudStack's own")]
pub struct VmSnapshot {
    pub id: VmSnapshotId,
    /// The server's own name.
    pub name: String,
    /// What the command named it.
    pub display_name: String,
    pub description: Option<String>,
    pub vm: CloudVmId,
    pub zone: ZoneId,
    pub state: VmSnapshotState,
    pub kind: VmSnapshotType,
    pub strategy: VmSnapshotStrategy,
    /// Whether the VM's disks rest on it.
    pub current: bool,
    pub parent: Option<VmSnapshotId>,
    pub created: DateTime<Utc>,
    /// The VM's size when it was taken.
    pub shape: Shape,
    /// What it holds; nothing before it was begun.
    pub disks: BTreeMap<VolumeId, SavedDisk>,
    /// The order of creation.
    pub(crate) number: u64,
}

impl VmSnapshot {
    /// The generation of each disk's content.
    pub fn generations(&self) -> BTreeMap<VolumeId, u64> {
        let disks = self.disks.iter();
        disks
            .map(|(disk, saved)| (disk.clone(), saved.content.generation))
            .collect()
    }
}
