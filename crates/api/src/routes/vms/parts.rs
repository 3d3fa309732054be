//! `/api/v1/vms/{vm_id}/sync-status` and its like: one part of the readiness of a source VM, with the facts.
//!
//! Each runs only the rules of its part, so `sync-status` and `active-jobs` do not ask the cloud at all.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use failover_domain::{CloudVmId, FailoverType, Finding, SourceDisk, SourceNic, SourceVm, VmId, VolumeId};
use failover_engine::service::purpose_of;
use failover_validation::ReadinessPart;
use serde::Deserialize;
use serde_json::Value;

use super::known_vm;
use crate::dto::{
    ActiveJobFacts, ConfigurationFacts, ConfiguredObject, DiskSync, DiskVolume, NetworkFacts, NicMapping,
    PartAnswer, SyncFacts, VolumeFacts, VolumeInCloud,
};
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery};
use crate::openapi::problems;
use crate::routes::failover::readiness::ReadinessQuery;
use crate::state::ApiState;
use crate::view::{open_attentions, summary};

/// What one part was asked about, and what its rules found.
struct Asked {
    vm: SourceVm,
    failover: FailoverType,
    checks: Vec<Finding>,
}

impl Asked {
    async fn about(
        part: ReadinessPart,
        state: &ApiState,
        vm_id: &VmId,
        query: &ReadinessQuery,
    ) -> Result<Self, ApiError> {
        let failover = query.failover()?;
        let vm = known_vm(state, vm_id).await?;
        let checks = state.service.readiness_part(vm_id, failover, part).await?;
        Ok(Self { vm, failover, checks })
    }

    /// The details that a rule gives; null where it could not find out.
    fn details(&self, rule: &str) -> &Value {
        let found = self.checks.iter().find(|check| check.rule == rule);
        found.map_or(&Value::Null, |check| &check.details)
    }

    fn answer<Facts>(self, facts: Facts) -> Json<PartAnswer<Facts>> {
        Json(PartAnswer::new(&self.vm, self.failover, facts, self.checks))
    }
}

/// Says how far a source VM is synchronised.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/sync-status",
    tag = "readiness",
    operation_id = "show_sync_status",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "What is known, and what the rules say of it.", body = PartAnswer<SyncFacts>),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn sync(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<PartAnswer<SyncFacts>>, ApiError> {
    let asked = Asked::about(ReadinessPart::Sync, &state, &vm_id, &query).await?;
    let now = state.service.clock.now();
    let known = &asked.vm.sync;
    let facts = SyncFacts {
        change_id: known.change_id.clone(),
        synced_at: known.synced_at,
        age_seconds: known.synced_at.map(|at| age_seconds(at, now)),
        disks: asked.vm.disks.iter().map(|disk| disk_sync(disk, now)).collect(),
    };
    Ok(asked.answer(facts))
}

/// The migration tool's clock may be ahead of this one's: then nothing has aged yet.
fn age_seconds(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - at).num_seconds()).unwrap_or(0)
}

fn disk_sync(disk: &SourceDisk, now: DateTime<Utc>) -> DiskSync {
    DiskSync {
        label: disk.label.clone(),
        position: disk.position.to_string(),
        volume_id: disk.replica.as_ref().map(|replica| replica.volume_id.clone()),
        needs_full_resync: disk
            .replica
            .as_ref()
            .is_some_and(|replica| replica.needs_full_resync),
        synced_at: disk.synced_at,
        age_seconds: disk.synced_at.map(|at| age_seconds(at, now)),
    }
}

