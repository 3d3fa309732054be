//! Notes what the cloud has before it is touched. The cloud is compared to it when the replicas are back.
//!
//! * **Done** when everything was seen. **Command**: none. **Postcondition**: as above.
//! * **Unknown outcome**: impossible; it is taken again.

use super::{Looked, Observation, View};
use crate::event::StepFacts;
use crate::survey::Survey;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let survey = Survey::take(view.parts.cloud.as_ref(), view.plan, view.state).await?;
    let survey = Box::new(survey);
    Ok(Observation::Done(StepFacts::InventoryTaken { survey }))
}
