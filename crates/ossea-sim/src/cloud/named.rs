//! What a command names: the objects behind its parameters.

use failover_domain::{CloudVmId, NetworkId, NicId, SnapshotId, VmSnapshotId, VolumeId};

use super::Cloud;
use super::command::{ApiCommand, DetachTarget, VolumeSource};
use super::error::ApiError;

/// An object that a parameter names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    Vm(&'a CloudVmId),
    Volume(&'a VolumeId),
    Snapshot(&'a SnapshotId),
    VmSnapshot(&'a VmSnapshotId),
    Network(&'a NetworkId),
    Nic(&'a NicId),
}

impl ApiCommand {
    /// The parameters that name objects of the cloud, in the order in which they are looked up. What a create command
    /// names is looked up by the command itself where the real one does so.
    pub(super) fn named(&self) -> Vec<(&'static str, Named<'_>)> {
        match self {
            // What tags are put on is looked up in the job.
            ApiCommand::DeployVirtualMachine(_)
            | ApiCommand::DetachVolume(DetachTarget::Ambiguous)
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. } => Vec::new(),
            ApiCommand::CreateVolume(volume) => match &volume.source {
                VolumeSource::DiskOffering(_) => Vec::new(),
                VolumeSource::Snapshot(snapshot) => vec![("snapshotid", Named::Snapshot(snapshot))],
            },
            ApiCommand::StartVirtualMachine { vm }
            | ApiCommand::RebootVirtualMachine { vm }
            | ApiCommand::StopVirtualMachine { vm, .. }
            | ApiCommand::ExpungeVirtualMachine { vm }
            | ApiCommand::RecoverVirtualMachine { vm }
            | ApiCommand::UpdateVirtualMachine { vm, .. } => vec![("id", Named::Vm(vm))],
            ApiCommand::DestroyVirtualMachine(destroy) => {
                let disks = destroy.volumes.iter();
                let disks = disks.map(|volume| ("volumeids", Named::Volume(volume)));
                [("id", Named::Vm(&destroy.vm))]
                    .into_iter()
                    .chain(disks)
                    .collect()
            }
            ApiCommand::AttachVolume { volume, vm, .. } => {
                vec![("id", Named::Volume(volume)), ("virtualmachineid", Named::Vm(vm))]
            }
            ApiCommand::DetachVolume(DetachTarget::Slot { vm, .. }) => {
                vec![("virtualmachineid", Named::Vm(vm))]
            }
            ApiCommand::DetachVolume(DetachTarget::Volume(volume))
            | ApiCommand::DeleteVolume { volume }
            | ApiCommand::UpdateVolume { volume, .. } => {
                vec![("id", Named::Volume(volume))]
            }
            ApiCommand::CreateSnapshot { volume, .. } => vec![("volumeid", Named::Volume(volume))],
            ApiCommand::RevertSnapshot { snapshot } | ApiCommand::DeleteSnapshot { snapshot } => {
                vec![("id", Named::Snapshot(snapshot))]
            }
            ApiCommand::CreateVmSnapshot(new) => vec![("virtualmachineid", Named::Vm(&new.vm))],
            ApiCommand::RevertToVmSnapshot { snapshot } | ApiCommand::DeleteVmSnapshot { snapshot } => {
                vec![("vmsnapshotid", Named::VmSnapshot(snapshot))]
            }
            ApiCommand::AddNicToVirtualMachine { vm, nic } => vec![
                ("virtualmachineid", Named::Vm(vm)),
                ("networkid", Named::Network(&nic.network)),
            ],
            ApiCommand::RemoveNicFromVirtualMachine { vm, nic }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { vm, nic } => {
                vec![("virtualmachineid", Named::Vm(vm)), ("nicid", Named::Nic(nic))]
            }
        }
    }

    /// The name that the command gives to what it makes.
    fn given_name(&self) -> Option<&String> {
        match self {
            ApiCommand::DeployVirtualMachine(deploy) => deploy.name.as_ref(),
            ApiCommand::CreateSnapshot { name, .. } => name.as_ref(),
            ApiCommand::CreateVmSnapshot(new) => new.name.as_ref(),
            ApiCommand::CreateVolume(volume) => volume.name.as_ref(),
            ApiCommand::StartVirtualMachine { .. }
            | ApiCommand::StopVirtualMachine { .. }
            | ApiCommand::DestroyVirtualMachine(_)
            | ApiCommand::ExpungeVirtualMachine { .. }
            | ApiCommand::RecoverVirtualMachine { .. }
            | ApiCommand::UpdateVirtualMachine { .. }
            | ApiCommand::UpdateVolume { .. }
            | ApiCommand::AttachVolume { .. }
            | ApiCommand::DetachVolume(_)
            | ApiCommand::DeleteVolume { .. }
            | ApiCommand::RevertSnapshot { .. }
            | ApiCommand::DeleteSnapshot { .. }
            | ApiCommand::RevertToVmSnapshot { .. }
            | ApiCommand::DeleteVmSnapshot { .. }
            | ApiCommand::AddNicToVirtualMachine { .. }
            | ApiCommand::RemoveNicFromVirtualMachine { .. }
            | ApiCommand::UpdateDefaultNicForVirtualMachine { .. }
            | ApiCommand::CreateTags { .. }
            | ApiCommand::DeleteTags { .. }
            | ApiCommand::RebootVirtualMachine { .. } => None,
        }
    }
}

impl Cloud {
    /// Refuses ids that never named a row.
    pub(super) fn check_parameters(&self, command: &ApiCommand) -> Result<(), ApiError> {
        for (parameter, named) in command.named() {
            let (id, exists) = match named {
                Named::Vm(id) => (id.as_str(), self.vms.contains_key(id)),
                Named::Volume(id) => (id.as_str(), self.volumes.contains_key(id)),
                Named::Snapshot(id) => (id.as_str(), self.snapshots.contains_key(id)),
                Named::VmSnapshot(id) => (id.as_str(), self.vm_snapshots.contains_key(id)),
                Named::Network(id) => (id.as_str(), self.networks.contains_key(id)),
                Named::Nic(id) => (id.as_str(), self.has_nic(id)),
            };
            if !self.is_known(id, exists) {
                return Err(ApiError::unknown_entity(command.api_name(), parameter, id));
            }
        }
        Ok(())
    }

    fn has_nic(&self, id: &NicId) -> bool {
        let mut nics = self.vms.values().flat_map(|vm| &vm.nics);
        nics.any(|nic| nic.id == *id)
    }

    /// Ids and names of everything that a command involves: what fault rules filter by and the record shows.
    pub(super) fn objects_of(&self, command: &ApiCommand) -> Vec<String> {
        let mut objects = Vec::new();
        for (_, named) in command.named() {
            self.push_object(named, &mut objects);
        }
        if let ApiCommand::DetachVolume(target @ DetachTarget::Slot { .. }) = command
            && let Some(volume) = self.detach_target(target)
        {
            self.push_object(Named::Volume(&volume.id), &mut objects);
        }
        if let ApiCommand::CreateTags { on, .. } | ApiCommand::DeleteTags { on, .. } = command {
            objects.extend(on.ids.iter().cloned());
        }
        objects.extend(command.given_name().cloned());
        objects
    }

    fn push_object(&self, named: Named<'_>, objects: &mut Vec<String>) {
        match named {
            Named::Vm(id) => {
                objects.push(id.to_string());
                objects.extend(self.vms.get(id).map(|vm| vm.name.clone()));
            }
            Named::Volume(id) => {
                objects.push(id.to_string());
                objects.extend(self.volumes.get(id).map(|volume| volume.name.clone()));
            }
            Named::Snapshot(id) => {
                objects.push(id.to_string());
                if let Some(snapshot) = self.snapshots.get(id) {
                    objects.push(snapshot.name.clone());
                    self.push_object(Named::Volume(&snapshot.volume), objects);
                }
            }
            Named::VmSnapshot(id) => {
                objects.push(id.to_string());
                if let Some(snapshot) = self.vm_snapshots.get(id) {
                    objects.push(snapshot.display_name.clone());
                    self.push_object(Named::Vm(&snapshot.vm), objects);
                }
            }
            Named::Network(id) => {
                objects.push(id.to_string());
                objects.extend(self.networks.get(id).map(|network| network.name.clone()));
            }
            Named::Nic(id) => objects.push(id.to_string()),
        }
    }
}
