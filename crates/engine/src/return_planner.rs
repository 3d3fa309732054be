//! The one way back: a pure function from what the cloud shows to the next safe steps.
//!
//! It does not replay history, so it does not care how the mess arose: a failed step, a cancelled job, a crash
//! in the middle of an earlier way back, or a person who repaired something meanwhile. It converges on
//! "replicas on the OMA, ledger empty". The order:
//!
//! 1. A destination VM that carries a replica and is not stopped is stopped.
//! 2. Where the rollback point is a VM snapshot: dirty replicas are reverted to it, then it is deleted. Nothing can be
//!    detached before, and deleting it without the revert would make the guest's writes permanent.
//! 3. Data disks leave the VM, then device 0.
//! 4. Where the rollback points are volume snapshots: dirty replicas are reverted while they hang on no VM, side by side.
//! 5. Each clean replica returns to the OMA as soon as it is ready, whatever the others do.
//! 6. Once all replicas are home: the migration tool is told, and scratch root, VM and rollback points in the ledger are
//!    removed.
//!
//! A replica whose revert is not proven returns only when a person gave its rollback point up, and then marked for a
//! full synchronisation. So does one whose VM was stopped by force: reverting it does not prove that its guest is off.

use std::collections::BTreeSet;

use failover_domain::Decision;
use ossea::{VmSnapshot, VmSnapshotState, VmState, Volume};

use crate::plan::{Direction, Plan, Step, StepId, StepKind};
use crate::ports::{Custody, ResourceKind, ResourceState};
use crate::scene::Scene;
use crate::state::{JobState, Standing};
use crate::step::is_settled;

/// What the way back needs now.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnPlan {
    /// These steps may run now, side by side. Empty while others are under way, and where only a person can help.
    pub steps: Vec<Step>,
    /// Replicas that are where nobody of us put them, or nowhere to be seen. Nothing is done about them but looking.
    pub obstacles: Vec<Obstacle>,
    /// Every replica is on the OMA, clean, and the ledger is empty.
    pub is_home: bool,
}

/// Why the way back cannot go on by itself for one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The cloud does not show the replica.
    Missing {
        /// The disk.
        disk: usize,
    },
    /// The replica hangs on a VM that is neither the OMA nor the destination VM.
    Elsewhere {
        /// The disk.
        disk: usize,
        /// The VM's name.
        vm_name: String,
    },
    /// The replica hangs on a destination VM that somebody destroyed. At device 0 it is deleted with the VM.
    OnDestroyedVm {
        /// The disk.
        disk: usize,
    },
    /// Somebody put the replica on the OMA before it was reverted.
    DirtyAtHome {
        /// The disk.
        disk: usize,
    },
    /// The replica is dirty, and the VM snapshot that was its rollback point cannot be reverted to: somebody deleted it,
    /// or it is in error.
    NothingToRevertTo {
        /// The disk.
        disk: usize,
    },
    /// A person keeps the replica for inspection.
    Kept {
        /// The disk.
        disk: usize,
    },
    /// Somebody took a VM snapshot of the destination VM, from which nothing can be detached now.
    ForeignVmSnapshot {
        /// Its name.
        name: String,
    },
}

/// The steps of the way back that are not to be begun now.
#[derive(Debug, Clone, Default)]
pub struct Busy {
    /// Under way.
    pub running: Vec<Step>,
    /// Waiting for their next attempt.
    pub waiting: BTreeSet<StepId>,
}

impl Busy {
    /// Whether a step must wait: it is busy itself, or one that it must not overtake is. What the cloud shows may be ahead
    /// of what the journal knows: a command acts before its job has ended, and acting against a command whose outcome is
    /// not known could be overtaken by it.
    fn holds(&self, step: &Step) -> bool {
        let stop = Step::new(Direction::Return, StepKind::StopVm).id;
        let is_known_stopped = !self.waiting.contains(&stop) && self.running.iter().all(|s| s.id != stop);
        let same_object = |other: &Step| match step.kind.disk() {
            Some(disk) => other.kind.disk() == Some(disk),
            None => is_of_vm(other.kind),
        };
        self.waiting.contains(&step.id)
            || self.running.iter().any(|s| s.id == step.id)
            || (needs_a_stopped_vm(step.kind)
                && (!is_known_stopped || self.running.iter().any(|s| is_of_vm(s.kind))))
            || (acts_on_an_object(step.kind) && self.running.iter().any(same_object))
    }
}

