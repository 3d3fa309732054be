//! `GET /api/v1/network-mappings/{vm_id}/suggestions`: cloud networks that a VM's networks might become.
//!
//! Suggestions are for people to look at: nothing is stored, and none of them is ever chosen by itself.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{NetworkId, Purpose, VmId};
use ossea::Network;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{all, networks_of};
use crate::access::Caller;
use crate::dto::{MappingAnswer, MappingSuggestions, NetworkSuggestions, SuggestedNetwork, SuggestionReason};
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery, parameter};
use crate::openapi::problems;
use crate::routes::vms::known_vm;
use crate::state::ApiState;

/// Words that names of networks have in common without meaning the same network.
const FILLERS: &[&str] = &[
    "vm",
    "network",
    "net",
    "lan",
    "vlan",
    "pg",
    "portgroup",
    "production",
    "prod",
    "test",
];

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct SuggestionsQuery {
    /// What the mappings are to be for.
    #[param(value_type = Purpose, required = true)]
    purpose: Option<String>,
}

/// Suggests cloud networks for the networks of a source VM, each with its reasons. Nothing is stored.
#[utoipa::path(
    get,
    path = "/network-mappings/{vm_id}/suggestions",
    tag = "network-mappings",
    operation_id = "suggest_network_mappings",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        SuggestionsQuery,
    ),
    responses(
        (status = 200, description = "The suggestions.", body = MappingSuggestions),
        (status = 404, response = problems::UnknownVm),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<SuggestionsQuery>,
) -> Result<Json<MappingSuggestions>, ApiError> {
    let Some(purpose) = query.purpose else {
        return Err(ApiError::invalid(
            "query parameter purpose is missing, allowed are production and test",
            "Say what the mappings are to be for: ?purpose=production or ?purpose=test.",
        ));
    };
    let purpose: Purpose = parameter("purpose", &purpose)?;
    let vm = known_vm(&state, &vm_id).await?;
    let networks = usable(&state, purpose).await?;
    let mut others = all::seen_by(&state, &caller).await?;
    others.retain(|other| other.vm_id != vm_id && other.mapping.purpose == purpose);
    let stored = state.service.mappings.mappings(&vm_id).await?;
    let of_network = |source_network: &str| NetworkSuggestions {
        source_network: source_network.to_owned(),
        mapped_to: stored
            .iter()
            .find(|m| m.purpose == purpose && m.source_network == source_network)
            .map(|m| m.network_id.clone()),
        suggestions: suggestions(source_network, &networks, &others),
    };
    Ok(Json(MappingSuggestions {
        networks: networks_of(&vm).into_iter().map(of_network).collect(),
        vm_id,
        purpose,
    }))
}

/// The networks of the zone that take VMs and may serve the purpose: a test only those that are marked for tests,
/// production only the others.
async fn usable(state: &ApiState, purpose: Purpose) -> Result<Vec<Network>, ApiError> {
    let service = &state.service;
    let mut networks = service.cloud.networks(&service.target.zone).await?;
    let ids: BTreeSet<NetworkId> = networks.iter().map(|network| network.id.clone()).collect();
    let in_tests = service.mappings.users(Purpose::Test, &ids).await?;
    let in_production = service.mappings.users(Purpose::Production, &ids).await?;
    networks.retain(|network| {
        let is_marked =
            in_tests.contains_key(&network.id) || service.target.test_networks.contains(&network.id);
        let may_serve = match purpose {
            Purpose::Production => !is_marked,
            Purpose::Test => is_marked && !in_production.contains_key(&network.id),
        };
        network.can_deploy && may_serve
    });
    Ok(networks)
}

/// The networks for which there is a reason, the most reasons first.
fn suggestions(source: &str, networks: &[Network], others: &[MappingAnswer]) -> Vec<SuggestedNetwork> {
    let mut users: BTreeMap<&NetworkId, Vec<&VmId>> = BTreeMap::new();
    for other in others.iter().filter(|o| o.mapping.source_network == source) {
        users
            .entry(&other.mapping.network_id)
            .or_default()
            .push(&other.vm_id);
    }
    let mut suggested: Vec<SuggestedNetwork> = networks
        .iter()
        .filter_map(|network| {
            let of_others = users.get(&network.id).and_then(|vms| {
                vms.first().map(|vm| SuggestionReason::OtherVms {
                    count: vms.len(),
                    such_as: (*vm).clone(),
                })
            });
            let reasons: Vec<SuggestionReason> = of_others
                .into_iter()
                .chain(by_name(source, &network.name))
                .collect();
            (!reasons.is_empty()).then(|| SuggestedNetwork {
                network_id: network.id.clone(),
                network_name: network.name.clone(),
                reasons,
            })
        })
        .collect();
    suggested.sort_by(|a, b| {
        let order = |s: &SuggestedNetwork| (std::cmp::Reverse(s.reasons.len()), s.network_name.clone());
        order(a).cmp(&order(b))
    });
    suggested
}

/// Whether the names of a source network and a cloud network fit.
fn by_name(source: &str, network: &str) -> Option<SuggestionReason> {
    let (source, network) = (words(source), words(network));
    if !source.is_empty() && source == network {
        return Some(SuggestionReason::SameName {});
    }
    let telling = |words: &[String]| -> BTreeSet<String> {
        let telling = words.iter().filter(|word| !FILLERS.contains(&word.as_str()));
        telling.cloned().collect()
    };
    let common: Vec<String> = telling(&source)
        .intersection(&telling(&network))
        .cloned()
        .collect();
    (!common.is_empty()).then_some(SuggestionReason::CommonWords { words: common })
}

/// The words of a name in small letters.
fn words(name: &str) -> Vec<String> {
    name.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_by_what_they_say_not_by_how_they_are_written() {
        assert_eq!(
            by_name("VM Network", "vm-network"),
            Some(SuggestionReason::SameName {})
        );
        let words = vec!["dmz".to_owned()];
        assert_eq!(
            by_name("DMZ Network", "production-dmz"),
            Some(SuggestionReason::CommonWords { words })
        );
        for (source, network) in [
            ("VM Network", "test-network"),
            ("DB Network", "production-dmz"),
            ("--", "**"),
            ("Production", "production-db"),
        ] {
            assert_eq!(by_name(source, network), None, "{source} / {network}");
        }
    }
}
