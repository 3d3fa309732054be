//! Deletes the scratch root.
//!
//! * **Done** when the cloud no longer shows it.
//! * **Command**: `deleteVolume`, synchronous, and only with the proof that the volume is a detached scratch
//!   root. **Postcondition**: as above.
//! * **Unknown outcome**: look, and delete again if it is still there. **Undo**: none needed.

use ossea::{Command, ScratchRoot, VolumeState};

use super::{Looked, Observation, View, protected};
use crate::event::StepFacts;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let Some(root) = &view.state.scratch_root else {
        return Ok(Observation::Done(StepFacts::Plain));
    };
    let Some(volume) = view.parts.cloud.volume(root).await? else {
        return Ok(Observation::Done(StepFacts::Plain));
    };
    if matches!(volume.state, VolumeState::Destroy | VolumeState::Expunging) {
        return Ok(Observation::Wait(format!(
            "scratch root {} is {:?}",
            volume.name, volume.state
        )));
    }
    Ok(match ScratchRoot::prove(&volume, &view.plan.replicas()) {
        Ok(volume) => Observation::Act(Command::DeleteVolume { volume }),
        Err(error) => protected(&error),
    })
}
