//! What operators ask of jobs: the bodies and answers of the verbs.

use failover_domain::{AttentionCode, Decision, JobId, JobStatus};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::verbs::Verb;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The flag with which a caller agrees that what the guest has written is discarded.
pub const DISCARD_GUEST_WRITES: &str = "discard_guest_writes";

/// Whether a verb may be used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "permission", rename_all = "snake_case")]
pub enum Permission {
    /// It may.
    Allowed {
        /// The HTTP method.
        method: String,
        /// Where.
        url: String,
        /// What it does, in words.
        meaning: String,
    },
    /// It may, when the body has the flag `consent` set to true.
    NeedsConsent {
        /// The HTTP method.
        method: String,
        /// Where.
        url: String,
        /// What it does, in words.
        meaning: String,
        /// The flag.
        consent: String,
    },
    /// It may not.
    Refused {
        /// Why not, in a sentence.
        reason: String,
    },
}

/// A verb with its permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// The verb.
    pub action: Verb,
    /// Whether it may be used now.
    #[serde(flatten)]
    pub permission: Permission,
}

/// The body of `POST /api/v1/failover/jobs/{job_id}/cancel` and `.../rollback`; it may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// Agrees that what the guest has written is discarded. Needed where the job says so under its actions.
    #[serde(default)]
    pub discard_guest_writes: bool,
}

/// The answer (202) to a cancel: the worker will hear it and bring the replicas back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CancelAnswer {
    /// The job.
    pub job_id: JobId,
    /// Where it is in its sequence.
    pub status: JobStatus,
    /// Who asked for cancelling first.
    pub cancel_requested_by: String,
    /// Where the job is shown.
    pub job_url: String,
}

/// The body of `POST /api/v1/failover/jobs/{job_id}/extend`: exactly one of both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// By how much, such as `30m`, counted from the present deadline or, when that is past, from now. Sent again, it
    /// extends again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30m")]
    pub by: Option<String>,
    /// To which instant, such as `2026-01-31T18:00:00Z`; it may be before the present deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T18:00:00Z")]
    pub until: Option<String>,
}

/// The body of `POST /api/v1/failover/jobs/{job_id}/decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// The code of an open attention.
    pub attention: AttentionCode,
    /// The object that it is about, as the attention names it; needed where several attentions of that code are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// One of the attention's decisions.
    pub decision: Decision,
    /// Why; needed for all decisions but `retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// The answer (202) to what was asked of a job: the worker will hear it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestAnswer {
    /// The job.
    pub job_id: JobId,
    /// Where it is in its sequence.
    pub status: JobStatus,
    /// Who asked.
    pub requested_by: String,
    /// What was asked.
    #[serde(flatten)]
    pub request: JobRequest,
    /// Where the job is shown.
    pub job_url: String,
}

/// What somebody has asked of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// Who asked what, and when.
    #[serde(flatten)]
    pub request: StoredRequest,
    /// Whether the worker has heard it.
    pub heard: bool,
}
