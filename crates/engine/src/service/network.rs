//! Which cloud networks a failover uses: the stored mappings, and those of a request.

use std::collections::{BTreeMap, BTreeSet};

use failover_access::Actor;
use failover_domain::{FailoverType, NetworkId, NetworkMapping, Purpose, VmId};
use ossea::Network;

use super::{FailoverService, StartError};
use crate::ports::StoreError;

/// Why a mapping is not stored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A test would reach a network that a source VM uses in production.
    #[error(
        "network {network_name} ({network}) is a production network of source VM {user}; a test must not reach production"
    )]
    Production {
        /// The network.
        network: NetworkId,
        /// Its name.
        network_name: String,
        /// A source VM with a production mapping to it.
        user: VmId,
    },
    /// A production VM would meet the copies that tests start there.
    #[error(
        "network {network_name} ({network}) is a test network of source VM {user}; production must not meet what tests start there"
    )]
    Test {
        /// The network.
        network: NetworkId,
        /// Its name.
        network_name: String,
        /// A source VM with a test mapping to it.
        user: VmId,
    },
    /// The same, where the configuration marks the network.
    #[error(
        "network {network_name} ({network}) is a test network, target.test_network_ids of the configuration names it; production must not meet what tests start there"
    )]
    MarkedForTests {
        /// The network.
        network: NetworkId,
        /// Its name.
        network_name: String,
    },
    /// One list wants a network for production and for tests.
    #[error(
        "network {network_name} ({network}) is wanted for production and for tests at once, the other time by source VM {other}; a network serves production or tests, never both"
    )]
    Both {
        /// The network.
        network: NetworkId,
        /// Its name.
        network_name: String,
        /// The source VM of the list's first mapping to it.
        other: VmId,
    },
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FailoverService {
    /// Stores a mapping of a source VM: adds it, or replaces the one of the same source network and purpose. A network
    /// serves production or tests, never both, whichever source VMs they are for. Two callers at once may both get
    /// through; the readiness of a test, which runs again inside its job, is what binds.
    ///
    /// # Errors
    /// [`MapError`]; then the mapping that was there stands.
    pub async fn map_network(
        &self,
        vm_id: &VmId,
        mapping: &NetworkMapping,
        by: &Actor,
    ) -> Result<(), MapError> {
        self.map_networks(&[(vm_id.clone(), mapping.clone())], by).await
    }

    /// The same of many mappings: all of them are stored or none.
    ///
    /// # Errors
    /// The first [`MapError`]; [`FailoverService::refused_mappings`] tells all of them.
    pub async fn map_networks(&self, wanted: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), MapError> {
        match self.refused_mappings(wanted).await?.into_iter().next() {
            Some((_, refused)) => Err(refused),
            None => Ok(self.mappings.put_mappings(wanted, by).await?),
        }
    }

    /// Why some of these mappings would not be stored, each with its place in the list. They are held against what is
    /// stored now and against each other.
    ///
    /// # Errors
    /// Persistence failed.
    pub async fn refused_mappings(
        &self,
        wanted: &[(VmId, NetworkMapping)],
    ) -> Result<Vec<(usize, MapError)>, StoreError> {
        let networks: BTreeSet<NetworkId> = wanted.iter().map(|(_, m)| m.network_id.clone()).collect();
        let in_production = self.mappings.users(Purpose::Production, &networks).await?;
        let in_tests = self.mappings.users(Purpose::Test, &networks).await?;
        let mut first: BTreeMap<&NetworkId, (Purpose, &VmId)> = BTreeMap::new();
        let mut refused = Vec::new();
        for (index, (vm, mapping)) in wanted.iter().enumerate() {
            let (network, network_name) = (mapping.network_id.clone(), mapping.network_name.clone());
            let (first_purpose, first_vm) =
                *first.entry(&mapping.network_id).or_insert((mapping.purpose, vm));
            let error = match mapping.purpose {
                Purpose::Production => match in_tests.get(&network).cloned() {
                    Some(user) => Some(MapError::Test {
                        network,
                        network_name,
                        user,
                    }),
                    None if self.target.test_networks.contains(&network) => Some(MapError::MarkedForTests {
                        network,
                        network_name,
                    }),
                    None => (first_purpose != mapping.purpose).then(|| MapError::Both {
                        network,
                        network_name,
                        other: first_vm.clone(),
                    }),
                },
                Purpose::Test => match in_production.get(&network).cloned() {
                    Some(user) => Some(MapError::Production {
                        network,
                        network_name,
                        user,
                    }),
                    None => (first_purpose != mapping.purpose).then(|| MapError::Both {
                        network,
                        network_name,
                        other: first_vm.clone(),
                    }),
                },
            };
            refused.extend(error.map(|error| (index, error)));
        }
        Ok(refused)
    }

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
