//! The plan of a test failover.

use std::time::Duration;

use failover_domain::{AtWindowEnd, JobStatus, JobType, RollbackStrategy};
use failover_validation::StrategyChoice;

use super::input::{
    DestinationNames, destination_lane, lane, opening_stages, stage, start_stage, switch_stages,
};
use super::{Errand, Plan, PlanInput, PlanMistake, Stage, StepKind, TestErrand};

/// What the plan of a test is computed from beyond [`PlanInput`].
#[derive(Debug, Clone)]
pub struct TestPlanInput<'a> {
    /// What live and test have in common. Its mappings lead to test networks only: readiness has seen to that.
    pub common: PlanInput<'a>,
    /// A legal host name that no other VM has.
    pub name: String,
    /// How the rollback point is made, and why so.
    pub strategy: StrategyChoice,
    /// How long the window is open.
    pub window: Duration,
    /// What happens at its end.
    pub at_window_end: AtWindowEnd,
}

/// Computes the plan of a test failover.
///
/// # Errors
/// [`PlanMistake`], the first one found.
pub fn test_plan(input: TestPlanInput<'_>) -> Result<Plan, PlanMistake> {
    let common = input.common;
    let strategy = input.strategy.strategy;
    let vm_snapshot_name = match strategy {
        RollbackStrategy::VmSnapshot => {
            let (prefix, unix) = (JobType::Test.id_prefix(), common.now.timestamp());
            Some(format!("{prefix}-{}-{unix}", common.vm.vm_id))
        }
        RollbackStrategy::VolumeSnapshots => None,
    };
    let errand = Errand::Test(TestErrand {
        strategy,
        strategy_reason: input.strategy.reason,
        vm_snapshot_name,
        window_seconds: input.window.as_secs(),
        at_window_end: input.at_window_end,
    });
    let names = DestinationNames {
        name: input.name,
        display_name: format!("{} (Test)", common.vm.display_name),
    };
    common.plan(JobType::Test, names, errand, |disks| test_stages(disks, strategy))
}

/// The customer's order of statuses has the snapshot after the switch. With volume snapshots, which are taken while a
/// replica hangs on no VM and so before the switch, the status `snapshotting` is where they are read back: no guest
/// starts before the cloud has shown a usable rollback point of every replica.
pub(super) fn test_stages(disks: usize, strategy: RollbackStrategy) -> Vec<Stage> {
    let disk_lane = |disk| {
        let mut kinds = vec![StepKind::DetachFromOma { disk }];
        match strategy {
            RollbackStrategy::VmSnapshot => {}
            RollbackStrategy::VolumeSnapshots => kinds.push(StepKind::Snapshot { disk }),
        }
        lane(&format!("disk {disk}"), JobStatus::SwitchingVolume, kinds)
    };
    let mut prepare: Vec<_> = (0..disks).map(disk_lane).collect();
    prepare.push(destination_lane());
    let rollback_point = match strategy {
        RollbackStrategy::VmSnapshot => vec![StepKind::VmSnapshot],
        RollbackStrategy::VolumeSnapshots => vec![StepKind::VerifyRollbackPoints],
    };
    let mut stages = opening_stages();
    stages.push(stage("prepare", prepare));
    stages.extend(switch_stages(disks));
    stages.push(stage(
        "rollback point",
        vec![lane("destination VM", JobStatus::Snapshotting, rollback_point)],
    ));
    stages.push(start_stage());
    stages.push(stage(
        "test window",
        vec![lane(
            "destination VM",
            JobStatus::Executing,
            vec![StepKind::TestWindow],
        )],
    ));
    stages
}
