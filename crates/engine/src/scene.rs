//! What the cloud shows of a job's objects at one moment: the facts from which the way back is planned.

use std::collections::BTreeSet;

use failover_domain::JobId;
use ossea::{CloudVm, OsseaClient, OsseaError, Snapshot, VmSnapshot, Volume};

use crate::event::RestingPlace;
use crate::plan::Plan;
use crate::ports::{ResourceKind, ResourceState};
use crate::state::JobState;
use crate::step::find_vm;

/// The cloud as far as a job is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The destination VM, if the cloud shows it.
    pub vm: Option<CloudVm>,
    /// Its VM snapshots, whoever took them.
    pub vm_snapshots: Vec<VmSnapshot>,
    /// Each replica in disk order; `None` when the cloud does not show it.
    pub replicas: Vec<Option<Volume>>,
    /// The scratch root, if the ledger has one and the cloud shows it.
    pub scratch_root: Option<Volume>,
    /// The disks of which the cloud shows a snapshot of ours.
    pub snapshots: BTreeSet<usize>,
}

impl Scene {
    /// Looks at the cloud. Only objects of the plan and the ledger are looked at.
    ///
    /// # Errors
    /// [`OsseaError`] of the first look that failed: a scene is whole or not at all.
    pub async fn observe(
        cloud: &dyn OsseaClient,
        job_id: &JobId,
        plan: &Plan,
        state: &JobState,
    ) -> Result<Self, OsseaError> {
        let may_exist = |kind| {
            state
                .ledger
                .iter()
                .any(|r| r.kind == kind && r.state != ResourceState::Removed)
        };
        let vm = if may_exist(ResourceKind::Vm) {
            find_vm(cloud, job_id, plan, state).await?
        } else {
            None
        };
        let vm_snapshots = match &vm {
            Some(vm) => cloud.vm_snapshots_of(&vm.id).await?,
            None => Vec::new(),
        };
        let mut replicas = Vec::with_capacity(plan.disks.len());
        for disk in &plan.disks {
            replicas.push(cloud.volume(&disk.volume).await?);
        }
        let scratch_root = match &state.scratch_root {
            Some(root) if may_exist(ResourceKind::ScratchRoot) => cloud.volume(root).await?,
            Some(_) | None => None,
        };
        let mut snapshots = BTreeSet::new();
        for disk in &plan.disks {
            let row = state.resource(ResourceKind::Snapshot, &disk.snapshot_name);
            if row.is_some_and(|r| r.state != ResourceState::Removed) {
                let shown: Vec<Snapshot> = cloud.snapshots_of(&disk.volume).await?;
                if shown.iter().any(|s| s.name == disk.snapshot_name) {
                    snapshots.insert(disk.disk);
                }
            }
        }
        Ok(Self {
            vm,
            vm_snapshots,
            replicas,
            scratch_root,
            snapshots,
        })
    }

    /// Where the replicas rest.
    pub fn resting(&self, plan: &Plan) -> Vec<RestingPlace> {
        let place = |(disk, volume): (&crate::plan::PlannedDisk, &Option<Volume>)| {
            let at = volume.as_ref().and_then(|v| v.attachment.as_ref());
            RestingPlace {
                disk: disk.disk,
                volume: disk.volume.clone(),
                vm: at.map(|at| at.vm.clone()),
                device: at.and_then(|at| at.device),
            }
        };
        plan.disks.iter().zip(&self.replicas).map(place).collect()
    }
}
