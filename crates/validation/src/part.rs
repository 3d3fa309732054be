//! Parts of readiness that can be asked for by themselves.

/// One aspect of readiness: a few rules that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadinessPart {
    /// Whether the replicas hold a consistent state.
    Sync,
    /// Whether every network card has its network.
    Networks,
    /// Whether the replicas rest where they should, and can be moved and brought back.
    Volumes,
    /// Whether anybody works on the VM.
    ActiveJobs,
    /// Whether the cloud and what is configured of it suit the VM.
    Configuration,
}

impl ReadinessPart {
    /// All parts.
    pub const ALL: [ReadinessPart; 5] = [
        ReadinessPart::Sync,
        ReadinessPart::Networks,
        ReadinessPart::Volumes,
        ReadinessPart::ActiveJobs,
        ReadinessPart::Configuration,
    ];

    /// The names of the rules that belong to it. `vm_existence` and `source_power_state` are about the source VM itself
    /// and belong to no part.
    pub const fn rules(self) -> &'static [&'static str] {
        match self {
            ReadinessPart::Sync => &["sync_status", "consistency_point"],
            ReadinessPart::Networks => &["network_mappings"],
            ReadinessPart::Volumes => &[
                "volume_state",
                "managed_storage",
                "device_ids",
                "rollback_strategy",
                "leftovers",
            ],
            ReadinessPart::ActiveJobs => &["active_jobs"],
            ReadinessPart::Configuration => &[
                "cloud_reachable",
                "destination_settings",
                "destination_name",
                "account_limits",
                "expunge_permission",
                "destination_size",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RULES;

    #[test]
    fn every_rule_about_more_than_the_source_vm_is_in_exactly_one_part() {
        for rule in RULES {
            let name = rule.info.name;
            let parts = ReadinessPart::ALL
                .iter()
                .filter(|part| part.rules().contains(&name));
            let expected = usize::from(!["vm_existence", "source_power_state"].contains(&name));
            assert_eq!(parts.count(), expected, "{name}");
        }
    }

    #[test]
    fn a_part_names_no_rule_that_does_not_exist() {
        for part in ReadinessPart::ALL {
            for name in part.rules() {
                assert!(RULES.iter().any(|rule| rule.info.name == *name), "{name}");
            }
        }
    }
}
