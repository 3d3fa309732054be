//! A worker may die at any instant of a test, and the cloud may lose what it likes: nothing of the test remains.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::time::Duration;

use failover_domain::{JobId, JobStatus, StrategyRequest};
use lab::Lab;
use ossea_sim::FaultRule;
use ossea_sim::cloud::log::Effect;
use ossea_sim::faults::{FaultEffect, Work};

const STRATEGIES: [StrategyRequest; 2] = [StrategyRequest::VmSnapshot, StrategyRequest::VolumeSnapshots];

/// The commands of a test, there and back, and how often each one comes on the way there.
fn commands(strategy: StrategyRequest) -> Vec<(&'static str, u32)> {
    let mut commands = vec![
        ("detachVolume", 4),
        ("deployVirtualMachine", 1),
        ("deleteVolume", 1),
        ("attachVolume", 3),
        ("startVirtualMachine", 1),
        ("stopVirtualMachine", 0),
        ("destroyVirtualMachine", 0),
    ];
    commands.extend(match strategy {
        StrategyRequest::VmSnapshot => vec![
            ("createVMSnapshot", 1),
            ("revertToVMSnapshot", 0),
            ("deleteVMSnapshot", 0),
        ],
        StrategyRequest::VolumeSnapshots | StrategyRequest::Auto => vec![
            ("createSnapshot", 3),
            ("revertSnapshot", 0),
            ("deleteSnapshot", 0),
        ],
    });
    commands
}

async fn assert_no_trace(lab: &Lab, job: &JobId, what: &str) {
    let record = lab.record(job).await;
    assert_eq!(
        record.projection.status,
        JobStatus::Completed,
        "{what}: {record:#?}"
    );
    lab.assert_everything_is_back(job).await;
    let comparison = lab.state(job).await.comparison.expect("it is compared");
    assert_eq!(comparison.differences, [], "{what}");
    assert_eq!(
        lab.count(|e| matches!(e, Effect::VmCreated { .. })),
        1,
        "{what}: one VM was created"
    );
}

/// Kills the worker once `seq` journal entries are written, and lets another one finish.
async fn crash_at(lab: &mut Lab, strategy: StrategyRequest, seq: u64) -> JobId {
    lab.look_every = Duration::from_millis(10);
    let job = lab.start_short_test(strategy).await;
    let first = lab.worker();
    lab.until(&job, |r| r.last_seq >= seq || r.projection.status.is_final())
        .await;
    first.kill();
    lab.look_every = Duration::from_millis(200);
    lab.run(&job).await;
    job
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_journal_entry_leaves_no_trace() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let job = lab.start_short_test(strategy).await;
        let entries = lab.run(&job).await.last_seq;
        assert!(
            entries > 60,
            "a test with three disks writes many entries, not {entries}"
        );
        for seq in 2..entries {
            let mut lab = Lab::new().await;
            let job = crash_at(&mut lab, strategy, seq).await;
            let what = format!("{strategy}, crash after entry {seq}");
            assert_no_trace(&lab, &job, &what).await;
            let snapshots =
                lab.count(|e| matches!(e, Effect::VmSnapshotTaken { .. } | Effect::SnapshotTaken { .. }));
            let expected = if strategy == StrategyRequest::VmSnapshot {
                1
            } else {
                3
            };
            assert_eq!(snapshots, expected, "{what}: nothing was taken twice");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_cloud_loses_is_found_again_there_and_back() {
    let faults = lab::losses();
    for strategy in STRATEGIES {
        for (command, there) in commands(strategy) {
            // Once on the way there, where the command comes there, and once on the way back, where it comes there too.
            let on_both_ways = there > 0 && matches!(command, "detachVolume" | "attachVolume");
            let places = [
                (there > 0).then_some(1),
                (there == 0 || on_both_ways).then_some(there + 1),
            ];
            for nth in places.into_iter().flatten() {
                for (name, effect) in &faults {
                    let lab = Lab::new().await;
                    let rule = lab.fault(FaultRule::on(command, effect.clone()).nth(nth));
                    let job = lab.start_short_test(strategy).await;
                    lab.run(&job).await;
                    let what = format!("{strategy}, {command} no. {nth}, {name}");
                    // A command without a job cannot lose one.
                    let strikes = command != "deleteVolume" || matches!(effect, FaultEffect::Way(_));
                    assert!(
                        !strikes || lab.fired(rule) == 1,
                        "{what}: the fault did not happen"
                    );
                    assert_no_trace(&lab, &job, &what).await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_management_server_at_any_moment_is_survived() {
    for strategy in STRATEGIES {
        for work in [Work::Done, Work::NotDone] {
            let lab = Lab::new().await;
            let job = lab.start_short_test(strategy).await;
            let worker = lab.worker();
            let began = lab.parts.clock.now();
            let open = lab.until(&job, |r| r.projection.window.is_some()).await;
            let there = (open.projection.window.expect("it is open").opened_at - began).num_seconds();
            worker.kill();
            // The clean-up begins 20 seconds later and lasts for a minute or two.
            for second in (1..there + 140).step_by(4) {
                let lab = Lab::new().await;
                let job = lab.start_short_test(strategy).await;
                let worker = lab.worker();
                lab.parts
                    .clock
                    .sleep(Duration::from_secs(second.unsigned_abs()))
                    .await;
                lab.cloud.restart(work);
                lab.until(&job, |r| r.projection.status.is_final()).await;
                worker.kill();
                let what = format!("{strategy}, restart after {second} s ({work:?})");
                assert_no_trace(&lab, &job, &what).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_workers_drive_one_test_once() {
    let lab = Lab::new().await;
    let job = lab.start_short_test(StrategyRequest::Auto).await;
    let (first, second) = (lab.worker(), lab.worker());
    lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(lab.record(&job).await.epoch, 1);
    assert_no_trace(&lab, &job, "two workers").await;
    first.kill();
    second.kill();
}
