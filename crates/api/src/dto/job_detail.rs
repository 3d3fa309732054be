//! A job in full.

use chrono::{DateTime, Utc};
use failover_domain::{AsyncJobId, AtWindowEnd, Decision, JobId, JobStatus, SnapshotId, VolumeId};
use failover_engine::event::{RestingPlace, StepError, StepFacts, VmHealth};
use failover_engine::plan::{Plan, Step, WayBackLine};
use failover_engine::ports::{Custody, ResourceRow};
use failover_engine::survey::Comparison;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::JobSummary;
use super::live::CommitPolicyView;
use super::test::StrategyView;
use super::verb::{ActionView, RequestView};

/// The answer to `GET /api/v1/failover/jobs/{job_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// What lists show.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// The worker that drives it.
    pub owner: Option<String>,
    /// The epoch of that worker's lease.
    pub epoch: u64,
    /// How long the way there should take, in seconds.
    pub expected_seconds: u64,
    /// How long it has been running, or ran, in seconds; 0 while it is pending.
    pub elapsed_seconds: u64,
    /// What may be done with it, and why the rest is refused.
    pub actions: Vec<ActionView>,
    /// Who has asked what of it.
    #[serde(default)]
    pub requests: Vec<RequestView>,
    /// The window of a test, once it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowView>,
    /// How the VM of a test is while its window is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<VmHealth>,
    /// How a test makes its rollback point, and why so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyView>,
    /// What becomes of a live failover once it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_policy: Option<CommitPolicyView>,
    /// The live failover that this job commits or rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<JobId>,
    /// The cloud before the first touch and after the last one, once the job has undone what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The stages with the standing of every step.
    pub stages: Vec<StageView>,
    /// The steps of the way back, as far as there were any.
    pub return_steps: Vec<StepView>,
    /// The replicas: where they are, and their rollback points.
    pub volumes: Vec<VolumeView>,
    /// The objects that the job has created.
    pub ledger: Vec<ResourceRow>,
    /// Where the replicas rest, once they were brought back.
    pub resting: Vec<RestingPlace>,
    /// The plan.
    pub plan: Plan,
    /// The way back as planned; for a rollback or a commit, all that it does.
    pub way_back: Vec<WayBackLine>,
}

/// The window of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it is over.
    pub deadline: DateTime<Utc>,
    /// How long it is still open, in seconds; 0 once it is over.
    pub remaining_seconds: u64,
    /// What happens at its end.
    pub at_window_end: AtWindowEnd,
}

/// A stage: its lanes run side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// The name.
    pub name: String,
    /// How long it should take, in seconds.
    pub expected_seconds: u64,
    /// The lanes.
    pub lanes: Vec<LaneView>,
}

/// A lane: its steps come one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LaneView {
    /// The name.
    pub name: String,
    /// The status that the job shows while this lane is the least advanced one.
    pub status: JobStatus,
    /// The steps.
    pub steps: Vec<StepView>,
}

/// A step and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// How long it should take, in seconds.
    pub expected_seconds: u64,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When its first journal entry was written.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last journal entry was written.
    pub updated_at: Option<DateTime<Utc>>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: StepStanding,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum StepStanding {
    /// Nothing has happened yet.
    Waiting,
    /// A command is under way, or its outcome is not known yet.
    Open {
        /// The command in words.
        command: String,
        /// The cloud's job, once the cloud has answered.
        cloud_job: Option<AsyncJobId>,
    },
    /// The last attempt had no effect; the next one begins at `retry_at`.
    Delayed {
        /// Why.
        error: StepError,
        /// When to go on.
        retry_at: DateTime<Utc>,
    },
    /// Its postcondition was observed.
    Done {
        /// What was learnt.
        facts: StepFacts,
    },
    /// It was given up.
    Failed {
        /// Why.
        error: StepError,
    },
}

/// One replica of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeView {
    /// The disk's place in source order.
    pub disk: usize,
    /// The disk's label in VMware.
    pub label: String,
    /// The replica.
    pub volume_id: VolumeId,
    /// Its name in the cloud.
    pub volume_name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The device on the OMA to which it returns.
    pub oma_device: u32,
    /// The device on the destination VM.
    pub destination_device: u32,
    /// Where it is.
    pub custody: Custody,
    /// Whether a guest may have written to it since its rollback point.
    pub dirty: bool,
    /// Its rollback point, where it has one of its own.
    pub snapshot_id: Option<SnapshotId>,
    /// Whether the job gave its rollback point up and marked it for a full synchronisation.
    #[serde(default)]
    pub quarantined: bool,
    /// What a person has decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}
