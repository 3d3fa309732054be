//! `network_mappings`: every NIC gets a cloud network of its own that takes VMs in the target zone.
//!
//! In a test each of them must also be marked as a test network, and none may be one that any VM uses in production. A
//! card without a marked network stops the test: there is no fallback network.

use std::collections::BTreeMap;

use failover_domain::{FailoverType, JobType, NetworkId, NetworkMapping, Purpose, SourceVm};
use ossea::{CloudVm, Network, OsseaError};
use serde_json::{Value, json};

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::{View, made_by};

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let mut problems = Vec::new();
    if vm.nics.is_empty() {
        problems.push(Problem::new(
            format!(
                "{} has no network card in the inventory; CloudStack would choose a network itself",
                vm.name
            ),
            "Report the VM's network cards to the inventory.",
        ));
    }
    problems.extend(unmapped(vm, view));
    problems.extend(shared_networks(vm, view));
    for (source, mapping) in used_mappings(vm, view) {
        problems.extend(wrong_purpose(source, mapping, view.subject.failover));
        problems.extend(outside_the_test(source, mapping, view).await?);
        problems.extend(unusable(source, mapping, view).await?);
    }
    let networks = match view.subject.failover {
        FailoverType::Live => "usable networks",
        FailoverType::Test => "usable test networks",
    };
    let passed = format!(
        "all {} network cards of {} are mapped to {networks}",
        vm.nics.len(),
        vm.name
    );
    Ok(Outcome::of(problems, passed, json!({ "nics": nics(vm, view) })))
}

fn unmapped(vm: &SourceVm, view: &View<'_>) -> Vec<Problem> {
    let mut networks: Vec<&str> = Vec::new();
    for nic in &vm.nics {
        let network = nic.network.as_str();
        if !view.subject.mappings.contains_key(network) && !networks.contains(&network) {
            networks.push(network);
        }
    }
    let problem = |network: &&str| {
        Problem::new(
            format!(
                "network {network:?} of {} is not mapped to a cloud network",
                vm.name
            ),
            format!("Map {network:?} to a network of the target zone, stored or in the request."),
        )
    };
    networks.iter().map(problem).collect()
}

/// Network cards are requested by network when MAC addresses are kept, so a network can be given once only.
fn shared_networks(vm: &SourceVm, view: &View<'_>) -> Vec<Problem> {
    let mut cards: BTreeMap<&NetworkId, (&NetworkMapping, Vec<String>)> = BTreeMap::new();
    for (place, nic) in vm.nics.iter().enumerate() {
        let Some(mapping) = view.subject.mappings.get(&nic.network) else {
            continue;
        };
        let label = if nic.label.is_empty() {
            format!("card {}", place + 1)
        } else {
            nic.label.clone()
        };
        let (_, labels) = cards
            .entry(&mapping.network_id)
            .or_insert_with(|| (mapping, Vec::new()));
        labels.push(format!("{label} on {:?}", nic.network));
    }
    let shared = cards.into_values().filter(|(_, labels)| labels.len() > 1);
    let problem = |(mapping, labels): (&NetworkMapping, Vec<String>)| {
        Problem::new(
            format!(
                "{} of {} would all get cloud network {} ({}); a VM can have one card per network",
                labels.join(" and "),
                vm.name,
                mapping.network_name,
                mapping.network_id
            ),
            "Map each network card to a cloud network of its own.",
        )
    };
    shared.map(problem).collect()
}

fn used_mappings<'a>(vm: &'a SourceVm, view: &'a View<'_>) -> BTreeMap<&'a str, &'a NetworkMapping> {
    let mapping = |network: &'a str| view.subject.mappings.get(network).map(|m| (network, m));
    vm.nics.iter().filter_map(|nic| mapping(&nic.network)).collect()
}

fn wrong_purpose(source: &str, mapping: &NetworkMapping, failover: FailoverType) -> Option<Problem> {
    let needed = match failover {
        FailoverType::Live => Purpose::Production,
        FailoverType::Test => Purpose::Test,
    };
    (mapping.purpose != needed).then(|| {
        Problem::new(
            format!(
                "the mapping of {source:?} is for {}, a {failover} failover needs one for {needed}",
                mapping.purpose
            ),
            format!("Store a {needed} mapping of {source:?}."),
        )
    })
}

