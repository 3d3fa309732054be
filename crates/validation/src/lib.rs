//! Readiness: may this source VM be failed over now, and if not, what must a person do?
//!
//! Rules are small functions over a [`Subject`] (what our database says) and the cloud. They run side by side,
//! each with a deadline of its own, and share what they read of the cloud. All findings are gathered; nothing
//! stops at the first one. A rule that cannot find out says so and counts as failed: readiness is never
//! assumed.
//!
//! | rule | type | holds when |
//! |---|---|---|
//! | `vm_existence` | critical | the VM is in the inventory with 1 to 33 disks, CPUs, memory and firmware |
//! | `active_jobs` | critical | neither a failover nor a replication works on the VM |
//! | `sync_status` | critical | a synchronisation succeeded (ChangeID) and no replica needs a full one |
//! | `network_mappings` | critical | every NIC has a cloud network of its own that takes VMs in the target zone; in a test, a marked one that is not production |
//! | `volume_state` | critical | every disk's replica rests, `Ready`, on the OMA, and belongs to no other disk |
//! | `cloud_reachable` | critical | the cloud answers and accepts our credentials |
//! | `destination_settings` | critical | zone, offering, template and OMA exist and suit the VM |
//! | `destination_name` | critical | no cloud VM has the name that the destination VM gets; for a test, one of nine is free |
//! | `rollback_strategy` | critical | the rollback point can be made in the way asked for (test failover only) |
//! | `managed_storage` | critical | the OS disk is not known to be on managed storage, where nothing becomes a root |
//! | `account_limits` | critical | no limit of our account is known to be below what the failover makes by itself |
//! | `source_power_state` | warning | the source VM is off (live failover only) |
//! | `consistency_point` | warning | the replicas of all disks are of one synchronisation |
//! | `device_ids` | warning | the reported devices on the OMA are possible, different, and those that the cloud shows |
//! | `leftovers` | warning | no earlier job has left a VM or a snapshot of the VM in the cloud |
//! | `expunge_permission` | warning | our account may expunge a destination VM on the way back |
//! | `destination_size` | warning | a fixed offering gives at least the CPUs and memory of the source VM |

mod destination;
mod outcome;
mod part;
pub mod prerequisites;
mod reading;
mod rules;
pub mod strategy;
mod subject;
mod view;

use std::time::Duration;

use failover_domain::{CheckStatus, Finding, Readiness};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use ossea::OsseaClient;
use tokio::time::{Instant, timeout};

pub use destination::free_destination_name;
pub use part::ReadinessPart;
pub use prerequisites::check_prerequisites;
pub use rules::{RuleInfo, catalogue};
pub use strategy::{StrategyChoice, StrategyError, StrategyRefused, choose_strategy};
pub use subject::{Subject, Target};

use outcome::Outcome;
use reading::CloudReading;
use rules::Rule;
use view::View;

/// How long one rule may take. The customer expects the whole validation within 15 seconds, and rules run side
/// by side, so this is also about the time of the slowest verdict.
const RULE_DEADLINE: Duration = Duration::from_secs(15);

/// How many VMs of many are assessed side by side. Hardly any rule waits for the cloud then, so this bounds what is in
/// flight rather than the time.
const ASSESSED_AT_ONCE: usize = 32;

/// Runs all rules of the subject's type and gathers their findings.
///
/// A rule that cannot find out counts as failed and says why. Never fails itself.
pub async fn assess(subject: &Subject, target: &Target, cloud: &dyn OsseaClient) -> Readiness {
    verdict(subject, target, &CloudReading::for_one_vm(cloud, target)).await
}

/// Runs all rules over many source VMs, and gives their verdicts in the same order.
///
/// The cloud's lists are read once for all of them, so the number of calls does not grow with the number of VMs; a
/// network outside of the target zone that a mapping leads to is asked for by itself, once. Otherwise like [`assess`].
pub async fn assess_many(subjects: &[Subject], target: &Target, cloud: &dyn OsseaClient) -> Vec<Readiness> {
    let cloud = CloudReading::for_many_vms(cloud, target).await;
    let verdicts: Vec<_> = subjects
        .iter()
        .map(|subject| verdict(subject, target, &cloud))
        .collect();
    stream::iter(verdicts).buffered(ASSESSED_AT_ONCE).collect().await
}

/// Runs the rules of one part, as far as they are for the subject's type. What they find is no verdict.
pub async fn assess_part(
    subject: &Subject,
    target: &Target,
    cloud: &dyn OsseaClient,
    part: ReadinessPart,
) -> Vec<Finding> {
    let cloud = CloudReading::for_one_vm(cloud, target);
    let view = View {
        subject,
        target,
        cloud: &cloud,
    };
    findings(&view, |rule| part.rules().contains(&rule.info.name)).await
}

async fn verdict(subject: &Subject, target: &Target, cloud: &CloudReading<'_>) -> Readiness {
    let view = View {
        subject,
        target,
        cloud,
    };
    let mut readiness = Readiness::from_findings(findings(&view, |_| true).await);
    tell_each_action_once(&mut readiness.required_actions);
    readiness
}

/// What the rules of the subject's type find, of those that are wanted.
async fn findings(view: &View<'_>, wanted: impl Fn(&Rule) -> bool) -> Vec<Finding> {
    let of_type = rules::RULES
        .iter()
        .filter(|r| r.applies.to(view.subject.failover));
    join_all(of_type.filter(|r| wanted(r)).map(|rule| finding(rule, view))).await
}

async fn finding(rule: &Rule, view: &View<'_>) -> Finding {
    let began = Instant::now();
    let outcome = match timeout(RULE_DEADLINE, (rule.check)(view)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::overdue(RULE_DEADLINE),
    };
    let execution_time_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, message, details, remedy) = match outcome {
        Outcome::Pass { message, details } => (CheckStatus::Pass, message, details, None),
        Outcome::Fail {
            message,
            details,
            remedy,
        } => (CheckStatus::Fail, message, details, Some(remedy)),
        Outcome::CannotTell { why, remedy } => {
            let message = format!("{} cannot be checked: {why}", rule.info.check_name);
            (CheckStatus::Fail, message, serde_json::Value::Null, Some(remedy))
        }
    };
    Finding {
        rule: rule.info.name.to_owned(),
        check_name: rule.info.check_name.to_owned(),
        check_type: rule.info.check_type,
        status,
        message,
        details,
        remedy,
        execution_time_ms,
    }
}

/// One silent cloud fails many rules; a person needs to read the remedy once.
fn tell_each_action_once(actions: &mut Vec<String>) {
    let mut told = std::collections::BTreeSet::new();
    actions.retain(|action| told.insert(action.clone()));
}
