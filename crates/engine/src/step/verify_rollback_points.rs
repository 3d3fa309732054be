//! Reads back that every replica has its rollback point, just before a guest may write to it.
//!
//! * **Done** when the snapshot that the job took of each replica is `BackedUp`.
//! * **Command**: none. **Postcondition**: as above.
//! * **Unknown outcome**: impossible. **Undo**: none needed.

use ossea::{Snapshot, SnapshotState};

use super::{Looked, Observation, View, blocked, gone};
use crate::event::StepFacts;
use crate::plan::PlannedDisk;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    for (disk, state) in view.plan.disks.iter().zip(&view.state.disks) {
        let Some(id) = &state.snapshot else {
            return Ok(blocked(format!(
                "replica {} has no rollback point",
                disk.volume_name
            )));
        };
        let shown = view.parts.cloud.snapshot(id).await?;
        if let Some(problem) = problem_of(disk, shown.as_ref()) {
            return Ok(problem);
        }
    }
    Ok(Observation::Done(StepFacts::Plain))
}

fn problem_of(disk: &PlannedDisk, shown: Option<&Snapshot>) -> Option<Observation> {
    let name = &disk.volume_name;
    match shown {
        None => Some(gone(format!("the rollback point of replica {name} is gone"))),
        Some(snapshot) if snapshot.volume != disk.volume => Some(blocked(format!(
            "the rollback point of replica {name} is of volume {}",
            snapshot.volume
        ))),
        Some(snapshot) if snapshot.state == SnapshotState::BackedUp => None,
        Some(snapshot) => Some(blocked(format!(
            "the rollback point of replica {name} is {:?} and not BackedUp",
            snapshot.state
        ))),
    }
}
