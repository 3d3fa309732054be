//! `POST /api/v1/failover/jobs/{job_id}/cancel`: stops a job and brings the replicas back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::JobId;
use failover_engine::ports::{CancelOutcome, JobRecord};

use super::jobs::record_of;
use crate::dto::{CancelAnswer, Permission};
use crate::error::ApiError;
use crate::extract::ApiPath;
use crate::layers::Caller;
use crate::state::ApiState;
use crate::view::{cancel_permission, job_url};

pub(in crate::routes) async fn cancel(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<(StatusCode, Json<CancelAnswer>), ApiError> {
    let record = record_of(&state, &job_id).await?;
    // Asking twice is the same as asking once, so a request that is repeated after a lost answer succeeds.
    if record.cancel_requested_by.is_some() && !record.projection.status.is_final() {
        return Ok(accepted(record, &caller));
    }
    if let Permission::Refused { reason } = cancel_permission(&record) {
        return Err(ApiError::not_allowed(
            &job_id,
            format!("job {job_id} cannot be cancelled: {reason}"),
        ));
    }
    match state.service.jobs.request_cancel(&job_id, &caller.0).await? {
        CancelOutcome::Requested => Ok(accepted(record, &caller)),
        CancelOutcome::AlreadyEnded => Err(ApiError::not_allowed(
            &job_id,
            format!("job {job_id} cannot be cancelled: it has just ended"),
        )),
        CancelOutcome::NoSuchJob => Err(ApiError::unknown_job(&job_id)),
    }
}

fn accepted(record: JobRecord, caller: &Caller) -> (StatusCode, Json<CancelAnswer>) {
    let answer = CancelAnswer {
        job_url: job_url(&record.job_id),
        job_id: record.job_id,
        status: record.projection.status,
        cancel_requested_by: record.cancel_requested_by.unwrap_or_else(|| caller.0.clone()),
    };
    (StatusCode::ACCEPTED, Json(answer))
}
