//! The commands that change the cloud, after their parameters were read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use failover_domain::{
    AsyncJobId, CloudVmId, DiskOfferingId, MacAddress, NetworkId, NicId, OfferingId, SnapshotId, TemplateId,
    VmSnapshotId, VolumeId, ZoneId,
};
use ossea::StopMode;
use serde::{Deserialize, Serialize};

use super::jobs::JobResult;
use super::objects::{Boot, VmSnapshotType};
use super::tags::TaggedObjects;
use crate::contents::Protection;

/// A command that changes the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub enum ApiCommand {
    DeployVirtualMachine(Box<Deploy>),
    StartVirtualMachine {
        vm: CloudVmId,
    },
    StopVirtualMachine {
        vm: CloudVmId,
        mode: StopMode,
    },
    DestroyVirtualMachine(Destroy),
    ExpungeVirtualMachine {
        vm: CloudVmId,
    },
    RecoverVirtualMachine {
        vm: CloudVmId,
    },
    /// Of all that can be updated, only the protection from deletion is played.
    UpdateVirtualMachine {
        vm: CloudVmId,
        protection: Protection,
    },
    UpdateVolume {
        volume: VolumeId,
        protection: Protection,
    },
    AttachVolume {
        volume: VolumeId,
        vm: CloudVmId,
        device: Option<u32>,
    },
    DetachVolume(DetachTarget),
    DeleteVolume {
        volume: VolumeId,
    },
    CreateSnapshot {
        volume: VolumeId,
        name: Option<String>,
        quiesce: Quiesce,
        location: SnapshotLocation,
        backup: Backup,
        tags: BTreeMap<String, String>,
    },
    RevertSnapshot {
        snapshot: SnapshotId,
    },
    DeleteSnapshot {
        snapshot: SnapshotId,
    },
    CreateVmSnapshot(NewVmSnapshot),
    RevertToVmSnapshot {
        snapshot: VmSnapshotId,
    },
    DeleteVmSnapshot {
        snapshot: VmSnapshotId,
    },
    AddNicToVirtualMachine {
        vm: CloudVmId,
        nic: NicSpec,
    },
    RemoveNicFromVirtualMachine {
        vm: CloudVmId,
        nic: NicId,
    },
    UpdateDefaultNicForVirtualMachine {
        vm: CloudVmId,
        nic: NicId,
    },
    CreateTags {
        on: TaggedObjects,
        tags: BTreeMap<String, String>,
    },
    DeleteTags {
        on: TaggedObjects,
        /// Keys, with the value that each must have to be deleted where one is given.
        tags: BTreeMap<String, Option<String>>,
    },
    RebootVirtualMachine {
        vm: CloudVmId,
    },
    CreateVolume(CreateVolume),
}

/// What `detachVolume` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub enum DetachTarget {
    /// `id`.
    Volume(VolumeId),
    /// `virtualmachineid` and `deviceid`.
    Slot { vm: CloudVmId, device: u32 },
    /// Both, or neither fully: accepted, and refused in the job.
    Ambiguous,
}

/// Whether `createSnapshot` asks for a quiesced guest, which no strategy for KVM can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quiesce {
    /// `quiescevm=false`, the default.
    No,
    /// `quiescevm=true`: accepted, and failed in the job.
    Asked,
}

/// Whether `createVMSnapshot` keeps the memory as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotMemory {
    /// The default.
    LeftOut,
    /// `snapshotmemory=true`.
    Included,
}

impl SnapshotMemory {
    /// The type of such a snapshot.
    pub(crate) fn kind(self) -> VmSnapshotType {
        match self {
            SnapshotMemory::LeftOut => VmSnapshotType::Disk,
            SnapshotMemory::Included => VmSnapshotType::DiskAndMemory,
        }
    }
}

/// The parameters of `createVMSnapshot`. Whether the guest is quiesced makes no difference to what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct NewVmSnapshot {
    pub vm: CloudVmId,
    /// The display name.
    pub name: Option<String>,
    pub description: Option<String>,
    pub memory: SnapshotMemory,
}

/// Where `createSnapshot` keeps the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotLocation {
    /// Where the cloud does so.
    Usual,
    /// `locationtype` was given, which only managed storage can follow.
    Given,
}

/// Whether the job of `createSnapshot` waits for the copy to secondary storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backup {
    /// It does, the default.
    WithinJob,
    /// `asyncbackup=true`: the copy goes on when the job is over.
    AfterJob,
}

/// How far `destroyVirtualMachine` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DestroyEnd {
    /// The VM can be recovered for a while.
    Recoverable,
    /// `expunge=true`.
    Expunged,
}

