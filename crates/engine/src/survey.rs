//! What the cloud has of a job's concern, taken before the first touch and after the last one. The proof that nothing
//! of a test or of a failed failover remains is that both are equal.
//!
//! Only what a job can change is looked at: its replicas, their snapshots, and the VMs that bear its destination's
//! name. Other jobs move other replicas on the same appliance meanwhile, and that is no difference.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{CloudVmId, SnapshotId, VmSnapshotId, VolumeId};
use ossea::{OsseaClient, OsseaError, SnapshotState, VolumeState};
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::ports::{ResourceKind, ResourceState};
use crate::state::JobState;

/// What the cloud has of a job's concern.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Survey {
    /// The replicas that the cloud shows, by id.
    pub replicas: BTreeMap<VolumeId, SurveyedReplica>,
    /// The VMs that have the destination VM's name or are it, by id.
    pub vms: BTreeMap<CloudVmId, SurveyedVm>,
    /// Objects of the job's ledger that the cloud shows, in words: none before the first touch.
    pub ours: Vec<String>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SurveyedReplica {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: VolumeState,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The VM that it hangs on.
    pub vm: Option<CloudVmId>,
    /// The device there.
    pub device: Option<u32>,
    /// Its snapshots, whoever took them.
    pub snapshots: BTreeMap<SnapshotId, SurveyedSnapshot>,
}

/// One snapshot of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SurveyedSnapshot {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: SnapshotState,
}

/// One VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SurveyedVm {
    /// Its name.
    pub name: String,
    /// Its VM snapshots.
    pub vm_snapshots: Vec<VmSnapshotId>,
}

/// What two inventories of the cloud differ in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// How many replicas, snapshots and VMs were compared.
    pub compared: usize,
    /// What differs. Nothing, when everything is as it was.
    pub differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// The object, such as `volume erp-disk-0 (6f1f...)`.
    pub object: String,
    /// What was there before, in words.
    pub before: String,
    /// What is there now, in words.
    pub after: String,
}

impl Survey {
    /// Takes the inventory.
    ///
    /// # Errors
    /// [`OsseaError`] of the first look that failed: an inventory is whole or not at all.
    pub async fn take(cloud: &dyn OsseaClient, plan: &Plan, state: &JobState) -> Result<Self, OsseaError> {
        let mut survey = Self::default();
        for disk in &plan.disks {
            let Some(volume) = cloud.volume(&disk.volume).await? else {
                continue;
            };
            let taken = cloud.snapshots_of(&disk.volume).await?;
            let snapshot = |s: ossea::Snapshot| {
                let seen = SurveyedSnapshot {
                    name: s.name,
                    state: s.state,
                };
                (s.id, seen)
            };
            let replica = SurveyedReplica {
                name: volume.name,
                state: volume.state,
                size_bytes: volume.size_bytes,
                device: volume.attachment.as_ref().and_then(|at| at.device),
                vm: volume.attachment.map(|at| at.vm),
                snapshots: taken.into_iter().map(snapshot).collect(),
            };
            survey.replicas.insert(volume.id, replica);
        }
        let mut vms = cloud.vms_named(&plan.vm.name).await?;
        if let Some(id) = state.vm.as_ref().filter(|id| vms.iter().all(|vm| vm.id != **id)) {
            vms.extend(cloud.vm(id).await?);
        }
        for vm in vms {
            let vm_snapshots = cloud.vm_snapshots_of(&vm.id).await?;
            let seen = SurveyedVm {
                name: vm.name,
                vm_snapshots: vm_snapshots.into_iter().map(|s| s.id).collect(),
            };
            survey.vms.insert(vm.id, seen);
        }
        survey.look_for_ours(cloud, state).await?;
        Ok(survey)
    }

