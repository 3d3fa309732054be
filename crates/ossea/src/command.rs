//! What we ask of the cloud. A command is a value, so it can be journaled, printed in a dry run, and sent.

use std::fmt;

use failover_domain::{
    AsyncJobId, CloudVmId, Firmware, MacAddress, NetworkId, OfferingId, SnapshotId, TemplateId, VolumeId,
    ZoneId,
};
use serde::{Deserialize, Serialize};

use crate::proof::{EmptiedVm, ScratchRoot};

/// How hard a VM is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMode {
    /// The guest is asked to shut down.
    Graceful,
    /// CloudStack marks the VM stopped even when its host does not answer. The guest may then still run there:
    /// a last resort.
    Forced,
}

/// One network card of a VM to deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicRequest {
    /// The network. At most one card per network when MAC addresses are given (`cloudstack-api.md` 4.1).
    pub network: NetworkId,
    /// The MAC address to give the card; `None` lets the cloud choose.
    pub mac: Option<MacAddress>,
}

/// A VM to deploy, always left stopped. The first card is the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployVm {
    /// The host name; legal by [`failover_domain::vm_name`].
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// Who made it: stored as the VM detail [`DeployVm::MARK_DETAIL`], so that the VM is recognised after a lost reply.
    pub mark: String,
    /// The zone.
    pub zone: ZoneId,
    /// The offering.
    pub offering: OfferingId,
    /// The template that gives the scratch root.
    pub template: TemplateId,
    /// CPUs, MHz and MiB for an offering whose size is free; `None` for a fixed one.
    pub custom_size: Option<CustomSize>,
    /// The firmware.
    pub firmware: Firmware,
    /// Whether secure boot is on.
    pub secure_boot: bool,
    /// The cards in order.
    pub nics: Vec<NicRequest>,
}

impl DeployVm {
    /// The VM detail that carries [`DeployVm::mark`].
    pub const MARK_DETAIL: &'static str = "failoverjob";
}

/// The size of a VM with a custom offering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomSize {
    /// Virtual CPUs.
    pub cpus: u32,
    /// MHz per CPU; `None` where the offering fixes it.
    pub cpu_speed_mhz: Option<u32>,
    /// MiB of memory.
    pub memory_mib: u32,
}

/// A command that changes the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    /// `deployVirtualMachine` with `startvm=false`. Async create; **not** repeatable: look by job id, then by
    /// name and mark.
    DeployVirtualMachine(Box<DeployVm>),
    /// `startVirtualMachine`. Async; a repeat is refused with "already running".
    StartVirtualMachine {
        /// The VM.
        vm: CloudVmId,
    },
    /// `stopVirtualMachine`. Async and idempotent.
    StopVirtualMachine {
        /// The VM.
        vm: CloudVmId,
        /// How hard.
        mode: StopMode,
    },
    /// `destroyVirtualMachine` with `expunge=true`. Async; deletes whatever hangs at device 0, hence the proof.
    DestroyVirtualMachine {
        /// The VM, proven to carry no replica.
        vm: EmptiedVm,
    },
    /// `attachVolume`. Async; a repeat is refused.
    AttachVolume {
        /// The volume.
        volume: VolumeId,
        /// The VM.
        vm: CloudVmId,
        /// The device; 0 makes the volume the root. `None` lets the cloud choose, never 0.
        device: Option<u32>,
    },
    /// `detachVolume`. Async; a repeat is refused.
    DetachVolume {
        /// The volume.
        volume: VolumeId,
    },
    /// `deleteVolume` of a scratch root. Synchronous; a repeat is refused as not found.
    DeleteVolume {
        /// The volume, proven to be a scratch root.
        volume: ScratchRoot,
    },
    /// `createSnapshot`. Async create; **not** repeatable: look by job id, then by volume and name.
    CreateSnapshot {
        /// The volume.
        volume: VolumeId,
        /// A name that is unique to the job and disk.
        name: String,
    },
    /// `revertSnapshot`. Async; repeatable, it ends in the same content.
    RevertSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// `deleteSnapshot`. Async; a repeat is refused as not found.
    DeleteSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
}

impl Command {
    /// The name of the command in CloudStack's API.
    pub fn api_name(&self) -> &'static str {
        match self {
            Command::DeployVirtualMachine(_) => "deployVirtualMachine",
            Command::StartVirtualMachine { .. } => "startVirtualMachine",
            Command::StopVirtualMachine { .. } => "stopVirtualMachine",
            Command::DestroyVirtualMachine { .. } => "destroyVirtualMachine",
            Command::AttachVolume { .. } => "attachVolume",
            Command::DetachVolume { .. } => "detachVolume",
            Command::DeleteVolume { .. } => "deleteVolume",
            Command::CreateSnapshot { .. } => "createSnapshot",
            Command::RevertSnapshot { .. } => "revertSnapshot",
            Command::DeleteSnapshot { .. } => "deleteSnapshot",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.api_name();
        match self {
            Command::DeployVirtualMachine(vm) => {
                write!(f, "{name} {} (stopped, {} NICs)", vm.name, vm.nics.len())
            }
            Command::StartVirtualMachine { vm } => write!(f, "{name} {vm}"),
            Command::StopVirtualMachine {
                vm,
                mode: StopMode::Graceful,
            } => write!(f, "{name} {vm}"),
            Command::StopVirtualMachine {
                vm,
                mode: StopMode::Forced,
            } => write!(f, "{name} {vm} forced"),
            Command::DestroyVirtualMachine { vm } => write!(f, "{name} {} expunge", vm.id()),
            Command::AttachVolume {
                volume,
                vm,
                device: Some(device),
            } => {
                write!(f, "{name} {volume} to {vm} at device {device}")
            }
            Command::AttachVolume {
                volume,
                vm,
                device: None,
            } => write!(f, "{name} {volume} to {vm}"),
            Command::DetachVolume { volume } => write!(f, "{name} {volume}"),
            Command::DeleteVolume { volume } => write!(f, "{name} {} (scratch root)", volume.id()),
            Command::CreateSnapshot {
                volume,
                name: snapshot,
            } => write!(f, "{name} {snapshot} of {volume}"),
            Command::RevertSnapshot { snapshot } | Command::DeleteSnapshot { snapshot } => {
                write!(f, "{name} {snapshot}")
            }
        }
    }
}

/// What the cloud says to a command that it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// An async job runs; nothing is known about its outcome.
    Job {
        /// The job's id; equal to the request key.
        job: AsyncJobId,
        /// The id of the object that an async create command has already made.
        created: Option<String>,
    },
    /// A synchronous command came back with success.
    Done,
}
