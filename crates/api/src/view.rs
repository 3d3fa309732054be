//! Makes answers of what the engine and the store know.

mod actions;
mod attention;

use chrono::{DateTime, Utc};
use failover_domain::{Attention, JobId, JobStatus, TestWindow};
use failover_engine::event::StoredEvent;
use failover_engine::plan::{Direction, Errand, Plan, Stage, Step, way_back};
use failover_engine::ports::{JobRecord, ResourceRow, VolumeRow};
use failover_engine::request::StoredRequest;
use failover_engine::state::{DiskState, IllegalEvent, JobState, Standing, StepRecord};

use crate::dto::{
    JobDetail, JobStatusView, JobSummary, LaneView, RequestView, StageView, StepStanding, StepView,
    StrategyView, VolumeView, WindowView,
};

pub(crate) use actions::actions;
pub(crate) use attention::{attention_view, needs_person, open_attentions};

/// Where a job is shown.
pub(crate) fn job_url(job_id: &JobId) -> String {
    format!("/api/v1/failover/jobs/{job_id}")
}

/// A job as lists show it, with its open attentions.
pub(crate) fn summary(record: JobRecord, attention: Vec<Attention>, now: DateTime<Utc>) -> JobSummary {
    let progress = record.progress_at(now);
    let window_deadline = open_window(&record).map(|window| window.deadline);
    let shown = record.projection;
    JobSummary {
        job_url: job_url(&record.job_id),
        job_id: record.job_id,
        vm_id: record.vm_id,
        job_type: record.job_type,
        status: shown.status,
        progress,
        source_vm_name: record.source_vm_name,
        destination_vm_id: shown.destination_vm_id,
        ossea_snapshot_id: shown.ossea_snapshot_id,
        error_message: shown.failure.as_ref().map(|f| f.message.clone()),
        returning: shown.returning,
        current_steps: shown.current_steps,
        failure: shown.failure,
        attention,
        requested_by: record.requested_by,
        cancel_requested_by: record.cancel_requested_by,
        window_deadline,
        settle_at: shown.settle_at,
        settled_by: record.settled_by,
        created_at: record.created_at,
        updated_at: record.updated_at,
        started_at: shown.started_at,
        completed_at: shown.completed_at,
        last_seq: record.last_seq,
    }
}

/// A job in short, with the number of its open attentions.
pub(crate) fn status(record: JobRecord, attention_count: usize, now: DateTime<Utc>) -> JobStatusView {
    let progress = record.progress_at(now);
    let window_deadline = open_window(&record).map(|window| window.deadline);
    let shown = record.projection;
    JobStatusView {
        job_id: record.job_id,
        vm_id: record.vm_id,
        job_type: record.job_type,
        status: shown.status,
        progress,
        returning: shown.returning,
        current_steps: shown.current_steps,
        attention_count,
        window_deadline,
        error_message: shown.failure.map(|f| f.message),
        updated_at: record.updated_at,
        completed_at: shown.completed_at,
        last_seq: record.last_seq,
    }
}

/// The window of a test while it is open.
fn open_window(record: &JobRecord) -> Option<&TestWindow> {
    let shown = &record.projection;
    let is_open = shown.status == JobStatus::Executing && !shown.returning;
    shown.window.as_ref().filter(|_| is_open)
}

/// What is known of a job, read piece by piece.
pub(crate) struct JobParts {
    pub(crate) record: JobRecord,
    pub(crate) plan: Plan,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) volumes: Vec<VolumeRow>,
    pub(crate) resources: Vec<ResourceRow>,
    pub(crate) requests: Vec<StoredRequest>,
    pub(crate) attention: Vec<Attention>,
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
        requests,
        attention,
    } = parts;
    let state = JobState::replay(&plan, &events)?;
    Ok(JobDetail {
        owner: record.owner.as_ref().map(ToString::to_string),
        epoch: record.epoch,
        expected_seconds: plan.expected_seconds(),
        elapsed_seconds: elapsed_seconds(&record, now),
        actions: actions(&record, &requests),
        requests: request_views(requests, record.projection.heard),
        window: window_view(&record, &plan, now),
        health: open_window(&record).and(state.health.clone()),
        strategy: strategy_view(&plan),
        commit_policy: match &plan.errand {
            Errand::Live { commit } => Some((*commit).into()),
            Errand::Test(_) | Errand::Rollback(_) | Errand::Commit(_) => None,
        },
        settles: plan.settles().map(|settled| settled.job.clone()),
        comparison: state.comparison.clone(),
        stages: plan
            .stages
            .iter()
            .map(|stage| stage_view(stage, &state))
            .collect(),
        return_steps: return_steps(&state),
        volumes: volume_views(&plan, &state, volumes),
        ledger: resources,
        resting: state.resting,
        way_back: way_back(&plan),
        plan,
        summary: summary(record, attention, now),
    })
}

/// How a test makes its rollback point.
pub(crate) fn strategy_view(plan: &Plan) -> Option<StrategyView> {
    plan.test().map(|test| StrategyView {
        strategy: test.strategy,
        reason: test.strategy_reason.clone(),
    })
}

fn window_view(record: &JobRecord, plan: &Plan, now: DateTime<Utc>) -> Option<WindowView> {
    let window = record.projection.window?;
    let test = plan.test()?;
    let remaining = open_window(record).map_or(0, |window| (window.deadline - now).num_milliseconds());
    Some(WindowView {
        opened_at: window.opened_at,
        deadline: window.deadline,
        // Rounded up: an open window has time left.
        remaining_seconds: u64::try_from(remaining).unwrap_or(0).div_ceil(1000),
        at_window_end: test.at_window_end,
    })
}

fn request_views(requests: Vec<StoredRequest>, heard: u64) -> Vec<RequestView> {
    let view = |request: StoredRequest| RequestView {
        heard: request.number <= heard,
        request,
    };
    requests.into_iter().map(view).collect()
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

fn volume_views(plan: &Plan, state: &JobState, rows: Vec<VolumeRow>) -> Vec<VolumeView> {
    let view = |row: VolumeRow| {
        let planned = plan.disks.iter().find(|d| d.disk == row.disk)?;
        let known: Option<&DiskState> = state.disks.get(row.disk);
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
            quarantined: known.is_some_and(|disk| disk.quarantined),
            decision: known.and_then(|disk| disk.decision),
        })
    };
    rows.into_iter().filter_map(view).collect()
}
