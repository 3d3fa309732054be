//! `POST /api/v1/failover/jobs/{job_id}/cancel`: stops a job and brings the replicas back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::JobId;
use failover_engine::ports::JobRecord;
use failover_engine::request::JobRequest;
use failover_engine::verbs::Verb;

use super::asking::{asked_before, note, permitted};
use super::jobs::record_of;
use crate::access::Caller;
use crate::dto::{CancelAnswer, ConsentRequest};
use crate::error::ApiError;
use crate::extract::{ApiOptionalJson, ApiPath};
use crate::openapi::problems;
use crate::state::ApiState;
use crate::view::job_url;

/// Stops a job and brings the replicas back.
///
/// Asking twice is the same as asking once. A live failover whose VM was started needs the consent that what its
/// guest has written is discarded.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/cancel",
    tag = "failover",
    operation_id = "cancel_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    request_body = Option<ConsentRequest>,
    responses(
        (status = 202, description = "The worker will hear it.", body = CancelAnswer),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn cancel(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiOptionalJson(body): ApiOptionalJson<ConsentRequest>,
) -> Result<(StatusCode, Json<CancelAnswer>), ApiError> {
    let record = record_of(&state, &job_id).await?;
    // Asking twice is the same as asking once, so a request that is repeated after a lost answer succeeds. The job's own
    // column does not tell: a process of an earlier release notes a cancel there and nowhere else.
    if asked_before(&state, &record, |r| *r == JobRequest::Cancel)
        .await?
        .is_some()
    {
        return Ok(accepted(record, &caller));
    }
    permitted(&state, &record, Verb::Cancel, body.into()).await?;
    note(&state, &caller, &record, &JobRequest::Cancel).await?;
    Ok(accepted(record, &caller))
}

fn accepted(record: JobRecord, caller: &Caller) -> (StatusCode, Json<CancelAnswer>) {
    let answer = CancelAnswer {
        job_url: job_url(&record.job_id),
        job_id: record.job_id,
        status: record.projection.status,
        cancel_requested_by: record
            .cancel_requested_by
            .unwrap_or_else(|| caller.name().to_owned()),
    };
    (StatusCode::ACCEPTED, Json(answer))
}
