//! What an operator may do with a job now, and why the rest is refused. One place for the API, the command line and
//! foreign programs, so that nobody offers what another one refuses.

use failover_domain::{JobStatus, JobType};
use serde::{Deserialize, Serialize};

use crate::ports::JobRecord;
use crate::request::{JobRequest, StoredRequest};

/// What an operator may want to do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Stop it and bring the replicas back.
    Cancel,
    /// End the test now.
    EndTest,
    /// Move the deadline of the test's window.
    Extend,
    /// Try at once what waits for its next attempt.
    Retry,
    /// Decide about an attention.
    Decide,
    /// Make a completed live failover final: delete its rollback points.
    Commit,
    /// Undo a completed live failover.
    Rollback,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Verb; 7] = [
        Verb::Cancel,
        Verb::EndTest,
        Verb::Extend,
        Verb::Retry,
        Verb::Decide,
        Verb::Commit,
        Verb::Rollback,
    ];

    /// The name in routes and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Cancel => "cancel",
            Verb::EndTest => "end_test",
            Verb::Extend => "extend",
            Verb::Retry => "retry",
            Verb::Decide => "decide",
            Verb::Commit => "commit",
            Verb::Rollback => "rollback",
        }
    }
}

/// Whether a verb may be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It may. What it would do, in a sentence.
    Allowed {
        /// In words.
        meaning: String,
    },
    /// It may, if the caller says that what the guest has written is to be discarded.
    NeedsConsent {
        /// What it would do, in words.
        meaning: String,
    },
    /// It may not.
    Refused {
        /// Why not, in a sentence.
        reason: String,
    },
}

/// Whether `verb` may be used on a job of which `asked` was asked already, now.
pub fn permission(record: &JobRecord, asked: &[StoredRequest], verb: Verb) -> Permission {
    match verb {
        Verb::Cancel => cancel(record, asked),
        Verb::EndTest => in_window(record, asked).unwrap_or_else(|| {
            allowed("The test VM is stopped, its writes are undone, and the replicas return to the OMA.")
        }),
        Verb::Extend => in_window(record, asked).unwrap_or_else(|| {
            allowed(
                "The window stays open until the new deadline; the replicas are not synchronised meanwhile.",
            )
        }),
        Verb::Retry => retry(record),
        Verb::Decide => decide(record),
        Verb::Commit => settle(record).unwrap_or_else(|| {
            allowed("The rollback points are deleted; after that the failover cannot be rolled back.")
        }),
        Verb::Rollback => settle(record).unwrap_or_else(|| Permission::NeedsConsent {
            meaning:
                "The destination VM is stopped and destroyed; what its guest wrote since the failover is \
                      discarded, and the replicas return to the OMA as they were."
                    .to_owned(),
        }),
    }
}

fn allowed(meaning: &str) -> Permission {
    Permission::Allowed {
        meaning: meaning.to_owned(),
    }
}

fn refused(reason: impl Into<String>) -> Permission {
    Permission::Refused {
        reason: reason.into(),
    }
}

fn has_ended(record: &JobRecord) -> Option<Permission> {
    let status = record.projection.status;
    status
        .is_final()
        .then(|| refused(format!("the job has ended: it is {status}")))
}

/// Why nothing can be done that another request, which is on its way to the worker, decides already.
fn is_to_stop(asked: &[StoredRequest]) -> Option<Permission> {
    asked.iter().find_map(|earlier| match earlier.request {
        JobRequest::Cancel => Some(refused(format!(
            "cancelling was asked for already, by {}",
            earlier.by
        ))),
        JobRequest::EndTest => Some(refused(format!(
            "ending the test was asked for already, by {}; its clean-up brings everything back",
            earlier.by
        ))),
        JobRequest::Extend { .. } | JobRequest::Retry | JobRequest::Decide { .. } => None,
    })
}

fn cancel(record: &JobRecord, asked: &[StoredRequest]) -> Permission {
    if let Some(ended) = has_ended(record) {
        return ended;
    }
    match record.job_type {
        JobType::Rollback => return refused("a rollback goes on until the replicas are on the OMA"),
        JobType::Commit => return refused("a commit goes on until the rollback points are deleted"),
        JobType::Live | JobType::Test => {}
    }
    if record.projection.returning {
        return refused("the job is on the way back already");
    }
    if let Some(refused) = is_to_stop(asked) {
        return refused;
    }
    // A live failover is past its point of no return when its guest may have written.
    if record.job_type == JobType::Live && record.projection.status == JobStatus::PoweringOn {
        return Permission::NeedsConsent {
            meaning:
                "The destination VM was started: it is stopped and destroyed, what its guest has written is \
                      discarded, and the replicas return to the OMA as they were before."
                    .to_owned(),
        };
    }
    allowed("What the job has done is undone, and the replicas return to the OMA.")
}

/// Why nothing can be done with the window of a job, if so.
fn in_window(record: &JobRecord, asked: &[StoredRequest]) -> Option<Permission> {
    if let Some(ended) = has_ended(record) {
        return Some(ended);
    }
    if record.job_type != JobType::Test {
        return Some(refused(format!(
            "only a test has a window; this is a job of the type {}",
            record.job_type
        )));
    }
    if record.projection.returning {
        return Some(refused("the test is being cleaned up already"));
    }
    if record.projection.window.is_none() {
        return Some(refused(
            "the window is not open yet; cancel stops a test before it",
        ));
    }
    is_to_stop(asked)
}

fn retry(record: &JobRecord) -> Permission {
    if record.projection.status == JobStatus::Failed {
        return refused("the job has failed and ended; start the failover anew when the cause is mended");
    }
    if let Some(ended) = has_ended(record) {
        return ended;
    }
    if !record.projection.returning {
        return refused(
            "nothing waits for a person; the steps of the way there are tried again by themselves",
        );
    }
    allowed("What waits for its next attempt is tried at once, and what was kept for inspection is taken up.")
}

fn decide(record: &JobRecord) -> Permission {
    if let Some(ended) = has_ended(record) {
        return ended;
    }
    if record.projection.attention.iter().all(|a| a.decisions.is_empty()) {
        return refused("no attention of the job waits for a decision");
    }
    allowed("The job goes on as decided; which decisions there are is said with each attention.")
}

/// Why a job can be neither committed nor rolled back, if so.
fn settle(record: &JobRecord) -> Option<Permission> {
    let status = record.projection.status;
    if record.job_type != JobType::Live {
        return Some(refused(format!(
            "only a live failover is committed or rolled back; this is a job of the type {}",
            record.job_type
        )));
    }
    if status != JobStatus::Completed {
        return Some(refused(format!(
            "only a completed failover is committed or rolled back, it is {status}"
        )));
    }
    record
        .settled_by
        .as_ref()
        .map(|by| refused(format!("job {by} has seen to that already")))
}
