//! Every way back: commit and rollback of a completed live failover, decisions of a person, quarantine, and what a
//! person does in the cloud meanwhile.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use chrono::TimeDelta;
use failover_access::Actor;
use failover_domain::{AttentionCode, Decision, FailoverType, JobId, JobStatus, JobType, StrategyRequest};
use failover_engine::plan::{CommitPolicy, Direction, Step, StepKind};
use failover_engine::ports::{JobRecord, ResourceState};
use failover_engine::request::JobRequest;
use failover_engine::service::{FailoverRequest, SettleError, Settlement, Wanted};
use failover_engine::state::Standing;
use lab::Lab;
use ossea::{Command, OsseaClient, StopMode};
use ossea_sim::cloud::log::Effect;
use ossea_sim::faults::Work;
use ossea_sim::{FaultRule, WorkFault};

const STRATEGIES: [StrategyRequest; 2] = [StrategyRequest::VmSnapshot, StrategyRequest::VolumeSnapshots];

fn has(record: &JobRecord, code: AttentionCode) -> bool {
    record.projection.attention.iter().any(|a| a.code == code)
}

async fn completed_live(lab: &Lab, commit: CommitPolicy) -> JobId {
    let request = FailoverRequest {
        wanted: Wanted::Live { commit },
        ..lab.request()
    };
    let job = lab.start_as(&request).await.expect("the sample VM is ready");
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    job
}

