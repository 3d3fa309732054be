//! `POST /api/v1/failover/jobs/{job_id}/commit` and `.../rollback`: what comes after a completed live failover. Either makes
//! a job of its own; asking twice for the same one leads to that job.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use failover_domain::{JobId, JobStatus, JobType};
use failover_engine::service::Settlement;
use failover_engine::verbs::Verb;

use super::asking::{Consent, permitted};
use super::jobs::record_of;
use super::start::created;
use crate::access::Caller;
use crate::dto::{ConsentRequest, JobCreated};
use crate::error::ApiError;
use crate::extract::{ApiOptionalJson, ApiPath};
use crate::openapi::problems;
use crate::state::ApiState;

/// Makes a completed live failover final: deletes its rollback points.
///
/// Asking twice leads to the same job.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/commit",
    tag = "failover",
    operation_id = "commit_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses(
        (
            status = 202,
            description = "The job that does it.",
            body = JobCreated,
            headers(("location" = String, description = "Where the job is shown."))
        ),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn commit(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<Response, ApiError> {
    settle(&state, &caller, &job_id, Settlement::Commit, Consent::NotGiven).await
}

/// Undoes a completed live failover.
///
/// The destination VM is destroyed and what its guest has written is discarded, which the caller has to consent to.
/// Asking twice leads to the same job.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/rollback",
    tag = "failover",
    operation_id = "rollback_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    request_body = Option<ConsentRequest>,
    responses(
        (
            status = 202,
            description = "The job that does it.",
            body = JobCreated,
            headers(("location" = String, description = "Where the job is shown."))
        ),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn rollback(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiOptionalJson(body): ApiOptionalJson<ConsentRequest>,
) -> Result<Response, ApiError> {
    settle(&state, &caller, &job_id, Settlement::Rollback, body.into()).await
}

async fn settle(
    state: &ApiState,
    caller: &Caller,
    job_id: &JobId,
    how: Settlement,
    consent: Consent,
) -> Result<Response, ApiError> {
    let (verb, job_type) = match how {
        Settlement::Commit => (Verb::Commit, JobType::Commit),
        Settlement::Rollback => (Verb::Rollback, JobType::Rollback),
    };
    let record = record_of(state, job_id).await?;
    if let Some(by) = &record.settled_by {
        let by = record_of(state, by).await?;
        if by.job_type == job_type {
            return Ok(created(state, by.job_id, by.vm_id, job_type, by.projection.status).await);
        }
    }
    permitted(state, &record, verb, consent).await?;
    let settled_by = state.service.settle(job_id, how, &caller.actor()).await?;
    Ok(created(state, settled_by, record.vm_id, job_type, JobStatus::Pending).await)
}
