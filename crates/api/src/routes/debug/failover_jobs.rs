//! `GET /api/v1/debug/failover-jobs`: the active jobs with what tells whether they go on.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use axum::extract::State;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use failover_domain::JobStatus;
use failover_engine::ports::{JobFilter, JobRecord};

use crate::access::Caller;
use crate::dto::debug::{DebugJob, DebugJobs};
use crate::error::ApiError;
use crate::state::ApiState;

/// How many jobs are shown. Each costs a question to the database, and who looks for a fault looks at the oldest few.
const MOST: usize = 200;

/// Lists the active jobs, those first that have written nothing for longest.
#[utoipa::path(
    get,
    path = "/debug/failover-jobs",
    tag = "debug",
    operation_id = "debug_jobs",
    responses(
        (status = 200, description = "The jobs.", body = DebugJobs),
    )
)]
pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<DebugJobs>, ApiError> {
    let now = state.service.clock.now();
    let living = state.ports.workers.living_workers().await?;
    let living: BTreeSet<String> = living.iter().map(|w| w.worker.to_string()).collect();
    let active = JobFilter {
        statuses: JobStatus::ACTIVE.to_vec(),
        vms: caller.only().cloned(),
        limit: MOST + 1,
        ..JobFilter::default()
    };
    let mut records = state.service.jobs.jobs(&active).await?;
    let is_cut = records.len() > MOST;
    records.truncate(MOST);
    let mut jobs = Vec::with_capacity(records.len());
    for record in records {
        let before_last = record.last_seq.saturating_sub(1);
        let last = state.service.jobs.events(&record.job_id, before_last, 1).await?;
        jobs.push(view(record, last.first().map(|entry| entry.at), &living, now));
    }
    jobs.sort_by_key(|job| Reverse(job.last_entry_age_seconds));
    Ok(Json(DebugJobs { jobs, is_cut }))
}

fn view(
    record: JobRecord,
    last_entry_at: Option<DateTime<Utc>>,
    living: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> DebugJob {
    let progress = record.progress_at(now);
    let owner = record.owner.map(|owner| owner.to_string());
    // The worker's clock may be ahead of this one's: then the entry is of just now.
    let age = |at: DateTime<Utc>| u64::try_from((now - at).num_seconds()).unwrap_or(0);
    DebugJob {
        job_id: record.job_id,
        vm_id: record.vm_id,
        job_type: record.job_type,
        status: record.projection.status,
        progress,
        current_steps: record.projection.current_steps,
        owner_is_alive: owner.as_ref().is_some_and(|owner| living.contains(owner)),
        owner,
        epoch: record.epoch,
        last_seq: record.last_seq,
        last_entry_age_seconds: last_entry_at.map(age),
        last_entry_at,
    }
}
