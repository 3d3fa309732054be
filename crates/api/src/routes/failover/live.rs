//! `POST /api/v1/failover/live`: starts a live failover, or shows what it would do.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use failover_domain::{JobStatus, JobType};
use failover_engine::plan::{BootPolicy, WarningPolicy, way_back};
use failover_engine::service::LiveRequest;
use serde::Deserialize;

use crate::dto::{DryRunAnswer, JobCreated, LiveFailoverRequest};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery};
use crate::layers::Caller;
use crate::state::ApiState;
use crate::view::job_url;

/// Whether something is changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct StartQuery {
    #[serde(default)]
    dry_run: bool,
}

pub(in crate::routes) async fn start(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<StartQuery>,
    ApiJson(body): ApiJson<LiveFailoverRequest>,
) -> Result<Response, ApiError> {
    let request = live_request(body, caller, &state)?;
    if query.dry_run {
        return Ok(Json(dry_run(&state, &request).await?).into_response());
    }
    let job_id = state.service.start_live(&request).await?;
    // The job exists: failing to read its plan back must not look like a failed start.
    let plan = state.service.jobs.plan(&job_id).await.ok().flatten();
    let url = job_url(&job_id);
    let created = JobCreated {
        vm_id: request.vm_id,
        job_type: JobType::Live,
        status: JobStatus::Pending,
        status_url: format!("/api/v1/failover/{job_id}/status"),
        events_url: format!("{url}/events"),
        job_url: url,
        expected_seconds: plan.map(|p| p.expected_seconds()),
        job_id,
    };
    let location =
        HeaderValue::from_str(&created.job_url).expect("a job id has only letters, digits and hyphens");
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(created),
    )
        .into_response())
}

async fn dry_run(state: &ApiState, request: &LiveRequest) -> Result<DryRunAnswer, ApiError> {
    let dry_run = state.service.plan_live(request).await?;
    Ok(DryRunAnswer {
        way_back: way_back(&dry_run.plan),
        expected_seconds: dry_run.plan.expected_seconds(),
        readiness: dry_run.readiness,
        plan: dry_run.plan,
    })
}

fn live_request(
    body: LiveFailoverRequest,
    caller: Caller,
    state: &ApiState,
) -> Result<LiveRequest, ApiError> {
    let within = match &body.boot.within {
        Some(text) => boot_within(text)?,
        None => state.settings.boot_within,
    };
    Ok(LiveRequest {
        vm_id: body.vm_id,
        vm_name: body.vm_name,
        warnings: if body.skip_validation {
            WarningPolicy::Skip
        } else {
            WarningPolicy::Count
        },
        network_mappings: body.network_mappings,
        boot: BootPolicy {
            within_seconds: within.as_secs(),
            grades: body.boot.grades.into_iter().map(|grade| grade.0).collect(),
            on_failure: body.on_boot_failure,
        },
        requested_by: caller.0,
    })
}

/// A VM does not boot in less than ten seconds, and whoever waits for a day has forgotten it.
fn boot_within(text: &str) -> Result<Duration, ApiError> {
    let bounds = Duration::from_secs(10)..=Duration::from_secs(24 * 3600);
    humantime::parse_duration(text)
        .ok()
        .filter(|time| bounds.contains(time))
        .ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            ApiError::invalid(
                format!("boot.within is {shown:?}, allowed is a time such as \"5m\", from 10s to 1day"),
                "Correct boot.within, or leave it out.",
            )
        })
}