/// Whether a step is about the destination VM as a whole.
fn is_of_vm(kind: StepKind) -> bool {
    matches!(
        kind,
        StepKind::StopVm | StepKind::RevertVmSnapshot | StepKind::DeleteVmSnapshot | StepKind::DestroyVm
    )
}

/// Whether a step comes after the stop of the destination VM, and one at a time with others about the VM.
fn needs_a_stopped_vm(kind: StepKind) -> bool {
    matches!(kind, StepKind::DetachFromDestination { .. }) || (is_of_vm(kind) && kind != StepKind::StopVm)
}

/// Whether a step must not run beside another one about the same disk or the VM.
fn acts_on_an_object(kind: StepKind) -> bool {
    kind.disk().is_some() || is_of_vm(kind)
}

/// Plans the next steps of the way back.
pub fn plan_return(plan: &Plan, state: &JobState, scene: &Scene, busy: &Busy) -> ReturnPlan {
    let replicas = Replicas::sort(plan, state, scene);
    let (mut kinds, from_destination) = replicas.steps(plan, state, scene);
    let mut obstacles = replicas.obstacles.clone();
    obstacles.extend(from_destination);
    if !may_be_used(scene) {
        obstacles.extend(
            replicas
                .on_destination
                .iter()
                .map(|disk| Obstacle::OnDestroyedVm { disk: *disk }),
        );
    }
    let all_home = replicas.home.len() == plan.disks.len();
    if all_home {
        kinds.extend(tidy_up(plan, state, scene));
    }
    let is_home = all_home && kinds.is_empty();
    let steps = kinds
        .into_iter()
        .map(|kind| Step::new(Direction::Return, kind))
        .filter(|step| !busy.holds(step))
        .collect();
    ReturnPlan {
        steps,
        obstacles,
        is_home,
    }
}

/// The replicas sorted by where they are.
#[derive(Default)]
struct Replicas {
    home: Vec<usize>,
    on_destination: Vec<usize>,
    detached_dirty: Vec<usize>,
    /// A person gave their rollback point up, or their VM was stopped by force; they are marked before they go anywhere.
    given_up: Vec<usize>,
    /// Clean, and detached or not yet noted as home.
    returning: Vec<usize>,
    obstacles: Vec<Obstacle>,
    /// The disk at device 0 of the destination VM.
    root: Option<usize>,
}

impl Replicas {
    fn sort(plan: &Plan, state: &JobState, scene: &Scene) -> Self {
        let mut sorted = Self::default();
        let destination = scene.vm.as_ref().map(|vm| &vm.id).or(state.vm.as_ref());
        for (disk, volume) in scene.replicas.iter().enumerate() {
            let Some(volume) = volume else {
                sorted.obstacles.push(Obstacle::Missing { disk });
                continue;
            };
            let known = &state.disks[disk];
            let is_dirty = known.needs_revert();
            match &volume.attachment {
                Some(at) if at.vm == plan.oma && is_dirty => match known.decision {
                    Some(Decision::Force) => sorted.given_up.push(disk),
                    Some(Decision::Keep) => sorted.obstacles.push(Obstacle::Kept { disk }),
                    Some(Decision::Retry) | None => sorted.obstacles.push(Obstacle::DirtyAtHome { disk }),
                },
                Some(at) if at.vm == plan.oma && known.needs_mark() => sorted.given_up.push(disk),
                Some(at) if at.vm == plan.oma => match known.custody {
                    Custody::Oma { .. } if is_settled(volume) => sorted.home.push(disk),
                    // A command whose job was cut off may still be at work on it, and take it away: the step waits.
                    Custody::Oma { .. } => sorted.returning.push(disk),
                    // On the OMA, but the journal does not know it yet: the step looks, notes it and is done.
                    Custody::Detached | Custody::Destination { .. } => sorted.returning.push(disk),
                },
                Some(at) if Some(&at.vm) == destination => {
                    sorted.on_destination.push(disk);
                    if is_root(volume) {
                        sorted.root = Some(disk);
                    }
                }
                Some(at) => {
                    sorted.obstacles.push(Obstacle::Elsewhere {
                        disk,
                        vm_name: at.vm_name.clone(),
                    });
                }
                None if is_dirty => match known.decision {
                    Some(Decision::Force) => sorted.given_up.push(disk),
                    Some(Decision::Keep) => sorted.obstacles.push(Obstacle::Kept { disk }),
                    Some(Decision::Retry) | None if plan.vm_snapshot_name().is_some() => {
                        sorted.obstacles.push(Obstacle::NothingToRevertTo { disk });
                    }
                    Some(Decision::Retry) | None => sorted.detached_dirty.push(disk),
                },
                None if known.needs_mark() => sorted.given_up.push(disk),
                None => sorted.returning.push(disk),
            }
        }
        sorted
    }

