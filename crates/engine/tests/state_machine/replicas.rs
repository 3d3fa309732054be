//! Where the replicas are, who may write to them, and what people decide about them.

use failover_domain::{AttentionCode, Decision, StrategyRequest};
use failover_engine::event::StepFacts;
use failover_engine::plan::{StepKind, commit_plan, rollback_plan};
use failover_engine::ports::{Custody, ResourceKind, ResourceState};
use failover_engine::request::JobRequest;
use failover_engine::state::JobState;
use failover_engine::{Event, Plan};

use crate::course::{
    Course, asked, back, cause, decided, done, forced_stop, intended, live, settled, test, there,
};

#[tokio::test(start_paused = true)]
async fn a_replica_is_where_it_was_last_seen() {
    let plan = live().await;
    let disk = 1;
    let course = Course::begun(&plan);
    let home = course.custody()[disk].clone();
    assert_eq!(
        home,
        Custody::Oma {
            device: plan.disks[disk].oma_device
        }
    );
    let course = course.and([done(there(StepKind::DetachFromOma { disk }))]);
    assert_eq!(course.custody()[disk], &Custody::Detached);
    let course = course.and([done(there(StepKind::Attach { disk }))]);
    assert_eq!(course.custody()[disk], &Custody::Destination { device: 1 });
    assert_ne!(
        course.custody()[0],
        &Custody::Detached,
        "the others are where they were"
    );
    let course = course.and([
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::DetachFromDestination { disk })),
    ]);
    assert_eq!(course.custody()[disk], &Custody::Detached);
    let course = course.and([done(back(StepKind::ReturnToOma { disk }))]);
    assert_eq!(course.custody()[disk], &Custody::Oma { device: 1 });
}

/// Disks 1 and 2 hang on the destination VM, disk 0 on none.
fn on_vm(plan: &Plan) -> Course {
    let mut events = vec![done(there(StepKind::DetachFromOma { disk: 0 }))];
    for disk in [1, 2] {
        events.push(done(there(StepKind::DetachFromOma { disk })));
        events.push(done(there(StepKind::Attach { disk })));
    }
    Course::begun(plan).and(events)
}

