//! What we ask of the cloud. A command is a value, so it can be journaled, printed in a dry run, and sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use failover_domain::{
    AsyncJobId, CloudVmId, Firmware, MacAddress, NetworkId, NicId, OfferingId, SnapshotId, TemplateId,
    VmSnapshotId, VolumeId, ZoneId,
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

/// What tags are put on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// A VM (`UserVm`).
    Vm(CloudVmId),
    /// A volume (`Volume`).
    Volume(VolumeId),
    /// A volume snapshot (`Snapshot`).
    Snapshot(SnapshotId),
    /// A VM snapshot (`VMSnapshot`).
    VmSnapshot(VmSnapshotId),
}

/// How CloudStack answers a command (`cloudstack-api.md` sections 2.4 and 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With the outcome.
    Synchronous,
    /// With an async job whose id we choose. All rules are checked in the job.
    Asynchronous,
    /// With an async job, after the object was made inside the call. Its rules are checked in the call, the
    /// work fails in the job.
    AsynchronousCreate,
}

/// What sending a command once more does, when the first one may have been executed (`cloudstack-api.md` section
/// 5(h)). Under the same key CloudStack refuses the repetition of a plain async command for as long as it knows the
/// first job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// The end is the same.
    Harmless,
    /// It is refused, because what it asks for is so already.
    Refused,
    /// It makes a second object, under the same key too. Never without having looked.
    Duplicates,
}

