//! What to do next with a job: a pure function of its plan and its state.

use crate::event::{Failure, FailureCode};
use crate::failure::failure_of;
use crate::plan::{Plan, Step};
use crate::state::{JobState, Phase, Standing};

/// What the driver does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Directive {
    /// Enter a stage.
    Enter(usize),
    /// Work on the lanes of a stage: for each unfinished lane, its remaining steps in order.
    Work(Vec<Vec<Step>>),
    /// All lanes of the stage have succeeded.
    Finish(usize),
    /// All stages are finished.
    Complete,
    /// Let open commands come to an end, then begin the way back.
    TurnBack(Failure),
    /// Go on with the way back.
    Return,
    /// The job has ended.
    Rest,
}

/// Decides what to do next.
pub fn decide(plan: &Plan, state: &JobState) -> Directive {
    match state.phase {
        Phase::Completed | Phase::Failed => return Directive::Rest,
        Phase::Returning => return Directive::Return,
        Phase::Pending | Phase::Forward => {}
    }
    if let Some((step, error)) = state.failed_step() {
        return Directive::TurnBack(failure_of(plan, step, error));
    }
    if let Some(by) = &state.cancelled_by {
        return Directive::TurnBack(cancelled(by));
    }
    let Some(stage) = plan.stages.get(state.stages_finished) else {
        return Directive::Complete;
    };
    if state.stage != Some(state.stages_finished) {
        return Directive::Enter(state.stages_finished);
    }
    let lanes: Vec<Vec<Step>> = stage
        .lanes
        .iter()
        .map(|lane| {
            lane.steps
                .iter()
                .filter(|s| !state.is_done(&s.id))
                .cloned()
                .collect::<Vec<_>>()
        })
        .filter(|steps| !steps.is_empty())
        .collect();
    if lanes.is_empty() {
        Directive::Finish(state.stages_finished)
    } else {
        Directive::Work(lanes)
    }
}

fn cancelled(by: &str) -> Failure {
    Failure {
        code: FailureCode::Cancelled,
        step: None,
        message: format!("{by} cancelled the job; everything it had done was undone"),
        cloud: None,
        remedy: "Start the failover again when it is wanted.".to_owned(),
    }
}

/// The steps of the way there whose command may still be under way.
pub fn open_forward_steps(plan: &Plan, state: &JobState) -> Vec<Step> {
    plan.steps()
        .filter(|s| {
            state
                .steps
                .get(&s.id)
                .is_some_and(|r| matches!(r.standing, Standing::Open(_)))
        })
        .cloned()
        .collect()
}
