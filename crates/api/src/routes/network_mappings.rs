//! `/api/v1/network-mappings`: which cloud network a network of a source VM becomes.

pub(super) mod all;
pub(super) mod bulk;
pub(super) mod copy;
pub(super) mod suggestions;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use failover_domain::{NetworkMapping, Purpose, SourceVm, VmId};
use failover_engine::service::find_network;
use ossea::Network;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{ErrorCode, MappingAnswer, MappingRequest, MappingUpdate, MappingsOfNetwork, MappingsOfVm};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, ApiQuery, parameter};
use crate::openapi::problems;
use crate::routes::vms::known_vm;
use crate::state::ApiState;

/// Lists the mappings of a source VM, and which networks have none.
#[utoipa::path(
    get,
    path = "/network-mappings/{vm_id}",
    tag = "network-mappings",
    operation_id = "list_network_mappings",
    params(("vm_id" = VmId, Path, description = "The source VM.")),
    responses(
        (status = 200, description = "The mappings.", body = MappingsOfVm),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
) -> Result<Json<MappingsOfVm>, ApiError> {
    let vm = known_vm(&state, &vm_id).await?;
    let mut mappings = state.service.mappings.mappings(&vm_id).await?;
    mappings.sort_by(|a, b| (&a.source_network, a.purpose).cmp(&(&b.source_network, b.purpose)));
    let (unmapped_for_production, unmapped_for_test) = unmapped(&vm, &mappings);
    Ok(Json(MappingsOfVm {
        vm_id,
        mappings,
        unmapped_for_production,
        unmapped_for_test,
    }))
}

/// Shows the mappings of one network of a source VM.
#[utoipa::path(
    get,
    path = "/network-mappings/{vm_id}/{source_network}",
    tag = "network-mappings",
    operation_id = "show_network_mapping",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ("source_network" = String, Path, description = "Its name in VMware, letter by letter.", min_length = 1),
    ),
    responses(
        (status = 200, description = "The mappings of the network.", body = MappingsOfNetwork),
        (status = 404, response = problems::UnknownMapping),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    ApiPath((vm_id, source_network)): ApiPath<(VmId, String)>,
) -> Result<Json<MappingsOfNetwork>, ApiError> {
    known_vm(&state, &vm_id).await?;
    let mut mappings = state.service.mappings.mappings(&vm_id).await?;
    mappings.retain(|mapping| mapping.source_network == source_network);
    if mappings.is_empty() {
        let detail = format!("source VM {vm_id} has no mapping of network {source_network:?}");
        return Err(no_mapping(&vm_id, detail));
    }
    Ok(Json(MappingsOfNetwork {
        vm_id,
        source_network,
        mappings,
    }))
}

