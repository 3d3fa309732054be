//! Making volumes: `createVolume`.

use crate::contents::Protection;
use failover_domain::{AsyncJobId, DiskOfferingId, SnapshotId, VolumeId, ZoneId};

use super::command::{CreateVolume, VolumeSource};
use super::content::Content;
use super::error::ApiError;
use super::jobs::JobResult;
use super::limits::{Resource, possible_size};
use super::objects::{SnapshotState, Volume, VolumeState, VolumeType};
use super::{Cloud, GIB};

/// What a new volume is made of.
struct Blueprint {
    zone: ZoneId,
    size_gib: u64,
    offering: Option<DiskOfferingId>,
    state: VolumeState,
    content: Content,
}

impl Cloud {
    /// The part of `createVolume` that happens inside its HTTP call.
    pub(super) fn create_volume_row(&mut self, command: &CreateVolume) -> Result<String, ApiError> {
        let plan = match &command.source {
            VolumeSource::DiskOffering(id) => {
                let offering = self
                    .disk_offerings
                    .get(id)
                    .ok_or_else(|| ApiError::unknown_entity("createVolume", "diskofferingid", id.as_str()))?;
                let size_gib = offering.size_gib.or(command.size_gib).ok_or_else(|| {
                    ApiError::invalid("This disk offering requires a custom size specified")
                })?;
                Blueprint {
                    zone: self.zone_for_volume(command)?,
                    size_gib: possible_size(size_gib)?,
                    offering: Some(id.clone()),
                    state: VolumeState::Allocated,
                    content: Content::pristine("blank".to_owned()),
                }
            }
            VolumeSource::Snapshot(snapshot) => self.copy_of(snapshot)?,
        };
        if plan.size_gib == 0 {
            return Err(ApiError::invalid("size of volume should be at least 1 GB"));
        }
        self.check_limits(&[
            (Resource::Volumes, 1),
            (Resource::PrimaryStorageGib, plan.size_gib),
        ])?;
        let id = self.fresh_id();
        let volume = Volume {
            id: id.parse().expect("a UUID is a legal id"),
            name: command.name.clone().unwrap_or_else(|| format!("DATA-{id}")),
            kind: VolumeType::DataDisk,
            state: plan.state,
            size_bytes: plan.size_gib.saturating_mul(GIB),
            zone: plan.zone,
            attached: None,
            pool: None,
            template: None,
            offering: plan.offering,
            created: self.time,
            protection: Protection::Off,
            content: plan.content,
        };
        self.volumes.insert(volume.id.clone(), volume);
        Ok(id)
    }

    fn zone_for_volume(&self, command: &CreateVolume) -> Result<ZoneId, ApiError> {
        let zone = command
            .zone
            .clone()
            .ok_or_else(|| ApiError::missing("createVolume", "zoneid"))?;
        if self.zones.contains_key(&zone) {
            Ok(zone)
        } else {
            Err(ApiError::unknown_entity("createVolume", "zoneid", zone.as_str()))
        }
    }

    fn copy_of(&self, id: &SnapshotId) -> Result<Blueprint, ApiError> {
        let snapshot = self
            .snapshots
            .get(id)
            .ok_or_else(|| ApiError::invalid(format!("unable to find a snapshot with id {id}")))?;
        let (SnapshotState::BackedUp, Some(content)) = (snapshot.state, &snapshot.content) else {
            let state = snapshot.state.word();
            let text = format!("Snapshot id={id} is not in BackedUp state but {state} yet and can't be used");
            return Err(ApiError::invalid(text));
        };
        let volume = self.volume_row(&snapshot.volume)?;
        Ok(Blueprint {
            zone: volume.zone.clone(),
            size_gib: snapshot.size_bytes.div_ceil(GIB),
            offering: volume.offering.clone(),
            state: VolumeState::Creating,
            content: content.clone(),
        })
    }

    /// A blank volume is on no storage until it is attached; one from a snapshot is copied there.
    pub(super) fn begin_create_volume(&self, command: &CreateVolume) -> f64 {
        match command.source {
            VolumeSource::DiskOffering(_) => 0.0,
            VolumeSource::Snapshot(_) => self.settings.durations.create_volume,
        }
    }

    pub(super) fn finish_create_volume(&mut self, job: &AsyncJobId) -> Result<JobResult, ApiError> {
        let gone = || ApiError::runtime("Failed to create a volume");
        let id = self.volume_of_job(job).ok_or_else(gone)?;
        let pool = self.first_pool(&self.volume_row(&id)?.zone);
        let row = self.volumes.get_mut(&id).ok_or_else(gone)?;
        if row.state == VolumeState::Creating {
            row.state = VolumeState::Ready;
            row.pool = pool;
        }
        Ok(JobResult::Volume(Box::new(row.clone())))
    }

    /// What was not copied is nothing.
    pub(super) fn abandon_create_volume(&mut self, job: &AsyncJobId) {
        let half_made = self
            .volume_of_job(job)
            .filter(|id| self.volumes.get(id).map(|row| row.state) == Some(VolumeState::Creating));
        if let Some(id) = half_made {
            self.remove_volume(Some(job), &id);
        }
    }

    fn volume_of_job(&self, job: &AsyncJobId) -> Option<VolumeId> {
        self.jobs.get(job)?.object.as_ref()?.id.parse().ok()
    }
}