#[tokio::test(start_paused = true)]
async fn a_completed_live_failover_is_rolled_back() {
    let lab = Lab::new().await;
    let live = completed_live(&lab, CommitPolicy::Manual).await;
    let rollback = lab
        .parts
        .service()
        .settle(&live, Settlement::Rollback, &Actor::named("operator"))
        .await
        .expect("a completed failover can be rolled back");
    assert!(rollback.as_str().starts_with("rollback-"), "{rollback}");
    assert_eq!(lab.record(&live).await.settled_by, Some(rollback.clone()));
    let record = lab.run(&rollback).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    lab.assert_everything_is_back(&rollback).await;
    let state = lab.state(&rollback).await;
    let comparison = state
        .comparison
        .expect("it is compared to what the live failover found");
    assert_eq!(comparison.differences, []);
    assert!(lab.count(|e| matches!(e, Effect::GuestWrote { .. })) >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_completed_live_failover_is_committed() {
    let lab = Lab::new().await;
    let live = completed_live(&lab, CommitPolicy::Manual).await;
    let service = lab.parts.service();
    let commit = service
        .settle(&live, Settlement::Commit, &Actor::named("operator"))
        .await
        .expect("a completed failover can be committed");
    let record = lab.run(&commit).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    let inventory = lab.cloud.inventory();
    assert_eq!(inventory.snapshots, [], "the rollback points are gone");
    let vm = record.projection.destination_vm_id.expect("the VM is named");
    let vm = inventory.vm(&vm).expect("the VM stays");
    assert_eq!(
        (vm.disks.len(), format!("{:?}", vm.state).as_str()),
        (3, "Running")
    );
    for row in lab.ledger(&commit).await {
        assert_eq!(row.state, ResourceState::Removed, "{row:?}");
    }
    let again = service
        .settle(&live, Settlement::Rollback, &Actor::named("operator"))
        .await;
    let told = again.expect_err("there is nothing to go back to").to_string();
    assert!(told.contains(commit.as_str()), "{told}");
}

#[tokio::test(start_paused = true)]
async fn only_completed_live_failovers_are_settled() {
    let lab = Lab::new().await;
    let service = lab.parts.service();
    let running = lab.start().await;
    for how in [Settlement::Commit, Settlement::Rollback] {
        let refused = service.settle(&running, how, &Actor::named("operator")).await;
        assert!(
            matches!(refused, Err(SettleError::NotAllowed { .. })),
            "{refused:?}"
        );
    }
    let unknown = JobId::new(JobType::Live, &lab::vm_id(), chrono::DateTime::UNIX_EPOCH, 0);
    let refused = service
        .settle(&unknown, Settlement::Commit, &Actor::named("operator"))
        .await;
    assert!(matches!(refused, Err(SettleError::NoSuchJob(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_settles_a_live_failover_when_its_time_has_come() {
    for (commit, prefix) in [
        (CommitPolicy::CommitAfter { seconds: 7200 }, "commit-"),
        (CommitPolicy::RollbackAfter { seconds: 7200 }, "rollback-"),
    ] {
        let lab = Lab::new().await;
        let live = completed_live(&lab, commit).await;
        let (first, second) = (lab.worker(), lab.worker());
        let due = lab
            .record(&live)
            .await
            .projection
            .settle_at
            .expect("it has a deadline");
        lab.until(&live, |_| lab.parts.clock.now() > due - TimeDelta::seconds(10))
            .await;
        assert_eq!(lab.record(&live).await.settled_by, None, "its time has not come");
        let by = lab.until(&live, |r| r.settled_by.is_some()).await.settled_by;
        let by = by.expect("just seen");
        assert!(by.as_str().starts_with(prefix), "{by}");
        let record = lab.until(&by, |r| r.projection.status.is_final()).await;
        assert_eq!(record.projection.status, JobStatus::Completed);
        first.kill();
        second.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_survives_a_crash_after_any_entry() {
    let lab = Lab::new().await;
    let live = completed_live(&lab, CommitPolicy::Manual).await;
    let settle = async |lab: &Lab, live: &JobId| {
        let service = lab.parts.service();
        service
            .settle(live, Settlement::Rollback, &Actor::named("operator"))
            .await
            .expect("it can")
    };
    let rollback = settle(&lab, &live).await;
    let entries = lab.run(&rollback).await.last_seq;
    for seq in 2..entries {
        let mut lab = Lab::new().await;
        let live = completed_live(&lab, CommitPolicy::Manual).await;
        let rollback = settle(&lab, &live).await;
        lab.look_every = std::time::Duration::from_millis(10);
        let first = lab.worker();
        lab.until(&rollback, |r| r.last_seq >= seq || r.projection.status.is_final())
            .await;
        first.kill();
        lab.look_every = std::time::Duration::from_millis(200);
        let record = lab.run(&rollback).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "crash after {seq}"
        );
        lab.assert_everything_is_back(&rollback).await;
    }
}

/// A test whose revert never succeeds, until the job asks for a person.
async fn stuck_revert(
    lab: &Lab,
    strategy: StrategyRequest,
) -> (JobId, lab::RunningWorker, ossea_sim::RuleId) {
    let command = match strategy {
        StrategyRequest::VmSnapshot => "revertToVMSnapshot",
        StrategyRequest::VolumeSnapshots | StrategyRequest::Auto => "revertSnapshot",
    };
    let mut rule = FaultRule::on(command, WorkFault::Unrevertable).forever();
    if strategy != StrategyRequest::VmSnapshot {
        rule = rule.object("pgwintestbios-disk1");
    }
    let rule = lab.fault(rule);
    let job = lab.start_short_test(strategy).await;
    let worker = lab.worker();
    let record = lab.until(&job, |r| has(r, AttentionCode::RevertFailed)).await;
    let attention = record
        .projection
        .attention
        .iter()
        .find(|a| a.code == AttentionCode::RevertFailed);
    assert_eq!(attention.expect("just seen").decisions, Decision::ALL);
    assert!(lab.fired(rule) >= 3, "it was tried");
    (job, worker, rule)
}

fn decide(decision: Decision) -> JobRequest {
    JobRequest::Decide {
        code: AttentionCode::RevertFailed,
        object: None,
        decision,
        reason: "the drill".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_cannot_be_reverted_never_returns_as_clean() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let (job, worker, _) = stuck_revert(&lab, strategy).await;
        let later = lab.parts.clock.now() + TimeDelta::hours(1);
        lab.until(&job, |_| lab.parts.clock.now() > later).await;
        let record = lab.record(&job).await;
        assert!(
            !record.projection.status.is_final(),
            "{strategy}: it goes on trying"
        );
        let dirty_at_home = lab
            .volumes(&job)
            .await
            .into_iter()
            .filter(|v| v.dirty && v.custody.as_str() == "oma");
        assert_eq!(dirty_at_home.count(), 0, "{strategy}");
        worker.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn force_quarantines_the_replicas_and_returns_them() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let (job, worker, _) = stuck_revert(&lab, strategy).await;
        lab.ask(&job, decide(Decision::Force)).await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        worker.kill();
        assert!(
            has(&record, AttentionCode::ReplicaQuarantined),
            "{strategy}: {record:#?}"
        );
        let quarantined = lab
            .state(&job)
            .await
            .disks
            .iter()
            .filter(|d| d.quarantined)
            .count();
        let expected = if strategy == StrategyRequest::VmSnapshot {
            3
        } else {
            1
        };
        assert_eq!(quarantined, expected, "{strategy}");
        let on_oma = lab.volumes(&job).await;
        assert!(
            on_oma.iter().all(|v| v.custody.device() == Some(v.oma_device)),
            "{on_oma:?}"
        );
        // The migration tool sees the marks, and readiness refuses the VM with the reason.
        let vm = lab.store.vm(&lab::vm_id()).await.unwrap().expect("it is known");
        let marked: Vec<_> = vm
            .disks
            .iter()
            .filter_map(|d| d.replica.as_ref())
            .filter(|r| r.needs_full_resync)
            .collect();
        assert_eq!(marked.len(), expected);
        let service = lab.parts.service();
        let readiness = service
            .readiness(&lab::vm_id(), FailoverType::Live)
            .await
            .unwrap();
        let told: Vec<&str> = readiness.failures().map(|f| f.message.as_str()).collect();
        assert!(
            told.iter().any(|m| m.contains(marked[0].name.as_str())),
            "{told:?}"
        );
        for replica in marked {
            let (vm, operator) = (lab::vm_id(), Actor::named("operator"));
            let cleared = lab
                .store
                .clear_quarantine(&vm, &replica.volume_id, &operator, "compared by hand");
            assert!(cleared.await.unwrap());
        }
        let readiness = service
            .readiness(&lab::vm_id(), FailoverType::Live)
            .await
            .unwrap();
        assert!(readiness.failures().all(|f| f.rule != "sync_status"));
        // What is left over is named.
        let comparison = lab.state(&job).await.comparison.expect("it is compared");
        let kept = usize::from(strategy != StrategyRequest::VmSnapshot);
        assert_eq!(
            lab.cloud.inventory().snapshots.len(),
            kept,
            "its rollback point is kept"
        );
        assert_eq!(comparison.differences.is_empty(), kept == 0, "{comparison:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keep_leaves_the_replicas_for_inspection_until_somebody_decides_otherwise() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let (job, worker, rule) = stuck_revert(&lab, strategy).await;
        lab.ask(&job, decide(Decision::Keep)).await;
        lab.until(&job, |r| has(r, AttentionCode::KeptForInspection))
            .await;
        let tried = lab.fired(rule);
        let later = lab.parts.clock.now() + TimeDelta::hours(1);
        lab.until(&job, |_| lab.parts.clock.now() > later).await;
        assert!(lab.fired(rule) <= tried + 1, "{strategy}: nothing more is tried");
        lab.clear_faults();
        lab.ask(&job, JobRequest::Retry).await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        worker.kill();
        assert_eq!(record.projection.status, JobStatus::Completed, "{strategy}");
        lab.assert_everything_is_back(&job).await;
    }
}

/// Whether a step waits for more than half a minute for its next attempt.
async fn waits_for_long(lab: &Lab, job: &JobId) -> bool {
    let soon = lab.parts.clock.now() + TimeDelta::seconds(40);
    let state = lab.state(job).await;
    let mut standings = state.steps.values().map(|r| &r.standing);
    standings.any(|s| matches!(s, Standing::Delayed { retry_at, .. } if *retry_at > soon))
}

#[tokio::test(start_paused = true)]
async fn retry_does_not_wait_for_the_next_attempt() {
    let lab = Lab::new().await;
    let (job, worker, _) = stuck_revert(&lab, StrategyRequest::VolumeSnapshots).await;
    // By now the pauses between attempts are a minute long.
    let later = lab.parts.clock.now() + TimeDelta::minutes(20);
    lab.until(&job, |_| lab.parts.clock.now() > later).await;
    while !waits_for_long(&lab, &job).await {
        lab.parts.clock.sleep(lab.look_every).await;
    }
    lab.clear_faults();
    let asked = lab.parts.clock.now();
    lab.ask(&job, JobRequest::Retry).await;
    let record = lab.until(&job, |r| !has(r, AttentionCode::RevertFailed)).await;
    let took = lab.parts.clock.now() - asked;
    assert!(
        took < TimeDelta::seconds(45),
        "a revert takes 30 s, it took {took}"
    );
    assert!(!record.projection.status.is_final());
    lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn two_replicas_in_trouble_are_two_attentions() {
    let lab = Lab::new().await;
    for disk in ["pgwintestbios-disk1", "pgwintestbios-disk2"] {
        lab.fault(
            FaultRule::on("revertSnapshot", WorkFault::Unrevertable)
                .object(disk)
                .forever(),
        );
    }
    let job = lab.start_short_test(StrategyRequest::VolumeSnapshots).await;
    let worker = lab.worker();
    let count = |r: &JobRecord| {
        r.projection
            .attention
            .iter()
            .filter(|a| a.code == AttentionCode::RevertFailed)
            .count()
    };
    let record = lab.until(&job, |r| count(r) == 2).await;
    let first = record.projection.attention[0].objects[0].clone();
    lab.ask(
        &job,
        JobRequest::Decide {
            code: AttentionCode::RevertFailed,
            object: Some(first.clone()),
            decision: Decision::Force,
            reason: "the drill".to_owned(),
        },
    )
    .await;
    lab.until(&job, |r| count(r) == 1).await;
    let left = lab.record(&job).await.projection.attention;
    let left = left
        .iter()
        .find(|a| a.code == AttentionCode::RevertFailed)
        .expect("one is left");
    assert_ne!(left.objects[0], first);
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn after_a_forced_stop_no_replica_returns_as_clean() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        lab.fault(FaultRule::on("stopVirtualMachine", WorkFault::AgentUnreachable).forever());
        let job = lab.start_short_test(strategy).await;
        let record = lab.run(&job).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "{strategy}: {record:#?}"
        );
        let stray = lab.cloud.inventory().stray_guests;
        assert_eq!(stray.len(), 1, "the guest runs on where nobody reaches it");
        let told = record.projection.attention;
        assert!(
            told.iter().all(|a| a.code == AttentionCode::ReplicaQuarantined),
            "{told:?}"
        );
        assert_eq!(told.len(), 3);
        assert!(told[0].message.contains("by force"), "{}", told[0].message);
        let vm = lab.store.vm(&lab::vm_id()).await.unwrap().expect("it is known");
        let replicas = vm.disks.iter().filter_map(|d| d.replica.as_ref());
        assert!(replicas.into_iter().all(|r| r.needs_full_resync));
        let home = lab.volumes(&job).await;
        assert!(
            home.iter()
                .all(|v| v.custody.device() == Some(v.oma_device) && !v.dirty),
            "{home:?}"
        );
    }
}

/// The VM shows `Stopped` before the forced stop is tried again: the cloud's own doing, and no proof that its guest is off.
#[tokio::test(start_paused = true)]
async fn a_forced_stop_that_failed_is_doubted_although_the_cloud_shows_the_vm_stopped() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let fails = WorkFault::JobFails {
            code: 530,
            text: "the agent does not answer".to_owned(),
            work: Work::NotDone,
        };
        lab.fault(FaultRule::on("stopVirtualMachine", fails).forever());
        let job = lab.start_short_test(strategy).await;
        let worker = lab.worker();
        let stop = Step::new(Direction::Return, StepKind::StopVm);
        let vm = loop {
            let state = lab.state(&job).await;
            let record = state.steps.get(&stop.id);
            if record.is_some_and(|r| r.forced && matches!(r.standing, Standing::Delayed { .. })) {
                break state.vm.expect("the VM is known");
            }
            lab.parts.clock.sleep(lab.look_every).await;
        };
        lab.clear_faults();
        lab.fault(FaultRule::on("stopVirtualMachine", WorkFault::AgentUnreachable).forever());
        let mode = StopMode::Forced;
        lab.by_hand("by the cloud itself", &Command::StopVirtualMachine { vm, mode })
            .await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        worker.kill();
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "{strategy}: {record:#?}"
        );
        assert_eq!(lab.cloud.inventory().stray_guests.len(), 1);
        let told = record.projection.attention;
        assert_eq!(told.len(), 3, "{strategy}: {told:?}");
        assert!(
            told.iter().all(|a| a.code == AttentionCode::ReplicaQuarantined),
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_again_leaves_no_doubt() {
    let lab = Lab::new().await;
    // The graceful stops fail for longer than the grace period, and so does the first forced one.
    let fails = WorkFault::JobFails {
        code: 530,
        text: "the agent does not answer".to_owned(),
        work: Work::NotDone,
    };
    let rule = lab.fault(FaultRule::on("stopVirtualMachine", fails).forever());
    let job = lab.start_short_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let stop = Step::new(Direction::Return, StepKind::StopVm);
    loop {
        let state = lab.state(&job).await;
        let record = state.steps.get(&stop.id);
        if record.is_some_and(|r| r.forced && matches!(r.standing, Standing::Delayed { .. })) {
            break;
        }
        lab.parts.clock.sleep(lab.look_every).await;
    }
    assert!(lab.fired(rule) > 3);
    lab.clear_faults();
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.attention, []);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_detach_time_out_on_the_way_back_is_tried_again_after_looking() {
    for strategy in STRATEGIES {
        let lab = Lab::new().await;
        let rule = lab.fault(
            FaultRule::on("detachVolume", WorkFault::DeviceBusy)
                .nth(5)
                .times(3),
        );
        let job = lab.start_short_test(strategy).await;
        let record = lab.run(&job).await;
        assert_eq!(lab.fired(rule), 3);
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "{strategy}: {record:#?}"
        );
        lab.assert_everything_is_back(&job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_removed_meanwhile_is_no_obstacle() {
    let lab = Lab::new().await;
    let job = lab.start_short_test(StrategyRequest::VmSnapshot).await;
    let worker = lab.worker();
    // The person cleans up by the book, faster than the job: revert, delete the VM snapshot, detach one disk.
    let record = lab
        .until(&job, |r| r.projection.status == JobStatus::Reverting)
        .await;
    let vm = record.projection.destination_vm_id.expect("the test VM exists");
    let (volume, _) = lab.replicas().remove(2);
    lab.by_hand("detach", &Command::DetachVolume { volume }).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    assert_eq!(lab.cloud.inventory().vm(&vm), None);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_vm_snapshot_of_somebody_else_stops_the_way_back_until_it_is_gone() {
    let lab = Lab::new().await;
    let job = lab.start_test(StrategyRequest::VmSnapshot).await;
    let worker = lab.worker();
    let record = lab.until(&job, |r| r.projection.window.is_some()).await;
    let vm = record.projection.destination_vm_id.expect("the test VM exists");
    let taken = Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: "a person's".to_owned(),
        description: String::new(),
    };
    lab.by_hand("vm snapshot", &taken).await;
    lab.parts.clock.sleep(std::time::Duration::from_secs(60)).await;
    lab.ask(&job, JobRequest::EndTest).await;
    lab.until(&job, |r| has(r, AttentionCode::ForeignVmSnapshot))
        .await;
    let shown = lab.cloud.vm_snapshots_of(&vm).await.unwrap();
    let theirs = shown
        .iter()
        .find(|s| s.name == "a person's")
        .expect("it is there");
    lab.by_hand(
        "delete",
        &Command::DeleteVmSnapshot {
            snapshot: theirs.id.clone(),
        },
    )
    .await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_vm_snapshot_takes_the_test_back_without_a_trace() {
    for work in [Work::NotDone, Work::Done] {
        let lab = Lab::new().await;
        let fails = WorkFault::JobFails {
            code: 530,
            text: "Failed to create Instance Snapshot".to_owned(),
            work,
        };
        lab.fault(FaultRule::on("createVMSnapshot", fails).forever());
        let job = lab.start_short_test(StrategyRequest::VmSnapshot).await;
        let record = lab.run(&job).await;
        assert!(record.projection.status.is_final());
        lab.assert_everything_is_back(&job).await;
    }
}
