//! Deletes the rollback point of a replica that is home again.
//!
//! * **Done** when the volume has no snapshot of the job's name.
//! * **Command**: `deleteSnapshot`, one for each snapshot of that name. **Postcondition**: as above.
//! * **Unknown outcome**: look, and delete what is still there.

use ossea::{Command, Snapshot, SnapshotState};

use super::{Looked, Observation, View};
use crate::event::StepFacts;

pub(super) async fn observe(view: &View<'_>, disk: usize) -> Looked {
    let planned = &view.plan.disks[disk];
    let snapshots = view.parts.cloud.snapshots_of(&planned.volume).await?;
    let ours: Vec<Snapshot> = snapshots
        .into_iter()
        .filter(|s| s.name == planned.snapshot_name)
        .collect();
    Ok(judge(&ours))
}

fn judge(ours: &[Snapshot]) -> Observation {
    let Some(snapshot) = ours.first() else {
        return Observation::Done(StepFacts::Plain);
    };
    match &snapshot.state {
        SnapshotState::BackedUp
        | SnapshotState::Error
        | SnapshotState::Allocated
        | SnapshotState::CreatedOnPrimary => Observation::Act(Command::DeleteSnapshot {
            snapshot: snapshot.id.clone(),
        }),
        SnapshotState::Creating | SnapshotState::BackingUp | SnapshotState::Destroying => {
            Observation::Wait(format!("snapshot {} is {:?}", snapshot.name, snapshot.state))
        }
        SnapshotState::Other(state) => Observation::Wait(format!("snapshot {} is {state}", snapshot.name)),
    }
}