/// The parameters of `destroyVirtualMachine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct Destroy {
    pub vm: CloudVmId,
    pub end: DestroyEnd,
    /// The data disks that are deleted as well.
    pub volumes: Vec<VolumeId>,
}

/// Whether `deployVirtualMachine` starts the VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterDeploy {
    /// `startvm=false`.
    LeaveStopped,
    /// The default.
    Start,
}

/// A network card to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicSpec {
    /// The network.
    pub network: NetworkId,
    /// The MAC address; the cloud's choice when absent.
    pub mac: Option<MacAddress>,
    /// The address; the cloud's choice when absent.
    pub address: Option<Ipv4Addr>,
}

/// The parameters of `deployVirtualMachine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct Deploy {
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub zone: ZoneId,
    pub offering: OfferingId,
    pub source: DeploySource,
    /// `diskofferingid`, beside a root from a template.
    pub data_disk: Option<DataDisk>,
    pub nics: Vec<NicSpec>,
    pub details: BTreeMap<String, String>,
    pub boot: Boot,
    pub root_disk_gib: Option<u64>,
    pub after: AfterDeploy,
    pub custom_id: Option<String>,
    pub owner: Owner,
    pub hypervisor: Option<String>,
}

/// What the root of a new VM is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploySource {
    /// `templateid`.
    Template(TemplateId),
    /// `volumeid`: the volume itself becomes the root.
    Volume(VolumeId),
    /// `snapshotid`.
    Snapshot(SnapshotId),
}

/// A data disk of a new VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct DataDisk {
    pub offering: DiskOfferingId,
    pub size_gib: Option<u64>,
}

/// Whom a new object is to belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct Owner {
    pub account: Option<String>,
    pub domain: Option<String>,
}

/// The parameters of `createVolume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudStack's own")]
pub struct CreateVolume {
    pub name: Option<String>,
    pub zone: Option<ZoneId>,
    pub source: VolumeSource,
    /// `size`, in GiB.
    pub size_gib: Option<u64>,
}

/// What `createVolume` makes a volume of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// Nothing: a blank disk of an offering. It is on no storage until it is attached.
    DiskOffering(DiskOfferingId),
    /// A snapshot.
    Snapshot(SnapshotId),
}

impl ApiCommand {
    /// The command's name in the API.
    pub fn api_name(&self) -> &'static str {
        match self {
            ApiCommand::DeployVirtualMachine(_) => "deployVirtualMachine",
            ApiCommand::StartVirtualMachine { .. } => "startVirtualMachine",
            ApiCommand::StopVirtualMachine { .. } => "stopVirtualMachine",
            ApiCommand::DestroyVirtualMachine(_) => "destroyVirtualMachine",
            ApiCommand::ExpungeVirtualMachine { .. } => "expungeVirtualMachine",
            ApiCommand::RecoverVirtualMachine { .. } => "recoverVirtualMachine",
            ApiCommand::UpdateVirtualMachine { .. } => "updateVirtualMachine",
            ApiCommand::UpdateVolume { .. } => "updateVolume",
            ApiCommand::AttachVolume { .. } => "attachVolume",
            ApiCommand::DetachVolume(_) => "detachVolume",
            ApiCommand::DeleteVolume { .. } => "deleteVolume",
            ApiCommand::CreateSnapshot { .. } => "createSnapshot",
            ApiCommand::RevertSnapshot { .. } => "revertSnapshot",
            ApiCommand::DeleteSnapshot { .. } => "deleteSnapshot",
            ApiCommand::CreateVmSnapshot(_) => "createVMSnapshot",
            ApiCommand::RevertToVmSnapshot { .. } => "revertToVMSnapshot",
            ApiCommand::DeleteVmSnapshot { .. } => "deleteVMSnapshot",
            ApiCommand::AddNicToVirtualMachine { .. } => "addNicToVirtualMachine",
            ApiCommand::RemoveNicFromVirtualMachine { .. } => "removeNicFromVirtualMachine",
            ApiCommand::UpdateDefaultNicForVirtualMachine { .. } => "updateDefaultNicForVirtualMachine",
            ApiCommand::CreateTags { .. } => "createTags",
            ApiCommand::DeleteTags { .. } => "deleteTags",
            ApiCommand::RebootVirtualMachine { .. } => "rebootVirtualMachine",
            ApiCommand::CreateVolume(_) => "createVolume",
        }
    }
}

/// What an accepted command answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// A job runs.
    Job {
        /// Its id.
        job: AsyncJobId,
        /// The id of the object that an async create command has made.
        created: Option<String>,
    },
    /// A command without a job is done, with this result.
    Done(JobResult),
}
