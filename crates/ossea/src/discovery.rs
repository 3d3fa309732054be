//! Finds the OMA among the VMs of the cloud. A search gives all that fits; choosing is for a person.

use std::collections::BTreeSet;

use failover_domain::MacAddress;

use crate::client::OsseaClient;
use crate::error::OsseaError;
use crate::model::CloudVm;

/// A VM that has at least one of the addresses searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacMatch {
    /// The VM.
    pub vm: CloudVm,
    /// Those of the addresses that its cards have.
    pub macs: BTreeSet<MacAddress>,
}

/// Which VMs have the addresses. A MAC address is unique in a network, not in a cloud, and moved VMs keep theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacSearch {
    /// No VM that our account sees has one of them.
    NoVm,
    /// One VM has.
    OneVm(Box<MacMatch>),
    /// Several VMs have, in whatever state they are.
    SeveralVms(Vec<MacMatch>),
}

impl MacSearch {
    /// All matches.
    pub fn matches(&self) -> &[MacMatch] {
        match self {
            MacSearch::NoVm => &[],
            MacSearch::OneVm(found) => std::slice::from_ref(found),
            MacSearch::SeveralVms(found) => found,
        }
    }
}

/// Asks the cloud for all VMs and searches them.
///
/// # Errors
/// When the cloud does not list its VMs.
pub async fn find_vm_by_mac(
    client: &dyn OsseaClient,
    wanted: &BTreeSet<MacAddress>,
) -> Result<MacSearch, OsseaError> {
    Ok(vms_with_mac(client.vms().await?, wanted))
}

/// Searches VMs for addresses, whatever the cloud's spelling of them.
pub fn vms_with_mac(vms: Vec<CloudVm>, wanted: &BTreeSet<MacAddress>) -> MacSearch {
    let mut found: Vec<MacMatch> = vms
        .into_iter()
        .map(|vm| MacMatch {
            macs: macs_of(&vm).intersection(wanted).cloned().collect(),
            vm,
        })
        .filter(|found| !found.macs.is_empty())
        .collect();
    found.sort_by(|a, b| (&a.vm.name, &a.vm.id).cmp(&(&b.vm.name, &b.vm.id)));
    match <[MacMatch; 1]>::try_from(found) {
        Ok([only]) => MacSearch::OneVm(Box::new(only)),
        Err(found) if found.is_empty() => MacSearch::NoVm,
        Err(found) => MacSearch::SeveralVms(found),
    }
}

/// The addresses of a VM's cards. What is no address fits none.
pub fn macs_of(vm: &CloudVm) -> BTreeSet<MacAddress> {
    vm.nics.iter().filter_map(|nic| nic.mac.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{CloudNic, VmState};

    fn vm(id: &str, macs: &[&str]) -> CloudVm {
        let card = |mac: &&str| CloudNic {
            id: None,
            network: "net".parse().unwrap(),
            network_name: "net".to_owned(),
            mac: (*mac).to_owned(),
            address: None,
            is_default: false,
            device: None,
        };
        CloudVm {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            display_name: id.to_owned(),
            state: VmState::Running,
            zone: "zone".parse().unwrap(),
            created: None,
            host: None,
            cpus: None,
            memory_mib: None,
            nics: macs.iter().map(card).collect(),
            details: BTreeMap::new(),
            pending_job: None,
        }
    }

    fn search(vms: Vec<CloudVm>, wanted: &[&str]) -> MacSearch {
        vms_with_mac(vms, &wanted.iter().map(|mac| mac.parse().unwrap()).collect())
    }

    #[test]
    fn spelling_does_not_matter() {
        let found = search(vec![vm("oma", &["02-03-00-FA-11-01"])], &["02:03:00:fa:11:01"]);
        assert!(matches!(found, MacSearch::OneVm(found) if found.vm.name == "oma"));
    }

    #[test]
    fn several_matches_are_all_given_and_none_is_chosen() {
        let vms = vec![
            vm("c", &["02:00:00:00:00:03"]),
            vm("b", &["02:00:00:00:00:02", "02:00:00:00:00:01"]),
            vm("a", &["02:00:00:00:00:01"]),
        ];
        let found = search(vms, &["02:00:00:00:00:01", "02:00:00:00:00:02"]);
        let MacSearch::SeveralVms(found) = found else {
            panic!("{found:?}")
        };
        let shown: Vec<(&str, usize)> = found.iter().map(|f| (f.vm.name.as_str(), f.macs.len())).collect();
        assert_eq!(shown, [("a", 1), ("b", 2)]);
    }

    #[test]
    fn cards_without_a_readable_address_fit_nothing() {
        let vms = vec![vm("a", &[""]), vm("b", &["virtual"]), vm("c", &[])];
        assert_eq!(search(vms, &["02:00:00:00:00:01"]), MacSearch::NoVm);
    }
}
