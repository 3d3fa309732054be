//! What a job's row shows: its status, its progress and the steps that it is at.

use std::time::Duration;

use chrono::TimeDelta;
use failover_domain::{JobStatus, StrategyRequest, TestWindow};
use failover_engine::Event;
use failover_engine::event::ClosingReason;
use failover_engine::plan::{CommitPolicy, Errand, StepKind, commit_plan, rollback_plan};
use failover_engine::request::JobRequest;

use crate::course::{
    Course, accepted, asked, back, cause, closed, delayed, done, failed, intended, live, settled, start,
    taken_up, test, there,
};

fn closing() -> Event {
    Event::ClosingBegan {
        why: ClosingReason::Settlement,
    }
}

#[track_caller]
fn assert_at(course: &Course, status: JobStatus, progress: f64) {
    assert_eq!(course.state.status, status);
    let shown = course.state.progress;
    assert!((shown - progress).abs() < 1e-9, "{shown} instead of {progress}");
}

#[tokio::test(start_paused = true)]
async fn the_way_there_moves_with_the_work_that_is_done() {
    let plan = live().await;
    assert_at(&Course::of(&plan), JobStatus::Pending, 0.0);
    let course = Course::begun(&plan).and([Event::StageEntered { stage: 0 }]);
    assert_at(&course, JobStatus::Validating, 10.0);
    let course = course.and([done(there(StepKind::Validate))]);
    // All of its work is done, but the next figure belongs to the next status.
    assert_at(&course, JobStatus::Validating, 10.0 + 10.0 * 0.99);
    let course = course.and([Event::StageFinished { stage: 0 }]).and_stage(1);
    assert_at(&course, JobStatus::Executing, 20.0 + 10.0 * 0.99);
    let course = course.and([Event::StageEntered { stage: 2 }]);
    assert_at(&course, JobStatus::Snapshotting, 30.0);
    // Of 5 seconds for each detach and 60 for each snapshot of three disks.
    let course = course.and([done(there(StepKind::DetachFromOma { disk: 0 }))]);
    assert_at(&course, JobStatus::Snapshotting, 30.0 + 20.0 * 5.0 / 195.0);
    // The destination VM is ahead of the disks; what is shown is the lane that is least advanced.
    let course = course.and([done(there(StepKind::CreateVm))]);
    assert_at(&course, JobStatus::Snapshotting, 30.0 + 20.0 * 5.0 / 195.0);
    let course = course.and([
        done(there(StepKind::Snapshot { disk: 0 })),
        done(there(StepKind::DetachFromOma { disk: 1 })),
        done(there(StepKind::Snapshot { disk: 1 })),
        done(there(StepKind::DetachFromOma { disk: 2 })),
    ]);
    assert_at(&course, JobStatus::Snapshotting, 30.0 + 20.0 * 135.0 / 195.0);
    let course = course.and([done(there(StepKind::Snapshot { disk: 2 }))]);
    assert_at(&course, JobStatus::CreatingVm, 50.0 + 20.0 * 20.0 / 26.0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_well_has_done_everything() {
    let plan = live().await;
    let course = Course::begun(&plan).and_all_stages().and([Event::Completed]);
    assert_at(&course, JobStatus::Completed, 100.0);
    let rollback = rollback_plan(&live().await, settled());
    let course = Course::begun(&rollback).and([closing(), closed()]);
    assert_at(&course, JobStatus::Completed, 100.0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_has_done_nothing() {
    let plan = live().await;
    let course = Course::returning(&plan).and([failed()]);
    assert_at(&course, JobStatus::Failed, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_moves_with_the_replicas_that_are_home() {
    let plan = rollback_plan(&live().await, settled());
    let course = Course::begun(&plan).and([closing()]);
    assert_at(&course, JobStatus::Cleanup, 20.0);
    let course = course.and([intended(back(StepKind::StopVm)), done(back(StepKind::StopVm))]);
    assert_at(&course, JobStatus::Cleanup, 20.0);
    let course = course.and([done(back(StepKind::DetachFromDestination { disk: 1 }))]);
    assert_at(&course, JobStatus::Reverting, 40.0);
    let returned = |course: Course, disk| course.and([done(back(StepKind::ReturnToOma { disk }))]);
    let one = returned(course, 1);
    assert_at(&one, JobStatus::Reverting, 40.0 + 60.0 * 0.9 / 3.0);
    let all = returned(returned(one, 0), 2);
    assert_at(&all, JobStatus::Reverting, 40.0 + 60.0 * 0.9);
}

#[tokio::test(start_paused = true)]
async fn a_commit_only_cleans_up() {
    let plan = commit_plan(&live().await, settled());
    let course = Course::begun(&plan).and([closing()]);
    assert_at(&course, JobStatus::Cleanup, 20.0);
    let course = course.and([done(back(StepKind::DeleteSnapshot { disk: 0 }))]);
    assert_at(&course, JobStatus::Cleanup, 20.0);
}

#[tokio::test(start_paused = true)]
async fn a_live_failover_on_its_way_back_keeps_its_status() {
    let plan = live().await;
    let course = Course::begun(&plan).and_stage(0).and([
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::Resume)),
    ]);
    assert_eq!(course.state.status, JobStatus::Validating);
    assert!(course.state.projection(&plan).returning);
}

#[tokio::test(start_paused = true)]
async fn a_test_that_fails_before_it_touched_anything_has_nothing_to_clean_up() {
    let plan = test(StrategyRequest::Auto).await;
    let course = Course::begun(&plan).and_stage(0);
    let early = course.clone().and([Event::ReturnBegan { cause: cause() }]);
    assert_eq!(early.state.status, JobStatus::Validating);
    let late = course.and_stage(1).and([Event::ReturnBegan { cause: cause() }]);
    assert_at(&late, JobStatus::Cleanup, 85.0);
}

#[tokio::test(start_paused = true)]
async fn the_row_shows_what_the_job_is_at() {
    let plan = live().await;
    let steps = |course: &Course| course.state.projection(&plan).current_steps;
    let none: [&str; 0] = [];
    assert_eq!(steps(&Course::of(&plan).and([accepted()])), none);
    let course = Course::of(&plan).and([accepted(), taken_up()]);
    assert_eq!(steps(&course), none);
    let course = course.and_stage(0);
    assert_eq!(steps(&course), none, "between two stages");
    let course = course.and([Event::StageEntered { stage: 1 }]);
    assert_eq!(steps(&course), ["quiesce"]);
    let course = course.and([done(there(StepKind::Quiesce))]);
    assert_eq!(steps(&course), ["take-inventory"]);
    let course = course.and([
        done(there(StepKind::TakeInventory)),
        Event::StageFinished { stage: 1 },
        Event::StageEntered { stage: 2 },
        done(there(StepKind::DetachFromOma { disk: 1 })),
    ]);
    let lanes = [
        "disk-0/detach-from-oma",
        "disk-1/snapshot",
        "disk-2/detach-from-oma",
        "vm/create-vm",
    ];
    assert_eq!(steps(&course), lanes);
    let course = course.and([
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::Resume)),
        intended(back(StepKind::StopVm)),
        delayed(back(StepKind::ReturnToOma { disk: 0 }), start()),
    ]);
    assert_eq!(
        steps(&course),
        ["return/disk-0/return-to-oma", "return/vm/stop-vm"]
    );
    assert_eq!(steps(&course.and([failed()])), none);
}

#[tokio::test(start_paused = true)]
async fn the_row_shows_progress_in_tenths() {
    let plan = live().await;
    let course = Course::begun(&plan).and_stage(0).and_stage(1).and([
        Event::StageEntered { stage: 2 },
        done(there(StepKind::DetachFromOma { disk: 0 })),
    ]);
    let shown = course.state.projection(&plan).progress;
    assert!((shown - 30.5).abs() < 1e-9, "{shown}");
    assert!(!course.state.projection(&plan).returning);
}

#[tokio::test(start_paused = true)]
async fn a_completed_live_failover_is_settled_when_its_policy_says() {
    let mut plan = live().await;
    let settles = |course: &Course| course.state.projection(&course.plan).settle_at;
    let manual = Course::begun(&plan).and_all_stages().and([Event::Completed]);
    assert_eq!(settles(&manual), None);
    plan.errand = Errand::Live {
        commit: CommitPolicy::CommitAfter { seconds: 60 },
    };
    let course = Course::begun(&plan).and_all_stages();
    assert_eq!(settles(&course), None, "not before it is completed");
    let completed = course.now();
    let course = course.and([Event::Completed]);
    assert_eq!(settles(&course), Some(completed + TimeDelta::seconds(60)));
    let failed = Course::returning(&plan).and([failed()]);
    assert_eq!(settles(&failed), None, "a failed one has nothing to settle");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_window_is_never_behind_what_the_window_showed() {
    let plan = test(StrategyRequest::Auto).await;
    let last = plan.stages.len() - 1;
    let course = (0..last).fold(Course::begun(&plan), Course::and_stage);
    let window = TestWindow::open(start(), Duration::from_secs(1));
    let course = course.and([
        Event::StageEntered { stage: last },
        Event::WindowOpened { window },
    ]);
    assert_at(&course, JobStatus::Executing, 70.0);
    let extend = JobRequest::Extend {
        deadline: start() + TimeDelta::hours(1),
    };
    let course = course.and([asked(1, extend)]);
    assert_at(&course, JobStatus::Executing, 85.0);
    let course = course.and([Event::ReturnBegan { cause: cause() }]);
    assert_at(&course, JobStatus::Cleanup, 85.0);
}
