//! Test failovers from start to end on virtual time.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::collections::BTreeMap;
use std::time::Duration;

use failover_domain::{
    AtWindowEnd, AttentionCode, JobId, JobStatus, JobType, RollbackStrategy, StrategyRequest,
};
use failover_engine::Event;
use failover_engine::event::VmHealth;
use failover_engine::plan::{StepKind, WarningPolicy, way_back};
use failover_engine::ports::JobRecord;
use failover_engine::request::JobRequest;
use failover_engine::service::{FailoverRequest, StartError, Wanted, WantedTest};
use lab::Lab;
use ossea::{Command, StopMode};
use ossea_sim::cloud::log::Effect;
use ossea_sim::contents::StorageKind;
use ossea_sim::{Profile, SimContents, SimSettings};

const STRATEGIES: [StrategyRequest; 2] = [StrategyRequest::VmSnapshot, StrategyRequest::VolumeSnapshots];

fn is_open(record: &JobRecord) -> bool {
    record.projection.window.is_some()
}

/// The cloud, contents included, is as before, the job says so itself, and a guest did write meanwhile.
async fn assert_nothing_remains(lab: &Lab, job: &JobId) {
    lab.assert_everything_is_back(job).await;
    let state = lab.state(job).await;
    let comparison = state.comparison.expect("a finished return is compared");
    assert_eq!(comparison.differences, []);
    assert!(comparison.compared >= 3, "{comparison:?}");
    assert!(
        lab.count(|e| matches!(e, Effect::GuestWrote { .. })) >= 3,
        "the guest wrote to its disks, so being as before means something"
    );
    assert!(
        lab.count(|e| matches!(e, Effect::VolumeDeleted { .. })) <= 1,
        "only the scratch root"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_test_remains() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let job = lab.start_test(strategy).await;
        let record = lab.run(&job).await;
        assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
        assert_eq!(record.projection.progress, 100.0);
        assert!(record.projection.attention.is_empty());
        assert_nothing_remains(&lab, &job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_follow_the_customers_sequence_and_progress_never_falls() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let job = lab.start_test(strategy).await;
        lab.run(&job).await;
        let statuses = lab.statuses(&job).await;
        assert_eq!(statuses, JobStatus::sequence(JobType::Test), "{strategy}");
    }
}

#[tokio::test(start_paused = true)]
async fn progress_moves_with_elapsed_time_while_the_window_is_open() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let record = lab.until(&job, is_open).await;
    assert_eq!(record.projection.status, JobStatus::Executing);
    let window = record.projection.window.unwrap();
    assert_eq!(window.deadline - window.opened_at, chrono::TimeDelta::hours(1));
    let mut last = record.progress_at(window.opened_at);
    assert!((70.0..=70.1).contains(&last), "{last}");
    for minutes in [10, 30, 50] {
        let at = window.opened_at + chrono::TimeDelta::minutes(minutes);
        lab.until(&job, |_| lab.parts.clock.now() >= at).await;
        let record = lab.record(&job).await;
        assert_eq!(record.projection.status, JobStatus::Executing);
        let shown = record.progress_at(lab.parts.clock.now());
        assert!(shown > last + 2.0 && shown < 85.0, "{shown} after {last}");
        last = shown;
    }
    lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn the_strategy_is_the_fastest_one_that_the_cloud_allows() {
    use RollbackStrategy::{VmSnapshot, VolumeSnapshots};
    for (profile, storage, expected) in [
        (Profile::V4_18, StorageKind::Nfs, VolumeSnapshots),
        (Profile::V4_18, StorageKind::Rbd, VolumeSnapshots),
        (Profile::V4_21, StorageKind::Nfs, VmSnapshot),
        (Profile::V4_21, StorageKind::Rbd, VolumeSnapshots),
        (Profile::V4_22, StorageKind::Nfs, VmSnapshot),
        (Profile::V4_22, StorageKind::Rbd, VolumeSnapshots),
    ] {
        let mut contents = SimContents::sample();
        contents.pools.iter_mut().for_each(|pool| pool.kind = storage);
        let lab = Lab::over(&contents, SimSettings::of(profile)).await;
        let job = lab.start_test(StrategyRequest::Auto).await;
        let plan = lab.store.plan(&job).await.unwrap().unwrap();
        let test = plan.test().expect("it is a test");
        assert_eq!(
            test.strategy, expected,
            "{profile}, {storage:?}: {}",
            test.strategy_reason
        );
        assert!(
            test.strategy_reason.contains(profile.version()),
            "{profile}: {}",
            test.strategy_reason
        );
        let record = lab.run(&job).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "{profile}, {storage:?}: {record:#?}"
        );
        assert_nothing_remains(&lab, &job).await;
        let vm_snapshots = lab.count(|e| matches!(e, Effect::VmSnapshotTaken { .. }));
        let snapshots = lab.count(|e| matches!(e, Effect::SnapshotTaken { .. }));
        let taken = if expected == VmSnapshot { (1, 0) } else { (0, 3) };
        assert_eq!((vm_snapshots, snapshots), taken, "never both on one disk");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_the_cloud_does_not_allow_is_refused_before_anything_is_touched() {
    let lab = Lab::with(SimSettings::of(Profile::V4_18)).await;
    let refused = lab.start_as(&lab.test_request(StrategyRequest::VmSnapshot)).await;
    let text = refused
        .expect_err("4.18 takes no snapshot of a stopped VM")
        .to_string();
    assert!(text.contains("not ready"), "{text}");
    assert_eq!(lab.effects(), []);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_not_marked_is_refused_before_anything_is_touched() {
    let lab = Lab::new().await;
    for network in ["production-app", "test-l2"] {
        let request = FailoverRequest {
            network_mappings: BTreeMap::from([("VM Network".to_owned(), network.to_owned())]),
            ..lab.test_request(StrategyRequest::Auto)
        };
        let Err(StartError::NotReady { readiness, .. }) = lab.start_as(&request).await else {
            panic!("a test on {network} was not refused");
        };
        let told: Vec<&str> = readiness.failures().map(|f| f.message.as_str()).collect();
        assert!(
            told.iter().any(|m| m.contains("not marked as a test network")),
            "{told:?}"
        );
    }
    let without = FailoverRequest {
        network_mappings: BTreeMap::new(),
        ..lab.test_request(StrategyRequest::Auto)
    };
    assert!(
        lab.start_as(&without).await.is_err(),
        "there is no fallback network"
    );
    assert_eq!(lab.effects(), []);
}

#[tokio::test(start_paused = true)]
async fn the_test_vm_has_a_name_of_its_own_and_only_test_networks() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let record = lab.until(&job, is_open).await;
    let vm = record.projection.destination_vm_id.expect("the test VM exists");
    let inventory = lab.cloud.inventory();
    let vm = inventory.vm(&vm).expect("the cloud shows it");
    assert_eq!(
        (vm.name.as_str(), vm.display_name.as_str()),
        ("pgwintestbios-test", "PGWINTESTBIOS (Test)")
    );
    assert!(vm.nics.iter().all(|n| n.network.as_str() == lab::TEST_NETWORK));
    lab.ask(&job, JobRequest::EndTest).await;
    lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn a_test_is_ended_by_hand() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let job = lab.start_test(strategy).await;
        let worker = lab.worker();
        let opened = lab
            .until(&job, is_open)
            .await
            .projection
            .window
            .unwrap()
            .opened_at;
        lab.ask(&job, JobRequest::EndTest).await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        worker.kill();
        assert_eq!(record.projection.status, JobStatus::Completed);
        let took = record.projection.completed_at.unwrap() - opened;
        assert!(
            took < chrono::TimeDelta::minutes(10),
            "it did not wait for its window: {took}"
        );
        assert_nothing_remains(&lab, &job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_is_extended() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let window = lab.until(&job, is_open).await.projection.window.unwrap();
    let deadline = window.deadline + chrono::TimeDelta::hours(2);
    lab.ask(&job, JobRequest::Extend { deadline }).await;
    let record = lab
        .until(&job, |r| {
            r.projection.window.is_some_and(|w| w.deadline == deadline)
        })
        .await;
    let now = lab.parts.clock.now();
    assert!(record.progress_at(now) >= 70.0);
    let past = window.deadline + chrono::TimeDelta::minutes(5);
    lab.until(&job, |_| lab.parts.clock.now() > past).await;
    assert_eq!(lab.record(&job).await.projection.status, JobStatus::Executing);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert!(record.projection.completed_at.unwrap() > deadline);
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_that_was_extended_while_no_worker_lived_is_not_closed() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let window = lab.until(&job, is_open).await.projection.window.unwrap();
    worker.kill();
    let deadline = window.deadline + chrono::TimeDelta::hours(2);
    lab.ask(&job, JobRequest::Extend { deadline }).await;
    let past = window.deadline + chrono::TimeDelta::minutes(5);
    lab.until(&job, |_| lab.parts.clock.now() > past).await;
    let worker = lab.worker();
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert!(record.projection.completed_at.unwrap() > deadline, "{record:#?}");
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_cancelled_while_no_worker_lived_starts_no_vm() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    lab.until(&job, |r| r.projection.status == JobStatus::SwitchingVolume)
        .await;
    worker.kill();
    lab.ask(&job, JobRequest::Cancel).await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Failed);
    let started = lab.count(|effect| matches!(effect, Effect::VmStarted { .. }));
    assert_eq!(started, 0);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_kept_open_reminds_people_until_somebody_ends_it() {
    let lab = Lab::new().await;
    let mut request = lab.test_request(StrategyRequest::Auto);
    request.wanted = Wanted::Test(WantedTest {
        window: Duration::from_secs(600),
        at_window_end: AtWindowEnd::Remind,
        strategy: StrategyRequest::Auto,
    });
    let job = lab.start_as(&request).await.expect("the sample VM is ready");
    let worker = lab.worker();
    let reminded = |r: &JobRecord| {
        r.projection
            .attention
            .iter()
            .any(|a| a.code == AttentionCode::TestWindowOver)
    };
    let record = lab.until(&job, reminded).await;
    assert_eq!(record.projection.status, JobStatus::Executing);
    let deadline = lab.parts.clock.now() + chrono::TimeDelta::minutes(30);
    lab.ask(&job, JobRequest::Extend { deadline }).await;
    lab.until(&job, |r| !reminded(r)).await;
    lab.until(&job, reminded).await;
    lab.ask(&job, JobRequest::EndTest).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert!(record.projection.attention.is_empty());
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_the_test_vm_is_journaled_and_told() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let record = lab.until(&job, is_open).await;
    let vm = record.projection.destination_vm_id.unwrap();
    let stop = Command::StopVirtualMachine {
        vm: vm.clone(),
        mode: StopMode::Graceful,
    };
    lab.by_hand("stop", &stop).await;
    let unwell = |r: &JobRecord| {
        r.projection
            .attention
            .iter()
            .any(|a| a.code == AttentionCode::TestVmUnhealthy)
    };
    lab.until(&job, unwell).await;
    lab.by_hand("start", &Command::StartVirtualMachine { vm }).await;
    lab.until(&job, |r| !unwell(r)).await;
    lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    let mut seen: Vec<VmHealth> = Vec::new();
    for entry in lab.events(&job).await {
        if let Event::HealthSeen { health } = entry.event {
            seen.push(health);
        }
    }
    assert!(matches!(seen.first(), Some(VmHealth::Well { .. })), "{seen:?}");
    assert!(
        seen.iter().any(|h| matches!(h, VmHealth::NotRunning { .. })),
        "{seen:?}"
    );
    assert!(matches!(seen.last(), Some(VmHealth::Well { .. })), "{seen:?}");
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_in_the_window_is_replaced_by_any_other() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let first = lab.worker();
    let window = lab.until(&job, is_open).await.projection.window.unwrap();
    first.kill();
    let second = lab.worker();
    lab.until(&job, |r| r.epoch == 2).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    second.kill();
    assert_eq!(record.projection.status, JobStatus::Completed);
    let ended = record.projection.completed_at.unwrap();
    assert!(ended > window.deadline && ended < window.deadline + chrono::TimeDelta::minutes(10));
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_whose_end_nobody_was_alive_to_see_is_closed_as_soon_as_somebody_is() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let first = lab.worker();
    let window = lab.until(&job, is_open).await.projection.window.unwrap();
    first.kill();
    let late = window.deadline + chrono::TimeDelta::hours(1);
    lab.until(&job, |_| lab.parts.clock.now() > late).await;
    assert_eq!(lab.record(&job).await.projection.status, JobStatus::Executing);
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_window_takes_no_place_of_other_jobs() {
    let mut lab = Lab::new().await;
    lab.parts.settings.max_jobs = 1;
    let test = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    lab.until(&test, is_open).await;
    let mut request = lab.request();
    let other = lab.store.vms_named("web-01").await.unwrap().remove(0);
    request.vm_id = other.vm_id;
    request.vm_name = None;
    request.warnings = WarningPolicy::Skip;
    let dmz = ("DMZ Network".to_owned(), "production-dmz".to_owned());
    request.network_mappings.extend([dmz]);
    let live = lab.start_as(&request).await.expect("another sample VM is ready");
    let record = lab.until(&live, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    assert_eq!(lab.record(&test).await.projection.status, JobStatus::Executing);
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_heard_wherever_a_test_is() {
    for strategy in STRATEGIES {
        for status in [
            JobStatus::CreatingVm,
            JobStatus::SwitchingVolume,
            JobStatus::Snapshotting,
            JobStatus::PoweringOn,
        ] {
            let mut lab = Lab::new().await;
            lab.look_every = Duration::from_millis(50);
            let job = lab.start_test(strategy).await;
            let worker = lab.worker();
            let reached = lab
                .until(&job, |r| {
                    r.projection.status == status || r.projection.window.is_some()
                })
                .await;
            if reached.projection.status != status {
                // A check that takes no time is not met.
                worker.kill();
                continue;
            }
            lab.ask(&job, JobRequest::Cancel).await;
            let record = lab.until(&job, |r| r.projection.status.is_final()).await;
            worker.kill();
            assert_eq!(record.projection.status, JobStatus::Failed, "{status}");
            lab.assert_everything_is_back(&job).await;
            let comparison = lab.state(&job).await.comparison.expect("it is compared");
            assert_eq!(comparison.differences, [], "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_window_is_cleaned_up_too() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    lab.until(&job, is_open).await;
    lab.ask(&job, JobRequest::Cancel).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Failed);
    assert_nothing_remains(&lab, &job).await;
}

#[tokio::test(start_paused = true)]
async fn the_plan_shows_the_strategy_the_window_and_the_way_back() {
    let lab = Lab::new().await;
    let dry = lab
        .parts
        .service()
        .plan(&lab.test_request(StrategyRequest::Auto))
        .await
        .expect("the sample VM is ready");
    assert_eq!(lab.effects(), [], "a dry run changes nothing");
    assert!(dry.plan.steps().any(|s| s.kind == StepKind::VmSnapshot));
    assert_eq!(dry.plan.test().unwrap().window_seconds, 3600);
    assert!(!way_back(&dry.plan).is_empty());
}