    fn steps(&self, plan: &Plan, state: &JobState, scene: &Scene) -> (Vec<StepKind>, Vec<Obstacle>) {
        let stop = Step::new(Direction::Return, StepKind::StopVm);
        let stop = state.steps.get(&stop.id);
        let stop = stop.filter(|record| !matches!(record.standing, Standing::Done { .. }));
        // Until the end of a forced stop is journaled, nobody knows whether the guest can still write to what the VM had.
        let is_held = |disk: &usize| {
            let known = &state.disks[*disk];
            let was_on_vm = matches!(known.custody, Custody::Destination { .. });
            was_on_vm && !known.quarantined && stop.is_some_and(|record| record.doubted)
        };
        let may_return = |disk: &&usize| !is_held(disk);
        // Returning comes first: it has priority over everything else in the OMA's queue.
        let returning = self
            .returning
            .iter()
            .filter(may_return)
            .map(|disk| StepKind::ReturnToOma { disk: *disk });
        let given_up = self
            .given_up
            .iter()
            .map(|disk| StepKind::Quarantine { disk: *disk });
        let reverting = self
            .detached_dirty
            .iter()
            .filter(may_return)
            .map(|disk| StepKind::Revert { disk: *disk });
        let mut steps: Vec<StepKind> = returning.chain(given_up).chain(reverting).collect();
        let off_the_vm = self.returning.iter().chain(&self.detached_dirty);
        let held: Vec<usize> = off_the_vm.copied().filter(is_held).collect();
        if !held.is_empty() && may_be_used(scene) {
            steps.push(StepKind::StopVm);
            return (steps, Vec::new());
        }
        // Its VM is gone, so nothing tells any more.
        steps.extend(held.into_iter().map(|disk| StepKind::Quarantine { disk }));
        if self.on_destination.is_empty() || !may_be_used(scene) {
            return (steps, Vec::new());
        }
        // A stop that was begun is taken to its end although the cloud shows the VM stopped by now: its end tells whether
        // the guest is off.
        let stopped = scene.vm.as_ref().is_some_and(|vm| vm.state == VmState::Stopped);
        if !stopped || stop.is_some() {
            steps.push(StepKind::StopVm);
            return (steps, Vec::new());
        }
        let (leaving, obstacles) = self.leave(plan, state, scene);
        steps.extend(leaving);
        (steps, obstacles)
    }

    /// What replicas on the stopped destination VM need before they can leave it, or that they leave.
    fn leave(&self, plan: &Plan, state: &JobState, scene: &Scene) -> (Vec<StepKind>, Vec<Obstacle>) {
        let is_ours = |s: &&VmSnapshot| Some(s.name.as_str()) == plan.vm_snapshot_name();
        if let Some(foreign) = scene.vm_snapshots.iter().find(|s| !is_ours(s)) {
            let name = foreign.name.clone();
            return (Vec::new(), vec![Obstacle::ForeignVmSnapshot { name }]);
        }
        let ours = scene.vm_snapshots.first();
        let dirty: Vec<usize> = self
            .on_destination
            .iter()
            .copied()
            .filter(|disk| state.disks[*disk].needs_revert())
            .collect();
        // Volume snapshots are reverted to when the replica hangs on no VM.
        if plan.vm_snapshot_name().is_some() && !dirty.is_empty() {
            return revert_on_vm(state, &dirty, ours);
        }
        if ours.is_some() {
            return (vec![StepKind::DeleteVmSnapshot], Vec::new());
        }
        (self.detach(), Vec::new())
    }

    /// Data disks first: a VM without a root takes part in nothing else.
    fn detach(&self) -> Vec<StepKind> {
        let data: Vec<usize> = self
            .on_destination
            .iter()
            .copied()
            .filter(|d| Some(*d) != self.root)
            .collect();
        let leaving = if data.is_empty() {
            self.on_destination.clone()
        } else {
            data
        };
        leaving
            .into_iter()
            .map(|disk| StepKind::DetachFromDestination { disk })
            .collect()
    }
}

