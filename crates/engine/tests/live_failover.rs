//! Live failovers from start to end on virtual time.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::time::Duration;

use failover_domain::{JobStatus, JobType};
use failover_engine::event::StepFacts;
use failover_engine::plan::{BootGrade, OnBootFailure, StepKind};
use failover_engine::request::JobRequest;
use failover_engine::{Event, FailureCode, JobState};
use lab::Lab;
use ossea_sim::cloud::log::Effect;
use ossea_sim::faults::{BootFailure, NicFault};
use ossea_sim::{FaultRule, WayFault, WorkFault};

fn job_fails(code: u32) -> WorkFault {
    WorkFault::JobFails {
        code,
        text: "the agent says no".to_owned(),
        work: ossea_sim::faults::Work::NotDone,
    }
}

fn no_capacity() -> WayFault {
    WayFault::Refuse {
        code: 533,
        text: "no host has room".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_three_disk_vm_moves_to_the_cloud() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    assert_eq!(record.projection.progress, 100.0);
    assert!(record.projection.attention.is_empty());
    lab.assert_moved(&job).await;
}

#[tokio::test(start_paused = true)]
async fn statuses_follow_the_customers_sequence_and_progress_never_falls() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    lab.run(&job).await;
    let statuses = lab.statuses(&job).await;
    assert_eq!(statuses, JobStatus::sequence(JobType::Live));
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_each_step_brings_everything_back() {
    let cases: [(&str, FaultRule, FailureCode); 9] = [
        (
            "detach-from-oma",
            FaultRule::on("detachVolume", job_fails(431)),
            FailureCode::VolumeTransferFailed,
        ),
        (
            "detach time-out",
            FaultRule::on("detachVolume", WorkFault::DetachTimeout)
                .forever()
                .object("pgwintestbios-disk1"),
            FailureCode::VolumeTransferFailed,
        ),
        (
            "snapshot",
            FaultRule::on("createSnapshot", job_fails(431)).nth(2),
            FailureCode::SnapshotFailed,
        ),
        (
            "create-vm",
            FaultRule::on("deployVirtualMachine", no_capacity()).forever(),
            FailureCode::VmCreationFailed,
        ),
        (
            "networks",
            FaultRule::on(
                "deployVirtualMachine",
                WorkFault::WrongNetwork {
                    how: NicFault::OtherNetwork,
                },
            ),
            FailureCode::NetworkConfigurationFailed,
        ),
        (
            "delete root",
            FaultRule::on("deleteVolume", job_fails(431)),
            FailureCode::VmCreationFailed,
        ),
        (
            "attach",
            FaultRule::on("attachVolume", job_fails(431)).nth(2),
            FailureCode::VolumeTransferFailed,
        ),
        (
            "start-vm",
            FaultRule::on("startVirtualMachine", job_fails(431)),
            FailureCode::PowerOnFailed,
        ),
        (
            "verify-boot",
            FaultRule::on(
                "startVirtualMachine",
                WorkFault::GuestDoesNotBoot {
                    how: BootFailure::NoAddress,
                },
            ),
            FailureCode::BootVerificationFailed,
        ),
    ];
    for (name, rule, code) in cases {
        let lab = Lab::new().await;
        let rule = lab.fault(rule);
        let job = lab.start().await;
        let record = lab.run(&job).await;
        assert!(lab.fired(rule) >= 1, "{name}: the fault did not happen");
        assert_eq!(record.projection.status, JobStatus::Failed, "{name}");
        let failure = record.projection.failure.expect("a failed job says why");
        assert_eq!(failure.code, code, "{name}: {}", failure.message);
        assert!(!failure.remedy.is_empty());
        lab.assert_everything_is_back(&job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_wrote_is_reverted_before_its_replicas_return() {
    let lab = Lab::new().await;
    let powers_off = WorkFault::GuestDoesNotBoot {
        how: BootFailure::PowersOff,
    };
    let rule = lab.fault(FaultRule::on("startVirtualMachine", powers_off));
    let job = lab.start().await;
    lab.run(&job).await;
    assert_eq!(lab.fired(rule), 1);
    assert!(
        lab.count(|e| matches!(e, Effect::GuestWrote { .. })) > 0,
        "the guest wrote"
    );
    assert_eq!(lab.count(|e| matches!(e, Effect::SnapshotReverted { .. })), 3);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_tried_again() {
    let lab = Lab::new().await;
    let rule = lab.fault(FaultRule::on("detachVolume", WorkFault::DetachTimeout));
    let job = lab.start().await;
    let record = lab.run(&job).await;
    assert_eq!(
        (record.projection.status, lab.fired(rule)),
        (JobStatus::Completed, 1)
    );
    lab.assert_moved(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_can_be_attached_nowhere_raises_the_highest_attention_until_it_is_home() {
    let lab = Lab::new().await;
    let (volume, _) = lab.replicas()[1].clone();
    lab.fault(
        FaultRule::on("attachVolume", WorkFault::Unattachable)
            .object(&volume)
            .forever(),
    );
    let job = lab.start().await;
    let worker = lab.worker();
    let record = lab.until(&job, |r| !r.projection.attention.is_empty()).await;
    let attention = &record.projection.attention[0];
    assert_eq!(attention.severity, failover_domain::Severity::Critical);
    assert!(attention.objects[0].contains(volume.as_str()), "{attention:?}");
    assert!(!attention.choices.is_empty());
    let home = |device: u32| {
        lab.cloud
            .inventory()
            .vm(&lab::OMA.parse().unwrap())
            .unwrap()
            .disks
            .iter()
            .any(|d| d.device == device)
    };
    assert!(
        home(lab.replicas()[0].1) && home(lab.replicas()[2].1),
        "the others do not wait for it"
    );
    lab.cloud.cloud().clear_faults();
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Failed);
    assert!(record.projection.attention.is_empty());
    lab.assert_everything_is_back(&job).await;
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn a_held_vm_waits_for_a_person_and_cancelling_brings_everything_back() {
    let lab = Lab::new().await;
    lab.fault(FaultRule::on(
        "startVirtualMachine",
        WorkFault::GuestDoesNotBoot {
            how: BootFailure::NoAddress,
        },
    ));
    let mut request = lab.request();
    request.boot.on_failure = OnBootFailure::Hold;
    let job = lab.start_as(&request).await.unwrap();
    let worker = lab.worker();
    let record = lab.until(&job, |r| !r.projection.attention.is_empty()).await;
    assert_eq!(
        record.projection.status,
        JobStatus::PoweringOn,
        "the VM is held, nothing is undone"
    );
    lab.ask(&job, JobRequest::Cancel).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.failure.unwrap().code, FailureCode::Cancelled);
    lab.assert_everything_is_back(&job).await;
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn each_grade_of_boot_verification_is_recorded() {
    let lab = Lab::new().await;
    let mut request = lab.request();
    request.boot.grades = [BootGrade::Address, BootGrade::Ping, BootGrade::Tcp(22)].into();
    let job = lab.start_as(&request).await.unwrap();
    lab.run(&job).await;
    let recorded = lab.events(&job).await.into_iter().find_map(|e| {
        let Event::StepDone {
            facts: StepFacts::BootVerified { grades, .. },
            ..
        } = e.event
        else {
            return None;
        };
        Some(grades)
    });
    let names: Vec<String> = recorded.expect("boot was verified").into_keys().collect();
    assert_eq!(names, ["address", "ping", "state", "tcp:22"]);
}

#[tokio::test(start_paused = true)]
async fn cancelling_in_every_phase_brings_everything_back() {
    for at in [
        JobStatus::Validating,
        JobStatus::Snapshotting,
        JobStatus::CreatingVm,
        JobStatus::SwitchingVolume,
        JobStatus::PoweringOn,
    ] {
        let mut lab = Lab::new().await;
        lab.look_every = Duration::from_millis(5);
        // Slow enough that the VM is the last thing to be ready, so that its status is seen.
        lab.fault(FaultRule::on(
            "deployVirtualMachine",
            WorkFault::Delay { seconds: 120 },
        ));
        let job = lab.start().await;
        let worker = lab.worker();
        lab.until(&job, |r| {
            r.projection.status == at || r.projection.status.is_final()
        })
        .await;
        lab.ask(&job, JobRequest::Cancel).await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        let failure = record.projection.failure.expect("a cancelled job says so");
        assert_eq!(
            (record.projection.status, failure.code),
            (JobStatus::Failed, FailureCode::Cancelled),
            "{at}"
        );
        lab.assert_everything_is_back(&job).await;
        worker.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_accepted_in_the_last_moment_is_not_dropped() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let entries = lab.run(&job).await.last_seq;
    for before_the_end in 1..4 {
        let mut lab = Lab::new().await;
        lab.look_every = Duration::from_micros(100);
        let job = lab.start().await;
        let worker = lab.worker();
        lab.until(&job, |r| r.last_seq + before_the_end >= entries).await;
        lab.ask(&job, JobRequest::Cancel).await;
        let record = lab.until(&job, |r| r.projection.status.is_final()).await;
        worker.kill();
        assert_eq!(
            record.projection.status,
            JobStatus::Failed,
            "{before_the_end} entries before the end"
        );
        lab.assert_everything_is_back(&job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_requests_at_once_start_one_job() {
    let lab = Lab::new().await;
    let request = lab.request();
    let starts = futures::future::join_all((0..50).map(|_| lab.start_as(&request))).await;
    assert_eq!(starts.iter().filter(|s| s.is_ok()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_refuses_to_be_read_ends_the_way_there() {
    let lab = Lab::new().await;
    let refuse = WayFault::Refuse {
        code: 530,
        text: "internal error".to_owned(),
    };
    // Readiness before and in the job, and the inventory before the first touch look at the snapshots of each of the three
    // disks too.
    lab.fault(FaultRule::on("listSnapshots", refuse).nth(10).times(20));
    let job = lab.start().await;
    let record = lab.run(&job).await;
    let failure = record.projection.failure.expect("a failed job says why");
    assert_eq!(failure.code, FailureCode::SnapshotFailed, "{}", failure.message);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_takes_no_commands_ends_the_way_there_after_the_budget() {
    let lab = Lab::new().await;
    lab.fault(FaultRule::on("deployVirtualMachine", WayFault::Busy).forever());
    let job = lab.start().await;
    let record = lab.run(&job).await;
    let failure = record.projection.failure.expect("a failed job says why");
    assert_eq!(failure.code, FailureCode::VmCreationFailed, "{}", failure.message);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn replicas_are_dirty_once_the_vm_runs_whoever_started_it() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    lab.run(&job).await;
    let plan = lab.store.plan(&job).await.unwrap().unwrap();
    let mut state = JobState::new(&plan);
    for mut stored in lab.events(&job).await {
        // As if somebody else had started the VM: the step only ever saw it Running.
        let ours = matches!(
            &stored.event,
            Event::StepIntended { step, .. } | Event::StepSubmitted { step, .. } if step.kind == StepKind::StartVm
        );
        if ours {
            continue;
        }
        stored.seq = state.last_seq + 1;
        let started = matches!(&stored.event, Event::StepDone { step, .. } if step.kind == StepKind::StartVm);
        assert!(state.disks.iter().all(|d| !d.dirty), "nothing has run yet");
        state.apply(&plan, &stored).unwrap();
        if started {
            assert!(state.disks.iter().all(|d| d.dirty), "{:?}", state.disks);
            return;
        }
    }
    panic!("the VM was never seen Running");
}
