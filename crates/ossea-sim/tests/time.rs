//! Queues, restarts and what the passing of time does.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use ossea::{Accepted, Command, JobReport, OsseaClient, OsseaError, SnapshotState, VmState, VolumeState};
use ossea_sim::cloud::log::{Effect, LogEvent, StopCause};
use ossea_sim::faults::RestartMoment;
use ossea_sim::{BootFailure, CallingProcess, FaultRule, WayFault, Work, WorkFault};
use support::{Caller, attach, start};

async fn job_of(caller: &Caller, command: Command) -> failover_domain::AsyncJobId {
    match caller.submit(command).await.unwrap() {
        Accepted::Job { job, .. } => job,
        Accepted::Done => panic!("a job was expected"),
    }
}

fn detach(volume: &failover_domain::VolumeId) -> Command {
    Command::DetachVolume {
        volume: volume.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn work_on_one_vm_waits_for_its_turn_and_work_on_none_does_not() {
    let caller = Caller::of_sample();
    let [first, second, third] = caller.replicas();
    caller.detach(&third).await;
    let queued = [
        job_of(&caller, detach(&first)).await,
        job_of(&caller, detach(&second)).await,
    ];
    let beside = Command::CreateSnapshot {
        volume: third,
        name: "point".to_owned(),
    };
    let beside = job_of(&caller, beside).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(matches!(
        caller.cloud.job(&queued[0]).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
    assert_eq!(caller.cloud.job(&queued[1]).await.unwrap(), JobReport::Pending);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(matches!(
        caller.cloud.job(&queued[1]).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
    assert_eq!(caller.cloud.job(&beside).await.unwrap(), JobReport::Pending);
    assert_eq!(caller.cloud.pending_jobs().await.unwrap(), [beside]);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_job_that_holds_up_others_is_cancelled_after_an_hour() {
    let caller = Caller::of_sample();
    let [first, second, _] = caller.replicas();
    let rule = caller
        .cloud
        .add_fault(FaultRule::on("detachVolume", WorkFault::JobStuck).object(&first));
    let stuck = job_of(&caller, detach(&first)).await;
    tokio::time::sleep(Duration::from_secs(59 * 60)).await;
    let waiting = job_of(&caller, detach(&second)).await;
    assert_eq!(caller.cloud.job(&stuck).await.unwrap(), JobReport::Pending);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(
        caller.cloud.job(&stuck).await.unwrap(),
        JobReport::Interrupted { code: 0 }
    );
    assert!(matches!(caller.wait(&waiting).await, JobReport::Succeeded { .. }));
    assert!(
        caller
            .cloud
            .volume(&first)
            .await
            .unwrap()
            .unwrap()
            .attachment
            .is_some()
    );
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_forgotten_a_day_after_its_end() {
    let caller = Caller::of_sample();
    let [first, ..] = caller.replicas();
    let job = job_of(&caller, detach(&first)).await;
    caller.wait(&job).await;
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    assert!(matches!(
        caller.cloud.job(&job).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(caller.cloud.job(&job).await.unwrap(), JobReport::NotKnown);
}

#[tokio::test(start_paused = true)]
async fn a_restart_cuts_off_all_jobs_whether_their_work_is_done_or_not() {
    for (work, is_attached) in [(Work::Done, false), (Work::NotDone, true)] {
        let caller = Caller::of_sample();
        let [first, second, third] = caller.replicas();
        caller.detach(&third).await;
        let snapshot = Command::CreateSnapshot {
            volume: third.clone(),
            name: "point".to_owned(),
        };
        let jobs = [
            job_of(&caller, snapshot).await,
            job_of(&caller, detach(&first)).await,
            job_of(&caller, detach(&second)).await,
        ];
        caller.cloud.restart(work);
        for job in &jobs {
            assert_eq!(
                caller.cloud.job(job).await.unwrap(),
                JobReport::Interrupted { code: 530 }
            );
        }
        let running = caller.cloud.volume(&first).await.unwrap().unwrap();
        assert_eq!(running.attachment.is_some(), is_attached, "{work:?}");
        let queued = caller.cloud.volume(&second).await.unwrap().unwrap();
        assert!(queued.attachment.is_some(), "what was only queued never happens");
        // Whatever the agent did, the server that comes up takes no snapshot for good that it did not see end.
        let snapshots = caller.cloud.snapshots_of(&third).await.unwrap();
        assert_eq!(snapshots[0].state, SnapshotState::Error, "{work:?}");
        assert_eq!(
            caller.cloud.volume(&third).await.unwrap().unwrap().state,
            VolumeState::Ready
        );
        // The queue is usable again.
        caller.done(detach(&second)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_puts_a_starting_vm_back() {
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    job_of(&caller, start(&vm)).await;
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        VmState::Starting
    );
    caller.cloud.restart(Work::NotDone);
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        VmState::Stopped
    );
    assert_eq!(
        caller.cloud.volumes_on(&vm).await.unwrap()[0].state,
        VolumeState::Allocated
    );
}

#[tokio::test(start_paused = true)]
async fn a_running_guest_goes_on_writing_until_it_stops() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disk, &vm, 0).await;
    assert_eq!(caller.cloud.content_of(&disk).unwrap().generation, 0);
    caller.done(start(&vm)).await;
    let at_start = caller.cloud.content_of(&disk).unwrap().generation;
    assert!(at_start > 0);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(caller.cloud.content_of(&disk).unwrap().generation > at_start);
    caller.done(support::stop(&vm)).await;
    let stopped = caller.cloud.content_of(&disk).unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(caller.cloud.content_of(&disk).unwrap(), stopped);
}

#[tokio::test(start_paused = true)]
async fn a_guest_makes_up_for_a_long_gap_with_one_write() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disk, &vm, 0).await;
    caller.done(start(&vm)).await;
    let written = async |seconds: u64| {
        let before = caller.cloud.content_of(&disk).unwrap().writers[&vm];
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        caller.cloud.content_of(&disk).unwrap().writers[&vm] - before
    };
    assert_eq!(written(600).await, 10);
    assert_eq!(written(30 * 24 * 3600).await, 1);
    assert_eq!(written(600).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_boot_powers_itself_off() {
    let caller = Caller::of_sample();
    let how = BootFailure::PowersOff;
    let rule = caller.cloud.add_fault(FaultRule::on(
        "startVirtualMachine",
        WorkFault::GuestDoesNotBoot { how },
    ));
    let vm = caller.deployed_vm("web").await;
    caller.done(start(&vm)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        VmState::Stopped
    );
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
    let by_itself = LogEvent::Effect {
        job: None,
        effect: Effect::VmStopped {
            vm: vm.clone(),
            cause: StopCause::Guest,
        },
    };
    assert!(caller.cloud.log().iter().any(|entry| entry.event == by_itself));
    // The rule struck once; the next start is sound.
    caller.done(start(&vm)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        VmState::Running
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_detach_clears_a_newer_attachment() {
    let caller = Caller::of_sample();
    let [disk, other, _] = caller.replicas();
    let vm = caller.emptied_vm("web").await;
    let slow = WorkFault::Delay { seconds: 30 };
    caller
        .cloud
        .add_fault(FaultRule::on("detachVolume", slow).object(&disk).nth(2));
    // The OMA's queue is busy, so both detaches pass their checks and wait.
    job_of(&caller, detach(&other)).await;
    let first = job_of(&caller, detach(&disk)).await;
    let late = job_of(&caller, detach(&disk)).await;
    caller.wait(&first).await;
    let attached = job_of(&caller, attach(&disk, &vm, 0)).await;
    assert!(matches!(
        caller.wait(&attached).await,
        JobReport::Succeeded { .. }
    ));
    caller.wait(&late).await;
    assert_eq!(
        caller.cloud.volume(&disk).await.unwrap().unwrap().attachment,
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ends_is_forgotten_a_day_after_it_was_accepted() {
    let caller = Caller::of_sample();
    let [first, ..] = caller.replicas();
    caller
        .cloud
        .add_fault(FaultRule::on("detachVolume", WorkFault::JobStuck));
    let stuck = job_of(&caller, detach(&first)).await;
    tokio::time::sleep(Duration::from_secs(24 * 3600 - 60)).await;
    assert_eq!(caller.cloud.job(&stuck).await.unwrap(), JobReport::Pending);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(caller.cloud.job(&stuck).await.unwrap(), JobReport::NotKnown);
    assert_eq!(caller.cloud.pending_jobs().await.unwrap(), []);
    let volume = caller.cloud.volume(&first).await.unwrap().unwrap();
    assert!(volume.attachment.is_some() && volume.pending_job.is_none());
    // Nothing is left of it in the queue of the VM.
    caller.detach(&first).await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_forgets_ended_jobs_and_leaves_those_under_way() {
    let caller = Caller::of_sample();
    let [first, second, _] = caller.replicas();
    let ended = job_of(&caller, detach(&first)).await;
    caller.wait(&ended).await;
    let under_way = job_of(&caller, detach(&second)).await;
    let now = caller.cloud.clock().now();
    assert_eq!(caller.cloud.cloud().purge_jobs(now), 1);
    assert_eq!(caller.cloud.job(&ended).await.unwrap(), JobReport::NotKnown);
    assert!(matches!(
        caller.wait(&under_way).await,
        JobReport::Succeeded { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_rule_restarts_the_server_after_its_call_and_cuts_off_the_job() {
    for (work, is_attached) in [(Work::Done, false), (Work::NotDone, true)] {
        let caller = Caller::of_sample();
        let [first, second, _] = caller.replicas();
        let fault = WayFault::Restart {
            when: RestartMoment::After,
            work,
        };
        let rule = caller
            .cloud
            .add_fault(FaultRule::on("detachVolume", fault).nth(2));
        let earlier = job_of(&caller, detach(&first)).await;
        let key = caller.key();
        let lost = caller.cloud.submit(&key, &detach(&second)).await;
        assert!(matches!(lost, Err(OsseaError::OutcomeUnknown(_))), "{lost:?}");
        for job in [earlier, key.job_id()] {
            assert_eq!(
                caller.cloud.job(&job).await.unwrap(),
                JobReport::Interrupted { code: 530 }
            );
        }
        let volume = caller.cloud.volume(&first).await.unwrap().unwrap();
        assert_eq!(volume.attachment.is_some(), is_attached);
        // What was only queued never happens.
        let volume = caller.cloud.volume(&second).await.unwrap().unwrap();
        assert!(volume.attachment.is_some());
        assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_caller_sends_nothing_and_nothing_later_than_its_right_lasts() {
    let caller = Caller::of_sample();
    let process = CallingProcess::default();
    let door = caller.cloud.clone().called_by(process.clone());
    let [first, second, _] = caller.replicas();
    process.stop();
    for (volume, stopped_for, is_sent) in [(first, 30, true), (second, 90, false)] {
        process.stop();
        let (door, sent) = (door.clone(), caller.key());
        let entitled_at = caller.cloud.clock().now();
        let command = detach(&volume);
        let sending = async move { door.submit_as_of(entitled_at, &sent, &command).await };
        let sending = tokio::spawn(sending);
        tokio::time::sleep(Duration::from_secs(stopped_for)).await;
        assert!(!sending.is_finished(), "it was stopped");
        process.resume();
        assert_eq!(sending.await.unwrap().is_ok(), is_sent, "after {stopped_for} s");
    }
    assert_eq!(caller.cloud.submitted().len(), 1, "the second one was not sent");
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_clock_is_ahead_has_the_same_time_for_its_request() {
    let caller = Caller::of_sample();
    let process = CallingProcess::default();
    let door = caller.cloud.clone().called_by(process.clone());
    process.set_clock_ahead(chrono::TimeDelta::seconds(3600));
    let [first, _, _] = caller.replicas();
    let its_time = process.time(caller.cloud.clock().now());
    assert!(
        door.submit_as_of(its_time, &caller.key(), &detach(&first))
            .await
            .is_ok()
    );
    let too_old = its_time - chrono::TimeDelta::seconds(61);
    assert!(
        door.submit_as_of(too_old, &caller.key(), &detach(&first))
            .await
            .is_err()
    );
}
