//! Makes answers of what the engine and the store know.

use chrono::{DateTime, Utc};
use failover_domain::JobId;
use failover_engine::event::StoredEvent;
use failover_engine::plan::{Direction, Plan, Stage, Step, way_back};
use failover_engine::ports::{JobRecord, ResourceRow, VolumeRow};
use failover_engine::state::{IllegalEvent, JobState, Standing, StepRecord};

use crate::dto::{
    ActionView, JobAction, JobDetail, JobStatusView, JobSummary, LaneView, Permission, StageView,
    StepStanding, StepView, VolumeView,
};

/// Where a job is shown.
pub(crate) fn job_url(job_id: &JobId) -> String {
    format!("/api/v1/failover/jobs/{job_id}")
}

/// A job as lists show it.
pub(crate) fn summary(record: JobRecord) -> JobSummary {
    let shown = record.projection;
    JobSummary {
        job_url: job_url(&record.job_id),
        job_id: record.job_id,
        vm_id: record.vm_id,
        job_type: record.job_type,
        status: shown.status,
        progress: shown.progress,
        source_vm_name: record.source_vm_name,
        destination_vm_id: shown.destination_vm_id,
        ossea_snapshot_id: shown.ossea_snapshot_id,
        error_message: shown.failure.as_ref().map(|f| f.message.clone()),
        returning: shown.returning,
        current_steps: shown.current_steps,
        failure: shown.failure,
        attention: shown.attention,
        requested_by: record.requested_by,
        cancel_requested_by: record.cancel_requested_by,
        created_at: record.created_at,
        updated_at: record.updated_at,
        started_at: shown.started_at,
        completed_at: shown.completed_at,
        last_seq: record.last_seq,
    }
}

/// A job in short.
pub(crate) fn status(record: JobRecord) -> JobStatusView {
    let shown = record.projection;
    JobStatusView {
        job_id: record.job_id,
        vm_id: record.vm_id,
        job_type: record.job_type,
        status: shown.status,
        progress: shown.progress,
        returning: shown.returning,
        current_steps: shown.current_steps,
        attention_count: shown.attention.len(),
        error_message: shown.failure.map(|f| f.message),
        updated_at: record.updated_at,
        completed_at: shown.completed_at,
        last_seq: record.last_seq,
    }
}

/// Whether a job may be cancelled now.
pub(crate) fn cancel_permission(record: &JobRecord) -> Permission {
    let status = record.projection.status;
    let refused = |reason: String| Permission::Refused { reason };
    if status.is_final() {
        refused(format!("the job has ended: it is {status}"))
    } else if let Some(by) = &record.cancel_requested_by {
        refused(format!("cancelling was asked for already, by {by}"))
    } else if record.projection.returning {
        refused("the job is on the way back already".to_owned())
    } else {
        Permission::Allowed {
            url: format!("{}/cancel", job_url(&record.job_id)),
        }
    }
}

/// What is known of a job, read piece by piece.
pub(crate) struct JobParts {
    pub(crate) record: JobRecord,
    pub(crate) plan: Plan,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) volumes: Vec<VolumeRow>,
    pub(crate) resources: Vec<ResourceRow>,
}

/// A job in full.
///
/// # Errors
/// [`IllegalEvent`] when its journal is broken.
pub(crate) fn detail(parts: JobParts, now: DateTime<Utc>) -> Result<JobDetail, IllegalEvent> {
    let JobParts {
        record,
        plan,
        events,
        volumes,
        resources,
    } = parts;
    let state = JobState::replay(&plan, &events)?;
    let actions = vec![ActionView {
        action: JobAction::Cancel,
        permission: cancel_permission(&record),
    }];
    Ok(JobDetail {
        owner: record.owner.as_ref().map(ToString::to_string),
        epoch: record.epoch,
        expected_seconds: plan.expected_seconds(),
        elapsed_seconds: elapsed_seconds(&record, now),
        actions,
        stages: plan
            .stages
            .iter()
            .map(|stage| stage_view(stage, &state))
            .collect(),
        return_steps: return_steps(&state),
        volumes: volume_views(&plan, volumes),
        ledger: resources,
        resting: state.resting,
        way_back: way_back(&plan),
        plan,
        summary: summary(record),
    })
}

fn elapsed_seconds(record: &JobRecord, now: DateTime<Utc>) -> u64 {
    let shown = &record.projection;
    let Some(started) = shown.started_at else {
        return 0;
    };
    // Another machine's clock may be ahead of this one's: then nothing has elapsed yet.
    u64::try_from((shown.completed_at.unwrap_or(now) - started).num_seconds()).unwrap_or(0)
}

fn stage_view(stage: &Stage, state: &JobState) -> StageView {
    let lane = |lane: &failover_engine::plan::Lane| LaneView {
        name: lane.name.clone(),
        status: lane.status,
        steps: lane
            .steps
            .iter()
            .map(|step| step_view(step, state.steps.get(&step.id)))
            .collect(),
    };
    StageView {
        name: stage.name.clone(),
        expected_seconds: stage.expected_seconds(),
        lanes: stage.lanes.iter().map(lane).collect(),
    }
}

/// The steps of the way back in the order in which they began.
fn return_steps(state: &JobState) -> Vec<StepView> {
    let mut records: Vec<&StepRecord> = state
        .steps
        .values()
        .filter(|r| r.step.direction == Direction::Return)
        .collect();
    records.sort_by_key(|record| record.since);
    records
        .into_iter()
        .map(|record| step_view(&record.step, Some(record)))
        .collect()
}

fn step_view(step: &Step, record: Option<&StepRecord>) -> StepView {
    StepView {
        step: step.clone(),
        expected_seconds: step.kind.expected_seconds(),
        attempts: record.map_or(0, |r| r.attempts),
        started_at: record.map(|r| r.since),
        updated_at: record.map(|r| r.until),
        standing: record.map_or(StepStanding::Waiting, |r| standing(&r.standing)),
    }
}

fn standing(standing: &Standing) -> StepStanding {
    match standing {
        Standing::Open(open) => StepStanding::Open {
            command: open.command.clone(),
            cloud_job: open.cloud_job.clone(),
        },
        Standing::Delayed { error, retry_at } => StepStanding::Delayed {
            error: error.clone(),
            retry_at: *retry_at,
        },
        Standing::Done { facts } => StepStanding::Done { facts: facts.clone() },
        Standing::Failed { error } => StepStanding::Failed { error: error.clone() },
    }
}

fn volume_views(plan: &Plan, rows: Vec<VolumeRow>) -> Vec<VolumeView> {
    let view = |row: VolumeRow| {
        let planned = plan.disks.iter().find(|d| d.disk == row.disk)?;
        Some(VolumeView {
            disk: row.disk,
            label: planned.label.clone(),
            volume_id: row.volume,
            volume_name: planned.volume_name.clone(),
            size_bytes: planned.size_bytes,
            oma_device: row.oma_device,
            destination_device: row.destination_device,
            custody: row.custody,
            dirty: row.dirty,
            snapshot_id: row.snapshot,
        })
    };
    rows.into_iter().filter_map(view).collect()
}
