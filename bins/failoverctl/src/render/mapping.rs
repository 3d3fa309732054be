//! Network mappings and networks.

use failover_api::dto::{
    BulkMappingsAnswer, CopyAnswer, MappingAnswer, MappingPage, MappingSuggestions, MappingsOfVm,
    NetworkList, SuggestionReason,
};
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
    text + &unmapped(&mappings.unmapped_for_production, &mappings.unmapped_for_test)
}

fn unmapped(for_production: &[String], for_test: &[String]) -> String {
    let mut text = String::new();
    for (purpose, networks) in [("production", for_production), ("test", for_test)] {
        for network in networks {
            text += &format!("not mapped for {purpose}: {network}\n");
        }
    }
    text
}

/// The mappings of all VMs.
pub(crate) fn page(page: &MappingPage) -> String {
    let rows = page.mappings.iter().map(|answer| {
        let mapping = &answer.mapping;
        [
            answer.vm_id.to_string(),
            mapping.source_network.clone(),
            mapping.purpose.to_string(),
            mapping.network_name.clone(),
            mapping.network_id.to_string(),
        ]
    });
    let header = ["VM ID", "SOURCE NETWORK", "FOR", "CLOUD NETWORK", "NETWORK ID"];
    let mut text = table(0, header, rows);
    if let Some(cursor) = &page.next_cursor {
        text += &format!("There are more: failoverctl mappings list --all --cursor {cursor:?}\n");
    }
    text
}

/// What was copied from another VM, and what was not.
pub(crate) fn copied(answer: &CopyAnswer) -> String {
    let mut text = String::new();
    for mapping in &answer.copied {
        text += &became(mapping);
    }
    for mapping in &answer.without_counterpart {
        text += &format!(
            "not copied, the VM is not on {:?}: {} for {}\n",
            mapping.source_network, mapping.network_name, mapping.purpose
        );
    }
    text + &unmapped(&answer.unmapped_for_production, &answer.unmapped_for_test)
}

/// Networks that might be the right ones, with the reasons.
pub(crate) fn suggestions(answer: &MappingSuggestions) -> String {
    let mut rows = Vec::new();
    for network in &answer.networks {
        for suggested in &network.suggestions {
            let reasons: Vec<String> = suggested.reasons.iter().map(reason).collect();
            rows.push([
                network.source_network.clone(),
                suggested.network_name.clone(),
                suggested.network_id.to_string(),
                reasons.join("; "),
            ]);
        }
    }
    let mut text = table(0, ["SOURCE NETWORK", "CLOUD NETWORK", "NETWORK ID", "WHY"], rows);
    for network in answer.networks.iter().filter(|n| n.suggestions.is_empty()) {
        text += &format!(
            "no suggestion for {}: {}\n",
            answer.purpose, network.source_network
        );
    }
    text
}

fn reason(reason: &SuggestionReason) -> String {
    match reason {
        SuggestionReason::OtherVms { count, such_as } => format!("used by {count} VMs, such as {such_as}"),
        SuggestionReason::SameName {} => "the same name".to_owned(),
        SuggestionReason::CommonWords { words } => format!("the names share {}", words.join(", ")),
    }
}

/// What an import stored.
pub(crate) fn imported(answer: &BulkMappingsAnswer) -> String {
    format!("{} mappings are stored\n", answer.stored)
}

/// A mapping that was stored.
pub(crate) fn stored(answer: &MappingAnswer) -> String {
    became(&answer.mapping)
}

fn became(mapping: &NetworkMapping) -> String {
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
