//! The root of a new VM: scratch from a template, or an existing volume or snapshot (cloudstack-api.md section 4.2).

use failover_domain::{CloudVmId, TemplateId, VolumeId, ZoneId};

use super::command::{Deploy, DeploySource};
use super::content::Content;
use super::error::ApiError;
use super::limits::possible_size;
use super::objects::{Attached, SnapshotState, Volume, VolumeState, VolumeType};
use super::{Cloud, GIB};
use crate::contents::{Protection, StorageScope, TemplateContents};

/// What the root of a new VM will be.
#[derive(Debug, Clone)]
pub(super) enum Root {
    /// A volume that is made on storage when the VM starts for the first time.
    Scratch { size_gib: u64 },
    /// This volume itself.
    Existing(VolumeId),
    /// A copy of what a snapshot holds.
    Copied {
        size_bytes: u64,
        pool: Option<String>,
        content: Content,
    },
}

impl Root {
    /// GiB of new storage.
    pub(super) fn new_gib(&self) -> u64 {
        match self {
            Root::Scratch { size_gib } => *size_gib,
            Root::Existing(_) => 0,
            Root::Copied { size_bytes, .. } => size_bytes.div_ceil(GIB),
        }
    }

    /// How many volumes are made.
    pub(super) fn new_volumes(&self) -> u64 {
        match self {
            Root::Scratch { .. } | Root::Copied { .. } => 1,
            Root::Existing(_) => 0,
        }
    }
}

impl Cloud {
    /// The root of a deployment, and the template it goes back to.
    pub(super) fn plan_root(&self, deploy: &Deploy) -> Result<(Root, TemplateContents), ApiError> {
        let api = "deployVirtualMachine";
        match &deploy.source {
            DeploySource::Template(id) => {
                let template = self.templates.get(id);
                let template =
                    template.ok_or_else(|| ApiError::unknown_entity(api, "templateid", id.as_str()))?;
                let size_gib = possible_size(deploy.root_disk_gib.unwrap_or(0))?.max(template.size_gib);
                Ok((Root::Scratch { size_gib }, template.clone()))
            }
            DeploySource::Volume(id) => {
                let volume = self.volumes.get(id);
                let volume = volume.ok_or_else(|| ApiError::unknown_entity(api, "volumeid", id.as_str()))?;
                let template = self.template_of_root(volume, &deploy.zone)?;
                if let Some(at) = &volume.attached {
                    let text = format!("The volume {id} is already attached to a VM {}", at.vm);
                    return Err(ApiError::invalid(text));
                }
                if volume.state != VolumeState::Ready {
                    let text = format!("The volume {id} is in {} state", volume.state.word());
                    return Err(ApiError::invalid(text));
                }
                Ok((Root::Existing(id.clone()), template))
            }
            DeploySource::Snapshot(id) => {
                let snapshot = self.snapshots.get(id);
                let snapshot =
                    snapshot.ok_or_else(|| ApiError::unknown_entity(api, "snapshotid", id.as_str()))?;
                let volume = self.volume_row(&snapshot.volume)?;
                let template = self.template_of_root(volume, &deploy.zone)?;
                let (SnapshotState::BackedUp, Some(content)) = (snapshot.state, &snapshot.content) else {
                    let text = format!("Snapshot {id} is in {} state", snapshot.state.word());
                    return Err(ApiError::invalid(text));
                };
                let copied = Root::Copied {
                    size_bytes: snapshot.size_bytes,
                    pool: volume.pool.clone(),
                    content: content.clone(),
                };
                Ok((copied, template))
            }
        }
    }

    /// A volume without a template, such as every replica, cannot be deployed from.
    fn template_of_root(&self, volume: &Volume, zone: &ZoneId) -> Result<TemplateContents, ApiError> {
        if self.pool_of(volume).map(|pool| pool.scope) != Some(StorageScope::Zone) {
            return Err(ApiError::invalid(
                "Deployment of virtual machine is supported only for Zone-wide storage pools",
            ));
        }
        let template = volume.template.as_ref().and_then(|id| self.templates.get(id));
        let template = template.ok_or_else(|| {
            ApiError::invalid("The provided volume/snapshot doesn't have a template to deploy a VM")
        })?;
        if volume.zone != *zone {
            return Err(ApiError::invalid(format!(
                "The volume {} is not in zone {zone}",
                volume.id
            )));
        }
        Ok(template.clone())
    }

    pub(super) fn place_root(&mut self, vm: &CloudVmId, deploy: &Deploy, root: Root, template: &TemplateId) {
        let attached = Attached {
            vm: vm.clone(),
            device: 0,
            at: self.time,
        };
        let (state, size_bytes, pool, content) = match root {
            Root::Existing(id) => {
                if let Some(volume) = self.volumes.get_mut(&id) {
                    volume.kind = VolumeType::Root;
                    volume.attached = Some(attached);
                }
                return;
            }
            Root::Scratch { size_gib } => {
                let name = self.templates.get(template).map_or("", |template| &template.name);
                let content = Content::pristine(format!("template {name}"));
                (
                    VolumeState::Allocated,
                    size_gib.saturating_mul(GIB),
                    None,
                    content,
                )
            }
            Root::Copied {
                size_bytes,
                pool,
                content,
            } => (VolumeState::Ready, size_bytes, pool, content),
        };
        let id: VolumeId = self.fresh_id().parse().expect("a UUID is a legal id");
        let volume = Volume {
            id: id.clone(),
            name: format!("ROOT-{}", self.vms_made),
            kind: VolumeType::Root,
            state,
            size_bytes,
            zone: deploy.zone.clone(),
            attached: Some(attached),
            pool,
            template: Some(template.clone()),
            offering: None,
            created: self.time,
            protection: Protection::Off,
            content,
        };
        self.volumes.insert(id, volume);
    }

    /// The data disk that `diskofferingid` adds beside a root from a template.
    pub(super) fn place_data_disk(&mut self, vm: &CloudVmId, deploy: &Deploy, size_gib: u64) {
        let id: VolumeId = self.fresh_id().parse().expect("a UUID is a legal id");
        let volume = Volume {
            id: id.clone(),
            name: format!("DATA-{}", self.vms_made),
            kind: VolumeType::DataDisk,
            state: VolumeState::Allocated,
            size_bytes: size_gib.saturating_mul(GIB),
            zone: deploy.zone.clone(),
            attached: Some(Attached {
                vm: vm.clone(),
                device: 1,
                at: self.time,
            }),
            pool: None,
            template: None,
            offering: deploy.data_disk.as_ref().map(|disk| disk.offering.clone()),
            created: self.time,
            protection: Protection::Off,
            content: Content::pristine("blank".to_owned()),
        };
        self.volumes.insert(id, volume);
    }
}
