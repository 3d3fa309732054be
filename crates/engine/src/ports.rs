//! What the engine and the API need of persistence. `failover-store` implements these traits on SQLite and
//! PostgreSQL, [`crate::memory`] in memory; a foreign program may bring its own. The suite in
//! `failover_engine::contract` tells whether an implementation keeps the promises made here.

mod audit;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::inventory::VmReport;
use failover_domain::{
    Attention, CloudVmId, JobId, JobStatus, JobType, NetworkId, NetworkMapping, Provenance, Purpose,
    SnapshotId, SourceDisk, SourceVm, TestWindow, VmId, VolumeId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, Failure, StepFacts, StoredEvent};
use crate::plan::Plan;
use crate::request::{JobRequest, StoredRequest};
use crate::state::JobState;

pub use audit::{
    AuditFilter, AuditOrder, AuditTrail, clear_quarantine_entry, delete_mapping_entry, put_mapping_entry,
    report_entry,
};

/// A failure of persistence itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or did not answer. The write may or may not have been committed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A row cannot be read as what it should be.
    #[error("row {id} of table {table} is broken in column {column}: {detail}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
        /// What is wrong.
        detail: String,
    },
    /// The database's schema is not one that this version works with.
    #[error("the database schema does not fit this version: {0}")]
    Schema(String),
}

/// The identity of one worker process; fresh at every start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(String);

impl WorkerId {
    /// A fresh identity for a process on `host`.
    pub fn fresh(host: &str) -> Self {
        Self(format!("{host}-{}", Uuid::new_v4().simple()))
    }

    /// An identity read back from storage.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to drive a job: valid as long as the store still shows this owner and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// Its owner.
    pub worker: WorkerId,
    /// Grows by one at every claim, so a former owner can never write again.
    pub epoch: u64,
}

/// A job to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The plan; carries the type and the source VM.
    pub plan: Plan,
    /// Who asked for it.
    pub requested_by: Actor,
    /// When: gives the job id.
    pub at: DateTime<Utc>,
}

impl NewJob {
    /// What is written when the job is created: its first journal entry, its row and its volume rows.
    pub fn opening_batch(&self) -> Batch {
        let state = JobState::new(&self.plan);
        let event = Event::Accepted {
            by: self.requested_by.name.clone(),
        };
        Batch {
            events: vec![StoredEvent {
                seq: 1,
                at: self.at,
                event,
            }],
            projection: state.projection(&self.plan),
            volumes: state.volume_rows(&self.plan),
            resources: state.ledger,
        }
    }
}

/// Why a job was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The source VM has an active job already.
    #[error("source VM {vm_id} has the active job {job_id}")]
    Active {
        /// The source VM.
        vm_id: VmId,
        /// The job that runs.
        job_id: JobId,
    },
    /// The live failover that is to be committed or rolled back has a job for that already.
    #[error("live failover {of} is settled by job {by} already")]
    Settled {
        /// The live failover.
        of: JobId,
        /// The job that commits it or rolls it back.
        by: JobId,
    },
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A job as its row shows it: the fold of its journal, kept beside it for lists and filters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The id.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// What it does.
    pub job_type: JobType,
    /// Who asked for it.
    pub requested_by: String,
    /// The source VM's name.
    pub source_vm_name: String,
    /// The projected state.
    #[serde(flatten)]
    pub projection: JobProjection,
    /// Who asked for cancelling, if anybody.
    pub cancel_requested_by: Option<String>,
    /// The job that commits this one or rolls it back, once there is one.
    pub settled_by: Option<JobId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
    /// The number of its last journal entry.
    pub last_seq: u64,
    /// The worker that drives it.
    pub owner: Option<WorkerId>,
    /// The lease's epoch.
    pub epoch: u64,
}

