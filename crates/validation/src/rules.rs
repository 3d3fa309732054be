//! The list of rules. A new rule is one function in a file below and one entry here.

mod account_limits;
mod active_jobs;
mod cloud_reachable;
mod consistency_point;
mod destination_name;
mod destination_settings;
mod destination_size;
mod device_ids;
mod expunge_permission;
mod leftovers;
mod managed_storage;
mod network_mappings;
mod rollback_strategy;
mod source_power_state;
mod sync_status;
mod vm_existence;
mod volume_state;

use failover_domain::{CheckType, FailoverType};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::outcome::Outcome;
use crate::view::View;

/// What is known of a rule without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name in the API, such as `volume_state`.
    pub name: &'static str,
    /// Its name for people, such as `Volume State`.
    pub check_name: &'static str,
    /// What a failure means.
    pub check_type: CheckType,
}

/// The rules that [`crate::assess`] runs for a failover type, in the order of the findings.
pub fn catalogue(failover: FailoverType) -> Vec<RuleInfo> {
    RULES
        .iter()
        .filter(|r| r.applies.to(failover))
        .map(|r| r.info)
        .collect()
}

/// Which failovers a rule is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Applies {
    Always,
    LiveOnly,
    TestOnly,
}

impl Applies {
    pub(crate) fn to(self, failover: FailoverType) -> bool {
        match self {
            Applies::Always => true,
            Applies::LiveOnly => failover == FailoverType::Live,
            Applies::TestOnly => failover == FailoverType::Test,
        }
    }
}

/// One rule.
pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) applies: Applies,
    pub(crate) check: for<'a> fn(&'a View<'a>) -> BoxFuture<'a, Outcome>,
}

const fn info(name: &'static str, check_name: &'static str, check_type: CheckType) -> RuleInfo {
    RuleInfo {
        name,
        check_name,
        check_type,
    }
}

/// All rules: the customer's five first, in the customer's order.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        info: info("vm_existence", "VM Existence", CheckType::Critical),
        applies: Applies::Always,
        check: |view| async { vm_existence::check(view) }.boxed(),
    },
    Rule {
        info: info("active_jobs", "Active Jobs", CheckType::Critical),
        applies: Applies::Always,
        check: |view| async { active_jobs::check(view) }.boxed(),
    },
    Rule {
        info: info("sync_status", "Sync Status", CheckType::Critical),
        applies: Applies::Always,
        check: |view| async { sync_status::check(view) }.boxed(),
    },
    Rule {
        info: info("network_mappings", "Network Mappings", CheckType::Critical),
        applies: Applies::Always,
        check: |view| network_mappings::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("volume_state", "Volume State", CheckType::Critical),
        applies: Applies::Always,
        check: |view| volume_state::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("cloud_reachable", "Cloud Reachable", CheckType::Critical),
        applies: Applies::Always,
        check: |view| cloud_reachable::check(view).boxed(),
    },
    Rule {
        info: info(
            "destination_settings",
            "Destination Settings",
            CheckType::Critical,
        ),
        applies: Applies::Always,
        check: |view| destination_settings::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("destination_name", "Destination Name", CheckType::Critical),
        applies: Applies::Always,
        check: |view| destination_name::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("rollback_strategy", "Rollback Strategy", CheckType::Critical),
        applies: Applies::TestOnly,
        check: |view| rollback_strategy::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("managed_storage", "Managed Storage", CheckType::Critical),
        applies: Applies::Always,
        check: |view| managed_storage::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("account_limits", "Account Limits", CheckType::Critical),
        applies: Applies::Always,
        check: |view| account_limits::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("source_power_state", "Source Power State", CheckType::Warning),
        applies: Applies::LiveOnly,
        check: |view| async { source_power_state::check(view) }.boxed(),
    },
    Rule {
        info: info("consistency_point", "Consistency Point", CheckType::Warning),
        applies: Applies::Always,
        check: |view| async { consistency_point::check(view) }.boxed(),
    },
    Rule {
        info: info("device_ids", "Device Ids", CheckType::Warning),
        applies: Applies::Always,
        check: |view| device_ids::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("leftovers", "Leftovers", CheckType::Warning),
        applies: Applies::Always,
        check: |view| leftovers::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("expunge_permission", "Expunge Permission", CheckType::Warning),
        applies: Applies::Always,
        check: |view| expunge_permission::check(view).map(or_cannot_tell).boxed(),
    },
    Rule {
        info: info("destination_size", "Destination Size", CheckType::Warning),
        applies: Applies::Always,
        check: |view| destination_size::check(view).map(or_cannot_tell).boxed(),
    },
];

fn or_cannot_tell(answer: Result<Outcome, ossea::OsseaError>) -> Outcome {
    answer.unwrap_or_else(Outcome::from)
}
