//! Readiness of many source VMs at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use failover_domain::{CheckType, EstimatedDuration, FailoverType, Finding, Readiness, ReadinessBand, VmId};
use failover_engine::looks::ReadinessChanges;
use failover_engine::service::VmReadiness;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The verdict over one source VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessAnswer {
    /// The verdict.
    #[serde(flatten)]
    pub readiness: Readiness,
    /// When somebody looked last; absent the first time, and when the last look cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_look_at: Option<DateTime<Utc>>,
    /// What has changed since then; absent when nothing has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ReadinessChanges>,
}

/// A page of the inventory with the verdict over each source VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetReadinessPage {
    /// For which kind of failover.
    #[serde(rename = "type")]
    pub failover: FailoverType,
    /// What was found on this page, before any filter.
    pub totals: ReadinessTotals,
    /// The verdicts, ordered by VM id; with a filter those that pass it.
    pub vms: Vec<VmReadinessView>,
    /// What to ask for as `cursor` to get the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<VmId>,
}

/// Sums over the source VMs of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessTotals {
    /// How many were looked at.
    pub assessed: usize,
    /// How many of them are ready.
    pub ready: usize,
    /// How many of them are not.
    pub not_ready: usize,
    /// For each rule that failed, on how many.
    pub failed_checks: BTreeMap<String, usize>,
}

/// The verdict over one source VM of many, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VmReadinessView {
    /// The source VM.
    pub vm_id: VmId,
    /// Its name.
    pub vm_name: String,
    /// Whether a failover may start.
    pub is_ready: bool,
    /// 0 to 100.
    pub readiness_score: f64,
    /// What the score means.
    pub band: ReadinessBand,
    /// The checks that failed.
    pub failed_checks: Vec<FailedCheck>,
    /// What a person must do before a failover may start.
    pub required_actions: Vec<String>,
    /// How long the failover should take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<EstimatedDuration>,
    /// When somebody looked last; absent the first time, and when the last look cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_look_at: Option<DateTime<Utc>>,
    /// What has changed since then; absent when nothing has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ReadinessChanges>,
    /// All checks with their details, when they were asked for (`full=true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Finding>>,
}

/// A check that failed, without the details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedCheck {
    /// The rule's name in the API.
    pub rule: String,
    /// What the failure means.
    pub check_type: CheckType,
    /// What was found, in a sentence with names and figures.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl ReadinessTotals {
    /// The sums over some verdicts.
    pub fn of<'a>(verdicts: impl IntoIterator<Item = &'a Readiness>) -> Self {
        let mut totals = Self::default();
        for verdict in verdicts {
            totals.assessed += 1;
            if verdict.is_ready {
                totals.ready += 1;
            } else {
                totals.not_ready += 1;
            }
            for failed in verdict.failures() {
                *totals.failed_checks.entry(failed.rule.clone()).or_default() += 1;
            }
        }
        totals
    }

    /// Adds the sums of another page.
    pub fn add(&mut self, other: &ReadinessTotals) {
        self.assessed += other.assessed;
        self.ready += other.ready;
        self.not_ready += other.not_ready;
        for (rule, count) in &other.failed_checks {
            *self.failed_checks.entry(rule.clone()).or_default() += count;
        }
    }
}

impl VmReadinessView {
    /// The verdict in short.
    pub fn in_short(vm: VmReadiness) -> Self {
        let failed = |check: &Finding| FailedCheck {
            rule: check.rule.clone(),
            check_type: check.check_type,
            message: check.message.clone(),
            remedy: check.remedy.clone(),
        };
        let verdict = vm.readiness;
        Self {
            vm_id: vm.vm_id,
            vm_name: vm.name,
            is_ready: verdict.is_ready,
            readiness_score: verdict.readiness_score,
            band: verdict.band,
            failed_checks: verdict.failures().map(failed).collect(),
            required_actions: verdict.required_actions,
            estimated_duration: verdict.estimated_duration,
            last_look_at: None,
            changes: None,
            checks: None,
        }
    }

    /// The verdict with all its checks.
    pub fn in_full(vm: VmReadiness) -> Self {
        let checks = Some(vm.readiness.checks.clone());
        Self {
            checks,
            ..Self::in_short(vm)
        }
    }
}