/// What becomes of dirty replicas whose rollback point is a VM snapshot. It is of all of them, so one that is kept
/// keeps the others, and they are given up together.
fn revert_on_vm(
    state: &JobState,
    dirty: &[usize],
    ours: Option<&VmSnapshot>,
) -> (Vec<StepKind>, Vec<Obstacle>) {
    let decided = |wanted: Decision| {
        dirty
            .iter()
            .copied()
            .filter(move |disk| state.disks[*disk].decision == Some(wanted))
    };
    let kept: Vec<Obstacle> = decided(Decision::Keep)
        .map(|disk| Obstacle::Kept { disk })
        .collect();
    if !kept.is_empty() {
        return (Vec::new(), kept);
    }
    if decided(Decision::Force).count() > 0 {
        let marks = dirty.iter().map(|disk| StepKind::Quarantine { disk: *disk });
        return (marks.collect(), Vec::new());
    }
    match ours.map(|s| &s.state) {
        Some(VmSnapshotState::Error | VmSnapshotState::Expunging) | None => {
            let nothing = dirty
                .iter()
                .map(|disk| Obstacle::NothingToRevertTo { disk: *disk });
            (Vec::new(), nothing.collect())
        }
        Some(
            VmSnapshotState::Ready
            | VmSnapshotState::Reverting
            | VmSnapshotState::Allocated
            | VmSnapshotState::Creating
            | VmSnapshotState::Other(_),
        ) => (vec![StepKind::RevertVmSnapshot], Vec::new()),
    }
}

/// Whether the destination VM is one that can be stopped and from which volumes can be detached.
fn may_be_used(scene: &Scene) -> bool {
    match scene.vm.as_ref().map(|vm| &vm.state) {
        Some(
            VmState::Starting
            | VmState::Running
            | VmState::Stopping
            | VmState::Stopped
            | VmState::Migrating
            | VmState::Other(_),
        ) => true,
        Some(VmState::Destroyed | VmState::Expunging | VmState::Error) | None => false,
    }
}

fn is_root(volume: &Volume) -> bool {
    volume.attachment.as_ref().is_some_and(|at| at.device == Some(0))
}

/// What of the ledger is still to be removed, in the order in which it is safe.
fn tidy_up(plan: &Plan, state: &JobState, scene: &Scene) -> Vec<StepKind> {
    let open = |kind, name: &str| {
        state
            .resource(kind, name)
            .is_some_and(|r| r.state != ResourceState::Removed)
    };
    let mut steps = Vec::new();
    let resumed = Step::new(Direction::Return, StepKind::Resume);
    if state.writer_asked && !state.is_done(&resumed.id) {
        steps.push(StepKind::Resume);
    }
    let detached_scratch = scene
        .scratch_root
        .as_ref()
        .is_some_and(|v| v.attachment.is_none());
    if detached_scratch {
        steps.push(StepKind::DeleteScratchRoot);
    } else if open(ResourceKind::Vm, &plan.vm.name) {
        // A scratch root that still hangs on the VM goes with it.
        steps.push(StepKind::DestroyVm);
    } else if state
        .scratch_root
        .as_ref()
        .is_some_and(|root| open(ResourceKind::ScratchRoot, root.as_str()))
    {
        // The cloud no longer shows it; the step notes that.
        steps.push(StepKind::DeleteScratchRoot);
    }
    // A VM snapshot went with its VM, if it was not deleted before.
    if let Some(name) = plan.vm_snapshot_name()
        && open(ResourceKind::VmSnapshot, name)
    {
        steps.push(StepKind::DeleteVmSnapshot);
    }
    steps.extend(delete_snapshots(plan, state));
    steps
}

/// The rollback points in the ledger. That of a replica whose revert was never proven is kept for a person.
fn delete_snapshots(plan: &Plan, state: &JobState) -> Vec<StepKind> {
    let is_open = |name: &str| {
        state
            .resource(ResourceKind::Snapshot, name)
            .is_some_and(|r| r.state != ResourceState::Removed)
    };
    let disks = plan.disks.iter().zip(&state.disks);
    disks
        .filter(|(disk, known)| is_open(&disk.snapshot_name) && !known.quarantined)
        .map(|(disk, _)| StepKind::DeleteSnapshot { disk: disk.disk })
        .collect()
}

/// Plans the next steps of a commit: its rollback points are deleted, and the replicas stay where they are.
pub fn plan_commit(plan: &Plan, state: &JobState, busy: &Busy) -> ReturnPlan {
    let kinds = delete_snapshots(plan, state);
    let is_home = kinds.is_empty();
    let steps = kinds
        .into_iter()
        .map(|kind| Step::new(Direction::Return, kind))
        .filter(|step| !busy.holds(step))
        .collect();
    ReturnPlan {
        steps,
        obstacles: Vec::new(),
        is_home,
    }
}
