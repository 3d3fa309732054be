//! Parameters become commands.

use std::collections::BTreeMap;

use failover_domain::VolumeId;
use ossea::StopMode;

use super::deployment;
use super::parameters::Parameters;
use crate::cloud::Cloud;
use crate::cloud::command::{
    ApiCommand, Backup, CreateVolume, Destroy, DestroyEnd, DetachTarget, NewVmSnapshot, NicSpec, Quiesce,
    SnapshotLocation, SnapshotMemory, VolumeSource,
};
use crate::cloud::error::ApiError;
use crate::cloud::tags::TaggedObjects;
use crate::contents::Protection;

/// A command that changes the cloud.
struct ChangeCommand {
    name: &'static str,
    read: fn(&Parameters, &Cloud) -> Result<ApiCommand, ApiError>,
}

const CHANGES: [ChangeCommand; 24] = [
    ChangeCommand {
        name: "deployVirtualMachine",
        read: |p, c| deployment::read(p, c).map(|deploy| ApiCommand::DeployVirtualMachine(Box::new(deploy))),
    },
    ChangeCommand {
        name: "startVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::StartVirtualMachine {
                vm: p.id("startVirtualMachine", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "stopVirtualMachine",
        read: |p, _| stop(p),
    },
    ChangeCommand {
        name: "destroyVirtualMachine",
        read: |p, _| destroy(p),
    },
    ChangeCommand {
        name: "expungeVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::ExpungeVirtualMachine {
                vm: p.id("expungeVirtualMachine", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "recoverVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::RecoverVirtualMachine {
                vm: p.id("recoverVirtualMachine", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "updateVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::UpdateVirtualMachine {
                vm: p.id("updateVirtualMachine", "id")?,
                protection: protection(p, "updateVirtualMachine")?,
            })
        },
    },
    ChangeCommand {
        name: "updateVolume",
        read: |p, _| {
            Ok(ApiCommand::UpdateVolume {
                volume: p.id("updateVolume", "id")?,
                protection: protection(p, "updateVolume")?,
            })
        },
    },
    ChangeCommand {
        name: "attachVolume",
        read: |p, _| attach(p),
    },
    ChangeCommand {
        name: "detachVolume",
        read: |p, _| detach_target(p).map(ApiCommand::DetachVolume),
    },
    ChangeCommand {
        name: "deleteVolume",
        read: |p, _| {
            Ok(ApiCommand::DeleteVolume {
                volume: p.id("deleteVolume", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "createSnapshot",
        read: |p, _| create_snapshot(p),
    },
    ChangeCommand {
        name: "revertSnapshot",
        read: |p, _| {
            Ok(ApiCommand::RevertSnapshot {
                snapshot: p.id("revertSnapshot", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "deleteSnapshot",
        read: |p, _| {
            Ok(ApiCommand::DeleteSnapshot {
                snapshot: p.id("deleteSnapshot", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "createVMSnapshot",
        read: |p, _| create_vm_snapshot(p),
    },
    ChangeCommand {
        name: "revertToVMSnapshot",
        read: |p, _| {
            Ok(ApiCommand::RevertToVmSnapshot {
                snapshot: p.id("revertToVMSnapshot", "vmsnapshotid")?,
            })
        },
    },
    ChangeCommand {
        name: "deleteVMSnapshot",
        read: |p, _| {
            Ok(ApiCommand::DeleteVmSnapshot {
                snapshot: p.id("deleteVMSnapshot", "vmsnapshotid")?,
            })
        },
    },
    ChangeCommand {
        name: "addNicToVirtualMachine",
        read: |p, _| add_nic(p),
    },
    ChangeCommand {
        name: "removeNicFromVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::RemoveNicFromVirtualMachine {
                vm: p.id("removeNicFromVirtualMachine", "virtualmachineid")?,
                nic: p.id("removeNicFromVirtualMachine", "nicid")?,
            })
        },
    },
    ChangeCommand {
        name: "updateDefaultNicForVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::UpdateDefaultNicForVirtualMachine {
                vm: p.id("updateDefaultNicForVirtualMachine", "virtualmachineid")?,
                nic: p.id("updateDefaultNicForVirtualMachine", "nicid")?,
            })
        },
    },
    ChangeCommand {
        name: "createTags",
        read: |p, _| create_tags(p),
    },
    ChangeCommand {
        name: "deleteTags",
        read: |p, _| delete_tags(p),
    },
    ChangeCommand {
        name: "rebootVirtualMachine",
        read: |p, _| {
            Ok(ApiCommand::RebootVirtualMachine {
                vm: p.id("rebootVirtualMachine", "id")?,
            })
        },
    },
    ChangeCommand {
        name: "createVolume",
        read: |p, _| create_volume(p).map(ApiCommand::CreateVolume),
    },
];

/// The names of all of them.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CHANGES.iter().map(|change| change.name)
}

fn find(command: &str) -> Option<&'static ChangeCommand> {
    CHANGES.iter().find(|change| change.name == command)
}

/// Whether it is a command that changes the cloud. The spelling matters.
pub(crate) fn is_known(command: &str) -> bool {
    find(command).is_some()
}

/// The command with its parameters; one that does not exist is answered like bad credentials.
pub(crate) fn read(command: &str, parameters: &Parameters, cloud: &Cloud) -> Result<ApiCommand, ApiError> {
    let change = find(command).ok_or_else(ApiError::unauthorized)?;
    (change.read)(parameters, cloud)
}

fn stop(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    Ok(ApiCommand::StopVirtualMachine {
        vm: parameters.id("stopVirtualMachine", "id")?,
        mode: match parameters.flag("forced") {
            Some(true) => StopMode::Forced,
            Some(false) | None => StopMode::Graceful,
        },
    })
}

fn destroy(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let command = "destroyVirtualMachine";
    let volumes = parameters
        .get("volumeids")
        .into_iter()
        .flat_map(|ids| ids.split(','));
    let volumes = volumes.map(|id| {
        let id = id.trim();
        id.parse()
            .map_err(|_| ApiError::unknown_entity(command, "volumeids", id))
    });
    Ok(ApiCommand::DestroyVirtualMachine(Destroy {
        vm: parameters.id(command, "id")?,
        volumes: volumes.collect::<Result<_, _>>()?,
        end: match parameters.flag("expunge") {
            Some(true) => DestroyEnd::Expunged,
            Some(false) | None => DestroyEnd::Recoverable,
        },
    }))
}

/// The real cloud can update more; a request for that is refused instead of ignored.
fn protection(parameters: &Parameters, command: &str) -> Result<Protection, ApiError> {
    parameters.required(command, "deleteprotection")?;
    Ok(match parameters.flag("deleteprotection") {
        Some(true) => Protection::On,
        Some(false) | None => Protection::Off,
    })
}

fn attach(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let command = "attachVolume";
    Ok(ApiCommand::AttachVolume {
        volume: parameters.id(command, "id")?,
        vm: parameters.id(command, "virtualmachineid")?,
        device: parameters.number(command, "deviceid")?,
    })
}

fn detach_target(parameters: &Parameters) -> Result<DetachTarget, ApiError> {
    let command = "detachVolume";
    let device: Option<u32> = parameters.number(command, "deviceid")?;
    match (parameters.get("id"), parameters.get("virtualmachineid"), device) {
        (Some(_), None, None) => parameters.id::<VolumeId>(command, "id").map(DetachTarget::Volume),
        (None, Some(_), Some(device)) => Ok(DetachTarget::Slot {
            vm: parameters.id(command, "virtualmachineid")?,
            device,
        }),
        (Some(_), Some(_), _) | (Some(_), None, Some(_)) | (None, None, _) | (None, Some(_), None) => {
            Ok(DetachTarget::Ambiguous)
        }
    }
}

fn create_snapshot(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let location = match parameters.get("locationtype") {
        None => SnapshotLocation::Usual,
        Some(given) if ["PRIMARY", "SECONDARY"].contains(&given.to_uppercase().as_str()) => {
            SnapshotLocation::Given
        }
        Some(other) => {
            let text = format!("Invalid locationtype {other}, allowed are PRIMARY and SECONDARY");
            return Err(ApiError::invalid(text));
        }
    };
    Ok(ApiCommand::CreateSnapshot {
        volume: parameters.id("createSnapshot", "volumeid")?,
        name: parameters.get("name").map(str::to_owned),
        quiesce: match parameters.flag("quiescevm") {
            Some(true) => Quiesce::Asked,
            Some(false) | None => Quiesce::No,
        },
        location,
        backup: match parameters.flag("asyncbackup") {
            Some(true) => Backup::AfterJob,
            Some(false) | None => Backup::WithinJob,
        },
        tags: parameters.key_values("createSnapshot", "tags")?,
    })
}

fn create_vm_snapshot(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    Ok(ApiCommand::CreateVmSnapshot(NewVmSnapshot {
        vm: parameters.id("createVMSnapshot", "virtualmachineid")?,
        name: parameters.get("name").map(str::to_owned),
        description: parameters.get("description").map(str::to_owned),
        memory: match parameters.flag("snapshotmemory") {
            Some(true) => SnapshotMemory::Included,
            Some(false) | None => SnapshotMemory::LeftOut,
        },
    }))
}

/// A MAC address that is none is silently replaced by one of the cloud's choice.
fn add_nic(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let command = "addNicToVirtualMachine";
    Ok(ApiCommand::AddNicToVirtualMachine {
        vm: parameters.id(command, "virtualmachineid")?,
        nic: NicSpec {
            network: parameters.id(command, "networkid")?,
            mac: parameters.get("macaddress").and_then(|text| text.parse().ok()),
            address: parameters.get("ipaddress").map(deployment::address).transpose()?,
        },
    })
}

fn tagged_objects(parameters: &Parameters, command: &str) -> Result<TaggedObjects, ApiError> {
    let ids = parameters.required(command, "resourceids")?.split(',');
    Ok(TaggedObjects {
        kind: parameters.required(command, "resourcetype")?.to_owned(),
        ids: ids.map(|id| id.trim().to_owned()).collect(),
    })
}

fn create_tags(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let command = "createTags";
    let tags = parameters.key_values(command, "tags")?;
    if tags.is_empty() {
        return Err(ApiError::missing(command, "tags"));
    }
    Ok(ApiCommand::CreateTags {
        on: tagged_objects(parameters, command)?,
        tags,
    })
}

fn delete_tags(parameters: &Parameters) -> Result<ApiCommand, ApiError> {
    let command = "deleteTags";
    let mut tags = BTreeMap::new();
    for entry in parameters.entries("tags").into_values() {
        let key = entry
            .get("key")
            .ok_or_else(|| ApiError::missing(command, "tags"))?;
        let value = entry.get("value").map(|value| (*value).to_owned());
        tags.insert((*key).to_owned(), value);
    }
    Ok(ApiCommand::DeleteTags {
        on: tagged_objects(parameters, command)?,
        tags,
    })
}

fn create_volume(parameters: &Parameters) -> Result<CreateVolume, ApiError> {
    let command = "createVolume";
    let source = match (parameters.get("diskofferingid"), parameters.get("snapshotid")) {
        (_, Some(_)) => VolumeSource::Snapshot(parameters.id(command, "snapshotid")?),
        (Some(_), None) => VolumeSource::DiskOffering(parameters.id(command, "diskofferingid")?),
        (None, None) => {
            let text =
                "At least one of disk Offering ID or snapshot ID must be passed whilst creating volume";
            return Err(ApiError::invalid(text));
        }
    };
    Ok(CreateVolume {
        name: parameters.get("name").map(str::to_owned),
        zone: match parameters.get("zoneid") {
            Some(_) => Some(parameters.id(command, "zoneid")?),
            None => None,
        },
        source,
        size_gib: parameters.number(command, "size")?,
    })
}
