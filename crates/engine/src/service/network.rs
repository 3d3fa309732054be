//! Which cloud networks a failover uses: the stored mappings, and those of a request.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{FailoverType, NetworkId, NetworkMapping, Purpose};
use ossea::Network;

use super::{FailoverService, StartError};

impl FailoverService {
    /// Turns the request's mappings into mappings with ids, by id or by exact, unique name in the zone. `purpose` is what
    /// the request is for; whether a network may serve it is a question of readiness.
    pub(super) async fn resolve_mappings(
        &self,
        wanted: &BTreeMap<String, String>,
        purpose: Purpose,
    ) -> Result<BTreeMap<String, NetworkMapping>, StartError> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let networks = self.cloud.networks(&self.target.zone).await?;
        let resolve = |(source_network, value): (&String, &String)| {
            let network = find_network(&networks, value).map_err(|problem| StartError::Mapping {
                source_network: source_network.clone(),
                value: value.clone(),
                problem,
            })?;
            let mapping = NetworkMapping {
                source_network: source_network.clone(),
                purpose,
                network_id: network.id.clone(),
                network_name: network.name.clone(),
            };
            Ok((source_network.clone(), mapping))
        };
        wanted.iter().map(resolve).collect()
    }
}

/// Which mappings a failover uses.
pub fn purpose_of(failover: FailoverType) -> Purpose {
    match failover {
        FailoverType::Live => Purpose::Production,
        FailoverType::Test => Purpose::Test,
    }
}

/// The networks to which the mappings for one purpose lead.
pub(super) fn networks_for(purpose: Purpose, mappings: &[NetworkMapping]) -> BTreeSet<NetworkId> {
    let of_purpose = mappings.iter().filter(|m| m.purpose == purpose);
    of_purpose.map(|m| m.network_id.clone()).collect()
}

/// Finds a network by id or by exact, unique name.
///
/// # Errors
/// What is wrong and what is allowed, as the end of a sentence.
pub fn find_network<'a>(networks: &'a [Network], wanted: &str) -> Result<&'a Network, String> {
    if let Some(network) = wanted
        .parse::<NetworkId>()
        .ok()
        .and_then(|id| networks.iter().find(|n| n.id == id))
    {
        return Ok(network);
    }
    let mut named = networks.iter().filter(|n| n.name == wanted);
    match (named.next(), named.next()) {
        (Some(network), None) => Ok(network),
        (Some(_), Some(_)) => Err("which is the name of several networks; give the id instead".to_owned()),
        (None, _) => {
            let names: Vec<&str> = networks.iter().map(|n| n.name.as_str()).take(20).collect();
            Err(format!(
                "which is neither the id nor the name of a network of the configured zone; it has: {}",
                names.join(", ")
            ))
        }
    }
}
