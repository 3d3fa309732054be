//! What to do next with a job: a pure function of its plan and its state.

use crate::event::{ClosingReason, Failure, FailureCode, StepFacts};
use crate::failure::failure_of;
use crate::plan::{Direction, Errand, Plan, Step, StepKind};
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
    /// All stages of a live failover are finished.
    Complete,
    /// All stages are finished, and the last part of the job begins.
    Close(ClosingReason),
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
    // What settles a live failover has nowhere to turn back to.
    if let Some(by) = &state.cancelled_by
        && plan.settles().is_none()
    {
        return Directive::TurnBack(cancelled(by));
    }
    let Some(stage) = plan.stages.get(state.stages_finished) else {
        return at_the_end(plan, state);
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

/// What comes after the last stage.
fn at_the_end(plan: &Plan, state: &JobState) -> Directive {
    match &plan.errand {
        Errand::Live { .. } => Directive::Complete,
        Errand::Rollback(_) | Errand::Commit(_) => Directive::Close(ClosingReason::Settlement),
        Errand::Test(_) => Directive::Close(match closed_window(state) {
            Some(why) => why.clone(),
            // The window is the last stage of a test and closes with its reason.
            None => ClosingReason::WindowOver,
        }),
    }
}

fn closed_window(state: &JobState) -> Option<&ClosingReason> {
    let window = Step::new(Direction::Forward, StepKind::TestWindow);
    match &state.steps.get(&window.id)?.standing {
        Standing::Done {
            facts: StepFacts::WindowClosed { why },
        } => Some(why),
        Standing::Done { .. } | Standing::Open(_) | Standing::Delayed { .. } | Standing::Failed { .. } => {
            None
        }
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
