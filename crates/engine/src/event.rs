//! The journal: what a job intended, did and saw. Append-only; everything else about a job is folded from it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use failover_domain::{
    AsyncJobId, Attention, AttentionCode, CloudVmId, RequestKey, SnapshotId, TestWindow, VmSnapshotId,
    VolumeId,
};
use ossea::Refusal;
use serde::{Deserialize, Serialize};

use crate::plan::{BootGrade, Step, StepId};
use crate::request::JobRequest;
use crate::survey::{Comparison, Survey};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The job was accepted. Always the first entry.
    Accepted {
        /// Who asked for it.
        by: String,
    },
    /// A worker took the job up, for the first time or after another one.
    TakenUp {
        /// The worker.
        worker: String,
        /// The lease's epoch.
        epoch: u64,
    },
    /// A stage of the way there began.
    StageEntered {
        /// Its place in the plan.
        stage: usize,
    },
    /// All lanes of a stage have succeeded.
    StageFinished {
        /// Its place in the plan.
        stage: usize,
    },
    /// A command is about to be sent. Committed before the request leaves.
    StepIntended {
        /// The step.
        step: Step,
        /// Number of the attempt, from 0.
        attempt: u32,
        /// The key that goes with the request.
        key: RequestKey,
        /// The command in words.
        command: String,
        /// The object that the command will create, noted in the ledger before it exists.
        creates: Option<CreatedObject>,
        /// Whether it is a forced stop. CloudStack then marks the VM stopped even when its host does not answer, and its
        /// guest may run on there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forced: bool,
    },
    /// The cloud accepted the command.
    StepSubmitted {
        /// The step.
        step: Step,
        /// The cloud's job.
        cloud_job: Option<AsyncJobId>,
        /// The id of the object that exists now.
        created: Option<String>,
    },
    /// The step's postcondition was read back from the cloud.
    StepDone {
        /// The step.
        step: Step,
        /// What was learnt.
        facts: StepFacts,
    },
    /// The attempt ended without effect; another one follows.
    StepDelayed {
        /// The step.
        step: Step,
        /// Why.
        error: StepError,
        /// When the next attempt begins.
        retry_at: DateTime<Utc>,
    },
    /// The step is given up.
    StepFailed {
        /// The step.
        step: Step,
        /// Why.
        error: StepError,
    },
    /// Somebody asked for the job to be cancelled and the worker heard it. Written by releases before
    /// [`Event::RequestHeard`].
    CancelHeard {
        /// Who asked.
        by: String,
    },
    /// Somebody asked something of the job and the worker heard it.
    RequestHeard {
        /// The request's number.
        number: u64,
        /// Who asked.
        by: String,
        /// What was asked.
        request: JobRequest,
    },
    /// The window of a test is open.
    WindowOpened {
        /// Its deadline.
        window: TestWindow,
    },
    /// The test VM is not as it was when it was looked at before.
    HealthSeen {
        /// How it is.
        health: VmHealth,
    },
    /// The way back begins, because something went wrong or somebody cancelled.
    ReturnBegan {
        /// Why.
        cause: Failure,
    },
    /// The last part of the job begins, as planned: the clean-up of a test, a rollback, a commit.
    ClosingBegan {
        /// Why.
        why: ClosingReason,
    },
    /// A person is needed.
    AttentionRaised {
        /// What for.
        attention: Attention,
    },
    /// The reason for an attention is gone.
    AttentionCleared {
        /// Which one.
        code: AttentionCode,
        /// The object that it is about; without it all of that code are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<String>,
    },
    /// The job ended with success, observed.
    Completed,
    /// The job ended with success after its last part: everything is where it belongs, observed.
    Closed {
        /// The inventory of the cloud before, compared to that after; absent where nothing was to return.
        comparison: Option<Comparison>,
        /// What the cloud showed at the end.
        resting: Vec<RestingPlace>,
    },
    /// The job ended without success. The replicas rest where the report says.
    Failed {
        /// Why.
        cause: Failure,
        /// The inventory of the cloud before, compared to that after; absent where the job had not taken one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comparison: Option<Comparison>,
        /// What the cloud showed at the end.
        resting: Vec<RestingPlace>,
    },
}

/// How the VM of an open test is, as the cloud shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "health", rename_all = "snake_case")]
pub enum VmHealth {
    /// It runs, and has the addresses that it had.
    Well {
        /// Its addresses.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, example = json!(["192.0.2.10"])))]
        addresses: Vec<IpAddr>,
    },
    /// It is not running: its guest has shut down, or somebody stopped it.
    NotRunning {
        /// The cloud's word for its state.
        state: String,
    },
    /// It runs, but an address that it had is gone.
    AddressGone {
        /// The addresses that are gone.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, example = json!(["192.0.2.10"])))]
        lost: Vec<IpAddr>,
    },
    /// The cloud does not show it any more.
    Gone,
}

