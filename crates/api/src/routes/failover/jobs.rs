//! `/api/v1/failover/jobs`: jobs in a list, in full and in short.

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{JobId, JobStatus, JobType, VmId};
use failover_engine::event::StoredEvent;
use failover_engine::ports::{JobFilter, JobRecord};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{JobDetail, JobPage, JobStatusView};
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery, limit, parameter};
use crate::openapi::problems;
use crate::state::ApiState;
use crate::view::{self, JobParts, open_attentions};

/// How many journal entries are read at once.
const EVENTS_AT_ONCE: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct JobsQuery {
    /// One status or several, separated by commas; `active` stands for all but the final ones.
    #[param(
        example = "active",
        pattern = "^(active|pending|validating|executing|snapshotting|creating_vm|switching_volume|powering_on|cleanup|reverting|completed|failed)(,(active|pending|validating|executing|snapshotting|creating_vm|switching_volume|powering_on|cleanup|reverting|completed|failed))*$"
    )]
    status: Option<String>,
    /// Only jobs of this source VM.
    #[param(value_type = Option<VmId>)]
    vm_id: Option<String>,
    /// Only jobs of this type.
    #[serde(rename = "type")]
    #[param(value_type = Option<JobType>)]
    job_type: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    #[param(value_type = Option<JobId>)]
    cursor: Option<String>,
}

/// Lists jobs, the newest first.
#[utoipa::path(
    get,
    path = "/failover/jobs",
    tag = "failover",
    operation_id = "list_jobs",
    params(JobsQuery),
    responses(
        (status = 200, description = "A page of jobs.", body = JobPage),
    )
)]
pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<JobsQuery>,
) -> Result<Json<JobPage>, ApiError> {
    let page_size = limit(query.limit.as_deref(), 50, 500)?;
    let statuses = query
        .status
        .as_deref()
        .map(statuses)
        .transpose()?
        .unwrap_or_default();
    let vm_id: Option<VmId> = query
        .vm_id
        .as_deref()
        .map(|text| parameter("vm_id", text))
        .transpose()?;
    if let Some(vm_id) = &vm_id {
        caller.must_touch(vm_id)?;
    }
    let filter = JobFilter {
        vm_id,
        vms: caller.only().cloned(),
        statuses,
        job_type: query
            .job_type
            .as_deref()
            .map(|text| parameter("type", text))
            .transpose()?,
        after: query
            .cursor
            .as_deref()
            .map(|text| parameter("cursor", text))
            .transpose()?,
        needs_person: None,
        // One more than asked for tells whether there is a next page.
        limit: page_size + 1,
    };
    let mut records = state.service.jobs.jobs(&filter).await?;
    let has_more = records.len() > page_size;
    records.truncate(page_size);
    let next_cursor = records
        .last()
        .filter(|_| has_more)
        .map(|record| record.job_id.clone());
    let now = state.service.clock.now();
    let mut jobs = Vec::with_capacity(records.len());
    for record in records {
        let attention = open_attentions(&state, &record, now).await?;
        jobs.push(view::summary(record, attention, now));
    }
    Ok(Json(JobPage { jobs, next_cursor }))
}

/// One status or several, separated by commas; `active` stands for all but the final ones.
fn statuses(text: &str) -> Result<Vec<JobStatus>, ApiError> {
    let mut statuses = Vec::new();
    for word in text.split(',').map(str::trim) {
        match word {
            "active" => statuses.extend(JobStatus::ACTIVE),
            _ => statuses.push(parameter("status", word)?),
        }
    }
    Ok(statuses)
}

/// Shows a job in full: its plan, the standing of every step, and what may be done with it.
#[utoipa::path(
    get,
    path = "/failover/jobs/{job_id}",
    tag = "failover",
    operation_id = "show_job",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job.", body = JobDetail),
        (status = 404, response = problems::UnknownJob),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<Json<JobDetail>, ApiError> {
    let record = record_of(&state, &job_id).await?;
    let jobs = &state.service.jobs;
    let now = state.service.clock.now();
    let plan = jobs
        .plan(&job_id)
        .await?
        .ok_or_else(|| ApiError::unknown_job(&job_id))?;
    let parts = JobParts {
        plan,
        events: journal(&state, &job_id).await?,
        volumes: jobs.volumes(&job_id).await?,
        resources: jobs.resources(&job_id).await?,
        requests: jobs.requests(&job_id).await?,
        attention: open_attentions(&state, &record, now).await?,
        record,
    };
    let detail = view::detail(parts, now);
    Ok(Json(detail.map_err(|error| {
        ApiError::internal(format!("the journal of {job_id} is broken: {error}"))
    })?))
}

/// Shows a job in short; cheap to poll.
#[utoipa::path(
    get,
    path = "/failover/{job_id}/status",
    tag = "failover",
    operation_id = "show_job_status",
    params(("job_id" = JobId, Path, description = "The job.")),
    responses(
        (status = 200, description = "The short form.", body = JobStatusView),
        (status = 404, response = problems::UnknownJob),
    )
)]
pub(in crate::routes) async fn status(
    State(state): State<ApiState>,
    ApiPath(job_id): ApiPath<JobId>,
) -> Result<Json<JobStatusView>, ApiError> {
    let record = record_of(&state, &job_id).await?;
    let now = state.service.clock.now();
    let attention_count = open_attentions(&state, &record, now).await?.len();
    Ok(Json(view::status(record, attention_count, now)))
}

/// A job's row, or the problem that there is none.
pub(super) async fn record_of(state: &ApiState, job_id: &JobId) -> Result<JobRecord, ApiError> {
    state
        .service
        .jobs
        .job(job_id)
        .await?
        .ok_or_else(|| ApiError::unknown_job(job_id))
}

async fn journal(state: &ApiState, job_id: &JobId) -> Result<Vec<StoredEvent>, ApiError> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let piece = state.service.jobs.events(job_id, after, EVENTS_AT_ONCE).await?;
        let is_last = piece.len() < EVENTS_AT_ONCE;
        events.extend(piece);
        if is_last {
            return Ok(events);
        }
    }
}