/// Says where a source VM's network cards go.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/network-mapping-status",
    tag = "readiness",
    operation_id = "show_network_mapping_status",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "What is known, and what the rules say of it.", body = PartAnswer<NetworkFacts>),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn networks(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<PartAnswer<NetworkFacts>>, ApiError> {
    let asked = Asked::about(ReadinessPart::Networks, &state, &vm_id, &query).await?;
    let stored = state.service.mappings.mappings(&vm_id).await?;
    let purpose = purpose_of(asked.failover);
    let nic = |nic: &SourceNic| {
        let mapping = stored
            .iter()
            .find(|m| m.purpose == purpose && m.source_network == nic.network);
        NicMapping {
            label: nic.label.clone(),
            source_network: nic.network.clone(),
            mac: nic.mac.clone(),
            address: nic.address,
            network_id: mapping.map(|m| m.network_id.clone()),
            network_name: mapping.map(|m| m.network_name.clone()),
        }
    };
    let nics = asked.vm.nics.iter().map(nic).collect();
    Ok(asked.answer(NetworkFacts { nics }))
}

/// A disk in the details of `volume_state`.
#[derive(Debug, Deserialize)]
struct FoundDisk {
    volume_id: VolumeId,
    volume_state: String,
    volume_size_bytes: u64,
    attached_to: Option<CloudVmId>,
    device: Option<u32>,
    storage: Option<String>,
    pending_job: Option<String>,
}

/// Says where a source VM's replicas are, as the cloud shows them.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/volume-status",
    tag = "readiness",
    operation_id = "show_volume_status",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "What is known, and what the rules say of it.", body = PartAnswer<VolumeFacts>),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn volumes(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<PartAnswer<VolumeFacts>>, ApiError> {
    let asked = Asked::about(ReadinessPart::Volumes, &state, &vm_id, &query).await?;
    let mut shown = volumes_in(asked.details("volume_state"));
    let disk = |disk: &SourceDisk| {
        let replica = disk.replica.as_ref();
        DiskVolume {
            label: disk.label.clone(),
            position: disk.position.to_string(),
            size_bytes: disk.size_bytes,
            volume_id: replica.map(|r| r.volume_id.clone()),
            volume_name: replica.map(|r| r.name.clone()),
            oma_device: replica.and_then(|r| r.oma_device),
            cloud: replica.and_then(|r| shown.remove(&r.volume_id)),
        }
    };
    let disks = asked.vm.disks.iter().map(disk).collect();
    Ok(asked.answer(VolumeFacts { disks }))
}

/// The volumes that the cloud showed. A disk without one has no state in the details, and is left out.
fn volumes_in(details: &Value) -> HashMap<VolumeId, VolumeInCloud> {
    let disks = details["disks"].as_array().into_iter().flatten();
    let found = disks.filter_map(|disk| FoundDisk::deserialize(disk).ok());
    let volume = |disk: FoundDisk| {
        let shown = VolumeInCloud {
            state: disk.volume_state,
            size_bytes: disk.volume_size_bytes,
            attached_to: disk.attached_to,
            device: disk.device,
            storage: disk.storage,
            pending_job: disk.pending_job,
        };
        (disk.volume_id, shown)
    };
    found.map(volume).collect()
}

/// Says who works on a source VM.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/active-jobs",
    tag = "readiness",
    operation_id = "show_active_jobs",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "What is known, and what the rules say of it.", body = PartAnswer<ActiveJobFacts>),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn active_jobs(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<PartAnswer<ActiveJobFacts>>, ApiError> {
    let asked = Asked::about(ReadinessPart::ActiveJobs, &state, &vm_id, &query).await?;
    let jobs = &state.service.jobs;
    let active = match jobs.active_job(&vm_id).await? {
        Some(job_id) => jobs.job(&job_id).await?,
        None => None,
    };
    let now = state.service.clock.now();
    let failover_job = match active {
        Some(record) => {
            let attention = open_attentions(&state, &record, now).await?;
            Some(summary(record, attention, now))
        }
        None => None,
    };
    let replication_jobs = asked.vm.sync.active_replications.clone();
    Ok(asked.answer(ActiveJobFacts {
        failover_job,
        replication_jobs,
    }))
}

/// Says what a destination VM would be made of, and whether all of it is there.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/configuration-check",
    tag = "readiness",
    operation_id = "show_configuration_check",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "What is known, and what the rules say of it.", body = PartAnswer<ConfigurationFacts>),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn configuration(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<PartAnswer<ConfigurationFacts>>, ApiError> {
    let asked = Asked::about(ReadinessPart::Configuration, &state, &vm_id, &query).await?;
    let target = &state.service.target;
    let details = asked.details("destination_settings");
    let object = |key: &str, id: &str| ConfiguredObject {
        id: id.to_owned(),
        name: details[key]["name"].as_str().map(ToOwned::to_owned),
    };
    let facts = ConfigurationFacts {
        zone: object("zone", target.zone.as_str()),
        service_offering: object("service_offering", target.offering.as_str()),
        template: object("template", target.template.as_str()),
        oma: object("oma", target.oma_vm.as_str()),
        test_network_ids: target.test_networks.iter().cloned().collect(),
    };
    Ok(asked.answer(facts))
}
