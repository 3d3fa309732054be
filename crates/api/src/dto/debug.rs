//! What `/api/v1/debug` shows to whoever looks for a fault.

use chrono::{DateTime, Utc};
use failover_domain::{JobId, JobStatus, JobType, VmId};
use log_ring::LogRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ossea::ProbeAge;

/// Whether something can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ServiceStanding)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It answers as it should.
    Well,
    /// It does not.
    Trouble {
        /// Why.
        reason: String,
    },
    /// Nobody has asked yet.
    Unknown,
}

/// The answer to `GET /api/v1/debug/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DebugHealth {
    /// This process.
    pub process: ProcessView,
    /// Whether the database answers.
    pub database: Standing,
    /// Whether its schema is the one that this version works with; unknown while the database does not answer.
    pub schema: Standing,
    /// Whether the cloud answered when it was last asked. It is not asked for this.
    pub cloud: Standing,
    /// What was last known of the cloud, and how old that is.
    pub probe: ProbeAge,
    /// The workers that are alive; empty while the database does not answer.
    pub workers: Vec<WorkerView>,
}

/// One process of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessView {
    /// The version of the program.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long ago that was, in seconds.
    pub uptime_seconds: u64,
    /// Its own time, to be compared with other machines'.
    pub now: DateTime<Utc>,
}

/// A worker that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    /// Its identity: its host, and a part that is new at every start.
    pub worker: String,
    /// How long its lease still lasts, in milliseconds. It renews it three times within its span.
    pub lease_left_ms: u64,
    /// How many jobs it drives.
    pub jobs: usize,
}

/// The answer to `GET /api/v1/debug/failover-jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DebugJobs {
    /// The jobs that have not ended, those first whose last entry is oldest.
    pub jobs: Vec<DebugJob>,
    /// Whether there are more active jobs than are shown.
    pub is_cut: bool,
}

/// An active job, as whoever asks why it does not go on sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DebugJob {
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
    /// What it does at present.
    pub current_steps: Vec<String>,
    /// The worker that drives it; without one it waits to be taken up.
    pub owner: Option<String>,
    /// Whether that worker is alive. A dead one is replaced within its lease.
    pub owner_is_alive: bool,
    /// How often it was taken up.
    pub epoch: u64,
    /// The number of its last journal entry.
    pub last_seq: u64,
    /// When that was written.
    pub last_entry_at: Option<DateTime<Utc>>,
    /// How long ago that was, in seconds.
    pub last_entry_age_seconds: Option<u64>,
}

/// The answer to `GET /api/v1/debug/endpoints`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointList {
    /// The routes, in the order of their paths.
    pub endpoints: Vec<EndpointView>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct EndpointView {
    /// Its path, with the names of its parts in braces.
    pub path: String,
    /// The methods that it takes.
    pub methods: Vec<String>,
}

/// The answer to `GET /api/v1/debug/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The newest records of this process, oldest first.
    pub records: Vec<LogRecord>,
    /// How many records this process has made, those that it does not have any more included.
    pub made: u64,
}