/// What would let a test out. Reaching production is told alone: marking such a network would not help.
async fn outside_the_test(
    source: &str,
    mapping: &NetworkMapping,
    view: &View<'_>,
) -> Result<Option<Problem>, OsseaError> {
    match view.subject.failover {
        FailoverType::Live => return Ok(None),
        FailoverType::Test => {}
    }
    let named = named(source, mapping);
    let network = &mapping.network_id;
    if let Some(whose) = production_of(network, view).await? {
        return Ok(Some(Problem::new(
            format!("{named} is a production network of {whose}; a test must not reach production"),
            format!("Map {source:?} for tests to a network that is isolated from production."),
        )));
    }
    let is_marked =
        view.subject.marked_networks.contains(network) || view.target.test_networks.contains(network);
    Ok((!is_marked).then(|| {
        Problem::new(
            format!("{named} is not marked as a test network"),
            format!(
                "If the network is isolated from production, store a test mapping of {source:?} to it, or add its \
                 id to target.test_network_ids in the configuration of API and worker."
            ),
        )
    }))
}

/// Whose production network it is: by a stored mapping, or because a VM runs there that was failed over live, with a mapping
/// that was stored nowhere.
async fn production_of(network: &NetworkId, view: &View<'_>) -> Result<Option<String>, OsseaError> {
    if let Some(user) = view.subject.production_networks.get(network) {
        return Ok(Some(if *user == view.subject.vm_id {
            "the VM".to_owned()
        } else {
            format!("source VM {user}")
        }));
    }
    let live = |vm: &&CloudVm| {
        let is_live = made_by(vm).is_some_and(|job| job.starts_with(JobType::Live.id_prefix()));
        is_live && vm.nics.iter().any(|nic| nic.network == *network)
    };
    let there = view.cloud.vms().await?.iter().find(live);
    Ok(there.map(|vm| format!("VM {} ({}), which was failed over live", vm.name, vm.id)))
}

async fn unusable(
    source: &str,
    mapping: &NetworkMapping,
    view: &View<'_>,
) -> Result<Option<Problem>, OsseaError> {
    let named = named(source, mapping);
    if let Some(network) = find(view.cloud.networks().await?, &mapping.network_id) {
        return Ok((!network.can_deploy).then(|| {
            Problem::new(
                format!("{named} takes no VMs (state {})", network.state),
                "Choose a network on which VMs can be deployed, or bring the named one back into service.",
            )
        }));
    }
    let zone = &view.target.zone;
    Ok(Some(
        match view.cloud.network_elsewhere(&mapping.network_id).await? {
            Some(network) => Problem::new(
                format!(
                    "{named} is in zone {}, the destination VM goes to zone {zone}",
                    network.zone
                ),
                format!("Map {source:?} to a network of the target zone."),
            ),
            None => Problem::new(
                format!("{named} does not exist in the cloud, or our account cannot see it"),
                format!("Map {source:?} to an existing network that the account of the API key may use."),
            ),
        },
    ))
}

fn named(source: &str, mapping: &NetworkMapping) -> String {
    format!(
        "cloud network {} ({}) for {source:?}",
        mapping.network_name, mapping.network_id
    )
}

fn find<'a>(networks: &'a [Network], id: &NetworkId) -> Option<&'a Network> {
    networks.iter().find(|n| n.id == *id)
}

fn nics(vm: &SourceVm, view: &View<'_>) -> Vec<Value> {
    let nic = |nic: &failover_domain::SourceNic| {
        let mapping = view.subject.mappings.get(&nic.network);
        json!({
            "label": nic.label,
            "source_network": nic.network,
            "network_id": mapping.map(|m| &m.network_id),
            "network_name": mapping.map(|m| &m.network_name),
        })
    };
    vm.nics.iter().map(nic).collect()
}
