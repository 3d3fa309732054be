//! Pools, the clusters and hosts that reach them, disk offerings, and what an account may have of it all.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use failover_domain::{DiskOfferingId, StoragePoolId, ZoneId};
use serde::{Deserialize, Serialize};

use super::SimContents;

/// The host of a zone for which the contents name none.
const HOST: &str = "kvm-1";

/// A cluster of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterContents {
    /// The name, unique.
    pub name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The names of its hosts, each unique in the cloud.
    pub hosts: Vec<String>,
}

impl ClusterContents {
    /// The cluster's id.
    pub fn id(&self) -> String {
        derived_id("cluster", &self.name)
    }
}

/// The kind of storage behind a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// QCOW2 files on NFS.
    Nfs,
    /// Ceph RBD, raw.
    Rbd,
    /// A storage system that makes a LUN per volume: roots cannot be swapped.
    Managed,
}

/// A text that names no storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} is {found:?}, allowed are {allowed}")]
pub struct UnknownStorage {
    what: &'static str,
    found: String,
    allowed: &'static str,
}

impl StorageKind {
    /// The `type` of a pool.
    pub(crate) fn type_word(self) -> &'static str {
        match self {
            StorageKind::Nfs => "NetworkFilesystem",
            StorageKind::Rbd => "RBD",
            StorageKind::Managed => "Iscsi",
        }
    }
}

impl FromStr for StorageKind {
    type Err = UnknownStorage;
    fn from_str(text: &str) -> Result<Self, UnknownStorage> {
        match text {
            "nfs" => Ok(StorageKind::Nfs),
            "rbd" => Ok(StorageKind::Rbd),
            "managed" => Ok(StorageKind::Managed),
            other => Err(UnknownStorage {
                what: "storage",
                found: other.to_owned(),
                allowed: "nfs, rbd and managed",
            }),
        }
    }
}

impl fmt::Display for StorageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StorageKind::Nfs => "nfs",
            StorageKind::Rbd => "rbd",
            StorageKind::Managed => "managed",
        })
    }
}

/// How much of a zone reaches a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageScope {
    /// All of it.
    #[default]
    Zone,
    /// One cluster.
    Cluster,
    /// One host: local storage.
    Host,
}

impl StorageScope {
    /// The word that CloudStack writes.
    pub fn word(self) -> &'static str {
        match self {
            StorageScope::Zone => "ZONE",
            StorageScope::Cluster => "CLUSTER",
            StorageScope::Host => "HOST",
        }
    }
}

impl FromStr for StorageScope {
    type Err = UnknownStorage;
    fn from_str(text: &str) -> Result<Self, UnknownStorage> {
        match text {
            "zone" => Ok(StorageScope::Zone),
            "cluster" => Ok(StorageScope::Cluster),
            "host" => Ok(StorageScope::Host),
            other => Err(UnknownStorage {
                what: "scope",
                found: other.to_owned(),
                allowed: "zone, cluster and host",
            }),
        }
    }
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolContents {
    /// The id; made from the name when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<StoragePoolId>,
    /// The name, unique.
    pub name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The kind.
    pub kind: StorageKind,
    /// Who reaches it.
    #[serde(default)]
    pub scope: StorageScope,
    /// The cluster that reaches a pool of that scope; the zone's first one when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The host that reaches a pool of that scope; the zone's first one when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl PoolContents {
    /// The pool's id.
    pub fn id(&self) -> StoragePoolId {
        self.id.clone().unwrap_or_else(|| {
            derived_id("pool", &self.name)
                .parse()
                .expect("a UUID is a legal id")
        })
    }
}

/// A disk offering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskOfferingContents {
    /// The id.
    pub id: DiskOfferingId,
    /// The name.
    pub name: String,
    /// The size; given with each disk when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
}

/// What the account may have at most. What is left out has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the resource that it names")]
pub struct LimitContents {
    pub vms: Option<u64>,
    pub volumes: Option<u64>,
    pub snapshots: Option<u64>,
    pub cpus: Option<u64>,
    pub memory_mib: Option<u64>,
    pub primary_storage_gib: Option<u64>,
    pub secondary_storage_gib: Option<u64>,
}

/// The id of something that the contents know by its name only. It is the same in every cloud.
pub(crate) fn derived_id(kind: &str, name: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{kind} {name}").as_bytes()).to_string()
}

