//! Network mappings and networks.

use failover_api::dto::{MappingAnswer, MappingsOfVm, NetworkList};
use failover_domain::NetworkMapping;

use super::table;

/// A VM's mappings, and its networks without one.
pub(crate) fn list(vm: &str, mappings: &MappingsOfVm) -> String {
    let mut text = String::new();
    if mappings.mappings.is_empty() {
        text += &format!("{vm} has no network mappings\n");
    } else {
        let row = |m: &NetworkMapping| {
            [
                m.source_network.clone(),
                m.purpose.to_string(),
                m.network_name.clone(),
                m.network_id.to_string(),
            ]
        };
        let header = ["SOURCE NETWORK", "FOR", "CLOUD NETWORK", "NETWORK ID"];
        text += &table(0, header, mappings.mappings.iter().map(row));
    }
    let unmapped = [
        ("production", &mappings.unmapped_for_production),
        ("test", &mappings.unmapped_for_test),
    ];
    for (purpose, networks) in unmapped {
        for network in networks {
            text += &format!("not mapped for {purpose}: {network}\n");
        }
    }
    text
}

/// A mapping that was stored.
pub(crate) fn stored(answer: &MappingAnswer) -> String {
    let mapping = &answer.mapping;
    format!(
        "{:?} becomes {} ({}) for {}\n",
        mapping.source_network, mapping.network_name, mapping.network_id, mapping.purpose
    )
}

/// The networks of the cloud.
pub(crate) fn networks(list: &NetworkList) -> String {
    let rows = list.networks.iter().map(|network| {
        let usable = if network.can_deploy { "yes" } else { "no" };
        [
            network.name.clone(),
            network.id.to_string(),
            network.kind.clone(),
            network.state.clone(),
            usable.to_owned(),
        ]
    });
    table(0, ["NAME", "NETWORK ID", "KIND", "STATE", "TAKES VMS"], rows)
}

#[cfg(test)]
mod tests {
    use failover_domain::Purpose;

    use super::*;
    use crate::fixture;

    #[test]
    fn mappings_and_gaps_are_shown_together() {
        let of_vm = MappingsOfVm {
            vm_id: fixture::VM.parse().unwrap(),
            mappings: vec![NetworkMapping {
                source_network: "VM Network".into(),
                purpose: Purpose::Production,
                network_id: "net-1".parse().unwrap(),
                network_name: "prod".into(),
            }],
            unmapped_for_production: vec![],
            unmapped_for_test: vec!["VM Network".into()],
        };
        assert_eq!(
            list("erp-01", &of_vm),
            "SOURCE NETWORK  FOR         CLOUD NETWORK  NETWORK ID\nVM Network      production  prod           net-1\nnot \
             mapped for test: VM Network\n"
        );
    }
}