    /// The ledger may say that an object is removed; the cloud is asked all the same.
    async fn look_for_ours(&mut self, cloud: &dyn OsseaClient, state: &JobState) -> Result<(), OsseaError> {
        for row in &state.ledger {
            let Some(id) = row.cloud_id.as_deref() else {
                continue;
            };
            let is_shown = match row.kind {
                ResourceKind::Vm => match id.parse() {
                    Ok(id) => cloud.vm(&id).await?.is_some(),
                    Err(_) => false,
                },
                ResourceKind::ScratchRoot => match id.parse() {
                    Ok(id) => cloud.volume(&id).await?.is_some(),
                    Err(_) => false,
                },
                ResourceKind::Snapshot => match id.parse() {
                    Ok(id) => cloud.snapshot(&id).await?.is_some(),
                    Err(_) => false,
                },
                ResourceKind::VmSnapshot => match id.parse() {
                    Ok(id) => cloud.vm_snapshot(&id).await?.is_some(),
                    Err(_) => false,
                },
            };
            if is_shown {
                let kept = match row.state {
                    ResourceState::Intended | ResourceState::Present => "",
                    ResourceState::Removed => " (removed, as the ledger says)",
                };
                self.ours
                    .push(format!("{} {} ({id}){kept}", row.kind.words(), row.name));
            }
        }
        Ok(())
    }

    /// What is different `after`.
    pub fn compare(&self, after: &Survey) -> Comparison {
        let replicas: BTreeSet<&VolumeId> = self.replicas.keys().chain(after.replicas.keys()).collect();
        let vms: BTreeSet<&CloudVmId> = self.vms.keys().chain(after.vms.keys()).collect();
        let snapshots = |s: &Survey| s.replicas.values().map(|r| r.snapshots.len()).sum::<usize>();
        let compared = replicas.len() + vms.len() + snapshots(self).max(snapshots(after));
        let mut differences: Vec<Difference> = replicas
            .into_iter()
            .filter_map(|id| {
                let (then, now) = (self.replicas.get(id), after.replicas.get(id));
                let name = then.or(now).map_or("", |r| r.name.as_str());
                difference(format!("volume {name} ({id})"), then, now, SurveyedReplica::words)
            })
            .collect();
        differences.extend(vms.into_iter().filter_map(|id| {
            let (then, now) = (self.vms.get(id), after.vms.get(id));
            let name = then.or(now).map_or("", |vm| vm.name.as_str());
            difference(format!("VM {name} ({id})"), then, now, SurveyedVm::words)
        }));
        let left = after.ours.iter().filter(|o| !self.ours.contains(o));
        differences.extend(left.map(|object| Difference {
            object: object.clone(),
            before: ABSENT.to_owned(),
            after: "still there".to_owned(),
        }));
        Comparison {
            compared,
            differences,
        }
    }
}

const ABSENT: &str = "not there";

fn difference<T: PartialEq>(
    object: String,
    then: Option<&T>,
    now: Option<&T>,
    words: impl Fn(&T) -> String,
) -> Option<Difference> {
    let told = |seen: Option<&T>| seen.map_or_else(|| ABSENT.to_owned(), &words);
    (then != now).then(|| Difference {
        object,
        before: told(then),
        after: told(now),
    })
}

impl SurveyedReplica {
    fn words(&self) -> String {
        let at = match (&self.vm, self.device) {
            (Some(vm), Some(device)) => format!("on VM {vm} at device {device}"),
            (Some(vm), None) => format!("on VM {vm}"),
            (None, _) => "on no VM".to_owned(),
        };
        let snapshots: Vec<&str> = self.snapshots.values().map(|s| s.name.as_str()).collect();
        let snapshots = if snapshots.is_empty() {
            "no snapshots".to_owned()
        } else {
            format!("snapshots {}", snapshots.join(", "))
        };
        format!("{:?}, {} bytes, {at}, {snapshots}", self.state, self.size_bytes)
    }
}

impl SurveyedVm {
    fn words(&self) -> String {
        match self.vm_snapshots.len() {
            0 => "there".to_owned(),
            count => format!("there, with {count} VM snapshots"),
        }
    }
}
