//! `POST /api/v1/network-mappings/bulk`: mappings of many source VMs at once.
//!
//! The whole list is checked first: by itself, against the inventory, the cloud and the stored mappings. With any mistake
//! nothing is stored; without one everything is, in one commit.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{NetworkMapping, Purpose, SourceVm, VmId};
use failover_engine::service::find_network;

use super::not_on_network;
use crate::access::Caller;
use crate::dto::{BulkMappings, BulkMappingsAnswer, MappingAnswer, MappingRequest, Mistake};
use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::openapi::problems;
use crate::state::ApiState;

/// Maps networks of many source VMs.
///
/// The whole list is checked first; with any mistake nothing is stored.
#[utoipa::path(
    post,
    path = "/network-mappings/bulk",
    tag = "network-mappings",
    operation_id = "store_network_mappings",
    request_body = BulkMappings,
    responses(
        (status = 200, description = "All are stored.", body = BulkMappingsAnswer),
        (status = 409, response = problems::PurposeConflict),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn store(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiJson(bulk): ApiJson<BulkMappings>,
) -> Result<Json<BulkMappingsAnswer>, ApiError> {
    for wanted in &bulk.mappings {
        caller.must_touch(&wanted.vm_id)?;
    }
    let mut mistakes = repeated(&bulk.mappings);
    let resolved = resolve(&state, &bulk.mappings, &mut mistakes).await?;
    // What cannot be resolved cannot be held against production either.
    if mistakes.is_empty() {
        for (index, refused) in state.service.refused_mappings(&resolved).await? {
            mistakes.push(Mistake {
                path: format!("mappings[{index}].network"),
                message: refused.to_string(),
            });
        }
    }
    if !mistakes.is_empty() {
        let detail = format!(
            "the list of mappings has {} mistakes; nothing was stored",
            mistakes.len()
        );
        return Err(ApiError::mistakes(detail, mistakes));
    }
    state.service.map_networks(&resolved, &caller.actor()).await?;
    let mappings: Vec<MappingAnswer> = resolved
        .into_iter()
        .map(|(vm_id, mapping)| MappingAnswer { vm_id, mapping })
        .collect();
    Ok(Json(BulkMappingsAnswer {
        stored: mappings.len(),
        mappings,
    }))
}

/// What is wrong with the list by itself.
fn repeated(list: &[MappingRequest]) -> Vec<Mistake> {
    if list.is_empty() {
        return vec![Mistake {
            path: "mappings".to_owned(),
            message: "mappings is empty, at least one mapping is needed".to_owned(),
        }];
    }
    let mut places: BTreeMap<(&VmId, &str, Purpose), usize> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (index, wanted) in list.iter().enumerate() {
        let key = (&wanted.vm_id, wanted.source_network.as_str(), wanted.purpose);
        let first = *places.entry(key).or_insert(index);
        if first != index {
            mistakes.push(Mistake {
                path: format!("mappings[{index}]"),
                message: format!(
                    "source network {:?} of source VM {} is mapped for {} by mappings[{first}] already, each can be in the list once",
                    wanted.source_network, wanted.vm_id, wanted.purpose
                ),
            });
        }
    }
    mistakes
}

/// The mappings with the ids of their networks; those that have a mistake are left out.
async fn resolve(
    state: &ApiState,
    list: &[MappingRequest],
    mistakes: &mut Vec<Mistake>,
) -> Result<Vec<(VmId, NetworkMapping)>, ApiError> {
    let vms = known(state, list).await?;
    let networks = state.service.cloud.networks(&state.service.target.zone).await?;
    let mut resolved = Vec::with_capacity(list.len());
    for (index, wanted) in list.iter().enumerate() {
        let mut mistake = |field: &str, message: String| {
            mistakes.push(Mistake {
                path: format!("mappings[{index}].{field}"),
                message,
            });
        };
        match vms.get(&wanted.vm_id) {
            None => mistake(
                "vm_id",
                format!("vm_id is {}, which is not in the inventory", wanted.vm_id),
            ),
            Some(vm) => {
                if let Some(message) = not_on_network(vm, &wanted.source_network) {
                    mistake("source_network", message);
                }
            }
        }
        match find_network(&networks, &wanted.network) {
            Ok(network) => resolved.push((
                wanted.vm_id.clone(),
                NetworkMapping {
                    source_network: wanted.source_network.clone(),
                    purpose: wanted.purpose,
                    network_id: network.id.clone(),
                    network_name: network.name.clone(),
                },
            )),
            Err(problem) => mistake("network", format!("network is {:?}, {problem}", wanted.network)),
        }
    }
    Ok(resolved)
}

async fn known(state: &ApiState, list: &[MappingRequest]) -> Result<BTreeMap<VmId, SourceVm>, ApiError> {
    let wanted: BTreeSet<&VmId> = list.iter().map(|wanted| &wanted.vm_id).collect();
    let mut known = BTreeMap::new();
    for vm_id in wanted {
        let vm = state.service.inventory.vm(vm_id).await?;
        known.extend(vm.map(|vm| (vm_id.clone(), vm)));
    }
    Ok(known)
}
