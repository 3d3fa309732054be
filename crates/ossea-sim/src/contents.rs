//! What is in the cloud when the simulation begins: a TOML file.

mod storage;

use std::collections::BTreeSet;
use std::str::FromStr;

use failover_domain::{CloudVmId, MacAddress, NetworkId, OfferingId, TemplateId, VolumeId, ZoneId};
use serde::{Deserialize, Serialize};

pub(crate) use self::storage::derived_id;
pub use self::storage::{
    ClusterContents, DiskOfferingContents, LimitContents, PoolContents, StorageKind, StorageScope,
};
use crate::address_range::Ipv4Net;
use crate::cloud::objects::NetworkType;

/// The contents of a cloud. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimContents {
    /// The zones.
    pub zones: Vec<ZoneContents>,
    /// The clusters of hosts. A zone without any has one of its own with one host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterContents>,
    /// The storage pools.
    pub pools: Vec<PoolContents>,
    /// The networks.
    pub networks: Vec<NetworkContents>,
    /// The service offerings.
    pub offerings: Vec<OfferingContents>,
    /// The disk offerings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disk_offerings: Vec<DiskOfferingContents>,
    /// The templates.
    pub templates: Vec<TemplateContents>,
    /// What the account may have at most.
    #[serde(default)]
    pub limits: LimitContents,
    /// The appliance VM with the replicas.
    pub oma: OmaContents,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneContents {
    /// The id.
    pub id: ZoneId,
    /// The name.
    pub name: String,
    /// Whether it takes new VMs.
    #[serde(default)]
    pub allocation: Allocation,
}

/// Whether a zone takes new VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Allocation {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkContents {
    /// The id.
    pub id: NetworkId,
    /// The name.
    pub name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The kind.
    pub kind: NetworkType,
    /// The addresses; for every kind but L2. Loopback ranges let a test answer for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Ipv4Net>,
}

/// A service offering. What is left out is given at deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferingContents {
    /// The id.
    pub id: OfferingId,
    /// The name.
    pub name: String,
    /// Fixed number of CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Fixed MHz per CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_speed_mhz: Option<u32>,
    /// Fixed memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Least and greatest number of CPUs of a custom offering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_bounds: Option<(u32, u32)>,
    /// Least and greatest memory of a custom offering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bounds_mib: Option<(u32, u32)>,
}

impl OfferingContents {
    /// Whether CPUs and memory are given at deployment.
    pub fn is_customized(&self) -> bool {
        self.cpus.is_none() || self.memory_mib.is_none()
    }
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateContents {
    /// The id.
    pub id: TemplateId,
    /// The name.
    pub name: String,
    /// The zones in which it is.
    pub zones: Vec<ZoneId>,
    /// Its size.
    pub size_gib: u64,
    /// Whether it can be deployed.
    #[serde(default)]
    pub readiness: TemplateReadiness,
    /// Whether guests ask a password server, which L2 networks lack.
    #[serde(default)]
    pub password_enabled: bool,
}

/// Whether a template can be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateReadiness {
    /// It can.
    #[default]
    Ready,
    /// It is still being copied.
    Downloading,
}

/// The appliance VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OmaContents {
    /// The id.
    pub id: CloudVmId,
    /// The host name.
    pub name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The offering, a fixed one.
    pub offering: OfferingId,
    /// The network of its card.
    pub network: NetworkId,
    /// The MAC address of its card.
    pub mac: MacAddress,
    /// Its own disk, at device 0.
    pub root: VolumeContents,
    /// Whether it is protected from deletion.
    #[serde(default)]
    pub delete_protection: Protection,
    /// The replicas on it.
    pub volumes: Vec<ReplicaContents>,
}

/// Whether an object is protected from deletion. Releases before 4.20 do not know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// It can be deleted.
    #[default]
    Off,
    /// It cannot.
    On,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeContents {
    /// The id.
    pub id: VolumeId,
    /// The name.
    pub name: String,
    /// The pool.
    pub pool: String,
    /// The size.
    pub size_gib: u64,
}

/// A replica on the OMA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaContents {
    /// The id.
    pub id: VolumeId,
    /// The name.
    pub name: String,
    /// The device on the OMA.
    pub device: u32,
    /// The pool.
    pub pool: String,
    /// The size.
    pub size_gib: u64,
    /// Whether it is protected from deletion.
    #[serde(default)]
    pub delete_protection: Protection,
}

/// Why contents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The text is not TOML of the right form.
    #[error("the contents cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// The values contradict each other; all mistakes together.
    #[error("the contents have mistakes:\n{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

impl FromStr for SimContents {
    type Err = ContentsError;
    fn from_str(text: &str) -> Result<Self, ContentsError> {
        let contents: Self = toml::from_str(text)?;
        let mistakes = contents.mistakes();
        if mistakes.is_empty() {
            Ok(contents)
        } else {
            Err(ContentsError::Mistakes(mistakes))
        }
    }
}

