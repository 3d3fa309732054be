//! `/api/v1/failover/test`: starts a test failover or shows what it would do, and ends one.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use failover_domain::window::{LONGEST_WINDOW, SHORTEST_WINDOW};
use failover_domain::{AtWindowEnd, JobId};
use failover_engine::idempotency::KeyClaim;
use failover_engine::request::JobRequest;
use failover_engine::service::{Wanted, WantedTest};
use failover_engine::verbs::Verb;

use super::asking::{Consent, answered, asked_before, permitted, submit};
use super::jobs::record_of;
use super::start::{StartQuery, start_or_show};
use crate::access::Caller;
use crate::dto::{DryRunAnswer, JobCreated, RequestAnswer, TestFailoverRequest};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, ApiQuery, time};
use crate::openapi::problems;
use crate::state::ApiState;

/// How long the window is open when a request does not say: time to log in and look, and short enough that a forgotten
/// test does not keep its VM from being synchronised for a day.
const USUAL_WINDOW: Duration = Duration::from_secs(3600);

/// Starts a test failover, or shows what it would do.
///
/// The VM runs on test networks for a limited time. Afterwards every trace is removed, and the replicas are as they
/// were.
#[utoipa::path(
    post,
    path = "/failover/test",
    tag = "failover",
    operation_id = "start_test_failover",
    params(StartQuery),
    request_body = TestFailoverRequest,
    responses(
        (status = 200, description = "With `dry_run`: what would be done. Nothing was changed.", body = DryRunAnswer),
        (
            status = 202,
            description = "The job exists.",
            body = JobCreated,
            headers(("location" = String, description = "Where the job is shown."))
        ),
        (status = 404, response = problems::UnknownVm),
        (status = 409, response = problems::ActiveJob),
        (status = 422, response = problems::NotReady),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn start(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    claim: Option<Extension<KeyClaim>>,
    ApiQuery(query): ApiQuery<StartQuery>,
    ApiJson(body): ApiJson<TestFailoverRequest>,
) -> Result<Response, ApiError> {
    let bounds = SHORTEST_WINDOW..=LONGEST_WINDOW;
    let window = match &body.test_duration {
        Some(text) => time("test_duration", text, bounds, ", or leave it out")?,
        None => USUAL_WINDOW,
    };
    let wanted = Wanted::Test(WantedTest {
        window,
        at_window_end: if body.auto_cleanup {
            AtWindowEnd::CleanUp
        } else {
            AtWindowEnd::Remind
        },
        strategy: body.rollback_strategy,
    });
    start_or_show(&state, caller, claim.as_deref(), &query, body.into(), wanted).await
}

/// Ends a test now; its clean-up begins. Asking twice is the same as asking once.
#[utoipa::path(
    delete,
    path = "/failover/test/{job_id}",
    tag = "failover",
    operation_id = "end_test",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses(
        (status = 202, description = "The worker will hear it.", body = RequestAnswer),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn end(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    let record = record_of(&state, &job_id).await?;
    // Asking twice is the same as asking once, so a request that is repeated after a lost answer succeeds.
    let first = asked_before(&state, &record, |request| *request == JobRequest::EndTest).await?;
    if let Some(first) = first {
        return Ok(answered(record, first.by, first.request));
    }
    permitted(&state, &record, Verb::EndTest, Consent::NotGiven).await?;
    submit(&state, caller, record, JobRequest::EndTest).await
}
