//! The sample site: the inventory and the cloud of `samples/`, and how its networks are mapped.

use anyhow::Context as _;
use serde_json::Value;

/// The source VMs, as `failoverctl inventory import` takes them.
pub const INVENTORY: &str = include_str!("../../samples/inventory.json");

const CLOUD: &str = include_str!("../../samples/cloud.toml");

/// Which network of the sample cloud each VMware network becomes in a live failover.
pub const PRODUCTION: [(&str, &str); 3] = [
    ("VM Network", "production-app"),
    ("DB Network", "production-db"),
    ("DMZ Network", "production-dmz"),
];

/// Which network of the sample cloud each VMware network becomes in a test failover.
pub const TEST: [(&str, &str); 3] = [
    ("VM Network", "test-isolated"),
    ("DB Network", "test-db"),
    ("DMZ Network", "test-dmz"),
];

/// Source VMs of the sample that can be failed over all at once.
pub const VMS_FOR_TESTS: [&str; 5] = [
    "PGWINTESTBIOS",
    "web-01",
    "app-server_01",
    "SQL Server 02",
    "files-03",
];

/// The objects of the sample cloud that every failover uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The appliance VM.
    pub oma: String,
    /// The MAC address of its card.
    pub oma_mac: String,
    /// The zone.
    pub zone: String,
    /// The offering that leaves CPUs and memory free.
    pub offering: String,
    /// The template of the scratch root.
    pub template: String,
}

impl Target {
    /// Reads them from the sample.
    ///
    /// # Errors
    /// When the sample does not have them.
    pub fn read() -> anyhow::Result<Self> {
        let cloud: toml::Table = CLOUD.parse().context("samples/cloud.toml is not TOML")?;
        let text = |value: Option<&toml::Value>, what: &str| {
            let text = value.and_then(toml::Value::as_str).map(str::to_owned);
            text.with_context(|| format!("samples/cloud.toml has no {what}"))
        };
        let first = |list: &str, wanted: &dyn Fn(&toml::Value) -> bool| {
            cloud
                .get(list)?
                .as_array()?
                .iter()
                .find(|item| wanted(item))?
                .get("id")
        };
        let oma = cloud.get("oma");
        Ok(Self {
            oma: text(oma.and_then(|oma| oma.get("id")), "OMA")?,
            oma_mac: text(oma.and_then(|oma| oma.get("mac")), "MAC address of the OMA")?,
            zone: text(oma.and_then(|oma| oma.get("zone")), "zone of the OMA")?,
            offering: text(
                first("offerings", &|o| o.get("cpus").is_none()),
                "custom offering",
            )?,
            template: text(first("templates", &|_| true), "template")?,
        })
    }
}

/// A source VM of the sample, as far as a destination VM must show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleVm {
    /// Its VMware UUID.
    pub vm_id: String,
    /// Its name.
    pub name: String,
    /// Its replicas in source order.
    pub replicas: Vec<Replica>,
    /// Its VMware networks, card by card.
    pub networks: Vec<String>,
}

/// A replica of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The volume's id.
    pub id: String,
    /// The volume's name.
    pub name: String,
}

impl SampleVm {
    /// The VM of this name.
    ///
    /// # Errors
    /// When the sample does not have it; with the names that it has.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let inventory = inventory()?;
        let vms = inventory["vms"]
            .as_array()
            .context("samples/inventory.json has no list of VMs")?;
        let names = || {
            vms.iter()
                .filter_map(|vm| vm["name"].as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let vm = vms.iter().find(|vm| vm["name"] == name);
        let vm = vm.with_context(|| format!("the sample has no VM {name:?}; it has {}", names()))?;
        Self::read(vm).with_context(|| format!("samples/inventory.json is incomplete about {name}"))
    }

    fn read(vm: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let replica = |disk: &Value| {
            Some(Replica {
                id: text(&disk["volume"]["id"])?,
                name: text(&disk["volume"]["name"])?,
            })
        };
        let mut replicas = vm["disks"]
            .as_array()?
            .iter()
            .map(replica)
            .collect::<Option<Vec<_>>>()?;
        // The sample's volumes are named after their place in source order, so that nobody who checks a result
        // has to compute that order the same way as the product does.
        replicas.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Self {
            vm_id: text(&vm["vm_id"])?,
            name: text(&vm["name"])?,
            replicas,
            networks: vm["nics"]
                .as_array()?
                .iter()
                .map(|nic| text(&nic["network"]))
                .collect::<Option<_>>()?,
        })
    }

    /// The production networks its cards must be on, in order.
    pub fn production_networks(&self) -> Vec<&'static str> {
        self.mapped(&PRODUCTION)
    }

    /// The test networks its cards must be on, in order.
    pub fn test_networks(&self) -> Vec<&'static str> {
        self.mapped(&TEST)
    }

    fn mapped(&self, networks: &[(&str, &'static str)]) -> Vec<&'static str> {
        let mapped = |network: &String| networks.iter().find(|(source, _)| source == network);
        self.networks
            .iter()
            .filter_map(mapped)
            .map(|(_, network)| *network)
            .collect()
    }
}

/// The inventory file as JSON.
///
/// # Errors
/// When it is not JSON.
pub fn inventory() -> anyhow::Result<Value> {
    serde_json::from_str(INVENTORY).context("samples/inventory.json is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_vm_of_the_demo() {
        let vm = SampleVm::named("PGWINTESTBIOS").unwrap();
        let names: Vec<&str> = vm.replicas.iter().map(|replica| replica.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "pgwintestbios-disk0",
                "pgwintestbios-disk1",
                "pgwintestbios-disk2"
            ]
        );
        assert_eq!(vm.production_networks(), ["production-app"]);
    }

    #[test]
    fn every_network_of_the_sample_is_mapped() {
        for vm in inventory().unwrap()["vms"].as_array().unwrap() {
            let vm = SampleVm::read(vm).unwrap();
            assert_eq!(vm.production_networks().len(), vm.networks.len(), "{}", vm.name);
            assert_eq!(vm.test_networks().len(), vm.networks.len(), "{}", vm.name);
        }
    }

    #[test]
    fn an_unknown_vm_is_answered_with_the_known_ones() {
        let error = SampleVm::named("nobody").unwrap_err().to_string();
        assert!(
            error.contains("nobody") && error.contains("PGWINTESTBIOS"),
            "{error}"
        );
    }

    #[test]
    fn the_sample_has_a_target() {
        assert!(Target::read().is_ok());
    }
}
