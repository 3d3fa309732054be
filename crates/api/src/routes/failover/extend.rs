//! `POST /api/v1/failover/jobs/{job_id}/extend`: moves the deadline of a test's window. The same `until` twice is the same
//! as once; `by` counts from the deadline that the worker knows, so it extends again once the first one was heard.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use failover_domain::JobId;
use failover_domain::window::{LONGEST_WINDOW, later};
use failover_engine::request::JobRequest;
use failover_engine::verbs::Verb;

use super::asking::{Consent, permitted, submit};
use super::jobs::record_of;
use crate::access::Caller;
use crate::dto::{ExtendRequest, RequestAnswer};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, shown, time};
use crate::openapi::problems;
use crate::state::ApiState;

/// Moves the deadline of a test's window.
///
/// The window may be open for 30 days from now at most. The same `until` twice is the same as once; `by` extends
/// again.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/extend",
    tag = "failover",
    operation_id = "extend_test",
    params(("job_id" = JobId, Path, description = "The job.")),
    request_body = ExtendRequest,
    responses(
        (status = 202, description = "The worker will hear it.", body = RequestAnswer),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn extend(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiJson(body): ApiJson<ExtendRequest>,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    let wanted = Wanted::read(&body)?;
    let record = record_of(&state, &job_id).await?;
    permitted(&state, &record, Verb::Extend, Consent::NotGiven).await?;
    let now = state.service.clock.now();
    let present = record.projection.window.map_or(now, |window| window.deadline);
    let deadline = wanted.deadline(present, now)?;
    submit(&state, caller, record, JobRequest::Extend { deadline }).await
}

/// How the window is to be extended.
enum Wanted {
    By(Duration),
    Until(DateTime<Utc>),
}

impl Wanted {
    fn read(body: &ExtendRequest) -> Result<Self, ApiError> {
        match (&body.by, &body.until) {
            (Some(by), None) => {
                let bounds = Duration::from_secs(1)..=LONGEST_WINDOW;
                Ok(Self::By(time("by", by, bounds, ", or give until instead")?))
            }
            (None, Some(until)) => DateTime::parse_from_rfc3339(until)
                .map(|instant| Self::Until(instant.to_utc()))
                .map_err(|_| {
                    ApiError::invalid(
                        format!(
                            "until is {:?}, allowed is an instant such as \"2026-01-31T18:00:00Z\"",
                            shown(until)
                        ),
                        "Correct until, or give by instead.",
                    )
                }),
            (Some(_), Some(_)) | (None, None) => Err(ApiError::invalid(
                "by and until are both given or both missing, allowed is exactly one of them",
                "Give by with a time such as \"30m\", or until with an instant.",
            )),
        }
    }

    fn deadline(self, present: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
        let deadline = match self {
            Self::By(time) => later(present.max(now), time),
            Self::Until(instant) => instant,
        };
        let latest = later(now, LONGEST_WINDOW);
        if deadline > now && deadline <= latest {
            return Ok(deadline);
        }
        Err(ApiError::invalid(
            format!(
                "the window would be open until {deadline}, allowed is an instant after {now} and not after {latest}"
            ),
            "Give an instant in the future that is at most 30 days away; DELETE /api/v1/failover/test/{job_id} ends a \
             test now.",
        ))
    }
}
