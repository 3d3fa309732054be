//! How long a failover should take, from the journals of earlier ones on virtual time.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use failover_domain::{
    EstimateSource, EstimatedDuration, FailoverType, JobStatus, RollbackStrategy, StrategyRequest,
};
use failover_engine::plan::stages_of;
use lab::{Lab, vm_id};

async fn estimate(lab: &Lab, failover: FailoverType) -> EstimatedDuration {
    let verdict = lab.parts.service().readiness(&vm_id(), failover).await;
    verdict
        .expect("the store answers")
        .estimated_duration
        .expect("there are disks to move")
}

/// The median of the three disks stands for each of them, so the slowest lane may have been a little slower.
fn assert_close(told: EstimatedDuration, really: i64) {
    let seconds = i64::try_from(told.seconds).expect("a small number");
    assert!(
        (seconds - really).abs() <= really / 5 + 2,
        "{told:?} was told, {really} s were taken"
    );
}

#[tokio::test(start_paused = true)]
async fn without_history_typical_times_are_told_as_such() {
    let lab = Lab::new().await;
    for (failover, strategy) in [
        (FailoverType::Live, RollbackStrategy::VolumeSnapshots),
        (FailoverType::Test, RollbackStrategy::VmSnapshot),
    ] {
        let told = estimate(&lab, failover).await;
        let stages = stages_of(failover, 3, strategy);
        assert_eq!(told.source, EstimateSource::Expected);
        assert_eq!(
            told.seconds,
            stages.iter().map(|s| s.expected_seconds()).sum::<u64>()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_failover_is_the_measure_of_the_next_one() {
    let lab = Lab::new().await;
    let before = estimate(&lab, FailoverType::Live).await;
    let job = lab.start().await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    let after = estimate(&lab, FailoverType::Live).await;
    assert_eq!(after.source, EstimateSource::Measured { jobs: 1 });
    assert_ne!(after.seconds, before.seconds);
    let shown = record.projection;
    let (started, completed) = (
        shown.started_at.expect("it ran"),
        shown.completed_at.expect("it ended"),
    );
    assert_close(after, (completed - started).num_seconds());
    let other = estimate(&lab, FailoverType::Test).await;
    assert_eq!(
        other.source,
        EstimateSource::Expected,
        "a live failover measures no test"
    );
}

#[tokio::test(start_paused = true)]
async fn the_window_of_a_test_is_no_part_of_the_estimate() {
    let lab = Lab::new().await;
    let job = lab.start_short_test(StrategyRequest::VolumeSnapshots).await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    let plan = lab.store.plan(&job).await.expect("a read").expect("it has one");
    let service = lab.parts.service();
    let told = service.estimated_duration(FailoverType::Test, &plan.stages).await;
    let told = told.expect("the store answers");
    assert_eq!(told.source, EstimateSource::Measured { jobs: 1 });
    let shown = record.projection;
    let opened = shown.window.expect("it had a window").opened_at;
    let really = (opened - shown.started_at.expect("it ran")).num_seconds();
    assert_close(told, really);
    // The next test would make a VM snapshot, which nobody has measured.
    let next = estimate(&lab, FailoverType::Test).await;
    assert_eq!(next.source, EstimateSource::PartlyMeasured { jobs: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_failed_failover_measures_nothing() {
    let lab = Lab::new().await;
    let refused = ossea_sim::WayFault::Refuse {
        code: 533,
        text: "no host has room".to_owned(),
    };
    lab.fault(ossea_sim::FaultRule::on("deployVirtualMachine", refused).forever());
    let job = lab.start().await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Failed);
    let told = estimate(&lab, FailoverType::Live).await;
    assert_eq!(told.source, EstimateSource::Expected);
}
