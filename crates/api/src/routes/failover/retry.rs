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
use crate::state::ApiState;

pub(in crate::routes) async fn retry(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    let record = record_of(&state, &job_id).await?;
    permitted(&state, &record, Verb::Retry, Consent::NotGiven).await?;
    submit(&state, caller, record, JobRequest::Retry).await
}
