//! The state of a job: a fold over its journal by one pure function, used for live work and for recovery alike.
//!
//! ```text
//! pending ──taken up──▶ forward ──all stages finished──▶ completed   (live failover)
//!    │                   │    │
//!    │                   │    └─all stages finished──▶ closing ──at rest──▶ completed   (test, rollback, commit)
//!    │                   │ step failed, cancelled        ╎
//!    │                   ▼                               ╎ the same mechanism
//!    └──cancelled──▶ returning ──at rest, ledger empty──▶ failed
//! ```
//!
//! Closing is the phase `Returning` with a [`ClosingReason`] instead of a failure.

mod apply;
mod project;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use failover_domain::{
    AsyncJobId, Attention, CloudVmId, Decision, JobStatus, RequestKey, SnapshotId, TestWindow, VmSnapshotId,
    VolumeId,
};
use serde::{Deserialize, Serialize};

use crate::event::{ClosingReason, Failure, RestingPlace, StepError, StepFacts, StoredEvent, VmHealth};
use crate::plan::{Errand, Plan, PlannedDisk, Settled, Step, StepId};
use crate::ports::{Custody, ResourceKind, ResourceRow, ResourceState};
use crate::survey::{Comparison, Survey};

pub use project::changed_rows;

/// Which way the job is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody has taken it up.
    Pending,
    /// On the way there.
    Forward,
    /// On the way back.
    Returning,
    /// Ended with success.
    Completed,
    /// Ended without success.
    Failed,
}

/// A command whose outcome is not journaled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAttempt {
    /// Number of the attempt, from 0.
    pub attempt: u32,
    /// The key that went, or will go, with the request.
    pub key: RequestKey,
    /// The command in words.
    pub command: String,
    /// The cloud's job, once the cloud has answered.
    pub cloud_job: Option<AsyncJobId>,
    /// The id of the object that an accepted create command has made.
    pub created: Option<String>,
}

impl OpenAttempt {
    /// The command's name in CloudStack's API, with which its words begin.
    pub fn api_name(&self) -> &str {
        self.command.split(' ').next().unwrap_or_default()
    }
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// A command is under way, or its outcome is unknown.
    Open(OpenAttempt),
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

/// What the journal says of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// How many attempts were begun: commands that were intended.
    pub attempts: u32,
    /// How often the step was put off: refusals, blocks and time-outs, with or without a command. Counted anew when
    /// somebody asks to try it again.
    pub delays: u32,
    /// Whether the last command was a forced stop.
    #[serde(default)]
    pub forced: bool,
    /// Whether a forced stop was sent and no graceful one has succeeded since: its guest may run on where nobody
    /// reaches it.
    #[serde(default)]
    pub doubted: bool,
    /// How it stands.
    pub standing: Standing,
    /// When its first entry was written, or the first one after it was done and had to be done again.
    pub since: DateTime<Utc>,
    /// When its last entry was written.
    pub until: DateTime<Utc>,
}

/// What the journal says of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskState {
    /// Where it is.
    pub custody: Custody,
    /// Whether a guest may have written to it since its rollback point.
    pub dirty: bool,
    /// Its rollback point.
    pub snapshot: Option<SnapshotId>,
    /// Whether it was marked for a full synchronisation, its rollback point having been given up.
    #[serde(default)]
    pub quarantined: bool,
    /// Whether a guest that nobody reaches may still write to it: its VM was stopped by force.
    #[serde(default)]
    pub doubtful: bool,
    /// What a person has decided about it.
    #[serde(default)]
    pub decision: Option<Decision>,
}

impl DiskState {
    /// Whether it must be reverted before it may rest on the OMA.
    pub fn needs_revert(&self) -> bool {
        self.dirty && !self.quarantined
    }

    /// Whether it must be marked for a full synchronisation before it may rest on the OMA: reverting it does not prove
    /// that nothing is written to it afterwards.
    pub fn needs_mark(&self) -> bool {
        self.doubtful && !self.quarantined
    }
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// Which way it is going.
    pub phase: Phase,
    /// Where it is in the customer's sequence.
    pub status: JobStatus,
    /// Progress in percent.
    pub progress: f64,
    /// The stage that was entered last.
    pub stage: Option<usize>,
    /// How many stages are finished.
    pub stages_finished: usize,
    /// The steps that have an entry.
    pub steps: BTreeMap<StepId, StepRecord>,
    /// The destination VM.
    pub vm: Option<CloudVmId>,
    /// The destination VM's scratch root.
    pub scratch_root: Option<VolumeId>,
    /// The rollback point of all disks, where it is a VM snapshot.
    pub vm_snapshot: Option<VmSnapshotId>,
    /// The replicas in disk order.
    pub disks: Vec<DiskState>,
    /// The ledger, keyed by kind and name.
    pub ledger: Vec<ResourceRow>,
    /// Open attentions.
    pub attention: Vec<Attention>,
    /// Why the job failed or is on the way back.
    pub failure: Option<Failure>,
    /// Who asked for cancelling, once the worker heard it.
    pub cancelled_by: Option<String>,
    /// The window of a test, once it was opened.
    pub window: Option<TestWindow>,
    /// How the VM of an open test was when it was last seen to change.
    pub health: Option<VmHealth>,
    /// Who asked for the end of the test, once the worker heard it.
    pub test_ended_by: Option<String>,
    /// Why the last part of the job began, where it was planned.
    pub closing: Option<ClosingReason>,
    /// Whether the migration tool was asked to let go of the replicas, or may have been.
    pub writer_asked: bool,
    /// The number of the last request that was heard.
    pub heard: u64,
    /// What the cloud had before it was touched.
    pub before: Option<Survey>,
    /// What the cloud has now, compared to that.
    pub comparison: Option<Comparison>,
    /// Where the replicas rest, once they were brought back.
    pub resting: Vec<RestingPlace>,
    /// When a worker first took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// The number of the last journal entry.
    pub last_seq: u64,
}