/// The columns of a job's row that are folded from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobProjection {
    /// Where it is in the customer's sequence.
    pub status: JobStatus,
    /// Progress in percent.
    pub progress: f64,
    /// Whether it is on the way back.
    pub returning: bool,
    /// What it does at present, in words; empty at rest.
    pub current_steps: Vec<String>,
    /// Open attentions.
    pub attention: Vec<Attention>,
    /// Why it failed, or is on the way back.
    pub failure: Option<Failure>,
    /// The first rollback point (the customer's column); all of them are in the volume rows.
    pub ossea_snapshot_id: Option<SnapshotId>,
    /// The destination VM.
    pub destination_vm_id: Option<CloudVmId>,
    /// The window of a test, from when it was opened until the test is cleaned up.
    pub window: Option<TestWindow>,
    /// The number of the last request that was heard.
    pub heard: u64,
    /// When a completed live failover is committed or rolled back by itself.
    pub settle_at: Option<DateTime<Utc>>,
    /// When a worker first took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
}

/// Where a replica is, as last observed by a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Custody {
    /// On the OMA.
    Oma {
        /// The device.
        device: u32,
    },
    /// On no VM.
    Detached,
    /// On the destination VM.
    Destination {
        /// The device.
        device: u32,
    },
}

impl Custody {
    /// The name in columns: `oma`, `detached` or `destination`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Custody::Oma { .. } => "oma",
            Custody::Detached => "detached",
            Custody::Destination { .. } => "destination",
        }
    }

    /// The device, where there is one.
    pub const fn device(&self) -> Option<u32> {
        match self {
            Custody::Oma { device } | Custody::Destination { device } => Some(*device),
            Custody::Detached => None,
        }
    }
}

/// One replica of a job: a row of `failover_volumes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRow {
    /// The disk's place.
    pub disk: usize,
    /// The replica.
    pub volume: VolumeId,
    /// The device on the OMA to which it returns.
    pub oma_device: u32,
    /// The device on the destination VM.
    pub destination_device: u32,
    /// Where it is.
    pub custody: Custody,
    /// Whether a guest may have written to it since its rollback point.
    pub dirty: bool,
    /// Its rollback point.
    pub snapshot: Option<SnapshotId>,
}

/// What kind of object a ledger row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// The destination VM.
    Vm,
    /// The scratch root of the destination VM.
    ScratchRoot,
    /// A rollback point.
    Snapshot,
    /// A rollback point of all disks of a test VM.
    VmSnapshot,
}

impl ResourceKind {
    /// All kinds.
    pub const ALL: [ResourceKind; 4] = [
        ResourceKind::Vm,
        ResourceKind::ScratchRoot,
        ResourceKind::Snapshot,
        ResourceKind::VmSnapshot,
    ];

    /// The name for people.
    pub const fn words(self) -> &'static str {
        match self {
            ResourceKind::Vm => "VM",
            ResourceKind::ScratchRoot => "scratch root",
            ResourceKind::Snapshot => "snapshot",
            ResourceKind::VmSnapshot => "VM snapshot",
        }
    }

    /// The name in columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            ResourceKind::Vm => "vm",
            ResourceKind::ScratchRoot => "scratch_root",
            ResourceKind::Snapshot => "snapshot",
            ResourceKind::VmSnapshot => "vm_snapshot",
        }
    }
}

/// How far a ledger row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    /// About to be asked for; may exist.
    Intended,
    /// Exists.
    Present,
    /// Observed to be gone.
    Removed,
}

impl ResourceState {
    /// All states.
    pub const ALL: [ResourceState; 3] = [
        ResourceState::Intended,
        ResourceState::Present,
        ResourceState::Removed,
    ];

    /// The name in columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            ResourceState::Intended => "intended",
            ResourceState::Present => "present",
            ResourceState::Removed => "removed",
        }
    }
}

/// One object of the cloud that a job may remove: a row of `failover_resources`. Keyed by kind and name
/// within its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceRow {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name; for a scratch root its id.
    pub name: String,
    /// Its id, once known.
    pub cloud_id: Option<String>,
    /// How far it is.
    pub state: ResourceState,
}

