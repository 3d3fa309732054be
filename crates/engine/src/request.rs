//! What an operator may ask of a job that is under way. A request is stored, heard by the worker that drives the job, and
//! journaled; the journal says what it meant.

use chrono::{DateTime, Utc};
use failover_domain::{AttentionCode, Decision};
use serde::{Deserialize, Serialize};

/// What an operator asks of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum JobRequest {
    /// Stop, and bring the replicas back.
    Cancel,
    /// End the test now; its clean-up begins.
    EndTest,
    /// Move the deadline of the test's window.
    Extend {
        /// To when.
        deadline: DateTime<Utc>,
    },
    /// Try at once what waits for its next attempt, and take up what was kept for inspection.
    Retry,
    /// Decide about one attention.
    Decide {
        /// Its code.
        code: AttentionCode,
        /// The object that it is about; needed where several attentions have that code.
        object: Option<String>,
        /// What is decided.
        decision: Decision,
        /// Why, for those who read it later.
        reason: String,
    },
}

impl JobRequest {
    /// The name in tables, routes and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            JobRequest::Cancel => "cancel",
            JobRequest::EndTest => "end_test",
            JobRequest::Extend { .. } => "extend",
            JobRequest::Retry => "retry",
            JobRequest::Decide { .. } => "decide",
        }
    }

    /// What the audit says beside the name: the decision with its reason, the new deadline.
    pub fn audited(&self) -> String {
        match self {
            JobRequest::Decide {
                code,
                object,
                decision,
                reason,
            } => {
                let about = object
                    .as_deref()
                    .map(|o| format!(" about {o}"))
                    .unwrap_or_default();
                format!("{decision}, {code:?}{about}: {reason}")
            }
            JobRequest::Extend { deadline } => format!("until {deadline}"),
            JobRequest::Cancel | JobRequest::EndTest | JobRequest::Retry => String::new(),
        }
    }
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoredRequest {
    /// Its number within the job, from 1, in the order in which they came.
    pub number: u64,
    /// Who asks.
    pub by: String,
    /// When it came.
    pub at: DateTime<Utc>,
    /// What is asked.
    #[serde(flatten)]
    pub request: JobRequest,
}
