//! `GET /api/v1/network-mappings`: the mappings of all source VMs, in pages.

use std::fmt;
use std::str::FromStr;

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{NetworkId, NetworkMapping, Purpose, VmId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{MappingAnswer, MappingPage};
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, parameter, shown};
use crate::openapi::problems;
use crate::routes::vms::{known_vm, vms_of};
use crate::state::ApiState;

/// How many source VMs are read at once.
const VMS_AT_ONCE: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct AllQuery {
    /// Only mappings of this source VM.
    #[param(value_type = Option<VmId>)]
    vm_id: Option<String>,
    /// Only mappings for this purpose.
    #[param(value_type = Option<Purpose>)]
    purpose: Option<String>,
    /// Only mappings to this cloud network.
    #[param(value_type = Option<NetworkId>)]
    network_id: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    cursor: Option<String>,
}

/// The place of a mapping among all: `VM_ID/PURPOSE/SOURCE_NETWORK`. The name comes last because it may contain anything.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    vm_id: VmId,
    source_network: String,
    purpose: Purpose,
}

impl Place {
    fn of(answer: &MappingAnswer) -> Self {
        Self {
            vm_id: answer.vm_id.clone(),
            source_network: answer.mapping.source_network.clone(),
            purpose: answer.mapping.purpose,
        }
    }

    /// Whether a mapping comes later in the order of vm_id, source network and purpose.
    fn is_before(&self, answer: &MappingAnswer) -> bool {
        let mapping = &answer.mapping;
        (&self.vm_id, self.source_network.as_str(), self.purpose)
            < (&answer.vm_id, mapping.source_network.as_str(), mapping.purpose)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.vm_id, self.purpose, self.source_network)
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{:?} is no place in this list, allowed is the next_cursor of an earlier page",
                shown(text)
            )
        };
        let (vm_id, rest) = text.split_once('/').ok_or_else(wrong)?;
        let (purpose, source_network) = rest.split_once('/').ok_or_else(wrong)?;
        Ok(Self {
            vm_id: vm_id.parse().map_err(|_| wrong())?,
            purpose: purpose.parse().map_err(|_| wrong())?,
            source_network: source_network.to_owned(),
        })
    }
}

/// Which mappings are asked for.
#[derive(Debug)]
struct Filter {
    purpose: Option<Purpose>,
    network: Option<NetworkId>,
}

impl Filter {
    fn takes(&self, mapping: &NetworkMapping) -> bool {
        self.purpose.is_none_or(|purpose| mapping.purpose == purpose)
            && self
                .network
                .as_ref()
                .is_none_or(|network| mapping.network_id == *network)
    }
}

/// Lists the mappings of all source VMs, ordered by source VM, source network and purpose.
#[utoipa::path(
    get,
    path = "/network-mappings",
    tag = "network-mappings",
    operation_id = "list_all_network_mappings",
    params(AllQuery),
    responses(
        (status = 200, description = "A page of mappings.", body = MappingPage),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<AllQuery>,
) -> Result<Json<MappingPage>, ApiError> {
    let page_size = limit(query.limit.as_deref(), 100, 500)?;
    let vm_id: Option<VmId> = query.vm_id.map(|text| parameter("vm_id", &text)).transpose()?;
    let filter = Filter {
        purpose: query
            .purpose
            .map(|text| parameter("purpose", &text))
            .transpose()?,
        network: query
            .network_id
            .map(|text| parameter("network_id", &text))
            .transpose()?,
    };
    let cursor: Option<Place> = query.cursor.map(|text| parameter("cursor", &text)).transpose()?;
    let mut found = match vm_id {
        Some(vm_id) => {
            caller.must_touch(&vm_id)?;
            known_vm(&state, &vm_id).await?;
            some_of(&state, &[vm_id], &filter, cursor.as_ref()).await?
        }
        None => after(&state, &caller, &filter, cursor.as_ref(), page_size + 1).await?,
    };
    let has_more = found.len() > page_size;
    found.truncate(page_size);
    let next_cursor = found
        .last()
        .filter(|_| has_more)
        .map(|last| Place::of(last).to_string());
    Ok(Json(MappingPage {
        mappings: found,
        next_cursor,
    }))
}

/// Every mapping that the caller may see.
pub(super) async fn seen_by(state: &ApiState, caller: &Caller) -> Result<Vec<MappingAnswer>, ApiError> {
    let everything = Filter {
        purpose: None,
        network: None,
    };
    after(state, caller, &everything, None, usize::MAX).await
}

/// The mappings after a place: at least `least`, if there are as many.
async fn after(
    state: &ApiState,
    caller: &Caller,
    filter: &Filter,
    place: Option<&Place>,
    least: usize,
) -> Result<Vec<MappingAnswer>, ApiError> {
    let mut found = Vec::new();
    let mut last = None;
    if let Some(place) = place {
        // The page may have ended in the middle of a VM.
        if caller.may_touch(&place.vm_id) {
            let begun = std::slice::from_ref(&place.vm_id);
            found = some_of(state, begun, filter, Some(place)).await?;
        }
        last = Some(place.vm_id.clone());
    }
    while found.len() < least {
        let vms = vms_of(state, caller, last.as_ref(), VMS_AT_ONCE).await?;
        let ids: Vec<VmId> = vms.into_iter().map(|vm| vm.vm_id).collect();
        let is_last = ids.len() < VMS_AT_ONCE;
        found.extend(some_of(state, &ids, filter, None).await?);
        if is_last {
            break;
        }
        last = ids.last().cloned();
    }
    Ok(found)
}

async fn some_of(
    state: &ApiState,
    vms: &[VmId],
    filter: &Filter,
    after: Option<&Place>,
) -> Result<Vec<MappingAnswer>, ApiError> {
    let of_vms = state.service.mappings.mappings_of_many(vms).await?;
    let answers = of_vms.into_iter().flat_map(|(vm_id, mappings)| {
        mappings.into_iter().map(move |mapping| MappingAnswer {
            vm_id: vm_id.clone(),
            mapping,
        })
    });
    Ok(answers
        .filter(|answer| filter.takes(&answer.mapping))
        .filter(|answer| after.is_none_or(|place| place.is_before(answer)))
        .collect())
}