/// Journal entries and the rows that follow from them, to be committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The entries; the first has the number after the job's last one, the rest follow without gaps.
    pub events: Vec<StoredEvent>,
    /// The job's row after them.
    pub projection: JobProjection,
    /// Volume rows that changed.
    pub volumes: Vec<VolumeRow>,
    /// Ledger rows that changed.
    pub resources: Vec<ResourceRow>,
}

impl Batch {
    /// Whether it may be written only when every stored request was heard: it ends the job, or closes the window of a test,
    /// and neither can be taken back.
    pub fn must_have_heard_all(&self) -> bool {
        let is_closing = |stored: &StoredEvent| {
            matches!(
                stored.event,
                Event::StepDone {
                    facts: StepFacts::WindowClosed { .. },
                    ..
                }
            )
        };
        self.projection.status.is_final() || self.events.iter().any(is_closing)
    }

    /// Checks that the entries follow `last_seq`, the job's last one, without gaps.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: the sender's journal is not the stored one.
    pub fn check_sequence(&self, job: &JobId, last_seq: u64) -> Result<(), StoreError> {
        let in_order = self
            .events
            .iter()
            .zip(last_seq + 1..)
            .all(|(event, seq)| event.seq == seq);
        if in_order {
            return Ok(());
        }
        let given: Vec<u64> = self.events.iter().map(|e| e.seq).collect();
        Err(StoreError::Corrupt {
            table: "failover_events",
            column: "seq",
            id: job.to_string(),
            detail: format!("entries {given:?} do not follow the last one, {last_seq}"),
        })
    }
}

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else owns the job now. The caller stops at once.
    #[error("the lease on job {0} is lost")]
    LeaseLost(JobId),
    /// There is a request that the job has not heard, and the batch must have heard all
    /// ([`Batch::must_have_heard_all`]). The caller hears it first.
    #[error("job {0} has a request that was not heard")]
    RequestUnheard(JobId),
    /// Persistence failed. The batch may have been committed: the caller sends **the same** batch again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A job that a worker has just claimed, with everything needed to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// The right to drive it.
    pub lease: Lease,
    /// Its plan.
    pub plan: Plan,
    /// Its whole journal, in order.
    pub events: Vec<StoredEvent>,
}

/// Which jobs a list shows. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this source VM.
    pub vm_id: Option<VmId>,
    /// Only these source VMs: what a caller may see.
    pub vms: Option<BTreeSet<VmId>>,
    /// Only these statuses; all when empty.
    pub statuses: Vec<JobStatus>,
    /// Only this type.
    pub job_type: Option<JobType>,
    /// Only jobs that need a person.
    pub needs_person: Option<NeedsPerson>,
    /// Only jobs after this one in the list's order: the last one of the page before. Nothing comes after a job
    /// that does not exist.
    pub after: Option<JobId>,
    /// At most so many.
    pub limit: usize,
}

/// Which jobs need a person: those with an open attention, whether they have ended or not, and completed live failovers
/// that nobody has settled for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedsPerson {
    /// An unsettled live failover counts when it was completed at this instant or before.
    pub unsettled_since: DateTime<Utc>,
}

impl NeedsPerson {
    /// Whether a job is one of them.
    pub fn holds_for(&self, record: &JobRecord) -> bool {
        !record.projection.attention.is_empty()
            || record
                .unsettled_since()
                .is_some_and(|completed| completed <= self.unsettled_since)
    }
}

impl JobRecord {
    /// Since when it is a completed live failover that nobody has committed or rolled back.
    pub fn unsettled_since(&self) -> Option<DateTime<Utc>> {
        let shown = &self.projection;
        let is_open = self.job_type == JobType::Live
            && shown.status == JobStatus::Completed
            && self.settled_by.is_none();
        shown.completed_at.filter(|_| is_open)
    }

    /// Progress in percent at `now`: while the window of a test is open it moves with elapsed time.
    pub fn progress_at(&self, now: DateTime<Utc>) -> f64 {
        let shown = &self.projection;
        match &shown.window {
            Some(window) if shown.status == JobStatus::Executing => {
                let moved = (window.progress(now) * 10.0).round() / 10.0;
                shown.progress.max(moved)
            }
            Some(_) | None => shown.progress,
        }
    }
}

