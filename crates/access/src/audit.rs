//! What was done, by whom: the rows of the audit.

use chrono::{DateTime, Utc};
use failover_domain::{JobId, VmId};
use serde::{Deserialize, Serialize};

use crate::caller::Actor;
use crate::chain;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A live failover is started.
    StartLive,
    /// A test failover is started.
    StartTest,
    /// A completed live failover is made final.
    Commit,
    /// A completed live failover is undone.
    Rollback,
    /// A job is asked to stop.
    Cancel,
    /// A test is ended before its time.
    EndTest,
    /// The deadline of a test's window is moved.
    Extend,
    /// What waits is tried again.
    Retry,
    /// Something is decided about an attention.
    Decide,
    /// A source VM is reported or imported.
    ReportVm,
    /// A network mapping is added or replaced.
    PutMapping,
    /// A network mapping is removed.
    DeleteMapping,
    /// The mark of a replica that needs a full synchronisation is taken off by hand.
    ClearQuarantine,
    /// A token is made.
    CreateToken,
    /// A token is revoked.
    RevokeToken,
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 15] = [
        Action::StartLive,
        Action::StartTest,
        Action::Commit,
        Action::Rollback,
        Action::Cancel,
        Action::EndTest,
        Action::Extend,
        Action::Retry,
        Action::Decide,
        Action::ReportVm,
        Action::PutMapping,
        Action::DeleteMapping,
        Action::ClearQuarantine,
        Action::CreateToken,
        Action::RevokeToken,
    ];

    /// The name in tables and routes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::StartLive => "start_live",
            Action::StartTest => "start_test",
            Action::Commit => "commit",
            Action::Rollback => "rollback",
            Action::Cancel => "cancel",
            Action::EndTest => "end_test",
            Action::Extend => "extend",
            Action::Retry => "retry",
            Action::Decide => "decide",
            Action::ReportVm => "report_vm",
            Action::PutMapping => "put_mapping",
            Action::DeleteMapping => "delete_mapping",
            Action::ClearQuarantine => "clear_quarantine",
            Action::CreateToken => "create_token",
            Action::RevokeToken => "revoke_token",
        }
    }
}

/// A change that is to be audited, in the transaction that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who makes it.
    pub actor: Actor,
    /// What is done.
    pub action: Action,
    /// To which object, in words.
    pub object: String,
    /// Which source VM it is about.
    pub vm_id: Option<VmId>,
    /// Which job it is about.
    pub job_id: Option<JobId>,
    /// Why in the actor's words, or what it was about in ours.
    pub reason: String,
}

/// The last row of the audit: what the next one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditHead {
    /// Its number; 0 while there is none.
    pub seq: u64,
    /// Its hash; zeros while there is none.
    pub hash: String,
}

impl AuditHead {
    /// The head of an audit without rows.
    pub fn start() -> Self {
        Self {
            seq: 0,
            hash: chain::START.to_owned(),
        }
    }
}

/// One row of the audit.
///
/// Ids are plain texts here: a row that somebody has changed must be readable, or it could not be shown to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditRow {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What was done, such as `start_live`.
    pub action: String,
    /// To which object.
    pub object: String,
    /// Which source VM it was about.
    pub vm_id: Option<String>,
    /// Which job it was about.
    pub job_id: Option<String>,
    /// The request in which it was done.
    pub request_id: Option<String>,
    /// Why in the actor's words, or what it was about in ours.
    pub reason: String,
    /// The SHA-256 of this row and the hash of the row before it.
    pub hash: String,
}

/// The longest request id that is kept: callers may bring their own, and nobody needs more to find a log line.
const LONGEST_REQUEST_ID: usize = 128;

impl AuditRow {
    /// The row that tells `entry` after `head`.
    pub fn after(head: &AuditHead, at: DateTime<Utc>, entry: &AuditEntry) -> Self {
        // PostgreSQL keeps whole microseconds and no NUL, and a row must read back as it was hashed.
        let at = DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at);
        let kept = |text: &str| text.replace('\0', "\u{FFFD}");
        let cut = |id: &String| kept(id).chars().take(LONGEST_REQUEST_ID).collect();
        let mut row = Self {
            seq: head.seq + 1,
            at,
            actor: kept(&entry.actor.name),
            action: entry.action.as_str().to_owned(),
            object: kept(&entry.object),
            vm_id: entry.vm_id.as_ref().map(ToString::to_string),
            job_id: entry.job_id.as_ref().map(ToString::to_string),
            request_id: entry.actor.request_id.as_ref().map(cut),
            reason: kept(&entry.reason),
            hash: String::new(),
        };
        row.hash = chain::hash_of(&row, &head.hash);
        row
    }

    /// The head of an audit that ends with this row.
    pub fn head(&self) -> AuditHead {
        AuditHead {
            seq: self.seq,
            hash: self.hash.clone(),
        }
    }
}
