//! Jobs in lists and in short.

use chrono::{DateTime, Utc};
use failover_domain::{Attention, CloudVmId, JobId, JobStatus, JobType, SnapshotId, VmId};
use failover_engine::event::{Failure, StoredEvent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer (202) to a start: the job exists and a worker will take it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobCreated {
    /// The job.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// What it does.
    pub job_type: JobType,
    /// Always `pending`.
    pub status: JobStatus,
    /// Where the job is shown.
    pub job_url: String,
    /// Where its short form is shown.
    pub status_url: String,
    /// Where its journal is shown.
    pub events_url: String,
    /// How long it should take once a worker has taken it up, in seconds; the job's detail has it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_seconds: Option<u64>,
}

/// A job as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// The id.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// What it does.
    pub job_type: JobType,
    /// Where it is in its sequence.
    pub status: JobStatus,
    /// Progress in percent. While the window of a test is open it moves with time.
    pub progress: f64,
    /// The source VM's name.
    pub source_vm_name: String,
    /// The destination VM, once it exists.
    pub destination_vm_id: Option<CloudVmId>,
    /// The first rollback point; a job's detail has all of them.
    pub ossea_snapshot_id: Option<SnapshotId>,
    /// Why it failed or is on the way back, in a sentence.
    pub error_message: Option<String>,
    /// Whether it is on the way back.
    pub returning: bool,
    /// What it does at present.
    pub current_steps: Vec<String>,
    /// Why it failed or is on the way back, with the step, the cloud's own words and a remedy.
    pub failure: Option<Failure>,
    /// What a person is needed for.
    pub attention: Vec<Attention>,
    /// Who asked for it.
    pub requested_by: String,
    /// Who asked for cancelling.
    pub cancel_requested_by: Option<String>,
    /// When the open window of a test is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_deadline: Option<DateTime<Utc>>,
    /// When a completed live failover is committed or rolled back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_at: Option<DateTime<Utc>>,
    /// The job that commits it or rolls it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<JobId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When a worker first took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// The number of its last journal entry.
    pub last_seq: u64,
    /// Where it is shown in full.
    pub job_url: String,
}

/// A page of jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// Given as `cursor`, it asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<JobId>,
}

/// The answer to `GET /api/v1/failover/{job_id}/status`: cheap to poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobStatusView {
    /// The job.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// What it does.
    pub job_type: JobType,
    /// Where it is in its sequence.
    pub status: JobStatus,
    /// Progress in percent.
    pub progress: f64,
    /// Whether it is on the way back.
    pub returning: bool,
    /// What it does at present.
    pub current_steps: Vec<String>,
    /// How many attentions are open.
    pub attention_count: usize,
    /// When the open window of a test is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_deadline: Option<DateTime<Utc>>,
    /// Why it failed or is on the way back.
    pub error_message: Option<String>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// The number of its last journal entry.
    pub last_seq: u64,
}

/// A piece of a job's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The job.
    pub job_id: JobId,
    /// The entries in order.
    pub events: Vec<StoredEvent>,
    /// Given as `after`, it asks for what follows; equal to the `after` of the request when nothing is new.
    pub next_after: u64,
    /// Whether the job has ended and these are its last entries: there is nothing more to wait for.
    pub is_end: bool,
}
