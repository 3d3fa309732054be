//! The way back asks first, and a cloud that does not answer never holds it up.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::time::Duration;

use failover_domain::{AttentionCode, JobStatus};
use failover_engine::FailureCode;
use failover_engine::request::JobRequest;
use failover_engine::service::FailoverRequest;
use lab::Lab;
use ossea::{Circuit, Priority};
use ossea_sim::faults::Work;
use ossea_sim::{FaultRule, SimSettings, WayFault, WorkFault};

fn open(lab: &Lab) -> Circuit {
    Circuit::Open {
        since: lab.parts.clock.now(),
        why: "no connection".to_owned(),
    }
}

fn start_fails() -> FaultRule {
    let fault = WorkFault::JobFails {
        code: 431,
        text: "the agent says no".to_owned(),
        work: Work::NotDone,
    };
    FaultRule::on("startVirtualMachine", fault)
}

#[tokio::test(start_paused = true)]
async fn the_way_back_asks_more_urgently_than_the_way_there() {
    let lab = Lab::new().await;
    lab.fault(start_fails());
    let job = lab.start().await;
    lab.run(&job).await;
    let submitted = lab.cloud.submitted();
    let turn = submitted
        .iter()
        .position(|(_, command)| *command == "startVirtualMachine")
        .expect("the VM was to be started");
    for (place, (priority, command)) in submitted.iter().enumerate() {
        let expected = if place <= turn {
            Priority::WayThere
        } else {
            Priority::WayBack
        };
        assert_eq!(*priority, expected, "{command}, number {place}");
    }
    assert!(submitted.len() > turn + 5);
}

#[tokio::test(start_paused = true)]
async fn new_work_waits_until_the_cloud_answers() {
    let lab = Lab::new().await;
    lab.cloud.set_circuit(open(&lab));
    let job = lab.start().await;
    let worker = lab.worker();
    lab.parts.clock.sleep(Duration::from_secs(1800)).await;
    assert_eq!(lab.record(&job).await.projection.status, JobStatus::Pending);
    assert_eq!(lab.cloud.submitted(), []);
    lab.cloud.set_circuit(Circuit::Closed);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_the_cloud_can_be_cancelled() {
    let lab = Lab::new().await;
    lab.cloud.set_circuit(open(&lab));
    let job = lab.start().await;
    let worker = lab.worker();
    lab.until(&job, |r| r.epoch > 0).await;
    lab.ask(&job, JobRequest::Cancel).await;
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    let failure = record.projection.failure.expect("a cancelled job says so");
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(lab.cloud.submitted(), []);
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn jobs_that_wait_for_the_cloud_take_no_place_of_those_that_must_go_home() {
    let mut lab = Lab::new().await;
    lab.parts.settings.max_jobs = 1;
    lab.fault(start_fails());
    let going_home = lab.start().await;
    let first = lab.worker();
    lab.until(&going_home, |r| r.projection.returning).await;
    first.kill();
    lab.cloud.set_circuit(open(&lab));
    // Claimed first, because the other one still has an owner whose lease has not ended.
    let another = FailoverRequest {
        vm_id: "ec6849de-9a8e-5c57-8fdb-9c8bb316bcd5".parse().unwrap(),
        vm_name: Some("files-03".to_owned()),
        ..lab.request()
    };
    let waiting = lab.start_as(&another).await.expect("the sample VM is ready");
    let _second = lab.worker();
    lab.until(&waiting, |r| r.epoch > 0).await;
    let record = lab.until(&going_home, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Failed);
    assert_eq!(lab.record(&waiting).await.projection.status, JobStatus::Pending);
}

#[tokio::test(start_paused = true)]
async fn work_under_way_waits_out_a_short_outage() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let worker = lab.worker();
    lab.until(&job, |r| r.projection.status == JobStatus::Snapshotting)
        .await;
    lab.cloud.set_circuit(open(&lab));
    lab.parts.clock.sleep(Duration::from_secs(300)).await;
    lab.cloud.set_circuit(Circuit::Closed);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    lab.assert_moved(&job).await;
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_turns_work_under_way_back_in_the_end_and_never_holds_up_the_way_back() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let worker = lab.worker();
    lab.until(&job, |r| r.projection.status == JobStatus::Snapshotting)
        .await;
    lab.cloud.set_circuit(open(&lab));
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Failed);
    lab.assert_everything_is_back(&job).await;
    let circuit = lab.cloud.submitted();
    assert!(circuit.iter().any(|(priority, _)| *priority == Priority::WayBack));
    worker.kill();
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_any_more_once_the_job_of_a_lost_reply_is_seen() {
    let mut settings = SimSettings::default();
    settings.durations.deploy = 3.0 * 3600.0;
    let lab = Lab::with(settings).await;
    let lost = lab.fault(FaultRule::on("deployVirtualMachine", WayFault::LostReply));
    let job = lab.start().await;
    let worker = lab.worker();
    lab.until(&job, |_| lab.fired(lost) == 1).await;
    // Until nothing but this job is under way.
    lab.parts.clock.sleep(Duration::from_secs(1800)).await;
    let silent = lab.fault(FaultRule::on("queryAsyncJobResult", WayFault::Busy).forever());
    let record = lab.until(&job, |r| !r.projection.attention.is_empty()).await;
    assert_eq!(
        record.projection.attention[0].code,
        AttentionCode::CloudUnavailable
    );
    assert!(lab.fired(silent) > 0);
    lab.cloud.cloud().clear_faults();
    let answered = lab.parts.clock.now();
    lab.until(&job, |r| r.projection.attention.is_empty()).await;
    let until_cleared = lab.parts.clock.now() - answered;
    assert!(until_cleared < chrono::TimeDelta::hours(1), "{until_cleared}");
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    worker.kill();
}
