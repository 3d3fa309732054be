//! What we ask of the cloud. A command is a value, so it can be journaled, printed in a dry run, and sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use failover_domain::{
    AsyncJobId, CloudVmId, Firmware, MacAddress, NetworkId, NicId, OfferingId, SnapshotId, TemplateId,
    VmSnapshotId, VolumeId, ZoneId,
};
use serde::{Deserialize, Serialize};

use crate::error::OsseaError;
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
///
/// Each variant says which parameters are sent, how it is answered ([`Command::manner`]; section 4, table), where its
/// rules are checked (in the answer, `[S]`, or in the job, `[J]`; section 2.4) and with which code, what a repetition
/// does after the first one was executed ([`Command::repetition`]; section 5(h)), and when it is done. Every
/// asynchronous one carries its key as `customjobid` too (section 3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    /// `deployVirtualMachine` with `startvm=false` (4.1). The VM, its cards and an `Allocated` root exist when the
    /// call answers. After a lost reply: look by job id, then by name and mark.
    ///
    /// * Sent: `zoneid`, `serviceofferingid`, `templateid`, `name`, `displayname`, `details[0].…` for mark and size,
    ///   `networkids` or, where a MAC address is given, `iptonetworklist[i]`, `boottype` and `bootmode` for UEFI.
    /// * Asynchronous create; the job's result is the VM. Rules: 431, 530, 531, 533, 535 `[S]`.
    /// * Repeated it makes a second VM, unless the name collides on a network (431): never without having looked.
    DeployVirtualMachine(Box<DeployVm>),
    /// `startVirtualMachine` (4.10). Done when the VM is Running.
    ///
    /// * Sent: `id`. Asynchronous; the result is the VM.
    /// * Rules `[J]`: running already 431; wrong state or no root 530; no capacity 533; agent or storage 534; limits
    ///   535. Capacity may be free the next time.
    /// * Repeated it is refused (431).
    StartVirtualMachine {
        /// The VM.
        vm: CloudVmId,
    },
    /// `stopVirtualMachine` (4.11). Done when the VM is Stopped, which after a forced stop of an unreachable host
    /// does not prove that the guest is off.
    ///
    /// * Sent: `id`, and `forced` where it is. Asynchronous; the result is the VM.
    /// * Rules `[J]`: host unreachable and not forced 530, the VM is Running again; forced stops not allowed 530.
    /// * Repeated it does no harm: a VM that is not running is success.
    StopVirtualMachine {
        /// The VM.
        vm: CloudVmId,
        /// How hard.
        mode: StopMode,
    },
    /// `destroyVirtualMachine` with `expunge=true` (4.12). Deletes whatever hangs at device 0, hence the proof. Done
    /// when the VM is no longer listed.
    ///
    /// * Sent: `id`, `expunge`; never `volumeids`. Asynchronous; the result is the VM, perhaps nearly empty.
    /// * Rules `[J]`: no permission to expunge 530; unknown or protected 431; snapshots of the root under way 530.
    ///   Data disks are detached and kept.
    /// * Repeated it is refused (431), because the VM is gone.
    DestroyVirtualMachine {
        /// The VM, proven to carry no replica.
        vm: EmptiedVm,
    },
    /// `expungeVirtualMachine` (4.12), for admins: ends a destruction that was left in Destroyed, Expunging or Error.
    ///
    /// * Sent: `id`. Asynchronous; the result is a success flag. Another state: 530 `[J]`; not an admin: 401 `[S]`
    ///   (1.4).
    /// * Repeated it is refused, because the VM is gone. Done when the VM is no longer listed.
    ExpungeVirtualMachine {
        /// The VM, proven to carry no replica.
        vm: EmptiedVm,
    },
    /// `recoverVirtualMachine` (4.12): a Destroyed VM is Stopped again. The only way to detach a root from it.
    ///
    /// * Sent: `id`. **Synchronous**, so there is no job to ask after a lost reply; the result is the VM. Another
    ///   state: 431 `[S]` (7.1).
    /// * Repeated it is refused (431). Done when the VM is Stopped.
    RecoverVirtualMachine {
        /// The VM.
        vm: CloudVmId,
    },
    /// `attachVolume` (4.3). Done when the cloud shows the volume on the VM at the device.
    ///
    /// * Sent: `id`, `virtualmachineid`, and `deviceid` where it is chosen. Asynchronous; the result is the volume.
    /// * Rules `[J]`: attached already, wrong state of volume or VM, another zone, root on a managed pool, VM
    ///   snapshots: 431; device taken or reserved (3), agent failure: 530.
    /// * Repeated it is refused (431), because the volume is attached.
    AttachVolume {
        /// The volume.
        volume: VolumeId,
        /// The VM.
        vm: CloudVmId,
        /// The device; 0 makes the volume the root. `None` lets the cloud choose, never 0.
        device: Option<u32>,
    },
    /// `detachVolume` (4.4), by volume. CloudStack cannot be told from which VM: look before, and after.
    ///
    /// * Sent: `id`; `virtualmachineid` beside it would be refused. Asynchronous; the result is the volume.
    /// * Rules `[J]`: not attached, wrong state of the VM, VM snapshots: 431; the guest does not let go within 10 s:
    ///   530, the volume is still attached, and may be tried again.
    /// * Repeated it is refused (431). Done when the volume shows no VM; a root has become a data disk.
    DetachVolume {
        /// The volume.
        volume: VolumeId,
    },
    /// `deleteVolume` (4.5) of a scratch root.
    ///
    /// * Sent: `id`. **Synchronous**; the result is a success flag, which may come late, because a volume with storage
    ///   is expunged before the reply.
    /// * Rules `[S]`: unknown, attached, protected: 431; not permitted: 531; storage failure: 530.
    /// * Repeated it is refused (431), because the volume is gone. Done when it is no longer listed.
    DeleteVolume {
        /// The volume, proven to be a scratch root.
        volume: ScratchRoot,
    },
    /// `createSnapshot` (4.6), never quiesced: no strategy for KVM can. After a lost reply: look by job id, then by
    /// volume and name. Done when the snapshot is BackedUp.
    ///
    /// * Sent: `volumeid`, `name`. Asynchronous create; the result is the snapshot.
    /// * Rules `[S]`: not Ready, another snapshot of the VM under way: 431; VM running where the cloud does not allow
    ///   that: 530; limits: 535. Work `[J]`: 530 without details; no strategy: 432.
    /// * Repeated it makes a second snapshot, because names are not unique: never without having looked.
    CreateSnapshot {
        /// The volume.
        volume: VolumeId,
        /// A name that is unique to the job and disk.
        name: String,
    },
    /// `revertSnapshot` (4.7). The content of the volume becomes that of the snapshot. Only the job tells success.
    ///
    /// * Sent: `id`. Asynchronous; the result is the snapshot.
    /// * Rules `[J]`: volume not Ready, its VM not Stopped, VM snapshots: 431; no strategy for this storage: 530. A
    ///   detached volume may be reverted.
    /// * Repeated it does no harm for as long as nobody writes: the content is the same.
    RevertSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// `deleteSnapshot` (4.7). Done when it is no longer listed.
    ///
    /// * Sent: `id`. Asynchronous; the result is a success flag.
    /// * Rules `[J]`: unknown, destroyed, or part of a VM snapshot: 431; in the making: 530.
    /// * Repeated it is refused (431), because it is gone.
    DeleteSnapshot {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// `createVMSnapshot` of the disks (4.8). The name is unique per VM, so a repetition is refused (530). Freezes
    /// disks and cards of the VM until it is deleted, even when it failed. Done when it is Ready.
    ///
    /// * Sent: `virtualmachineid`, `name` (listed as `displayname`), `description`, `snapshotmemory=false`,
    ///   `quiescevm=false`. Asynchronous create; the result is the VM snapshot.
    /// * Rules: every one is 530 `[S]`. Where the release or the storage cannot snapshot a stopped VM it is accepted,
    ///   fails in the job, and leaves a row in Error.
    CreateVmSnapshot {
        /// The VM.
        vm: CloudVmId,
        /// The name.
        name: String,
        /// What it is for.
        description: String,
    },
    /// `revertToVMSnapshot` (4.9) of a Stopped VM. Only the job tells success; the snapshot stays.
    ///
    /// * Sent: `vmsnapshotid`. Asynchronous; the result is the VM.
    /// * Rules `[J]`: unknown, not Ready, VM not Stopped, another task: 431; agent failure: 530.
    /// * Repeated while the VM is Stopped it does no harm.
    RevertToVmSnapshot {
        /// The snapshot.
        snapshot: VmSnapshotId,
    },
    /// `deleteVMSnapshot` (4.9). The present content of the disks **stays**: without a revert before, what the guest
    /// wrote becomes permanent. Done when the VM shows no snapshot.
    ///
    /// * Sent: `vmsnapshotid`. Asynchronous; the result is a success flag.
    /// * Rules `[J]`: unknown, wrong state, another task: 431; failure: 530, its cause only in the server's log.
    /// * Repeated it is refused (431), because it is gone.
    DeleteVmSnapshot {
        /// The snapshot.
        snapshot: VmSnapshotId,
    },
    /// `addNicToVirtualMachine` (4.13). A second card on the same network is refused.
    ///
    /// * Sent: `virtualmachineid`, `networkid`, and `macaddress`, `ipaddress` where given. Asynchronous; the result is
    ///   the VM.
    /// * Rules `[J]`: VM snapshots: 431; card, MAC address or host name taken, another zone: 530.
    /// * Repeated it is refused (530). Done when the VM shows a card on the network.
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
    ///
    /// * Sent: `virtualmachineid`, `nicid`. Asynchronous; the result is the VM.
    /// * Rules `[J]`: the default card, not on this VM, rules that use it, VM snapshots: 431.
    /// * Repeated it is refused (431). Done when the VM does not show the card.
    RemoveNic {
        /// The VM.
        vm: CloudVmId,
        /// The card.
        nic: NicId,
    },
    /// `updateDefaultNicForVirtualMachine` (4.13). Refused when it is the default already.
    ///
    /// * Sent: `virtualmachineid`, `nicid`. Asynchronous; the result is the VM.
    /// * Rules `[J]`: VM snapshots: 431; default already, VM neither Running nor Stopped: 530.
    /// * Repeated it is refused (530). Done when the VM shows the card as the default.
    UpdateDefaultNic {
        /// The VM.
        vm: CloudVmId,
        /// The card.
        nic: NicId,
    },
    /// `createTags` (4.14). A key that is there already is refused, not replaced.
    ///
    /// * Sent: `resourceids`, `resourcetype`, `tags[i].key`, `tags[i].value`. Asynchronous; the result is a success
    ///   flag. A key that is there: 530 `[J]`.
    /// * Repeated it is refused (530). Done when the tags are listed.
    CreateTags {
        /// On what.
        on: Tagged,
        /// Key and value.
        tags: BTreeMap<String, String>,
    },
    /// `deleteTags` (4.14), whatever their values.
    ///
    /// * Sent: `resourceids`, `resourcetype`, `tags[i].key`. Asynchronous; the result is a success flag.
    /// * Repeated it does no harm: the end is the same. Done when the tags are not listed.
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

impl Command {
    /// What may be concluded of an error with which the sending of this command ended. A server that takes no new jobs
    /// (503) has processed nothing of most commands; but one that creates makes its object before it has a job, so the
    /// object may be there (`cloudstack-api.md` sections 2.4 and 3.5).
    pub fn concluded_from(&self, error: OsseaError) -> OsseaError {
        match (error, self.repetition()) {
            (OsseaError::Busy(why), Repetition::Duplicates) => {
                OsseaError::OutcomeUnknown(format!("the object may have been made: {why}"))
            }
            (error, Repetition::Harmless | Repetition::Refused | Repetition::Duplicates) => error,
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
