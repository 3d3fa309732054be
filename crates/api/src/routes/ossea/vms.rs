//! `GET /api/v1/ossea/vms?mac=…`: which VM is the OMA? The caller tells the MAC addresses of its cards.

use std::collections::BTreeSet;

use ::ossea::discovery::{MacSearch, find_vm_by_mac};
use axum::Json;
use axum::extract::State;
use failover_domain::MacAddress;
use serde::Deserialize;
use utoipa::IntoParams;

use super::with_age;
use crate::cloud_view::found_vm;
use crate::dto::VmSearchAnswer;
use crate::dto::ossea::{ConfiguredOma, FoundVm, SearchOutcome};
use crate::error::ApiError;
use crate::extract::{ApiQuery, parameter};
use crate::openapi::problems;
use crate::state::ApiState;

/// No appliance has more cards.
const MOST_ADDRESSES: usize = 32;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct VmsQuery {
    /// One MAC address, or up to 32 with commas between them.
    #[param(
        value_type = String,
        required = true,
        example = "02:03:00:fa:11:01",
        pattern = "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}(,[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}){0,31}$"
    )]
    mac: Option<String>,
}

/// Finds the OMA by the MAC addresses of its cards.
#[utoipa::path(
    get,
    path = "/ossea/vms",
    tag = "ossea",
    operation_id = "find_cloud_vm",
    params(VmsQuery),
    responses(
        (status = 200, description = "The VMs that have such a card: none, one or several.", body = VmSearchAnswer),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn search(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<VmsQuery>,
) -> Result<Json<VmSearchAnswer>, ApiError> {
    let wanted = addresses(query.mac.as_deref().unwrap_or_default())?;
    let (cloud, target) = (state.cloud.as_ref(), &state.service.target);
    let both = async { tokio::try_join!(find_vm_by_mac(cloud, &wanted), cloud.vm(&target.oma_vm)) };
    let ((search, oma), probe) = with_age(&state, both).await?;
    let configured_oma = ConfiguredOma {
        vm_id: target.oma_vm.clone(),
        vm: oma.map(|vm| found_vm(&vm, &wanted, target)),
    };
    let found: BTreeSet<&MacAddress> = search.matches().iter().flat_map(|found| &found.macs).collect();
    let not_found = wanted
        .iter()
        .filter(|mac| !found.contains(mac))
        .cloned()
        .collect();
    let outcome = match &search {
        MacSearch::NoVm => SearchOutcome::None,
        MacSearch::OneVm(_) => SearchOutcome::One,
        MacSearch::SeveralVms(_) => SearchOutcome::Several,
    };
    let matches: Vec<FoundVm> = search
        .matches()
        .iter()
        .map(|found| found_vm(&found.vm, &wanted, target))
        .collect();
    Ok(Json(VmSearchAnswer {
        advice: advice(&matches),
        outcome,
        matches,
        not_found,
        configured_oma,
        probe,
    }))
}

/// One or several addresses with commas between them.
fn addresses(text: &str) -> Result<BTreeSet<MacAddress>, ApiError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    if !(1..=MOST_ADDRESSES).contains(&parts.len()) {
        return Err(ApiError::invalid(
            format!(
                "query parameter mac has {} addresses, allowed are 1 to {MOST_ADDRESSES} with commas between them",
                parts.len()
            ),
            "Give the MAC addresses of the OMA's cards, such as mac=02:03:00:fa:11:01.",
        ));
    }
    parts.into_iter().map(|part| parameter("mac", part)).collect()
}

/// What to make of the matches. Taking one is left to a person.
fn advice(matches: &[FoundVm]) -> String {
    match matches {
        [] => "No VM that our account sees has such a card. Check the addresses on the OMA itself, and that our account \
               may see it."
            .to_owned(),
        [only] if only.is_configured => {
            "It is the VM that target.oma_vm_id names; nothing needs to be changed.".to_owned()
        }
        [only] => format!(
            "If {} is the OMA, configure target.oma_vm_id = \"{}\".",
            only.name, only.vm_id
        ),
        [_, _, ..] => "Several VMs have such a card. Compare their names, states and networks, and configure the id of \
                       the OMA as target.oma_vm_id."
            .to_owned(),
    }
}
