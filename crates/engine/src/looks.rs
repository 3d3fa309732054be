//! What somebody saw last of the readiness of a source VM, and what has changed since.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_domain::{FailoverType, Readiness, VmId};
use serde::{Deserialize, Serialize};

use crate::ports::StoreError;

/// One look at the readiness of a source VM, as far as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadinessLook {
    /// The source VM.
    pub vm_id: VmId,
    /// For which kind of failover.
    pub failover: FailoverType,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether a failover could start.
    pub is_ready: bool,
    /// The score.
    pub score: f64,
    /// The names of the rules that failed.
    pub failed_rules: BTreeSet<String>,
}

impl ReadinessLook {
    /// What is kept of a verdict.
    pub fn of(verdict: &Readiness, vm_id: &VmId, failover: FailoverType, at: DateTime<Utc>) -> Self {
        Self {
            vm_id: vm_id.clone(),
            failover,
            at,
            is_ready: verdict.is_ready,
            score: verdict.readiness_score,
            failed_rules: verdict.failures().map(|check| check.rule.clone()).collect(),
        }
    }

    /// What is different in this look from an earlier one; `None` when the same rules failed.
    pub fn changes_since(&self, earlier: &ReadinessLook) -> Option<ReadinessChanges> {
        let only_in = |a: &ReadinessLook, b: &ReadinessLook| {
            a.failed_rules.difference(&b.failed_rules).cloned().collect()
        };
        (self.failed_rules != earlier.failed_rules).then(|| ReadinessChanges {
            was_ready: earlier.is_ready,
            previous_score: earlier.score,
            newly_failed: only_in(self, earlier),
            newly_passed: only_in(earlier, self),
        })
    }
}

/// What has changed since the last look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadinessChanges {
    /// Whether a failover could start at the last look.
    pub was_ready: bool,
    /// The score then.
    pub previous_score: f64,
    /// The rules that fail now and did not then.
    pub newly_failed: Vec<String>,
    /// The rules that failed then and do not now.
    pub newly_passed: Vec<String>,
}

/// Keeps the newest look at each source VM, for each type of failover.
#[async_trait]
pub trait ReadinessLooks: Send + Sync {
    /// The newest looks at some source VMs; those that nobody has looked at are left out.
    async fn last_looks(
        &self,
        failover: FailoverType,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, ReadinessLook>, StoreError>;

    /// Keeps looks, each in place of the one of the same VM and type, unless that one is newer.
    async fn put_looks(&self, looks: &[ReadinessLook]) -> Result<(), StoreError>;
}
