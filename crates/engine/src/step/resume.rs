//! Tells the migration tool that the replicas are back.
//!
//! * **Done** when it has taken the word, or is not asked.
//! * **Command**: none of the cloud. **Postcondition**: its answer.
//! * **Unknown outcome**: tell it again under the same key.

use super::{Evidence, Observation, View};
use crate::event::StepFacts;
use crate::writer::WriterWish;

pub(super) fn observe(view: &View<'_>) -> Observation {
    let is_asked = view.parts.writer.hears(WriterWish::Resume);
    if is_asked && *view.evidence != Evidence::Succeeded {
        Observation::Ask(WriterWish::Resume)
    } else {
        Observation::Done(StepFacts::Plain)
    }
}
