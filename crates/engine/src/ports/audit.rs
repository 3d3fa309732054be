//! The audit as the engine writes it: which entry each change leaves, in the transaction that makes it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::{Action, Actor, AuditEntry, AuditHead, AuditRow, TokensError};
use failover_domain::{JobId, JobType, NetworkMapping, Purpose, SourceVm, VmId, VolumeId};

use super::{NewJob, PutOutcome, StoreError};
use crate::plan::WarningPolicy;
use crate::request::JobRequest;

/// In which order rows of the audit are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditOrder {
    /// For people.
    #[default]
    NewestFirst,
    /// For checks and exports.
    OldestFirst,
}

/// Which rows of the audit are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what this actor did.
    pub actor: Option<String>,
    /// Only what was done so.
    pub action: Option<String>,
    /// Only what is about this source VM.
    pub vm_id: Option<VmId>,
    /// Only from this instant on.
    pub since: Option<DateTime<Utc>>,
    /// Only before this instant.
    pub until: Option<DateTime<Utc>>,
    /// In which order.
    pub order: AuditOrder,
    /// Only rows that come after the one of this number in that order.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl AuditFilter {
    /// Whether it lets a row pass; order and limit are not asked.
    pub fn holds_for(&self, row: &AuditRow) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        let is_after = self.after.is_none_or(|after| match self.order {
            AuditOrder::NewestFirst => row.seq < after,
            AuditOrder::OldestFirst => row.seq > after,
        });
        is(&self.actor, &row.actor)
            && is(&self.action, &row.action)
            && self
                .vm_id
                .as_ref()
                .is_none_or(|vm| row.vm_id.as_deref() == Some(vm.as_str()))
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at < until)
            && is_after
    }
}

/// What was done, by whom.
///
/// # Guarantees of an implementation
/// * Every change of [`super::JobStore::create`], [`super::JobStore::submit_request`], [`super::Inventory`],
///   [`super::Mappings`] and [`failover_access::Tokens`] that names an actor commits together with its row, or not at all.
/// * Rows are numbered from 1 without gaps and chained by [`AuditRow::after`], whatever the concurrency.
/// * Rows are never changed or removed.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Rows by filter.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError>;

    /// The last row that was written, as it was noted when it was written.
    async fn audit_head(&self) -> Result<AuditHead, StoreError>;
}

impl NewJob {
    /// The entry of a job's creation.
    pub fn audited(&self, job_id: &JobId) -> AuditEntry {
        let mut reason = format!("of source VM {}", self.plan.source_vm_name);
        if let Some(settled) = self.plan.settles() {
            reason += &format!("; settles {}", settled.job);
        }
        if self.plan.warnings == WarningPolicy::Skip {
            reason += "; skip_validation: failed warnings do not count";
        }
        AuditEntry {
            actor: self.requested_by.clone(),
            action: match self.plan.job_type {
                JobType::Live => Action::StartLive,
                JobType::Test => Action::StartTest,
                JobType::Rollback => Action::Rollback,
                JobType::Commit => Action::Commit,
            },
            object: format!("job {job_id}"),
            vm_id: Some(self.plan.vm_id.clone()),
            job_id: Some(job_id.clone()),
            reason,
        }
    }
}

impl JobRequest {
    /// The entry of a request to a job of a source VM.
    pub fn entry(&self, by: &Actor, job_id: &JobId, vm_id: VmId) -> AuditEntry {
        AuditEntry {
            actor: by.clone(),
            action: match self {
                JobRequest::Cancel => Action::Cancel,
                JobRequest::EndTest => Action::EndTest,
                JobRequest::Extend { .. } => Action::Extend,
                JobRequest::Retry => Action::Retry,
                JobRequest::Decide { .. } => Action::Decide,
            },
            object: format!("job {job_id}"),
            vm_id: Some(vm_id),
            job_id: Some(job_id.clone()),
            reason: self.audited(),
        }
    }
}

/// The entry of a report that was taken.
pub fn report_entry(by: &Actor, vm: &SourceVm, outcome: PutOutcome) -> AuditEntry {
    let outcome = match outcome {
        PutOutcome::Created => "new",
        PutOutcome::Updated => "in place of what was known",
    };
    let disks = vm.disks.len();
    AuditEntry {
        actor: by.clone(),
        action: Action::ReportVm,
        object: format!("source VM {}", vm.name),
        vm_id: Some(vm.vm_id.clone()),
        job_id: None,
        reason: format!("{outcome}; {disks} disks"),
    }
}

/// The entry of a mapping that was added or replaced.
pub fn put_mapping_entry(by: &Actor, vm: &VmId, mapping: &NetworkMapping) -> AuditEntry {
    AuditEntry {
        action: Action::PutMapping,
        reason: format!("to {} ({})", mapping.network_name, mapping.network_id),
        ..mapping_entry(by, vm, &mapping.source_network, mapping.purpose)
    }
}

/// The entry of a mapping that was removed.
pub fn delete_mapping_entry(by: &Actor, vm: &VmId, source_network: &str, purpose: Purpose) -> AuditEntry {
    mapping_entry(by, vm, source_network, purpose)
}

fn mapping_entry(by: &Actor, vm: &VmId, source_network: &str, purpose: Purpose) -> AuditEntry {
    AuditEntry {
        actor: by.clone(),
        action: Action::DeleteMapping,
        object: format!("{purpose} mapping of {source_network}"),
        vm_id: Some(vm.clone()),
        job_id: None,
        reason: String::new(),
    }
}

/// The entry of a mark that was taken off by hand.
pub fn clear_quarantine_entry(by: &Actor, vm: &VmId, volume: &VolumeId, reason: &str) -> AuditEntry {
    AuditEntry {
        actor: by.clone(),
        action: Action::ClearQuarantine,
        object: format!("volume {volume}"),
        vm_id: Some(vm.clone()),
        job_id: None,
        reason: reason.to_owned(),
    }
}

impl From<StoreError> for TokensError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => TokensError::Unavailable(cause),
            StoreError::Corrupt { .. } | StoreError::Schema(_) => TokensError::Broken(error.to_string()),
        }
    }
}
