//! How the cloud may fail us, and what may be concluded from it.

use std::time::Duration;

/// The cloud's own words when it refuses something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refusal {
    /// CloudStack's error code: the HTTP status of the answer or the `jobresultcode` of the job.
    pub code: u32,
    /// CloudStack's text. For people only: nothing is ever decided on it.
    pub text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the cloud says ({}): {}", self.code, self.text)
    }
}

/// A failed exchange with the cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OsseaError {
    /// The request was certainly not processed: no connection, or refused before it was read. It may be sent again.
    #[error("the cloud is unreachable: {0}")]
    Unreachable(String),
    /// The account's request limit is reached (429). The request was not processed.
    #[error("the cloud throttles us")]
    Throttled {
        /// How long the cloud asks us to wait.
        retry_after: Duration,
    },
    /// The management server does not take work at present (503). The request was not processed.
    #[error("the cloud is busy: {0}")]
    Busy(String),
    /// A rule of the cloud forbids it; repeating the same request is pointless until something changes.
    #[error("{0}")]
    Refused(Refusal),
    /// Credentials are wrong, or the account may not call this command (401).
    #[error("the cloud does not accept our credentials: {0}")]
    Unauthorized(String),
    /// The object does not exist.
    #[error("the cloud does not know {0}")]
    NotFound(String),
    /// The answer to a **read** is not an answer of CloudStack (HTML, cut JSON, a proxy's page).
    #[error("the cloud's answer cannot be read: {0}")]
    Malformed(String),
    /// The request may or may not have been processed: the reply was lost, cut or unreadable. Look at the state
    /// before anything else.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
}

/// What a caller does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Not processed; try again later.
    Retry,
    /// A rule of the cloud; trying again without a change is pointless.
    Refused,
    /// The object is not there.
    Gone,
    /// Look before doing anything.
    Unknown,
}

impl OsseaError {
    /// What a caller does about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            OsseaError::Unreachable(_)
            | OsseaError::Throttled { .. }
            | OsseaError::Busy(_)
            | OsseaError::Malformed(_) => ErrorClass::Retry,
            OsseaError::Refused(_) | OsseaError::Unauthorized(_) => ErrorClass::Refused,
            OsseaError::NotFound(_) => ErrorClass::Gone,
            OsseaError::OutcomeUnknown(_) => ErrorClass::Unknown,
        }
    }
}
