//! Which entries may come when: phases, numbers, stages, requests, attentions.

use std::time::Duration;

use failover_domain::{AttentionCode, Decision, JobStatus, StrategyRequest, TestWindow};
use failover_engine::event::{ClosingReason, VmHealth};
use failover_engine::plan::{StepKind, rollback_plan};
use failover_engine::request::JobRequest;
use failover_engine::state::Phase;
use failover_engine::{Event, StoredEvent};

use crate::course::{
    Course, accepted, asked, attention, back, cause, closed, decided, delayed, done, error, failed, intended,
    live, settled, start, submitted, taken_up, test, there,
};

/// Every kind of entry, with the letters of the courses of [`every_entry_comes_in_its_phases_and_in_no_other`] in which it
/// may come.
fn every_entry() -> Vec<(Event, &'static str)> {
    let window = TestWindow::open(start(), Duration::from_secs(60));
    let code = AttentionCode::RevertFailed;
    let mut entries = vec![
        (accepted(), "n"),
        (taken_up(), "pfrc"),
        (Event::StageEntered { stage: 0 }, "f"),
        (Event::StageFinished { stage: 0 }, "f"),
        (Event::WindowOpened { window }, "f"),
        (
            Event::HealthSeen {
                health: VmHealth::Gone,
            },
            "f",
        ),
        (Event::ReturnBegan { cause: cause() }, "f"),
        (
            Event::ClosingBegan {
                why: ClosingReason::Settlement,
            },
            "f",
        ),
        (asked(1, JobRequest::Retry), "pfrc"),
        (
            Event::CancelHeard {
                by: "operator".to_owned(),
            },
            "frc",
        ),
        (
            Event::AttentionRaised {
                attention: attention(code, "volume"),
            },
            "frc",
        ),
        (Event::AttentionCleared { code, object: None }, "frc"),
        (Event::Completed, "f"),
        (closed(), "c"),
        (failed(), "r"),
    ];
    for (step, phases) in [(there(StepKind::StartVm), "f"), (back(StepKind::StopVm), "rc")] {
        entries.extend([
            (intended(step.clone()), phases),
            (submitted(step.clone(), None), phases),
            (done(step.clone()), phases),
            (delayed(step.clone(), start()), phases),
            (Event::StepFailed { step, error: error() }, phases),
        ]);
    }
    entries
}

