//! `cloud_reachable`: the cloud answers and accepts our credentials.

use ossea::OsseaError;
use serde_json::json;

use crate::outcome::{Outcome, remedy_of};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Outcome {
    match view.cloud.capabilities().await {
        Ok(capabilities) => Outcome::pass(
            format!(
                "the cloud answers (CloudStack {}) and accepts our credentials",
                capabilities.version
            ),
            json!({ "version": capabilities.version }),
        ),
        Err(error) => Outcome::fail(
            error.to_string(),
            remedy_of(&error),
            json!({ "error": kind_of(&error) }),
        ),
    }
}

/// The kind of failure for programs.
fn kind_of(error: &OsseaError) -> &'static str {
    match error {
        OsseaError::Unreachable(_) => "unreachable",
        OsseaError::Throttled { .. } => "throttled",
        OsseaError::Busy(_) => "busy",
        OsseaError::Refused(_) => "refused",
        OsseaError::Unauthorized(_) => "unauthorized",
        OsseaError::NotFound(_) => "not_found",
        OsseaError::Malformed(_) => "not_cloudstack",
        OsseaError::OutcomeUnknown(_) => "unknown",
    }
}
