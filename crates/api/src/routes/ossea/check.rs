//! `POST /api/v1/ossea/check`: the prerequisites of the cloud, looked at anew.

use ::ossea::OsseaError;
use ::ossea::probe::Wanted;
use axum::Json;
use axum::extract::State;
use failover_validation::check_prerequisites;

use super::failure;
use crate::cloud_view::{age_of, age_without};
use crate::dto::CheckAnswer;
use crate::error::ApiError;
use crate::openapi::problems;
use crate::state::ApiState;

/// Checks the prerequisites of the cloud, looked at anew. Nothing is changed.
///
/// A cloud that answers but does not take us in is a finding; one that does not answer is a problem, because nothing can
/// be said about it.
#[utoipa::path(
    post,
    path = "/ossea/check",
    tag = "ossea",
    operation_id = "check_cloud",
    responses(
        (status = 200, description = "What was found.", body = CheckAnswer),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn run(State(state): State<ApiState>) -> Result<Json<CheckAnswer>, ApiError> {
    // Whoever checks has often just changed something, so an old probe is no answer, not even beside a failure.
    let reading = state.probes.read(Wanted::New).await;
    let probe = match (failure(&reading), &reading) {
        (Some(failed), _) if is_silence(&failed.error) => return Err(failed.error.clone().into()),
        (Some(failed), _) | (None, Err(failed)) => Err(&failed.error),
        (None, Ok(reading)) => Ok(reading.probe.as_ref()),
    };
    let report = check_prerequisites(&state.service.target, state.cloud.as_ref(), probe).await;
    Ok(Json(CheckAnswer {
        report,
        probe: match &reading {
            Ok(reading) => age_of(reading),
            Err(failed) => age_without(failed),
        },
    }))
}

/// Whether the cloud did not answer, as opposed to an answer that does not suit us.
fn is_silence(error: &OsseaError) -> bool {
    match error {
        OsseaError::Unreachable(_)
        | OsseaError::Throttled { .. }
        | OsseaError::Busy(_)
        | OsseaError::OutcomeUnknown(_) => true,
        OsseaError::Refused(_)
        | OsseaError::Unauthorized(_)
        | OsseaError::NotFound(_)
        | OsseaError::Malformed(_) => false,
    }
}