#[tokio::test(start_paused = true)]
async fn every_entry_comes_in_its_phases_and_in_no_other() {
    let live = live().await;
    let rollback = rollback_plan(&live, settled());
    let closing = Event::ClosingBegan {
        why: ClosingReason::Settlement,
    };
    let courses = [
        ('n', Phase::Pending, Course::of(&live)),
        ('p', Phase::Pending, Course::of(&live).and([accepted()])),
        ('f', Phase::Forward, Course::begun(&live)),
        ('r', Phase::Returning, Course::returning(&live)),
        (
            'c',
            Phase::Returning,
            Course::begun(&rollback).and([closing.clone()]),
        ),
        (
            'e',
            Phase::Completed,
            Course::begun(&rollback).and([closing, closed()]),
        ),
        (
            'e',
            Phase::Completed,
            Course::begun(&live).and_all_stages().and([Event::Completed]),
        ),
        ('e', Phase::Failed, Course::returning(&live).and([failed()])),
    ];
    for (letter, phase, course) in courses {
        assert_eq!(course.state.phase, phase);
        for (event, phases) in every_entry() {
            let mut tried = course.clone();
            let outcome = tried.apply(event.clone());
            let reason = outcome.err().map(|e| e.reason).unwrap_or_default();
            let is_out_of_phase = reason.starts_with("the job is in phase");
            assert_eq!(
                is_out_of_phase,
                !phases.contains(letter),
                "{event:?} in {letter}, {phase:?}: {reason}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_has_the_next_number() {
    let plan = live().await;
    let course = Course::of(&plan).and([accepted()]);
    for seq in [0, 1, 3, u64::MAX] {
        let mut state = course.state.clone();
        let stored = StoredEvent {
            seq,
            at: start(),
            event: taken_up(),
        };
        let refused = state.apply(&plan, &stored).expect_err("a gap or a repetition");
        assert_eq!(refused.seq, seq);
        assert_eq!(state, course.state, "nothing has changed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_heard_once_and_in_its_order() {
    let plan = live().await;
    let course = Course::begun(&plan).and([asked(2, JobRequest::Cancel)]);
    assert_eq!(course.state.heard, 2);
    for number in [0, 1, 2] {
        course.refusal(asked(number, JobRequest::Retry));
    }
    let course = course.and([asked(4, JobRequest::Cancel)]);
    assert_eq!(course.state.heard, 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_first_is_noted() {
    let plan = live().await;
    let later = |number, request| Event::RequestHeard {
        number,
        by: "somebody else".to_owned(),
        request,
    };
    let course = Course::begun(&plan).and([
        asked(1, JobRequest::Cancel),
        later(2, JobRequest::Cancel),
        asked(3, JobRequest::EndTest),
        later(4, JobRequest::EndTest),
    ]);
    assert_eq!(course.state.cancelled_by.as_deref(), Some("operator"));
    assert_eq!(course.state.test_ended_by.as_deref(), Some("operator"));
}

#[tokio::test(start_paused = true)]
async fn stages_come_one_after_another_and_end_when_their_steps_are_done() {
    let plan = live().await;
    let course = Course::begun(&plan);
    course.refusal(Event::StageEntered { stage: 1 });
    course.refusal(Event::StageFinished { stage: 0 });
    let course = course.and([Event::StageEntered { stage: 0 }]);
    course.refusal(Event::StageEntered { stage: 1 });
    course.refusal(Event::StageFinished { stage: 1 });
    let unfinished = course.refusal(Event::StageFinished { stage: 0 });
    assert!(unfinished.contains("validate"), "{unfinished}");
    let course = course.and([done(there(StepKind::Validate)), Event::StageFinished { stage: 0 }]);
    assert_eq!(course.state.stages_finished, 1);
    course.refusal(Event::StageEntered { stage: 0 });
    course.refusal(Event::StageFinished { stage: 1 });
    let course = (1..plan.stages.len()).fold(course, Course::and_stage);
    let beyond = plan.stages.len();
    course.refusal(Event::StageEntered { stage: beyond });
    course.refusal(Event::StageFinished { stage: beyond });
}

#[tokio::test(start_paused = true)]
async fn the_last_part_begins_when_all_stages_are_finished() {
    let plan = test(StrategyRequest::Auto).await;
    let closing = Event::ClosingBegan {
        why: ClosingReason::WindowOver,
    };
    let course = Course::begun(&plan);
    let refused = course.refusal(closing.clone());
    assert!(refused.contains("0 stages"), "{refused}");
    let course = course.and_all_stages().and([closing]);
    assert_eq!(course.state.phase, Phase::Returning);
    assert_eq!(course.state.status, JobStatus::Cleanup);
}

#[tokio::test(start_paused = true)]
async fn attentions_stand_by_code_and_object() {
    let plan = live().await;
    let (revert, detached) = (AttentionCode::RevertFailed, AttentionCode::ReplicaDetached);
    let raised = |code, object| Event::AttentionRaised {
        attention: attention(code, object),
    };
    let course = Course::returning(&plan).and([
        raised(revert, "volume 1"),
        raised(revert, "volume 2"),
        raised(detached, "volume 1"),
        raised(revert, "volume 1"),
    ]);
    let open = |course: &Course| -> Vec<(AttentionCode, String)> {
        let open = course.state.attention.iter();
        open.map(|a| (a.code, a.objects[0].clone())).collect()
    };
    let all = [(revert, "volume 2"), (detached, "volume 1"), (revert, "volume 1")];
    assert_eq!(open(&course), all.map(|(code, object)| (code, object.to_owned())));
    let cleared = |object: Option<&str>| Event::AttentionCleared {
        code: revert,
        object: object.map(str::to_owned),
    };
    let one = course.clone().and([cleared(Some("volume 1"))]);
    let left = [(revert, "volume 2"), (detached, "volume 1")];
    assert_eq!(open(&one), left.map(|(code, object)| (code, object.to_owned())));
    let code = course.clone().and([cleared(None)]);
    assert_eq!(open(&code), [(detached, "volume 1".to_owned())]);
    let decided_one = course
        .clone()
        .and([decided(1, Some("volume 1".to_owned()), Decision::Retry)]);
    assert_eq!(open(&decided_one), open(&one));
    let decided_all = course.and([decided(1, None, Decision::Retry)]);
    assert_eq!(open(&decided_all), open(&code));
}
