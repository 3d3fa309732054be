//! The steps, one kind a file.
//!
//! Each file states four things: how to recognise that the step is **done** (from the cloud, not from memory),
//! which command to **submit**, its **postcondition**, and what an **unknown outcome** means. All of it is in
//! one function that looks and one pure function that judges what was seen; the executor calls them before a
//! command, after it, and after a crash alike.

mod attach;
mod create_vm;
mod delete_scratch_root;
mod delete_snapshot;
mod delete_vm_snapshot;
mod destroy_vm;
mod detach_from_destination;
mod detach_from_oma;
mod detach_scratch_root;
mod find_vm;
mod quarantine;
mod quiesce;
mod resume;
mod return_to_oma;
mod revert;
mod revert_vm_snapshot;
mod snapshot;
mod start_vm;
mod stop_vm;
mod take_inventory;
pub(crate) mod test_window;
mod validate;
mod verify_boot;
mod verify_disks;
mod verify_networks;
mod verify_rollback_points;
mod vm_snapshot;

use chrono::{DateTime, Utc};
use failover_domain::{CloudVmId, JobId};
use ossea::{Command, OsseaError, Protected, Refusal, Volume, VolumeState};

use crate::event::{StepError, StepErrorKind, StepFacts};
use crate::parts::EngineParts;
use crate::plan::{Plan, Step, StepKind};
use crate::ports::StoreError;
use crate::state::JobState;
use crate::writer::WriterWish;

pub(crate) use find_vm::find_vm;

/// What the last attempt's cloud job said, where it had one in this run of the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// No attempt has come to an end yet.
    None,
    /// The cloud said that it succeeded.
    Succeeded,
    /// The cloud said that it failed.
    Failed(Refusal),
    /// The cloud's job was cut off.
    Interrupted,
    /// The cloud does not know the request: it was lost on the way.
    NeverAccepted,
}

/// What a step looks with and at.
pub(crate) struct View<'a> {
    pub(crate) parts: &'a EngineParts,
    pub(crate) job_id: &'a JobId,
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a JobState,
    pub(crate) evidence: &'a Evidence,
    pub(crate) now: DateTime<Utc>,
}

/// What a look at the cloud says about a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Observation {
    /// The postcondition holds.
    Done(StepFacts),
    /// This command brings it about.
    Act(Command),
    /// The writer of the replicas brings it about.
    Ask(WriterWish),
    /// The cloud is in between; look again.
    Wait(String),
    /// The cloud's state forbids the step.
    Blocked(StepError),
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Cloud(#[from] OsseaError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Looked = Result<Observation, LookError>;

/// Looks at the cloud for one step.
pub(crate) async fn observe(step: &Step, view: &View<'_>) -> Looked {
    match step.kind {
        StepKind::Validate => validate::observe(view).await,
        StepKind::Quiesce => quiesce::observe(view).await,
        StepKind::TakeInventory => take_inventory::observe(view).await,
        StepKind::DetachFromOma { disk } => detach_from_oma::observe(view, disk).await,
        StepKind::Snapshot { disk } => snapshot::observe(view, disk).await,
        StepKind::CreateVm => create_vm::observe(view).await,
        StepKind::VerifyNetworks => verify_networks::observe(view).await,
        StepKind::DetachScratchRoot => detach_scratch_root::observe(view).await,
        StepKind::DeleteScratchRoot => delete_scratch_root::observe(view).await,
        StepKind::Attach { disk } => attach::observe(view, disk).await,
        StepKind::VerifyDisks => verify_disks::observe(view).await,
        StepKind::VmSnapshot => vm_snapshot::observe(view).await,
        StepKind::VerifyRollbackPoints => verify_rollback_points::observe(view).await,
        StepKind::StartVm => start_vm::observe(view).await,
        StepKind::VerifyBoot => verify_boot::observe(view).await,
        StepKind::TestWindow => test_window::observe(view).await,
        StepKind::StopVm => stop_vm::observe(view, step).await,
        StepKind::RevertVmSnapshot => revert_vm_snapshot::observe(view).await,
        StepKind::DeleteVmSnapshot => delete_vm_snapshot::observe(view).await,
        StepKind::DetachFromDestination { disk } => detach_from_destination::observe(view, disk).await,
        StepKind::Revert { disk } => revert::observe(view, disk).await,
        StepKind::Quarantine { disk } => quarantine::observe(view, disk).await,
        StepKind::Resume => Ok(resume::observe(view)),
        StepKind::ReturnToOma { disk } => return_to_oma::observe(view, disk).await,
        StepKind::DestroyVm => destroy_vm::observe(view).await,
        StepKind::DeleteSnapshot { disk } => delete_snapshot::observe(view, disk).await,
    }
}

impl View<'_> {
    /// The destination VM's id; a step that needs it cannot come before it is known.
    fn vm(&self) -> Result<&CloudVmId, Observation> {
        self.state
            .vm
            .as_ref()
            .ok_or_else(|| blocked("the job has no destination VM yet".to_owned()))
    }
}

/// The state of the cloud is not what the step needs.
fn blocked(message: String) -> Observation {
    Observation::Blocked(StepError {
        kind: StepErrorKind::Blocked,
        message,
        refusal: None,
    })
}

/// The object is not there.
fn gone(message: String) -> Observation {
    Observation::Blocked(StepError {
        kind: StepErrorKind::Gone,
        message,
        refusal: None,
    })
}

/// A proof was refused: the step would have harmed something that is not ours.
fn protected(error: &Protected) -> Observation {
    blocked(error.to_string())
}

/// Whether nothing is under way with a volume, as far as the cloud shows.
pub(crate) fn is_settled(volume: &Volume) -> bool {
    in_between(volume).is_none()
}

/// Why a volume cannot be acted on right now, if so.
fn in_between(volume: &Volume) -> Option<Observation> {
    if let Some(job) = &volume.pending_job {
        return Some(Observation::Wait(format!(
            "volume {} is busy with the cloud's job {job}",
            volume.name
        )));
    }
    match &volume.state {
        VolumeState::Ready | VolumeState::Allocated => None,
        VolumeState::Creating
        | VolumeState::Attaching
        | VolumeState::Snapshotting
        | VolumeState::RevertSnapshotting
        | VolumeState::Migrating => Some(Observation::Wait(format!(
            "volume {} is {:?}",
            volume.name, volume.state
        ))),
        VolumeState::Destroy | VolumeState::Expunging => Some(gone(format!(
            "volume {} is being deleted ({:?})",
            volume.name, volume.state
        ))),
        VolumeState::Other(state) => Some(Observation::Wait(format!("volume {} is {state}", volume.name))),
    }
}
