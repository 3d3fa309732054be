//! `POST /api/v1/failover/jobs/{job_id}/retry`: tries at once what waits. Asking twice does no harm.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::JobId;
use failover_engine::request::JobRequest;
use failover_engine::verbs::Verb;

use super::asking::{Consent, permitted, submit};
use super::jobs::record_of;
use crate::access::Caller;
use crate::dto::RequestAnswer;
use crate::error::ApiError;
use crate::extract::ApiPath;
use crate::openapi::problems;
use crate::state::ApiState;

/// Tries at once what waits for its next attempt. Asking twice does no harm.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/retry",
    tag = "failover",
    operation_id = "retry_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses(
        (status = 202, description = "The worker will hear it.", body = RequestAnswer),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn retry(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    let record = record_of(&state, &job_id).await?;
    permitted(&state, &record, Verb::Retry, Consent::NotGiven).await?;
    submit(&state, caller, record, JobRequest::Retry).await
}