impl SimContents {
    /// The same cloud with other storage. A pool of the scope cluster or host is one of its zone's first cluster or
    /// host, so volumes of one zone stay together.
    #[must_use]
    pub fn with_storage(mut self, kind: Option<StorageKind>, scope: Option<StorageScope>) -> Self {
        for pool in &mut self.pools {
            pool.kind = kind.unwrap_or(pool.kind);
            if let Some(scope) = scope {
                pool.scope = scope;
                pool.cluster = None;
                pool.host = None;
            }
        }
        self
    }

    /// All clusters, those included that the contents leave out.
    pub(crate) fn all_clusters(&self) -> Vec<ClusterContents> {
        let mut clusters = self.clusters.clone();
        for zone in &self.zones {
            if !clusters.iter().any(|cluster| cluster.zone == zone.id) {
                // The first zone's host has the usual name, others carry their zone's.
                let host = match clusters.is_empty() {
                    true => HOST.to_owned(),
                    false => format!("{HOST}-{}", zone.name),
                };
                clusters.push(ClusterContents {
                    name: format!("cluster-{}", zone.name),
                    zone: zone.id.clone(),
                    hosts: vec![host],
                });
            }
        }
        clusters
    }

    pub(super) fn check_storage(&self, mistakes: &mut Vec<String>) {
        let mut names = BTreeSet::new();
        for cluster in &self.clusters {
            if cluster.hosts.is_empty() {
                mistakes.push(format!("cluster {:?} has no host, one is needed", cluster.name));
            }
            for name in cluster.hosts.iter().chain([&cluster.name]) {
                if !names.insert(name) {
                    mistakes.push(format!(
                        "the name {name:?} of a cluster or host is used twice, each needs its own"
                    ));
                }
            }
        }
        let clusters = self.all_clusters();
        for pool in &self.pools {
            let (name, mut of_zone) = (&pool.name, clusters.iter().filter(|c| c.zone == pool.zone));
            let found = match (pool.scope, &pool.cluster, &pool.host) {
                (StorageScope::Cluster, Some(cluster), None) => of_zone.any(|c| c.name == *cluster),
                (StorageScope::Host, None, Some(host)) => of_zone.any(|c| c.hosts.contains(host)),
                (StorageScope::Zone | StorageScope::Cluster | StorageScope::Host, None, None) => true,
                (StorageScope::Zone, Some(_), _)
                | (StorageScope::Zone | StorageScope::Cluster, _, Some(_))
                | (StorageScope::Host, Some(_), _) => {
                    mistakes.push(format!(
                        "pool {name:?}: a cluster is named only with scope \"cluster\", a host only with scope \"host\""
                    ));
                    continue;
                }
            };
            if !found {
                mistakes.push(format!(
                    "pool {name:?} names a cluster or host that is not in its zone"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes_with(change: impl FnOnce(&mut PoolContents)) -> Vec<String> {
        let mut contents = SimContents::sample();
        change(&mut contents.pools[0]);
        let mut mistakes = Vec::new();
        contents.check_storage(&mut mistakes);
        mistakes
    }

    #[test]
    fn a_pool_names_what_reaches_it_only_as_its_scope_allows() {
        assert_eq!(mistakes_with(|pool| pool.scope = StorageScope::Cluster), [""; 0]);
        let named = mistakes_with(|pool| pool.cluster = Some("somewhere".into()));
        assert!(named[0].contains("only with scope \"cluster\""), "{named:?}");
        let unknown = mistakes_with(|pool| {
            pool.scope = StorageScope::Host;
            pool.host = Some("nowhere".into());
        });
        assert!(unknown[0].contains("not in its zone"), "{unknown:?}");
    }

    #[test]
    fn every_zone_has_a_cluster_with_a_host() {
        let clusters = SimContents::sample().all_clusters();
        let hosts: Vec<&str> = clusters
            .iter()
            .flat_map(|c| &c.hosts)
            .map(String::as_str)
            .collect();
        assert_eq!(hosts, ["kvm-1", "kvm-1-zone-2"]);
    }

    #[test]
    fn storage_and_scope_are_written_as_they_are_read() {
        for kind in [StorageKind::Nfs, StorageKind::Rbd, StorageKind::Managed] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!(
            "tape"
                .parse::<StorageKind>()
                .unwrap_err()
                .to_string()
                .contains("rbd")
        );
        assert_eq!("cluster".parse(), Ok(StorageScope::Cluster));
        assert!("moon".parse::<StorageScope>().is_err());
    }
}
