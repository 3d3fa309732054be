//! What the starts of live and test failovers have in common: from the wishes of a body to the job, or to its plan.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use failover_domain::{JobId, JobStatus, JobType, VmId};
use failover_engine::idempotency::KeyClaim;
use failover_engine::plan::{BootPolicy, OnBootFailure, WarningPolicy, way_back};
use failover_engine::service::{FailoverRequest, StartError, Wanted};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{BootRequest, DryRunAnswer, JobCreated, LiveFailoverRequest, TestFailoverRequest};
use crate::error::ApiError;
use crate::extract::time;
use crate::state::ApiState;
use crate::view::{job_url, strategy_view};

/// Whether something is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct StartQuery {
    /// Whether only the plan is shown and nothing is changed.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// What the bodies of all starts have.
pub(super) struct Wishes {
    vm_id: VmId,
    vm_name: Option<String>,
    skip_validation: bool,
    network_mappings: BTreeMap<String, String>,
    boot: BootRequest,
    on_boot_failure: OnBootFailure,
}

impl From<LiveFailoverRequest> for Wishes {
    fn from(body: LiveFailoverRequest) -> Self {
        Self {
            vm_id: body.vm_id,
            vm_name: body.vm_name,
            skip_validation: body.skip_validation,
            network_mappings: body.network_mappings,
            boot: body.boot,
            on_boot_failure: body.on_boot_failure,
        }
    }
}

impl From<TestFailoverRequest> for Wishes {
    fn from(body: TestFailoverRequest) -> Self {
        Self {
            vm_id: body.vm_id,
            vm_name: body.vm_name,
            skip_validation: body.skip_validation,
            network_mappings: body.network_mappings,
            boot: body.boot,
            on_boot_failure: body.on_boot_failure,
        }
    }
}

/// Starts the failover that is wanted, or shows what it would do.
pub(super) async fn start_or_show(
    state: &ApiState,
    caller: Caller,
    claim: Option<&KeyClaim>,
    query: &StartQuery,
    wishes: Wishes,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    caller.must_touch(&wishes.vm_id)?;
    let request = failover_request(wishes, wanted, &caller, state)?;
    if query.dry_run {
        return Ok(Json(dry_run(state, &request).await?).into_response());
    }
    let job = state.service.prepare(&request).await?;
    let job_id = match claim {
        None => state.service.jobs.create(job).await.map_err(StartError::from)?,
        Some(claim) => state.ports.keys.start_once(claim, job).await?,
    };
    let job_type = request.wanted.failover_type().job_type();
    Ok(created(state, job_id, request.vm_id, job_type, JobStatus::Pending).await)
}

/// The answer that a job exists.
pub(crate) async fn created(
    state: &ApiState,
    job_id: JobId,
    vm_id: VmId,
    job_type: JobType,
    status: JobStatus,
) -> Response {
    // The job exists: failing to read its plan back must not look like a failed start.
    let plan = state.service.jobs.plan(&job_id).await.ok().flatten();
    let url = job_url(&job_id);
    let created = JobCreated {
        vm_id,
        job_type,
        status,
        status_url: format!("/api/v1/failover/{job_id}/status"),
        events_url: format!("{url}/events"),
        job_url: url,
        // A plan without a way there has no expectation.
        expected_seconds: plan.map(|p| p.expected_seconds()).filter(|s| *s > 0),
        job_id,
    };
    let location =
        HeaderValue::from_str(&created.job_url).expect("a job id has only letters, digits and hyphens");
    (
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(created),
    )
        .into_response()
}

async fn dry_run(state: &ApiState, request: &FailoverRequest) -> Result<DryRunAnswer, ApiError> {
    let dry_run = state.service.plan(request).await?;
    let failover = request.wanted.failover_type();
    let stages = &dry_run.plan.stages;
    let estimated_duration = Some(state.service.estimated_duration(failover, stages).await?);
    Ok(DryRunAnswer {
        way_back: way_back(&dry_run.plan),
        expected_seconds: dry_run.plan.expected_seconds(),
        estimated_duration,
        strategy: strategy_view(&dry_run.plan),
        readiness: dry_run.readiness,
        plan: dry_run.plan,
    })
}

fn failover_request(
    wishes: Wishes,
    wanted: Wanted,
    caller: &Caller,
    state: &ApiState,
) -> Result<FailoverRequest, ApiError> {
    // A VM does not boot in less than ten seconds, and whoever waits for a day has forgotten it.
    let bounds = Duration::from_secs(10)..=Duration::from_secs(24 * 3600);
    let within = match &wishes.boot.within {
        Some(text) => time("boot.within", text, bounds, ", or leave it out")?,
        None => state.settings.boot_within,
    };
    Ok(FailoverRequest {
        vm_id: wishes.vm_id,
        vm_name: wishes.vm_name,
        warnings: if wishes.skip_validation {
            WarningPolicy::Skip
        } else {
            WarningPolicy::Count
        },
        network_mappings: wishes.network_mappings,
        boot: BootPolicy {
            within_seconds: within.as_secs(),
            grades: wishes.boot.grades.into_iter().map(|grade| grade.0).collect(),
            on_failure: wishes.on_boot_failure,
        },
        wanted,
        requested_by: caller.actor(),
    })
}
