//! What the job has created and may therefore remove, and the rows that follow.

use failover_domain::StrategyRequest;
use failover_engine::Event;
use failover_engine::event::CreatedObject;
use failover_engine::plan::StepKind;
use failover_engine::ports::{ResourceKind, ResourceState};
use failover_engine::state::changed_rows;

use crate::course::{Course, back, cause, creating, done, live, submitted, test, there};

#[tokio::test(start_paused = true)]
async fn the_ledger_knows_what_may_exist_before_it_exists() {
    let plan = live().await;
    let name = plan.vm.name.clone();
    let create = there(StepKind::CreateVm);
    let wanted = || creating(create.clone(), CreatedObject::Vm { name: name.clone() });
    let course = Course::begun(&plan).and([wanted()]);
    let row = |course: &Course| {
        let row = course.resource(ResourceKind::Vm, &name);
        row.map(|(id, state)| (id.map(str::to_owned), state))
    };
    assert_eq!(row(&course), Some((None, ResourceState::Intended)));
    let course = course.and([submitted(create.clone(), Some("destination"))]);
    let present = Some((Some("destination".to_owned()), ResourceState::Present));
    assert_eq!(row(&course), present);
    assert_eq!(
        course.state.vm.as_ref().map(|vm| vm.as_str()),
        Some("destination")
    );
    let course = course.and([wanted()]);
    assert_eq!(row(&course), present, "a repeated intent takes nothing back");
    let course = course.and([
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::DestroyVm)),
    ]);
    let removed = Some((Some("destination".to_owned()), ResourceState::Removed));
    assert_eq!(row(&course), removed, "its id is kept");
    assert_eq!(course.state.ledger.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_and_is_wanted_again_is_intended_again() {
    let plan = live().await;
    let name = plan.disks[0].snapshot_name.clone();
    let step = there(StepKind::Snapshot { disk: 0 });
    let wanted = creating(
        step.clone(),
        CreatedObject::Snapshot {
            disk: 0,
            name: name.clone(),
        },
    );
    let mut course = Course::begun(&plan).and([wanted.clone(), done(step)]);
    assert!(course.state.disks[0].snapshot.is_some());
    for row in &mut course.state.ledger {
        row.state = ResourceState::Removed;
    }
    let course = course.and([wanted]);
    let (_, state) = course
        .resource(ResourceKind::Snapshot, &name)
        .expect("it is noted");
    assert_eq!(state, ResourceState::Intended);
}

#[tokio::test(start_paused = true)]
async fn removing_what_the_ledger_never_knew_notes_nothing() {
    let plan = test(StrategyRequest::Auto).await;
    let course = Course::returning(&plan).and([
        done(back(StepKind::DestroyVm)),
        done(back(StepKind::DeleteScratchRoot)),
        done(back(StepKind::DeleteVmSnapshot)),
        done(back(StepKind::DeleteSnapshot { disk: 0 })),
    ]);
    assert_eq!(course.state.ledger, []);
}

#[tokio::test(start_paused = true)]
async fn the_scratch_root_goes_with_its_vm() {
    let plan = live().await;
    let course = Course::begun(&plan).and([done(there(StepKind::CreateVm))]);
    let scratch = |course: &Course| {
        course
            .resource(ResourceKind::ScratchRoot, "scratch")
            .map(|(_, s)| s)
    };
    assert_eq!(scratch(&course), Some(ResourceState::Present));
    let deleted = course.clone().and([done(there(StepKind::DeleteScratchRoot))]);
    assert_eq!(scratch(&deleted), Some(ResourceState::Removed));
    let destroyed = course.and([
        Event::ReturnBegan { cause: cause() },
        done(back(StepKind::DestroyVm)),
    ]);
    assert_eq!(scratch(&destroyed), Some(ResourceState::Removed));
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_the_rows_that_changed_and_no_other() {
    let plan = live().await;
    let before = Course::begun(&plan);
    let after = before
        .clone()
        .and([done(there(StepKind::DetachFromOma { disk: 1 }))]);
    let batch = changed_rows(&plan, &before.state, &after.state, Vec::new());
    let disks: Vec<usize> = batch.volumes.iter().map(|row| row.disk).collect();
    assert_eq!((disks, batch.resources.len()), (vec![1], 0));
    let before = after;
    let after = before.clone().and([done(there(StepKind::CreateVm))]);
    let batch = changed_rows(&plan, &before.state, &after.state, Vec::new());
    let kinds: Vec<ResourceKind> = batch.resources.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [ResourceKind::Vm, ResourceKind::ScratchRoot]);
    assert_eq!(batch.volumes, []);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_ledger_is_found_by_kind_and_name() {
    let plan = live().await;
    let course = Course::begun(&plan).and([0, 1].map(|disk| done(there(StepKind::Snapshot { disk }))));
    for disk in [0, 1] {
        let (id, _) = course
            .resource(ResourceKind::Snapshot, &plan.disks[disk].snapshot_name)
            .expect("it is noted");
        assert_eq!(id, Some(format!("snapshot-{disk}").as_str()));
    }
    let other = course.resource(ResourceKind::Vm, &plan.disks[0].snapshot_name);
    assert_eq!(other, None);
}
