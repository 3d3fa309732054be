//! The one way back: a pure function from what the cloud shows to the next safe steps.
//!
//! It does not replay history, so it does not care how the mess arose: a failed step, a cancelled job, a crash
//! in the middle of an earlier way back, or a person who repaired something meanwhile. It converges on
//! "replicas on the OMA, ledger empty". The order:
//!
//! 1. A destination VM that carries a replica and is not stopped is stopped.
//! 2. Data disks leave it, then device 0.
//! 3. Dirty replicas are reverted while they hang on no VM, side by side.
//! 4. Each clean replica returns to the OMA as soon as it is ready, whatever the others do.
//! 5. Once all replicas are home: scratch root, VM and rollback points in the ledger are removed.

use std::collections::BTreeSet;

use ossea::{VmState, Volume};

use crate::plan::{Direction, Plan, Step, StepId, StepKind};
use crate::ports::{Custody, ResourceKind, ResourceState};
use crate::scene::Scene;
use crate::state::JobState;

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
}

/// Plans the next steps of the way back. `busy` are steps that are under way or wait for their next attempt.
pub fn plan_return(plan: &Plan, state: &JobState, scene: &Scene, busy: &BTreeSet<StepId>) -> ReturnPlan {
    let replicas = Replicas::sort(plan, state, scene);
    let mut kinds = replicas.steps(scene);
    let mut obstacles = replicas.obstacles.clone();
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
        .filter(|step| !busy.contains(&step.id))
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
            match &volume.attachment {
                Some(at) if at.vm == plan.oma && state.disks[disk].dirty => {
                    sorted.obstacles.push(Obstacle::DirtyAtHome { disk });
                }
                Some(at) if at.vm == plan.oma => match state.disks[disk].custody {
                    Custody::Oma { .. } => sorted.home.push(disk),
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
                None if state.disks[disk].dirty => sorted.detached_dirty.push(disk),
                None => sorted.returning.push(disk),
            }
        }
        sorted
    }

    fn steps(&self, scene: &Scene) -> Vec<StepKind> {
        // Returning comes first: it has priority over everything else in the OMA's queue.
        let mut steps: Vec<StepKind> = self
            .returning
            .iter()
            .map(|disk| StepKind::ReturnToOma { disk: *disk })
            .collect();
        steps.extend(
            self.detached_dirty
                .iter()
                .map(|disk| StepKind::Revert { disk: *disk }),
        );
        if self.on_destination.is_empty() || !may_be_used(scene) {
            return steps;
        }
        let stopped = scene.vm.as_ref().is_some_and(|vm| vm.state == VmState::Stopped);
        if !stopped {
            steps.push(StepKind::StopVm);
            return steps;
        }
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
        steps.extend(
            leaving
                .into_iter()
                .map(|disk| StepKind::DetachFromDestination { disk }),
        );
        steps
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
    for disk in &plan.disks {
        if open(ResourceKind::Snapshot, &disk.snapshot_name) {
            steps.push(StepKind::DeleteSnapshot { disk: disk.disk });
        }
    }
    steps
}