/// A request that the worker of its job has not heard yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The job.
    pub job_id: JobId,
    /// The request.
    pub request: StoredRequest,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It is stored under this number; the worker will hear it.
    Noted {
        /// The number.
        number: u64,
    },
    /// The job has ended already.
    AlreadyEnded,
    /// There is no such job.
    NoSuchJob,
}

/// Jobs, their journals and their leases.
///
/// # Guarantees of an implementation
/// * At most one active job per source VM, by constraint, whatever the concurrency.
/// * A batch is committed whole or not at all, only while the lease holds, and writing the same batch twice
///   has the effect of writing it once.
/// * Leases are judged by the store's clock, never by the caller's.
/// * A job that no living worker owns is claimable, whatever its history.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Creates a job with its first journal entry ([`crate::Event::Accepted`]), volume rows, its row of the audit and the
    /// status `pending`. A job whose plan settles a live failover is noted in that one's row in the same commit.
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError>;

    /// A job's row.
    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError>;

    /// A job's plan.
    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError>;

    /// Jobs by filter, newest first.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError>;

    /// The active job of a source VM.
    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError>;

    /// Journal entries with a number above `after`, at most `limit`, in order.
    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    /// A job's volume rows in disk order.
    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError>;

    /// A job's ledger, ordered by kind and name.
    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError>;

    /// Stores what somebody asks of a job, with its row of the audit. A second request to cancel is the same as the first one.
    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError>;

    /// The requests of a job in the order in which they came.
    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError>;

    /// The completed live failovers whose time to be committed or rolled back has come by the store's clock, and for
    /// which no job was created yet; those that wait longest first, at most `limit`.
    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError>;

    /// Registers a worker or renews its lease: alive until `lease` from now, by the store's clock.
    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError>;

    /// Claims up to `limit` jobs for `worker`: active, and owned by nobody or by a worker whose lease has ended.
    /// Raises each job's epoch. Oldest first. A worker that has not registered, or whose own lease has ended,
    /// gets nothing.
    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError>;

    /// Commits a batch under a lease. A batch that ends the job also ends its ownership. One that
    /// [must have heard all](Batch::must_have_heard_all) is refused while a request is stored that the job has not
    /// heard.
    ///
    /// A batch whose entries are all stored already, under the lease's epoch, is taken as written. Entries that
    /// do not follow the last one are [`StoreError::Corrupt`], and nothing is written.
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError>;

    /// The requests that the jobs of a worker have not heard, in order.
    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError>;

    /// Hands one job back, if the lease still holds.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Ends a worker: all its jobs are free at once.
    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError>;
}

/// A worker whose lease has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingWorker {
    /// The worker.
    pub worker: WorkerId,
    /// How long its lease still lasts, unless it is renewed.
    pub lease_left: Duration,
    /// How many jobs it drives.
    pub jobs: usize,
}

/// Who drives jobs at present.
#[async_trait]
pub trait Workers: Send + Sync {
    /// The workers whose lease has not ended by the store's clock, ordered by their identity.
    async fn living_workers(&self) -> Result<Vec<LivingWorker>, StoreError>;
}

/// What became of a reported replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutOutcome {
    /// The VM is new.
    Created,
    /// The VM was known and is replaced.
    Updated,
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// A replica volume belongs to a disk of another source VM.
    #[error("volume {volume} is the replica of a disk of source VM {owner} already")]
    VolumeTaken {
        /// The volume.
        volume: VolumeId,
        /// The source VM that has it.
        owner: VmId,
    },
    /// The source VM has an active job, and the report would change its disks under it.
    #[error("source VM {vm_id} has the active job {job_id}; its disks cannot be changed now")]
    Active {
        /// The source VM.
        vm_id: VmId,
        /// The job.
        job_id: JobId,
    },
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the mark of a replica was not taken off.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// A job works on the source VM; it may be about to bring the replica back, marked for a reason that it knows.
    #[error("source VM {vm_id} has the active job {job_id}")]
    Active {
        /// The source VM.
        vm_id: VmId,
        /// The job that runs.
        job_id: JobId,
    },
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a replica must be synchronised from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResyncMark {
    /// It may hold a guest's writes: an incremental synchronisation on top of it would be silent corruption.
    Needed,
    /// It was synchronised from the start since.
    Done,
}

