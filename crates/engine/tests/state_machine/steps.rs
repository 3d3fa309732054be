//! How a step stands: its attempts, delays and answers.

use chrono::TimeDelta;
use failover_domain::StrategyRequest;
use failover_engine::Event;
use failover_engine::event::StepFacts;
use failover_engine::plan::{Step, StepKind};
use failover_engine::request::JobRequest;
use failover_engine::state::Standing;

use crate::course::{
    Course, asked, back, delayed, done, error, intended, live, start, submitted, test, there,
};

#[tokio::test(start_paused = true)]
async fn the_clouds_answer_belongs_to_an_open_attempt() {
    let plan = live().await;
    let step = there(StepKind::StartVm);
    let course = Course::begun(&plan);
    course.refusal(submitted(step.clone(), None));
    let course = course.and([intended(step.clone())]);
    let answered = course.clone().and([submitted(step.clone(), None)]);
    let open = answered.state.open_attempt(&step.id).expect("it is open");
    assert_eq!(open.api_name(), "aCommand");
    let course = course.and([delayed(step.clone(), start())]);
    course.refusal(submitted(step.clone(), None));
    assert_eq!(course.state.open_attempt(&step.id), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_step_must_have_learnt_is_demanded() {
    let plan = test(StrategyRequest::Auto).await;
    let course = Course::begun(&plan);
    for kind in [
        StepKind::CreateVm,
        StepKind::Snapshot { disk: 0 },
        StepKind::TakeInventory,
        StepKind::VmSnapshot,
        StepKind::Attach { disk: 0 },
    ] {
        course.refusal(Event::StepDone {
            step: there(kind),
            facts: StepFacts::Plain,
        });
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_and_delays_are_counted() {
    let plan = live().await;
    let step = back(StepKind::StopVm);
    let course = Course::returning(&plan);
    assert_eq!(course.state.next_attempt(&step.id), 0);
    assert_eq!(course.state.tries(&step.id), 1);
    assert_eq!(course.state.tries_since_asked(&step.id), 1);
    let twice = [
        intended(step.clone()),
        delayed(step.clone(), start()),
        intended(step.clone()),
        delayed(step.clone(), start()),
    ];
    let course = course.and(twice);
    assert_eq!(course.state.next_attempt(&step.id), 2);
    assert_eq!(course.state.tries(&step.id), 3);
    assert_eq!(course.state.tries_since_asked(&step.id), 3);
    let course = course.and([asked(1, JobRequest::Retry)]);
    assert_eq!(
        course.state.next_attempt(&step.id),
        2,
        "commands are never counted anew"
    );
    assert_eq!(course.state.tries(&step.id), 2);
    assert_eq!(course.state.tries_since_asked(&step.id), 1);
}

#[tokio::test(start_paused = true)]
async fn asking_again_shortens_a_wait_and_never_lengthens_one() {
    let plan = live().await;
    let (far, near) = (back(StepKind::StopVm), back(StepKind::Resume));
    let soon = start() + TimeDelta::milliseconds(1);
    let course = Course::returning(&plan).and([
        delayed(far.clone(), start() + TimeDelta::hours(1)),
        delayed(near.clone(), soon),
    ]);
    let now = course.now();
    let course = course.and([asked(1, JobRequest::Retry)]);
    let until = |step: &Step| match &course.state.steps[&step.id].standing {
        Standing::Delayed { retry_at, .. } => Some(*retry_at),
        Standing::Open(_) | Standing::Done { .. } | Standing::Failed { .. } => None,
    };
    assert_eq!((until(&far), until(&near)), (Some(now), Some(soon)));
}

#[tokio::test(start_paused = true)]
async fn the_pauses_of_the_way_there_stay_as_long_as_they_are() {
    let plan = live().await;
    let step = there(StepKind::StartVm);
    let course = Course::begun(&plan).and([
        delayed(step.clone(), start()),
        delayed(step.clone(), start()),
        asked(1, JobRequest::Retry),
    ]);
    assert_eq!(course.state.tries(&step.id), 3);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_done_again_counts_its_time_anew() {
    let plan = live().await;
    let step = back(StepKind::StopVm);
    let course = Course::returning(&plan).and([intended(step.clone()), done(step.clone())]);
    let record = &course.state.steps[&step.id];
    assert_eq!(record.until - record.since, TimeDelta::seconds(1));
    assert!(course.state.is_done(&step.id));
    let again = course.now();
    let course = course.and([intended(step.clone())]);
    let record = &course.state.steps[&step.id];
    assert_eq!((record.since, record.until), (again, again));
    assert!(!course.state.is_done(&step.id));
}

#[tokio::test(start_paused = true)]
async fn the_first_step_that_was_given_up_is_named() {
    let plan = live().await;
    let given_up = |step| Event::StepFailed { step, error: error() };
    let (later, first) = (there(StepKind::CreateVm), there(StepKind::Snapshot { disk: 2 }));
    let course = Course::begun(&plan);
    assert_eq!(course.state.failed_step(), None);
    let course = course.and([
        done(there(StepKind::Quiesce)),
        given_up(first.clone()),
        given_up(later),
    ]);
    assert_eq!(course.state.failed_step().map(|(step, _)| step), Some(&first));
}

#[tokio::test(start_paused = true)]
async fn the_migration_tool_was_asked_once_the_intent_is_written() {
    let plan = live().await;
    let course = Course::begun(&plan);
    assert!(!course.state.writer_asked);
    let other = course.clone().and([intended(there(StepKind::Validate))]);
    assert!(!other.state.writer_asked);
    assert!(
        course
            .and([intended(there(StepKind::Quiesce))])
            .state
            .writer_asked
    );
}