/// Why the last part of a job begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum ClosingReason {
    /// The window of the test is over.
    WindowOver,
    /// Somebody ended the test.
    TestEnded {
        /// Who.
        by: String,
    },
    /// That is what the job is for.
    Settlement,
}

/// An object that a job creates and may therefore remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum CreatedObject {
    /// The destination VM.
    Vm {
        /// Its host name.
        name: String,
    },
    /// A rollback point.
    Snapshot {
        /// The disk it is of.
        disk: usize,
        /// Its name.
        name: String,
    },
    /// The rollback point of a test, of all its disks.
    VmSnapshot {
        /// Its name.
        name: String,
    },
}

/// What a finished step has learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum StepFacts {
    /// Nothing beyond its postcondition.
    Plain,
    /// The readiness rules' verdict.
    Readiness {
        /// The score.
        score: f64,
    },
    /// The destination VM exists.
    VmCreated {
        /// Its id.
        vm: CloudVmId,
        /// Its scratch root, where it has one.
        scratch_root: Option<VolumeId>,
    },
    /// The rollback point exists.
    SnapshotTaken {
        /// The disk.
        disk: usize,
        /// Its id.
        snapshot: SnapshotId,
    },
    /// The rollback point of all disks exists.
    VmSnapshotTaken {
        /// Its id.
        vm_snapshot: VmSnapshotId,
    },
    /// What the cloud has before it is touched.
    InventoryTaken {
        /// All of it.
        survey: Box<Survey>,
    },
    /// The window of the test is over.
    WindowClosed {
        /// Why.
        why: ClosingReason,
    },
    /// The VM is stopped, and a graceful stop has succeeded: its host has said that the guest is off.
    GuestOff,
    /// A volume hangs where it should.
    Attached {
        /// The disk.
        disk: usize,
        /// The device that was read back.
        device: u32,
    },
    /// The boot was verified.
    BootVerified {
        /// The guest's addresses.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, example = json!(["192.0.2.10"])))]
        addresses: Vec<IpAddr>,
        /// Each grade that was asked for, with what was seen.
        grades: BTreeMap<String, String>,
    },
}

/// Why a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepError {
    /// What kind of reason.
    pub kind: StepErrorKind,
    /// What happened, with names and figures.
    pub message: String,
    /// The cloud's own words.
    pub refusal: Option<Refusal>,
}

impl std::fmt::Display for StepError {
    /// The reason with the cloud's own words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.refusal {
            None => f.write_str(&self.message),
            Some(refusal) => write!(f, "{} [{refusal}]", self.message),
        }
    }
}

/// Kinds of reasons for a step not to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepErrorKind {
    /// The cloud is unreachable, busy or throttling.
    Unavailable,
    /// A rule of the cloud forbids it.
    Refused,
    /// The object is not there.
    Gone,
    /// The state of the cloud is not the one that the step needs.
    Blocked,
    /// The postcondition was not reached within the step's deadline.
    TimedOut,
    /// The readiness rules said no.
    NotReady,
    /// The boot could not be verified.
    BootNotVerified,
}

impl BootGrade {
    /// All the grades in words, for messages.
    pub fn list<'a>(grades: impl IntoIterator<Item = &'a BootGrade>) -> String {
        grades
            .into_iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Why a job failed: what a person reads first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The kind of failure; part of the API.
    pub code: FailureCode,
    /// The step that failed.
    pub step: Option<StepId>,
    /// What happened, in a sentence that reads well alone.
    pub message: String,
    /// The cloud's own words.
    pub cloud: Option<Refusal>,
    /// What to do before trying again.
    pub remedy: String,
}

/// Kinds of failures. The texts are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The readiness rules said no inside the job.
    ValidationFailed,
    /// The replicas could not be secured or detached.
    VolumeNotAvailable,
    /// A rollback point could not be taken.
    SnapshotFailed,
    /// The destination VM could not be created.
    VmCreationFailed,
    /// The destination VM is not on the right networks.
    NetworkConfigurationFailed,
    /// A replica could not change custody.
    VolumeTransferFailed,
    /// The destination VM did not start.
    PowerOnFailed,
    /// The destination VM started but did not pass boot verification.
    BootVerificationFailed,
    /// A person cancelled the job.
    Cancelled,
}

/// Where a replica rests at the end of a job, as the cloud showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestingPlace {
    /// The disk.
    pub disk: usize,
    /// Its replica.
    pub volume: VolumeId,
    /// The VM it hangs on.
    pub vm: Option<CloudVmId>,
    /// The device.
    pub device: Option<u32>,
}

/// A journal entry as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoredEvent {
    /// Its number within the job, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