/// Maps a network of a source VM to a network of the cloud.
#[utoipa::path(
    post,
    path = "/network-mappings",
    tag = "network-mappings",
    operation_id = "create_network_mapping",
    request_body = MappingRequest,
    responses(
        (
            status = 201,
            description = "The mapping is stored.",
            body = MappingAnswer,
            headers(("location" = String, description = "Where the mappings of the VM are listed."))
        ),
        (status = 404, response = problems::UnknownVm),
        (status = 409, response = problems::PurposeConflict),
        (status = 422, response = problems::NoSuchNetwork),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiJson(request): ApiJson<MappingRequest>,
) -> Result<Response, ApiError> {
    let MappingRequest {
        vm_id,
        source_network,
        purpose,
        network,
    } = request;
    caller.must_touch(&vm_id)?;
    let update = MappingUpdate { purpose, network };
    let answer = store(&state, &caller, vm_id, source_network, update).await?;
    let location = format!("/api/v1/network-mappings/{}", answer.vm_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Maps a network of a source VM, in place of what it was mapped to.
#[utoipa::path(
    put,
    path = "/network-mappings/{vm_id}/{source_network}",
    tag = "network-mappings",
    operation_id = "replace_network_mapping",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ("source_network" = String, Path, description = "Its name in VMware, letter by letter.", min_length = 1),
    ),
    request_body = MappingUpdate,
    responses(
        (status = 200, description = "The mapping is stored.", body = MappingAnswer),
        (status = 404, response = problems::UnknownVm),
        (status = 409, response = problems::PurposeConflict),
        (status = 422, response = problems::NoSuchNetwork),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(super) async fn replace(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath((vm_id, source_network)): ApiPath<(VmId, String)>,
    ApiJson(update): ApiJson<MappingUpdate>,
) -> Result<Json<MappingAnswer>, ApiError> {
    Ok(Json(store(&state, &caller, vm_id, source_network, update).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoveQuery {
    /// Which mapping is to go.
    #[param(value_type = Purpose, required = true)]
    purpose: Option<String>,
}

/// Deletes a mapping.
#[utoipa::path(
    delete,
    path = "/network-mappings/{vm_id}/{source_network}",
    tag = "network-mappings",
    operation_id = "delete_network_mapping",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ("source_network" = String, Path, description = "Its name in VMware, letter by letter.", min_length = 1),
        RemoveQuery,
    ),
    responses(
        (status = 204, description = "The mapping is gone."),
        (status = 404, response = problems::UnknownMapping),
    )
)]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath((vm_id, source_network)): ApiPath<(VmId, String)>,
    ApiQuery(query): ApiQuery<RemoveQuery>,
) -> Result<StatusCode, ApiError> {
    let Some(purpose) = query.purpose else {
        return Err(ApiError::invalid(
            "query parameter purpose is missing, allowed are production and test",
            "Say which mapping is to go: ?purpose=production or ?purpose=test.",
        ));
    };
    let purpose: Purpose = parameter("purpose", &purpose)?;
    known_vm(&state, &vm_id).await?;
    if state
        .service
        .mappings
        .delete_mapping(&vm_id, &source_network, purpose, &caller.actor())
        .await?
    {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("source VM {vm_id} has no {purpose} mapping of network {source_network:?}");
    Err(no_mapping(&vm_id, detail))
}

fn no_mapping(vm_id: &VmId, detail: String) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, ErrorCode::MappingNotFound, detail)
        .action(format!("See the mappings at /api/v1/network-mappings/{vm_id}."))
}

/// Stores a mapping of a network that the VM has to a network that the cloud has.
async fn store(
    state: &ApiState,
    caller: &Caller,
    vm_id: VmId,
    source_network: String,
    update: MappingUpdate,
) -> Result<MappingAnswer, ApiError> {
    let vm = known_vm(state, &vm_id).await?;
    if let Some(detail) = not_on_network(&vm, &source_network) {
        return Err(ApiError::invalid(
            detail,
            "Give the name of a network that the VM is on, letter by letter.",
        ));
    }
    let networks = state.service.cloud.networks(&state.service.target.zone).await?;
    let network = in_cloud(&networks, &update.network)?;
    let mapping = NetworkMapping {
        source_network,
        purpose: update.purpose,
        network_id: network.id.clone(),
        network_name: network.name.clone(),
    };
    state
        .service
        .map_network(&vm_id, &mapping, &caller.actor())
        .await?;
    Ok(MappingAnswer { vm_id, mapping })
}

/// What is wrong with a source network that the VM is not on.
fn not_on_network(vm: &SourceVm, source_network: &str) -> Option<String> {
    let known = networks_of(vm);
    if known.contains(source_network) {
        return None;
    }
    let names: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
    Some(format!(
        "source_network is {source_network:?}, but source VM {} ({}) is on {}",
        vm.vm_id,
        vm.name,
        if names.is_empty() {
            "no network".to_owned()
        } else {
            names.join(", ")
        }
    ))
}

/// The network of the zone that is meant.
fn in_cloud<'a>(networks: &'a [Network], wanted: &str) -> Result<&'a Network, ApiError> {
    find_network(networks, wanted).map_err(|problem| {
        let detail = format!("network is {wanted:?}, {problem}");
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::NetworkMappingMissing,
            detail,
        )
        .action("Give the id or the exact name of a network: GET /api/v1/ossea/networks lists them.")
    })
}

/// The networks of a VM without a mapping for production, and those without one for tests.
fn unmapped(vm: &SourceVm, mappings: &[NetworkMapping]) -> (Vec<String>, Vec<String>) {
    let without = |purpose: Purpose| {
        let is_mapped = |network: &str| {
            mappings
                .iter()
                .any(|m| m.purpose == purpose && m.source_network == network)
        };
        let networks = networks_of(vm).into_iter().filter(|n| !is_mapped(n));
        networks.map(ToOwned::to_owned).collect()
    };
    (without(Purpose::Production), without(Purpose::Test))
}

fn networks_of(vm: &SourceVm) -> BTreeSet<&str> {
    vm.nics.iter().map(|nic| nic.network.as_str()).collect()
}