/// Whether two descriptions of a source VM name different disks: other places, sizes or replica volumes.
pub fn disks_differ(a: &SourceVm, b: &SourceVm) -> bool {
    let disks = |vm: &SourceVm| -> Vec<_> {
        let volume = |d: &SourceDisk| d.replica.as_ref().map(|r| r.volume_id.clone());
        vm.disks
            .iter()
            .map(|d| (d.position, d.size_bytes, volume(d)))
            .collect()
    };
    disks(a) != disks(b)
}

/// The source VM that a report describes, as every implementation of [`Inventory::put_vm`] stores it.
///
/// # Errors
/// [`StoreError::Corrupt`] for a report that was not checked before.
pub fn reported_vm(report: &VmReport, at: DateTime<Utc>) -> Result<SourceVm, StoreError> {
    let provenance = Provenance {
        source: "inventory import".to_owned(),
        recorded_at: at,
    };
    let mut vm = report
        .clone()
        .into_source_vm(provenance)
        .map_err(|mistakes| StoreError::Corrupt {
            table: "vm_disks",
            column: "report",
            id: report.vm_id.to_string(),
            detail: mistakes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        })?;
    // An instant without a ChangeID says nothing; a ChangeID without an instant was recorded just now.
    vm.sync.synced_at = vm
        .sync
        .change_id
        .as_ref()
        .map(|_| vm.sync.synced_at.unwrap_or(at));
    for disk in &mut vm.disks {
        disk.synced_at = vm.sync.synced_at;
    }
    Ok(vm)
}

/// The inventory of source VMs, kept in the tables that the migration tool shares with us.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Takes a report of a source VM (already checked by [`VmReport::into_source_vm`]) in place of what was known.
    /// The mark of a replica that stays ([`Inventory::mark_resync`]) stays too.
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError>;

    /// A source VM, as its newest rows say.
    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError>;

    /// The source VMs whose name is exactly `name`.
    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError>;

    /// Source VMs ordered by id, at most `limit`, after `after`.
    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError>;

    /// Notes whether a replica must be synchronised from the start; `false` when the volume is not known.
    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError>;

    /// Takes the mark off a replica of `vm` by a person's decision, together with the audit entry that says who and why:
    /// no entry, no change. `false` when the replica is not marked, or is not one of that VM.
    ///
    /// # Errors
    /// [`ClearError`]; then the mark stands.
    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError>;
}

/// Network mappings.
#[async_trait]
pub trait Mappings: Send + Sync {
    /// All mappings of a source VM, ordered by source network and purpose.
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError>;

    /// The same of many source VMs; those without a mapping are left out. A store that can answer with one question
    /// does so.
    async fn mappings_of_many(
        &self,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, Vec<NetworkMapping>>, StoreError> {
        let mut of_vms = BTreeMap::new();
        for vm in vms {
            let mappings = self.mappings(vm).await?;
            if !mappings.is_empty() {
                of_vms.insert(vm.clone(), mappings);
            }
        }
        Ok(of_vms)
    }

    /// Which of these networks some source VM is mapped to for a purpose, each with one such source VM: the first by id.
    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError>;

    /// Adds a mapping or replaces the one of the same source network and purpose.
    async fn put_mapping(&self, vm: &VmId, mapping: &NetworkMapping, by: &Actor) -> Result<(), StoreError> {
        self.put_mappings(&[(vm.clone(), mapping.clone())], by).await
    }

    /// The same of many, in their order and in one commit: all of them or none.
    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError>;

    /// Removes a mapping; `false` when there was none.
    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError>;
}
