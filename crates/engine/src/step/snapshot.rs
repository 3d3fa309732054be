//! Takes the rollback point of a replica while it hangs on no VM: no CloudStack setting is needed for that,
//! the OMA's queue stays free, and disks are snapshotted side by side.
//!
//! * **Done** when a snapshot of the job's name on this volume is `BackedUp`.
//! * **Command**: `createSnapshot`, an async create. **Postcondition**: as above.
//! * **Unknown outcome**: the name is unique to job and disk, so the first attempt is found by volume and
//!   name. A leftover of a cut-off attempt (`Error`, `Allocated`) is deleted before another one is taken.
//! * **Undo**: `delete_snapshot`.

use ossea::{Command, Snapshot, SnapshotState, Volume};

use super::{Looked, Observation, View, blocked, gone, in_between};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let volume = view.parts.cloud.volume(&planned.volume).await?;
    let snapshots = view.parts.cloud.snapshots_of(&planned.volume).await?;
    let ours: Vec<Snapshot> = snapshots
        .into_iter()
        .filter(|s| s.name == planned.snapshot_name)
        .collect();
    Ok(judge(planned, volume.as_ref(), &ours))
}

fn judge(disk: &PlannedDisk, volume: Option<&Volume>, ours: &[Snapshot]) -> Observation {
    for snapshot in ours {
        match &snapshot.state {
            SnapshotState::BackedUp | SnapshotState::Destroying => {}
            SnapshotState::Creating | SnapshotState::CreatedOnPrimary | SnapshotState::BackingUp => {
                return Observation::Wait(format!("snapshot {} is {:?}", snapshot.name, snapshot.state));
            }
            SnapshotState::Allocated | SnapshotState::Error => {
                return Observation::Act(Command::DeleteSnapshot {
                    snapshot: snapshot.id.clone(),
                });
            }
            SnapshotState::Other(state) => {
                return Observation::Wait(format!("snapshot {} is {state}", snapshot.name));
            }
        }
    }
    if let Some(taken) = ours.iter().find(|s| s.state == SnapshotState::BackedUp) {
        return Observation::Done(StepFacts::SnapshotTaken {
            disk: disk.disk,
            snapshot: taken.id.clone(),
        });
    }
    let Some(volume) = volume else {
        return gone(format!("replica {} does not exist in the cloud", disk.volume));
    };
    if let Some(at) = &volume.attachment {
        return blocked(format!(
            "replica {} is on VM {} and not detached",
            volume.name, at.vm_name
        ));
    }
    in_between(volume).unwrap_or_else(|| {
        Observation::Act(Command::CreateSnapshot {
            volume: disk.volume.clone(),
            name: disk.snapshot_name.clone(),
        })
    })
}