#[tokio::test(start_paused = true)]
async fn a_guest_may_write_to_what_hangs_on_its_vm_and_to_nothing_else() {
    let plan = live().await;
    let on_vm = on_vm(&plan);
    assert_eq!(on_vm.dirty(), [false; 3]);
    for event in [
        intended(there(StepKind::StartVm)),
        done(there(StepKind::StartVm)),
        done(there(StepKind::VerifyBoot)),
    ] {
        assert_eq!(
            on_vm.clone().and([event.clone()]).dirty(),
            [false, true, true],
            "{event:?}"
        );
    }
    let quiet = on_vm.clone().and([intended(there(StepKind::VerifyDisks))]);
    assert_eq!(quiet.dirty(), [false; 3]);
    // A stop that is needed shows that somebody had started the VM.
    let returning = on_vm.and([Event::ReturnBegan { cause: cause() }]);
    let stopping = returning.and([intended(back(StepKind::StopVm))]);
    assert_eq!(stopping.dirty(), [false, true, true]);
    let reverted = stopping.and([done(back(StepKind::Revert { disk: 1 }))]);
    assert_eq!(reverted.dirty(), [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_vm_snapshot_reverts_what_hangs_on_the_vm_and_nothing_else() {
    let plan = test(StrategyRequest::Auto).await;
    let course = on_vm(&plan).and([
        done(there(StepKind::StartVm)),
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::DetachFromDestination { disk: 1 })),
        done(back(StepKind::RevertVmSnapshot)),
    ]);
    assert_eq!(course.dirty(), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_forced_stop_leaves_doubt_about_what_hangs_on_the_vm_until_the_host_says_that_it_is_off() {
    let plan = live().await;
    let doubted = |course: &Course| {
        let disks = course.state.disks.iter();
        disks
            .map(|disk| disk.doubtful && disk.needs_mark())
            .collect::<Vec<bool>>()
    };
    let stop = back(StepKind::StopVm);
    let stopping = on_vm(&plan).and([Event::ReturnBegan { cause: cause() }, forced_stop()]);
    assert!(stopping.state.steps[&stop.id].forced);
    assert!(stopping.state.steps[&stop.id].doubted);
    assert_eq!(doubted(&stopping), [false; 3], "it has not ended yet");
    // A graceful attempt after a forced one takes nothing back by itself.
    let tried = stopping.clone().and([intended(stop.clone())]);
    assert!(!tried.state.steps[&stop.id].forced);
    assert!(tried.state.steps[&stop.id].doubted);
    for course in [stopping.clone(), tried] {
        let other = course.clone().and([done(back(StepKind::Resume))]);
        assert!(
            other.state.steps[&stop.id].doubted,
            "another step tells nothing of the guest"
        );
        let ended = course.clone().and([done(stop.clone())]);
        assert_eq!(doubted(&ended), [false, true, true]);
        assert!(!ended.state.steps[&stop.id].doubted);
        let off = course.and([Event::StepDone {
            step: stop.clone(),
            facts: StepFacts::GuestOff,
        }]);
        assert_eq!(doubted(&off), [false; 3]);
    }
    let graceful = on_vm(&plan).and([
        Event::ReturnBegan { cause: cause() },
        intended(stop.clone()),
        done(stop),
    ]);
    assert_eq!(doubted(&graceful), [false; 3]);
    let marked = stopping.and([
        done(back(StepKind::StopVm)),
        done(back(StepKind::Quarantine { disk: 1 })),
    ]);
    assert_eq!(doubted(&marked), [false, false, true]);
}

/// All disks on the destination VM, and a guest has written to them.
fn all_dirty(plan: &Plan) -> Course {
    let attach = |disk| {
        [
            done(there(StepKind::DetachFromOma { disk })),
            done(there(StepKind::Attach { disk })),
        ]
    };
    let moved: Vec<Event> = [0, 1, 2].into_iter().flat_map(attach).collect();
    Course::begun(plan).and(moved).and([
        done(there(StepKind::StartVm)),
        Event::ReturnBegan { cause: cause() },
    ])
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_about_what_still_must_be_reverted() {
    let plan = live().await;
    let course = all_dirty(&plan).and([
        done(back(StepKind::Revert { disk: 0 })),
        done(back(StepKind::Quarantine { disk: 1 })),
        decided(1, None, Decision::Force),
    ]);
    assert_eq!(course.decisions(), [None, None, Some(Decision::Force)]);
}

#[tokio::test(start_paused = true)]
async fn a_decision_about_one_replica_leaves_the_others_alone() {
    let plan = live().await;
    let named = Some(plan.disks[1].object());
    let course = all_dirty(&plan).and([
        decided(1, None, Decision::Keep),
        decided(2, named.clone(), Decision::Force),
    ]);
    let (keep, force) = (Some(Decision::Keep), Some(Decision::Force));
    assert_eq!(course.decisions(), [keep, force, keep]);
    let again = course.clone().and([decided(3, named, Decision::Retry)]);
    assert_eq!(again.decisions(), [keep, None, keep]);
    let course = course.and([asked(3, JobRequest::Retry)]);
    assert_eq!(
        course.decisions(),
        [None, force, None],
        "what was given up stays given up"
    );
}

#[tokio::test(start_paused = true)]
async fn a_decision_about_something_else_decides_nothing_about_replicas() {
    let plan = live().await;
    let course = all_dirty(&plan).and([asked(
        1,
        JobRequest::Decide {
            code: AttentionCode::ReplicaDetached,
            object: None,
            decision: Decision::Force,
            reason: "a test".to_owned(),
        },
    )]);
    assert_eq!(course.decisions(), [None; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_a_live_failover_begins_where_that_ended() {
    let live = live().await;
    let rollback = JobState::new(&rollback_plan(&live, settled()));
    assert!(rollback.writer_asked);
    let commit = JobState::new(&commit_plan(&live, settled()));
    assert!(
        !commit.writer_asked,
        "the migration tool is told nothing at a commit"
    );
    for state in [&rollback, &commit] {
        for (disk, planned) in state.disks.iter().zip(&live.disks) {
            let device = planned.destination_device;
            assert_eq!(disk.custody, Custody::Destination { device });
            assert!(disk.needs_revert() && !disk.needs_mark());
        }
        assert_eq!(
            state.disks[0].snapshot.as_ref().map(|s| s.as_str()),
            Some("snapshot-0")
        );
        assert_eq!(state.disks[1].snapshot, None);
        let snapshot = state.resource(ResourceKind::Snapshot, &live.disks[0].snapshot_name);
        assert_eq!(snapshot.map(|row| row.state), Some(ResourceState::Present));
    }
    assert!(rollback.resource(ResourceKind::Vm, &live.vm.name).is_some());
    assert_eq!(commit.ledger.len(), 1, "a commit leaves the VM alone");
}