impl SimContents {
    /// The sample cloud of the demo, which fits `samples/inventory.json`.
    pub fn sample() -> Self {
        include_str!("../../../samples/cloud.toml")
            .parse()
            .expect("a test parses the shipped sample")
    }

    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        self.check_ids(&mut mistakes);
        self.check_zones(&mut mistakes);
        self.check_storage(&mut mistakes);
        self.check_networks(&mut mistakes);
        self.check_oma(&mut mistakes);
        self.check_devices(&mut mistakes);
        mistakes
    }

    fn check_ids(&self, mistakes: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        let ids = self.zones.iter().map(|z| z.id.as_str());
        let ids = ids.chain(self.networks.iter().map(|n| n.id.as_str()));
        let ids = ids.chain(self.offerings.iter().map(|o| o.id.as_str()));
        let ids = ids.chain(self.templates.iter().map(|t| t.id.as_str()));
        let ids = ids.chain(self.disk_offerings.iter().map(|o| o.id.as_str()));
        let ids = ids.chain(
            self.pools
                .iter()
                .filter_map(|p| p.id.as_ref())
                .map(|id| id.as_str()),
        );
        let ids = ids.chain(self.oma.volumes.iter().map(|v| v.id.as_str()));
        let ids = ids.chain([self.oma.id.as_str(), self.oma.root.id.as_str()]);
        for id in ids {
            if !seen.insert(id) {
                mistakes.push(format!("the id {id} is used twice, each object needs its own"));
            }
        }
    }

    fn check_zones(&self, mistakes: &mut Vec<String>) {
        let pools = self.pools.iter().map(|p| (format!("pool {:?}", p.name), &p.zone));
        let networks = self
            .networks
            .iter()
            .map(|n| (format!("network {:?}", n.name), &n.zone));
        let templates = self.templates.iter().flat_map(|t| {
            t.zones
                .iter()
                .map(move |zone| (format!("template {:?}", t.name), zone))
        });
        let clusters = self
            .clusters
            .iter()
            .map(|c| (format!("cluster {:?}", c.name), &c.zone));
        let oma = [("the OMA".to_owned(), &self.oma.zone)];
        for (what, zone) in pools.chain(clusters).chain(networks).chain(templates).chain(oma) {
            if !self.zones.iter().any(|z| z.id == *zone) {
                mistakes.push(format!("{what} is in zone {zone}, which is not among the zones"));
            }
        }
    }

    fn check_networks(&self, mistakes: &mut Vec<String>) {
        for network in &self.networks {
            if (network.kind == NetworkType::L2) == network.cidr.is_some() {
                let name = &network.name;
                mistakes.push(format!("network {name:?}: every kind but L2 has a cidr"));
            }
        }
    }

    fn check_oma(&self, mistakes: &mut Vec<String>) {
        let oma = &self.oma;
        let network = self.networks.iter().find(|n| n.id == oma.network);
        if network.is_none_or(|n| n.zone != oma.zone) {
            mistakes.push(format!(
                "the OMA is on network {}, which is not in its zone",
                oma.network
            ));
        }
        let offering = self.offerings.iter().find(|o| o.id == oma.offering);
        if offering.is_none_or(OfferingContents::is_customized) {
            mistakes.push(format!(
                "the OMA has offering {}, a fixed offering is needed",
                oma.offering
            ));
        }
        let volumes = oma.volumes.iter().map(|v| (&v.name, &v.pool));
        for (volume, pool) in volumes.chain([(&oma.root.name, &oma.root.pool)]) {
            if !self.pools.iter().any(|p| p.name == *pool && p.zone == oma.zone) {
                mistakes.push(format!(
                    "volume {volume:?} is on pool {pool:?}, which is not in the OMA's zone"
                ));
            }
        }
    }

    fn check_devices(&self, mistakes: &mut Vec<String>) {
        let mut taken = BTreeSet::new();
        for volume in &self.oma.volumes {
            if !is_data_device(volume.device) {
                let (name, device) = (&volume.name, volume.device);
                mistakes.push(format!(
                    "volume {name:?} is at device {device}, allowed are 1, 2 and 4 to 33"
                ));
            } else if !taken.insert(volume.device) {
                mistakes.push(format!("device {} of the OMA is taken twice", volume.device));
            }
        }
    }
}

/// Whether a data disk may be at `device`: 0 is the root, 3 the CD-ROM, 33 the last one.
pub(crate) fn is_data_device(device: u32) -> bool {
    matches!(device, 1 | 2 | 4..=33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_valid() {
        assert_eq!(SimContents::sample().mistakes(), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let mut contents = SimContents::sample();
        contents.oma.volumes[0].device = 3;
        contents.oma.volumes[1].device = contents.oma.volumes[2].device;
        contents.oma.volumes[1].id = contents.oma.volumes[2].id.clone();
        contents.oma.root.pool = "nowhere".into();
        let mistakes = contents.mistakes();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = include_str!("../../../samples/cloud.toml").replace("[oma]", "[oma]\nheight = 3");
        let error = text.parse::<SimContents>().unwrap_err();
        assert!(error.to_string().contains("height"), "{error}");
    }
}
