//! What all verbs have in common: whether they are allowed, and how a request is stored for the worker to hear.

use axum::Json;
use axum::http::StatusCode;
use failover_engine::ports::{JobRecord, RequestOutcome};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::verbs::{Permission, Verb, permission};

use crate::access::Caller;
use crate::dto::{ConsentRequest, RequestAnswer};
use crate::error::ApiError;
use crate::state::ApiState;
use crate::view::job_url;

/// Whether a caller agrees that what the guest has written is discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// The caller has said so.
    Given,
    /// The caller has said nothing, or the verb does not ask.
    NotGiven,
}

impl From<ConsentRequest> for Consent {
    fn from(body: ConsentRequest) -> Self {
        if body.discard_guest_writes {
            Consent::Given
        } else {
            Consent::NotGiven
        }
    }
}

/// Lets pass what is allowed now.
pub(super) async fn permitted(
    state: &ApiState,
    record: &JobRecord,
    verb: Verb,
    consent: Consent,
) -> Result<(), ApiError> {
    let asked = state.service.jobs.requests(&record.job_id).await?;
    match (permission(record, &asked, verb), consent) {
        (Permission::Allowed { .. }, Consent::Given | Consent::NotGiven)
        | (Permission::NeedsConsent { .. }, Consent::Given) => Ok(()),
        (Permission::NeedsConsent { meaning }, Consent::NotGiven) => {
            Err(ApiError::needs_consent(&record.job_id, meaning))
        }
        (Permission::Refused { reason }, Consent::Given | Consent::NotGiven) => {
            Err(refused(record, verb, &reason))
        }
    }
}

/// A verb is not allowed, and this is why.
pub(super) fn refused(record: &JobRecord, verb: Verb, reason: &str) -> ApiError {
    let cannot = match verb {
        Verb::Cancel => "cannot be cancelled",
        Verb::EndTest => "has no test that can be ended",
        Verb::Extend => "has no window that can be extended",
        Verb::Retry => "has nothing that can be tried again",
        Verb::Decide => "has nothing that can be decided",
        Verb::Commit => "cannot be committed",
        Verb::Rollback => "cannot be rolled back",
    };
    ApiError::not_allowed(
        &record.job_id,
        format!("job {} {cannot}: {reason}", record.job_id),
    )
}

/// The last request of this kind, while the job has not ended.
pub(super) async fn asked_before(
    state: &ApiState,
    record: &JobRecord,
    is_it: impl Fn(&JobRequest) -> bool,
) -> Result<Option<StoredRequest>, ApiError> {
    if record.projection.status.is_final() {
        return Ok(None);
    }
    let requests = state.service.jobs.requests(&record.job_id).await?;
    Ok(requests.into_iter().rev().find(|r| is_it(&r.request)))
}

/// Stores a request.
pub(super) async fn submit(
    state: &ApiState,
    caller: Caller,
    record: JobRecord,
    request: JobRequest,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    note(state, &caller, &record, &request).await?;
    Ok(answered(record, caller.name().to_owned(), request))
}

/// Stores a request; the answer is the caller's.
pub(super) async fn note(
    state: &ApiState,
    caller: &Caller,
    record: &JobRecord,
    request: &JobRequest,
) -> Result<(), ApiError> {
    let job_id = &record.job_id;
    match state
        .service
        .jobs
        .submit_request(job_id, &caller.actor(), request)
        .await?
    {
        RequestOutcome::Noted { .. } => Ok(()),
        RequestOutcome::AlreadyEnded => Err(ApiError::not_allowed(
            job_id,
            format!("job {job_id} has just ended and hears nothing more"),
        )),
        RequestOutcome::NoSuchJob => Err(ApiError::unknown_job(job_id)),
    }
}

/// The answer that a request is stored.
pub(super) fn answered(
    record: JobRecord,
    by: String,
    request: JobRequest,
) -> (StatusCode, Json<RequestAnswer>) {
    let answer = RequestAnswer {
        job_url: job_url(&record.job_id),
        job_id: record.job_id,
        status: record.projection.status,
        requested_by: by,
        request,
    };
    (StatusCode::ACCEPTED, Json(answer))
}
