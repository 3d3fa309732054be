//! A worker may die at any instant, and the cloud may lose what it likes: the job ends as if nothing had happened.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::time::Duration;

use failover_domain::{JobId, JobStatus};
use failover_engine::ports::{AppendError, Batch, WorkerId};
use failover_engine::{Event, StoredEvent};
use lab::Lab;
use ossea_sim::faults::Work;
use ossea_sim::{FaultRule, WayFault, WorkFault};

/// The commands of a live failover.
const COMMANDS: [&str; 6] = [
    "detachVolume",
    "createSnapshot",
    "deployVirtualMachine",
    "deleteVolume",
    "attachVolume",
    "startVirtualMachine",
];

/// The commands of the way back from a started VM.
const RETURN_COMMANDS: [&str; 6] = [
    "stopVirtualMachine",
    "detachVolume",
    "revertSnapshot",
    "attachVolume",
    "destroyVirtualMachine",
    "deleteSnapshot",
];

/// Kills the worker once `seq` journal entries are written, and lets another one finish.
async fn crash_at(lab: &mut Lab, seq: u64) -> JobId {
    lab.look_every = Duration::from_millis(10);
    let job = lab.start().await;
    let first = lab.worker();
    lab.until(&job, |r| r.last_seq >= seq || r.projection.status.is_final())
        .await;
    first.kill();
    lab.look_every = Duration::from_millis(200);
    lab.run(&job).await;
    job
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_journal_entry_changes_nothing() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let entries = lab.run(&job).await.last_seq;
    assert!(
        entries > 40,
        "a three-disk failover writes many entries, not {entries}"
    );
    // The first entry is written before any worker is there.
    for seq in 2..entries {
        let mut lab = Lab::new().await;
        let job = crash_at(&mut lab, seq).await;
        let record = lab.record(&job).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "crash after entry {seq}: {record:#?}"
        );
        // The last entries follow one another without a wait in which a worker could die.
        let is_last = seq + 2 >= entries;
        assert!(
            record.epoch >= 2 || is_last,
            "crash after entry {seq}: nobody took over"
        );
        lab.assert_moved(&job).await;
        lab.assert_nothing_was_done_twice();
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_on_the_way_back_changes_nothing() {
    let fault = || {
        let how = ossea_sim::faults::BootFailure::NoAddress;
        FaultRule::on("startVirtualMachine", WorkFault::GuestDoesNotBoot { how })
    };
    let lab = Lab::new().await;
    lab.fault(fault());
    let job = lab.start().await;
    let entries = lab.run(&job).await.last_seq;
    for seq in (entries / 2)..entries {
        let mut lab = Lab::new().await;
        lab.fault(fault());
        let job = crash_at(&mut lab, seq).await;
        assert_eq!(
            lab.record(&job).await.projection.status,
            JobStatus::Failed,
            "crash after entry {seq}"
        );
        lab.assert_everything_is_back(&job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_cloud_loses_is_found_again() {
    let faults = lab::losses();
    for command in COMMANDS {
        for (name, effect) in &faults {
            let lab = Lab::new().await;
            let rule = lab.fault(FaultRule::on(command, effect.clone()));
            let job = lab.start().await;
            let record = lab.run(&job).await;
            // A command without a job cannot lose one.
            let strikes =
                command != "deleteVolume" || matches!(effect, ossea_sim::faults::FaultEffect::Way(_));
            assert!(
                !strikes || lab.fired(rule) == 1,
                "{command}, {name}: the fault did not happen"
            );
            assert_eq!(
                record.projection.status,
                JobStatus::Completed,
                "{command}, {name}: {record:#?}"
            );
            lab.assert_moved(&job).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_cloud_loses_on_the_way_back_is_found_again() {
    let faults: [(&str, ossea_sim::faults::FaultEffect); 6] = [
        ("lost request", WayFault::LostRequest.into()),
        ("lost reply", WayFault::LostReply.into()),
        (
            "interrupted, done",
            WorkFault::JobInterrupted { work: Work::Done }.into(),
        ),
        (
            "interrupted, not done",
            WorkFault::JobInterrupted { work: Work::NotDone }.into(),
        ),
        (
            "failed",
            WorkFault::JobFails {
                code: 530,
                text: "the agent says no".to_owned(),
                work: Work::NotDone,
            }
            .into(),
        ),
        (
            "refused",
            WayFault::Refuse {
                code: 530,
                text: "internal error".to_owned(),
            }
            .into(),
        ),
    ];
    for command in RETURN_COMMANDS {
        for (name, effect) in &faults {
            let lab = Lab::new().await;
            let how = ossea_sim::faults::BootFailure::NoAddress;
            lab.fault(FaultRule::on(
                "startVirtualMachine",
                WorkFault::GuestDoesNotBoot { how },
            ));
            // Detaching and attaching happen on the way there as well: 4 and 3 times.
            let nth = match command {
                "detachVolume" => 5,
                "attachVolume" => 4,
                _ => 1,
            };
            let rule = lab.fault(FaultRule::on(command, effect.clone()).nth(nth).times(3));
            let job = lab.start().await;
            lab.run(&job).await;
            assert!(
                lab.fired(rule) >= 1,
                "{command}, {name}: the fault did not happen"
            );
            lab.assert_everything_is_back(&job).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_management_server_at_any_moment_is_survived() {
    for work in [Work::Done, Work::NotDone] {
        for second in (1..110).step_by(3) {
            let lab = Lab::new().await;
            let job = lab.start().await;
            let worker = lab.worker();
            lab.parts.clock.sleep(Duration::from_secs(second)).await;
            lab.cloud.restart(work);
            let record = lab.until(&job, |r| r.projection.status.is_final()).await;
            assert_eq!(
                record.projection.status,
                JobStatus::Completed,
                "restart after {second} s ({work:?})"
            );
            lab.assert_moved(&job).await;
            worker.kill();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_hands_its_job_over_at_once() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let first = lab.worker();
    lab.until(&job, |r| r.projection.status == JobStatus::Snapshotting)
        .await;
    first.shutdown.cancel();
    first.task.await.unwrap();
    let free = lab.record(&job).await;
    assert_eq!(free.owner, None, "the lease is handed back");
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    lab.assert_moved(&job).await;
}

#[tokio::test(start_paused = true)]
async fn two_workers_drive_one_job_once() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let (first, second) = (lab.worker(), lab.worker());
    lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(lab.record(&job).await.epoch, 1);
    lab.assert_moved(&job).await;
    first.kill();
    second.kill();
}

#[tokio::test(start_paused = true)]
async fn a_former_owner_cannot_write() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let old = WorkerId::fresh("old");
    lab.store
        .renew_worker(&old, Duration::from_secs(1))
        .await
        .unwrap();
    let claimed = lab.store.claim(&old, 1).await.unwrap();
    lab.parts.clock.sleep(Duration::from_secs(2)).await;
    let worker = lab.worker();
    let taken = lab.until(&job, |r| r.last_seq > 3).await;
    let event = Event::TakenUp {
        worker: old.to_string(),
        epoch: 1,
    };
    let stored = StoredEvent {
        seq: taken.last_seq + 1,
        at: lab.parts.clock.now(),
        event,
    };
    let projection = taken.projection;
    let batch = Batch {
        events: vec![stored],
        projection,
        volumes: Vec::new(),
        resources: Vec::new(),
    };
    let written = lab.store.append(&claimed[0].lease, &batch).await;
    assert!(matches!(written, Err(AppendError::LeaseLost(_))), "{written:?}");
    worker.kill();
}
