//! The plan of a live failover.

use failover_domain::vm_name::destination_name;
use failover_domain::{JobStatus, JobType};

use super::input::{
    DestinationNames, destination_lane, lane, opening_stages, stage, start_stage, switch_stages,
};
use super::{CommitPolicy, Errand, Plan, PlanInput, PlanMistake, Stage, StepKind};

/// Computes the plan of a live failover.
///
/// # Errors
/// [`PlanMistake`], the first one found.
pub fn live_plan(input: PlanInput<'_>, commit: CommitPolicy) -> Result<Plan, PlanMistake> {
    let names = DestinationNames {
        name: destination_name(&input.vm.name, ""),
        display_name: input.vm.display_name.clone(),
    };
    input.plan(JobType::Live, names, Errand::Live { commit }, live_stages)
}

pub(super) fn live_stages(disks: usize) -> Vec<Stage> {
    let disk_lane = |disk| {
        let kinds = vec![StepKind::DetachFromOma { disk }, StepKind::Snapshot { disk }];
        lane(&format!("disk {disk}"), JobStatus::Snapshotting, kinds)
    };
    let mut prepare: Vec<_> = (0..disks).map(disk_lane).collect();
    prepare.push(destination_lane());
    let mut stages = opening_stages();
    stages.push(stage("prepare", prepare));
    stages.extend(switch_stages(disks));
    stages.push(start_stage());
    stages
}