/// A command that changes the cloud. Where the facts come from is said by section of `cloudstack-api.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    /// `deployVirtualMachine` with `startvm=false` (4.1). The VM, its cards and an `Allocated` root exist when the
    /// call answers. After a lost reply: look by job id, then by name and mark.
    DeployVirtualMachine(Box<DeployVm>),
    /// `startVirtualMachine` (4.10). Done when the VM is Running.
    StartVirtualMachine {
        /// The VM.
        vm: CloudVmId,
    },
    /// `stopVirtualMachine` (4.11). Done when the VM is Stopped, which after a forced stop of an unreachable host
    /// does not prove that the guest is off.
    StopVirtualMachine {
        /// The VM.
        vm: CloudVmId,
        /// How hard.
        mode: StopMode,
    },
    /// `destroyVirtualMachine` with `expunge=true` (4.12). Deletes whatever hangs at device 0, hence the proof. Done
    /// when the VM is no longer listed.
    DestroyVirtualMachine {
        /// The VM, proven to carry no replica.
        vm: EmptiedVm,
    },
    /// `expungeVirtualMachine` (4.12), for admins: ends a destruction that was left in Destroyed, Expunging or Error.
    ExpungeVirtualMachine {
        /// The VM, proven to carry no replica.
        vm: EmptiedVm,
    },
    /// `recoverVirtualMachine` (4.12): a Destroyed VM is Stopped again. The only way to detach a root from it.
    RecoverVirtualMachine {
        /// The VM.
        vm: CloudVmId,
    },
    /// `attachVolume` (4.3). Done when the cloud shows the volume on the VM at the device.
    AttachVolume {
        /// The volume.
        volume: VolumeId,
        /// The VM.
        vm: CloudVmId,
        /// The device; 0 makes the volume the root. `None` lets the cloud choose, never 0.
        device: Option<u32>,
    },
    /// `detachVolume` (4.4), by volume. CloudStack cannot be told from which VM: look before, and after.
    DetachVolume {
        /// The volume.
        volume: VolumeId,
    },
    /// `deleteVolume` (4.5) of a scratch root.
    DeleteVolume {
        /// The volume, proven to be a scratch root.
        volume: ScratchRoot,
    },
    /// `createSnapshot` (4.6), never quiesced: no strategy for KVM can. After a lost reply: look by job id, then by
    /// volume and name. Done when the snapshot is BackedUp.
    CreateSnapshot {
        /// The volume.
        volume: VolumeId,
        /// A name that is unique to the job and disk.
        name: String,
    },
    /// `revertSnapshot` (4.7). The content of the volume becomes that of the snapshot. Only the job tells success.
    RevertSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// `deleteSnapshot` (4.7). Done when it is no longer listed.
    DeleteSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// `createVMSnapshot` of the disks (4.8). The name is unique per VM, so a repetition is refused (530). Freezes
    /// disks and cards of the VM until it is deleted, even when it failed. Done when it is Ready.
    CreateVmSnapshot {
        /// The VM.
        vm: CloudVmId,
        /// The name.
        name: String,
        /// What it is for.
        description: String,
    },
    /// `revertToVMSnapshot` (4.9) of a Stopped VM. Only the job tells success; the snapshot stays.
    RevertToVmSnapshot {
        /// The snapshot.
        snapshot: VmSnapshotId,
    },
    /// `deleteVMSnapshot` (4.9). The present content of the disks **stays**: without a revert before, what the guest
    /// wrote becomes permanent. Done when the VM shows no snapshot.
    DeleteVmSnapshot {
        /// The snapshot.
        snapshot: VmSnapshotId,
    },
    /// `addNicToVirtualMachine` (4.13). A second card on the same network is refused.
    AddNic {
        /// The VM.
        vm: CloudVmId,
        /// The network.
        network: NetworkId,
        /// The MAC address; an invalid one would silently be replaced.
        mac: Option<MacAddress>,
        /// The address.
        address: Option<IpAddr>,
    },
    /// `removeNicFromVirtualMachine` (4.13). The default card cannot be removed.
    RemoveNic {
        /// The VM.
        vm: CloudVmId,
        /// The card.
        nic: NicId,
    },
    /// `updateDefaultNicForVirtualMachine` (4.13). Refused when it is the default already.
    UpdateDefaultNic {
        /// The VM.
        vm: CloudVmId,
        /// The card.
        nic: NicId,
    },
    /// `createTags` (4.14). A key that is there already is refused, not replaced.
    CreateTags {
        /// On what.
        on: Tagged,
        /// Key and value.
        tags: BTreeMap<String, String>,
    },
    /// `deleteTags` (4.14), whatever their values.
    DeleteTags {
        /// From what.
        on: Tagged,
        /// The keys.
        keys: BTreeSet<String>,
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
            Command::ExpungeVirtualMachine { .. } => "expungeVirtualMachine",
            Command::RecoverVirtualMachine { .. } => "recoverVirtualMachine",
            Command::AttachVolume { .. } => "attachVolume",
            Command::DetachVolume { .. } => "detachVolume",
            Command::DeleteVolume { .. } => "deleteVolume",
            Command::CreateSnapshot { .. } => "createSnapshot",
            Command::RevertSnapshot { .. } => "revertSnapshot",
            Command::DeleteSnapshot { .. } => "deleteSnapshot",
            Command::CreateVmSnapshot { .. } => "createVMSnapshot",
            Command::RevertToVmSnapshot { .. } => "revertToVMSnapshot",
            Command::DeleteVmSnapshot { .. } => "deleteVMSnapshot",
            Command::AddNic { .. } => "addNicToVirtualMachine",
            Command::RemoveNic { .. } => "removeNicFromVirtualMachine",
            Command::UpdateDefaultNic { .. } => "updateDefaultNicForVirtualMachine",
            Command::CreateTags { .. } => "createTags",
            Command::DeleteTags { .. } => "deleteTags",
        }
    }

    /// How the cloud answers it (`cloudstack-api.md` section 4, table).
    pub fn manner(&self) -> Manner {
        match self {
            Command::RecoverVirtualMachine { .. } | Command::DeleteVolume { .. } => Manner::Synchronous,
            Command::DeployVirtualMachine(_)
            | Command::CreateSnapshot { .. }
            | Command::CreateVmSnapshot { .. } => Manner::AsynchronousCreate,
            Command::StartVirtualMachine { .. }
            | Command::StopVirtualMachine { .. }
            | Command::DestroyVirtualMachine { .. }
            | Command::ExpungeVirtualMachine { .. }
            | Command::AttachVolume { .. }
            | Command::DetachVolume { .. }
            | Command::RevertSnapshot { .. }
            | Command::DeleteSnapshot { .. }
            | Command::RevertToVmSnapshot { .. }
            | Command::DeleteVmSnapshot { .. }
            | Command::AddNic { .. }
            | Command::RemoveNic { .. }
            | Command::UpdateDefaultNic { .. }
            | Command::CreateTags { .. }
            | Command::DeleteTags { .. } => Manner::Asynchronous,
        }
    }

    /// What repeating it does after the first one was executed (`cloudstack-api.md` section 5(h)).
    pub fn repetition(&self) -> Repetition {
        match self {
            Command::StopVirtualMachine { .. }
            | Command::RevertSnapshot { .. }
            | Command::RevertToVmSnapshot { .. }
            | Command::DeleteTags { .. } => Repetition::Harmless,
            Command::DeployVirtualMachine(_) | Command::CreateSnapshot { .. } => Repetition::Duplicates,
            Command::StartVirtualMachine { .. }
            | Command::DestroyVirtualMachine { .. }
            | Command::ExpungeVirtualMachine { .. }
            | Command::RecoverVirtualMachine { .. }
            | Command::AttachVolume { .. }
            | Command::DetachVolume { .. }
            | Command::DeleteVolume { .. }
            | Command::DeleteSnapshot { .. }
            | Command::CreateVmSnapshot { .. }
            | Command::DeleteVmSnapshot { .. }
            | Command::AddNic { .. }
            | Command::RemoveNic { .. }
            | Command::UpdateDefaultNic { .. }
            | Command::CreateTags { .. } => Repetition::Refused,
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
            Command::ExpungeVirtualMachine { vm } => write!(f, "{name} {}", vm.id()),
            Command::RecoverVirtualMachine { vm } => write!(f, "{name} {vm}"),
            Command::CreateVmSnapshot {
                vm, name: snapshot, ..
            } => write!(f, "{name} {snapshot} of {vm}"),
            Command::RevertToVmSnapshot { snapshot } | Command::DeleteVmSnapshot { snapshot } => {
                write!(f, "{name} {snapshot}")
            }
            Command::AddNic { vm, network, .. } => write!(f, "{name} {vm} on {network}"),
            Command::RemoveNic { vm, nic } | Command::UpdateDefaultNic { vm, nic } => {
                write!(f, "{name} {nic} of {vm}")
            }
            Command::CreateTags { on, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                write!(f, "{name} {} on {on}", keys.join(", "))
            }
            Command::DeleteTags { on, keys } => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                write!(f, "{name} {} of {on}", keys.join(", "))
            }
        }
    }
}

impl fmt::Display for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tagged::Vm(id) => write!(f, "VM {id}"),
            Tagged::Volume(id) => write!(f, "volume {id}"),
            Tagged::Snapshot(id) => write!(f, "snapshot {id}"),
            Tagged::VmSnapshot(id) => write!(f, "VM snapshot {id}"),
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