/// A journal entry that cannot follow what was before it: the journal is broken, or the engine is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("journal entry {seq} ({event}) cannot follow: {reason}")]
pub struct IllegalEvent {
    /// The entry's number.
    pub seq: u64,
    /// The entry in words.
    pub event: String,
    /// Why not.
    pub reason: String,
}

impl JobState {
    /// The state before the first journal entry.
    pub fn new(plan: &Plan) -> Self {
        let settled = plan.settles();
        let disk = |d: &PlannedDisk| match settled {
            None => DiskState {
                custody: Custody::Oma { device: d.oma_device },
                dirty: false,
                snapshot: None,
                quarantined: false,
                doubtful: false,
                decision: None,
            },
            // A guest has been writing to it ever since.
            Some(settled) => DiskState {
                custody: Custody::Destination {
                    device: d.destination_device,
                },
                dirty: true,
                snapshot: settled.snapshots.get(d.disk).cloned().flatten(),
                quarantined: false,
                doubtful: false,
                decision: None,
            },
        };
        Self {
            phase: Phase::Pending,
            status: JobStatus::Pending,
            progress: 0.0,
            stage: None,
            stages_finished: 0,
            steps: BTreeMap::new(),
            vm: settled.map(|s| s.vm.clone()),
            scratch_root: None,
            vm_snapshot: None,
            disks: plan.disks.iter().map(disk).collect(),
            ledger: inherited_ledger(plan),
            attention: Vec::new(),
            failure: None,
            cancelled_by: None,
            window: None,
            health: None,
            test_ended_by: None,
            closing: None,
            // The migration tool has let go of the replicas for the live failover.
            writer_asked: matches!(plan.errand, Errand::Rollback(_)),
            heard: 0,
            before: settled.and_then(|s| s.before.clone()),
            comparison: None,
            resting: Vec::new(),
            started_at: None,
            completed_at: None,
            last_seq: 0,
        }
    }

    /// The state after a whole journal.
    ///
    /// # Errors
    /// [`IllegalEvent`] for the first entry that cannot follow.
    pub fn replay(plan: &Plan, events: &[StoredEvent]) -> Result<Self, IllegalEvent> {
        let mut state = Self::new(plan);
        for event in events {
            state.apply(plan, event)?;
        }
        Ok(state)
    }

    /// Whether the job has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Failed)
    }

    /// Whether a step's postcondition was observed.
    pub fn is_done(&self, step: &StepId) -> bool {
        self.steps
            .get(step)
            .is_some_and(|r| matches!(r.standing, Standing::Done { .. }))
    }

    /// The attempt of a step whose outcome is not journaled.
    pub fn open_attempt(&self, step: &StepId) -> Option<&OpenAttempt> {
        match &self.steps.get(step)?.standing {
            Standing::Open(open) => Some(open),
            Standing::Delayed { .. } | Standing::Done { .. } | Standing::Failed { .. } => None,
        }
    }

    /// The number of the next attempt of a step.
    pub fn next_attempt(&self, step: &StepId) -> u32 {
        self.steps.get(step).map_or(0, |r| r.attempts)
    }

    /// How often a step of the way back was put off since somebody last asked to try it again, the try under way included.
    pub fn tries_since_asked(&self, step: &StepId) -> u32 {
        self.steps.get(step).map_or(1, |r| r.delays + 1)
    }

    /// How often a step was tried in vain, with or without a command, the try under way included.
    pub fn tries(&self, step: &StepId) -> u32 {
        self.steps.get(step).map_or(1, |r| r.attempts.max(r.delays + 1))
    }

    /// The ledger row of an object.
    pub fn resource(&self, kind: ResourceKind, name: &str) -> Option<&ResourceRow> {
        self.ledger.iter().find(|r| r.kind == kind && r.name == name)
    }

    /// The first step that was given up, in plan order of its lane's journal entries.
    pub fn failed_step(&self) -> Option<(&Step, &StepError)> {
        let mut failed: Vec<_> = self
            .steps
            .values()
            .filter_map(|r| match &r.standing {
                Standing::Failed { error } => Some((r, error)),
                Standing::Open(_) | Standing::Delayed { .. } | Standing::Done { .. } => None,
            })
            .collect();
        failed.sort_by_key(|(r, _)| r.until);
        failed.first().map(|(r, error)| (&r.step, *error))
    }
}

/// The objects of the live failover that a job takes over. A commit leaves the VM alone, so it does not hold it.
fn inherited_ledger(plan: &Plan) -> Vec<ResourceRow> {
    let row = |kind, name: &str, id: &str| ResourceRow {
        kind,
        name: name.to_owned(),
        cloud_id: Some(id.to_owned()),
        state: ResourceState::Present,
    };
    let snapshots = |settled: &Settled| -> Vec<ResourceRow> {
        let taken = plan.disks.iter().zip(&settled.snapshots);
        taken
            .filter_map(|(disk, id)| {
                let id = id.as_ref()?;
                Some(row(ResourceKind::Snapshot, &disk.snapshot_name, id.as_str()))
            })
            .collect()
    };
    match &plan.errand {
        Errand::Live { .. } | Errand::Test(_) => Vec::new(),
        Errand::Commit(settled) => snapshots(settled),
        Errand::Rollback(settled) => {
            let mut rows = vec![row(ResourceKind::Vm, &plan.vm.name, settled.vm.as_str())];
            rows.extend(snapshots(settled));
            rows
        }
    }
}
