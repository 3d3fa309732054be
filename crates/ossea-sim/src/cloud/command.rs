//! The commands that change the cloud, after their parameters were read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use failover_domain::{
    AsyncJobId, CloudVmId, MacAddress, NetworkId, NicId, OfferingId, SnapshotId, TemplateId, VmSnapshotId,
    VolumeId, ZoneId,
};
use ossea::StopMode;
use serde::{Deserialize, Serialize};

use super::jobs::JobResult;
use super::objects::{Boot, VmSnapshotType};
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
    pub template: TemplateId,
    pub nics: Vec<NicSpec>,
    pub details: BTreeMap<String, String>,
    pub boot: Boot,
    pub root_disk_gib: Option<u64>,
    pub after: AfterDeploy,
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
