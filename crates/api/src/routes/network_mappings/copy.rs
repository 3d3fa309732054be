//! `POST /api/v1/network-mappings/{vm_id}/copy-from/{other_vm_id}`: the mappings of another source VM.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::{NetworkMapping, VmId};

use super::{in_cloud, networks_of, unmapped};
use crate::access::Caller;
use crate::dto::{CopyAnswer, CopyMappings, ErrorCode};
use crate::error::ApiError;
use crate::extract::{ApiOptionalJson, ApiPath};
use crate::openapi::problems;
use crate::routes::vms::known_vm;
use crate::state::ApiState;

/// Copies the mappings of another source VM, as far as both are on networks of the same names.
#[utoipa::path(
    post,
    path = "/network-mappings/{vm_id}/copy-from/{other_vm_id}",
    tag = "network-mappings",
    operation_id = "copy_network_mappings",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ("other_vm_id" = VmId, Path, description = "The source VM whose mappings are copied.")
    ),
    request_body = Option<CopyMappings>,
    responses(
        (status = 200, description = "What was copied, and what has no counterpart.", body = CopyAnswer),
        (status = 404, response = problems::UnknownMapping),
        (status = 409, response = problems::PurposeConflict),
        (status = 422, response = problems::NoSuchNetwork),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn copy(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath((vm_id, other_vm_id)): ApiPath<(VmId, VmId)>,
    ApiOptionalJson(wanted): ApiOptionalJson<CopyMappings>,
) -> Result<Json<CopyAnswer>, ApiError> {
    if vm_id == other_vm_id {
        return Err(ApiError::invalid(
            format!("both VMs of the path are {vm_id}, allowed are two different ones"),
            "Name the VM whose mappings are to be copied after copy-from.",
        ));
    }
    let vm = known_vm(&state, &vm_id).await?;
    known_vm(&state, &other_vm_id).await?;
    let mut theirs = state.service.mappings.mappings(&other_vm_id).await?;
    theirs.retain(|mapping| wanted.purpose.is_none_or(|purpose| mapping.purpose == purpose));
    if theirs.is_empty() {
        let kind = wanted
            .purpose
            .map_or_else(String::new, |purpose| format!("{purpose} "));
        let detail = format!("source VM {other_vm_id} has no {kind}mappings that could be copied");
        return Err(
            ApiError::new(StatusCode::NOT_FOUND, ErrorCode::MappingNotFound, detail).action(format!(
                "See its mappings at /api/v1/network-mappings/{other_vm_id}, or copy from another VM."
            )),
        );
    }
    let known = networks_of(&vm);
    let (shared, without_counterpart): (Vec<NetworkMapping>, Vec<NetworkMapping>) = theirs
        .into_iter()
        .partition(|mapping| known.contains(mapping.source_network.as_str()));
    // The cloud may have changed since they were stored.
    let networks = state.service.cloud.networks(&state.service.target.zone).await?;
    let mut copied = Vec::with_capacity(shared.len());
    for mapping in shared {
        let network = in_cloud(&networks, mapping.network_id.as_str())?;
        copied.push((
            vm_id.clone(),
            NetworkMapping {
                network_name: network.name.clone(),
                ..mapping
            },
        ));
    }
    state.service.map_networks(&copied, &caller.actor()).await?;
    let now = state.service.mappings.mappings(&vm_id).await?;
    let (unmapped_for_production, unmapped_for_test) = unmapped(&vm, &now);
    Ok(Json(CopyAnswer {
        vm_id,
        copied_from: other_vm_id,
        copied: copied.into_iter().map(|(_, mapping)| mapping).collect(),
        without_counterpart,
        unmapped_for_production,
        unmapped_for_test,
    }))
}
