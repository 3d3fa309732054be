//! Errors on the wire: problem details (RFC 9457).

use failover_domain::{Finding, JobId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every error answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What kind of error it is. The texts are part of the API: programs decide on them, never on `detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The readiness rules say no.
    ValidationFailed,
    /// The inventory does not have the VM.
    VmNotFound,
    /// The source VM has an active job.
    ActiveJobs,
    /// A network of the VM has no usable mapping.
    NetworkMappingMissing,
    /// The network serves tests or production already, and cannot serve the other as well.
    NetworkPurposeConflict,
    /// A disk has no replica volume that can be used.
    VolumeNotAvailable,
    /// A rollback point could not be taken.
    SnapshotFailed,
    /// The cloud cannot be asked, or does not accept the request.
    OsseaApiError,
    /// A mistake of ours.
    InternalError,
    /// The request itself is wrong.
    InvalidRequest,
    /// There is no such job.
    JobNotFound,
    /// There is no such mapping.
    MappingNotFound,
    /// The source VM has no such replica.
    ReplicaNotFound,
    /// The caller did not show a valid token.
    Unauthorized,
    /// The caller's role, or the restriction of its token, does not allow it.
    Forbidden,
    /// There is no such token.
    TokenNotFound,
    /// A token that is not revoked has the name.
    TokenNameTaken,
    /// The action is not allowed in the job's present state.
    NotAllowed,
    /// The action is allowed when the caller agrees to what it discards.
    ConsentNeeded,
    /// The database cannot be asked.
    DatabaseUnavailable,
    /// There is no such route.
    RouteNotFound,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// The body is of a type that the route does not take.
    UnsupportedMediaType,
    /// The body is too large.
    BodyTooLarge,
    /// The request took too long.
    RequestTimeout,
    /// The server has as much to do as it may have; others, or the same one later, can serve the request.
    ServerBusy,
    /// The idempotency key belongs to another request.
    IdempotencyKeyReused,
    /// The request with that idempotency key is being carried out.
    IdempotencyInProgress,
    /// The request with that idempotency key was carried out, and its answer held a secret, which is not kept.
    IdempotencyAnswerNotKept,
    /// The caller asks too often.
    RateLimited,
}

impl ErrorCode {
    /// The code as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::ValidationFailed => "VALIDATION_FAILED",
            ErrorCode::VmNotFound => "VM_NOT_FOUND",
            ErrorCode::ActiveJobs => "ACTIVE_JOBS",
            ErrorCode::NetworkMappingMissing => "NETWORK_MAPPING_MISSING",
            ErrorCode::NetworkPurposeConflict => "NETWORK_PURPOSE_CONFLICT",
            ErrorCode::VolumeNotAvailable => "VOLUME_NOT_AVAILABLE",
            ErrorCode::SnapshotFailed => "SNAPSHOT_FAILED",
            ErrorCode::OsseaApiError => "OSSEA_API_ERROR",
            ErrorCode::InternalError => "INTERNAL_ERROR",
            ErrorCode::InvalidRequest => "INVALID_REQUEST",
            ErrorCode::JobNotFound => "JOB_NOT_FOUND",
            ErrorCode::MappingNotFound => "MAPPING_NOT_FOUND",
            ErrorCode::ReplicaNotFound => "REPLICA_NOT_FOUND",
            ErrorCode::Unauthorized => "UNAUTHORIZED",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::TokenNotFound => "TOKEN_NOT_FOUND",
            ErrorCode::TokenNameTaken => "TOKEN_NAME_TAKEN",
            ErrorCode::NotAllowed => "NOT_ALLOWED",
            ErrorCode::ConsentNeeded => "CONSENT_NEEDED",
            ErrorCode::DatabaseUnavailable => "DATABASE_UNAVAILABLE",
            ErrorCode::RouteNotFound => "ROUTE_NOT_FOUND",
            ErrorCode::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            ErrorCode::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            ErrorCode::BodyTooLarge => "BODY_TOO_LARGE",
            ErrorCode::RequestTimeout => "REQUEST_TIMEOUT",
            ErrorCode::ServerBusy => "SERVER_BUSY",
            ErrorCode::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            ErrorCode::IdempotencyInProgress => "IDEMPOTENCY_IN_PROGRESS",
            ErrorCode::IdempotencyAnswerNotKept => "IDEMPOTENCY_ANSWER_NOT_KEPT",
            ErrorCode::RateLimited => "RATE_LIMITED",
        }
    }

    /// The summary for people, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            ErrorCode::ValidationFailed => "The source VM is not ready",
            ErrorCode::VmNotFound => "Unknown source VM",
            ErrorCode::ActiveJobs => "The source VM has an active job",
            ErrorCode::NetworkMappingMissing => "A network is not mapped",
            ErrorCode::NetworkPurposeConflict => "The network has the other purpose",
            ErrorCode::VolumeNotAvailable => "A replica volume cannot be used",
            ErrorCode::SnapshotFailed => "A rollback point could not be taken",
            ErrorCode::OsseaApiError => "The cloud cannot be used",
            ErrorCode::InternalError => "Internal error",
            ErrorCode::InvalidRequest => "The request is wrong",
            ErrorCode::JobNotFound => "Unknown job",
            ErrorCode::MappingNotFound => "Unknown network mapping",
            ErrorCode::ReplicaNotFound => "Unknown replica",
            ErrorCode::Unauthorized => "Not authenticated",
            ErrorCode::Forbidden => "Not allowed for this caller",
            ErrorCode::TokenNotFound => "Unknown token",
            ErrorCode::TokenNameTaken => "The name of the token is taken",
            ErrorCode::NotAllowed => "Not allowed now",
            ErrorCode::ConsentNeeded => "Consent is needed",
            ErrorCode::DatabaseUnavailable => "The database cannot be used",
            ErrorCode::RouteNotFound => "Unknown route",
            ErrorCode::MethodNotAllowed => "Method not allowed",
            ErrorCode::UnsupportedMediaType => "Unsupported media type",
            ErrorCode::BodyTooLarge => "The body is too large",
            ErrorCode::RequestTimeout => "The request took too long",
            ErrorCode::ServerBusy => "The server is busy",
            ErrorCode::IdempotencyKeyReused => "The idempotency key belongs to another request",
            ErrorCode::IdempotencyInProgress => "The request is being carried out",
            ErrorCode::IdempotencyAnswerNotKept => "The answer was not kept",
            ErrorCode::RateLimited => "Too many requests",
        }
    }

    /// The problem's type, a URI.
    pub fn type_uri(self) -> String {
        format!(
            "urn:ossea-failover:problem:{}",
            self.as_str().to_ascii_lowercase().replace('_', "-")
        )
    }
}

/// One mistake of a request that has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// Where in the request, such as `vms[2].disks[0].volume.id`.
    pub path: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The problem's type, a URI.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The summary for people, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and to which object, for people.
    pub detail: String,
    /// The request's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What kind of error it is, for programs.
    pub error_code: ErrorCode,
    /// What to do, one sentence an action.
    pub required_actions: Vec<String>,
    /// The request's id, as in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The job concerned, such as the one that is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// Where that job is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_url: Option<String>,
    /// The readiness score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_score: Option<f64>,
    /// The failed readiness checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// All mistakes of the request, when it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
}

impl Problem {
    /// A problem with nothing but the necessary.
    pub fn new(status: u16, error_code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            type_uri: error_code.type_uri(),
            title: error_code.title().to_owned(),
            status,
            detail: detail.into(),
            instance: None,
            error_code,
            required_actions: Vec::new(),
            request_id: None,
            job_id: None,
            job_url: None,
            readiness_score: None,
            findings: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// The problem with one more thing to do.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.required_actions.push(action.into());
        self
    }
}
