//! `/api/v1/vms/{vm_id}/quarantine`: the replicas of a VM that need a full synchronisation. A person who knows better takes
//! the mark off, with a reason.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::{SourceDisk, VmId, VolumeId};

use super::known_vm;
use crate::access::Caller;
use crate::dto::{ClearQuarantine, ErrorCode, MarkedReplica, QuarantineView};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, reason};
use crate::openapi::problems;
use crate::state::ApiState;

/// Shows the replicas of a source VM that need a full synchronisation.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/quarantine",
    tag = "inventory",
    operation_id = "show_quarantine",
    params(("vm_id" = VmId, Path, description = "The source VM.")),
    responses(
        (status = 200, description = "The marked replicas.", body = QuarantineView),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
) -> Result<Json<QuarantineView>, ApiError> {
    let vm = known_vm(&state, &vm_id).await?;
    Ok(Json(QuarantineView {
        vm_id,
        name: vm.name,
        replicas: vm.disks.into_iter().filter_map(marked).collect(),
    }))
}

fn marked(disk: SourceDisk) -> Option<MarkedReplica> {
    let replica = disk.replica.filter(|r| r.needs_full_resync)?;
    Some(MarkedReplica {
        volume_id: replica.volume_id,
        volume_name: replica.name,
        label: disk.label,
    })
}

/// Takes the mark off a replica whose content is known to be good.
#[utoipa::path(
    delete,
    path = "/vms/{vm_id}/quarantine/{volume_id}",
    tag = "inventory",
    operation_id = "clear_quarantine",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ("volume_id" = VolumeId, Path, description = "The replica."),
    ),
    request_body = ClearQuarantine,
    responses(
        (status = 204, description = "The mark is off."),
        (status = 404, response = problems::UnknownReplica),
        (status = 409, response = problems::NotMarked),
    )
)]
pub(in crate::routes) async fn clear(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath((vm_id, volume_id)): ApiPath<(VmId, VolumeId)>,
    ApiJson(body): ApiJson<ClearQuarantine>,
) -> Result<StatusCode, ApiError> {
    let why = reason(&body.reason)?;
    let vm = known_vm(&state, &vm_id).await?;
    let mut replicas = vm.disks.iter().filter_map(|d| d.replica.as_ref());
    let see = format!("See which are marked at /api/v1/vms/{vm_id}/quarantine.");
    if !replicas.any(|r| r.volume_id == volume_id) {
        let detail = format!("source VM {vm_id} ({}) has no replica {volume_id}", vm.name);
        let not_found = ApiError::new(StatusCode::NOT_FOUND, ErrorCode::ReplicaNotFound, detail);
        return Err(not_found.action(see));
    }
    let inventory = &state.service.inventory;
    if inventory
        .clear_quarantine(&vm_id, &volume_id, &caller.actor(), &why)
        .await?
    {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!(
        "replica {volume_id} of source VM {vm_id} ({}) is not marked",
        vm.name
    );
    Err(ApiError::new(StatusCode::CONFLICT, ErrorCode::NotAllowed, detail).action(see))
}
