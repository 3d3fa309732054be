//! How the way back would look, whatever the job had done before: part of the dry run. For a rollback and a commit, which
//! have no way there, it is the whole job.

use failover_domain::JobType;
use serde::{Deserialize, Serialize};

use super::{Errand, Plan, PlannedDisk, Settled};

/// One line of the way back as the dry run prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayBackLine {
    /// What is done.
    pub action: String,
    /// When it is needed.
    pub when: String,
}

/// Once every replica rests where it belongs.
const ALL_HOME: &str = "once all replicas are on the OMA";

/// The way back of a plan in the order of the return planner, with every object named.
pub fn way_back(plan: &Plan) -> Vec<WayBackLine> {
    if let Errand::Commit(settled) = &plan.errand {
        return delete_snapshots(plan, |disk| has_snapshot(settled, disk), "at once");
    }
    let mut lines = vec![line(
        format!(
            "stopVirtualMachine {} (forced after the grace period)",
            plan.vm.name
        ),
        "if it may run",
    )];
    // Nothing can be detached while a VM snapshot exists, and deleting it keeps the present content: the revert is first.
    if let Some(name) = plan.vm_snapshot_name() {
        lines.push(line(
            format!("revertToVMSnapshot {name} (all replicas at once)"),
            "if the VM was ever started",
        ));
        lines.push(line(
            format!("deleteVMSnapshot {name}"),
            "if it was taken, after the revert",
        ));
    }
    lines.extend(detach(plan));
    if plan.vm_snapshot_name().is_none() {
        lines.extend(revert(plan));
    }
    lines.extend(attach_and_tell(plan));
    lines.extend(tidy_up(plan));
    lines
}

fn line(action: String, when: &str) -> WayBackLine {
    WayBackLine {
        action,
        when: when.to_owned(),
    }
}

/// Data disks leave first, the OS disk last: a VM without a root takes part in nothing else.
fn detach(plan: &Plan) -> impl Iterator<Item = WayBackLine> {
    plan.disks.iter().skip(1).chain(plan.disks.first()).map(|disk| {
        line(
            format!("detachVolume {} from {}", disk.volume_name, plan.vm.name),
            "if it was attached",
        )
    })
}

fn revert(plan: &Plan) -> impl Iterator<Item = WayBackLine> {
    let when = match plan.job_type {
        JobType::Live | JobType::Test => "if the VM was ever started",
        JobType::Rollback | JobType::Commit => "always: the guest has written since the failover",
    };
    plan.disks.iter().map(move |disk| {
        let action = format!(
            "revertSnapshot {} (volume {})",
            disk.snapshot_name, disk.volume_name
        );
        line(action, when)
    })
}

fn attach_and_tell(plan: &Plan) -> impl Iterator<Item = WayBackLine> {
    let attach = |disk: &PlannedDisk| {
        let action = format!(
            "attachVolume {} to the OMA at device {}",
            disk.volume_name, disk.oma_device
        );
        line(action, "as soon as the replica is clean")
    };
    let resume = "tell the migration tool that it may go on".to_owned();
    plan.disks.iter().map(attach).chain([line(resume, ALL_HOME)])
}

/// What is removed, all of it by the ledger.
fn tidy_up(plan: &Plan) -> Vec<WayBackLine> {
    let mut lines = vec![line(
        format!(
            "destroyVirtualMachine {} expunge, after the cloud showed no replica on it",
            plan.vm.name
        ),
        ALL_HOME,
    )];
    let scratch_root = line(
        "deleteVolume of the scratch root".to_owned(),
        "if it still exists",
    );
    let with_snapshots = match &plan.errand {
        Errand::Live { .. } => {
            lines.push(scratch_root);
            delete_snapshots(plan, |_| true, ALL_HOME)
        }
        Errand::Test(test) => {
            lines.push(scratch_root);
            let is_per_volume = test.vm_snapshot_name.is_none();
            delete_snapshots(plan, |_| is_per_volume, ALL_HOME)
        }
        Errand::Rollback(settled) | Errand::Commit(settled) => {
            delete_snapshots(plan, |disk| has_snapshot(settled, disk), ALL_HOME)
        }
    };
    lines.extend(with_snapshots);
    lines
}

fn has_snapshot(settled: &Settled, disk: &PlannedDisk) -> bool {
    settled.snapshots.get(disk.disk).is_some_and(Option::is_some)
}

fn delete_snapshots(plan: &Plan, is_there: impl Fn(&PlannedDisk) -> bool, when: &str) -> Vec<WayBackLine> {
    let disks = plan.disks.iter().filter(|disk| is_there(disk));
    disks
        .map(|disk| line(format!("deleteSnapshot {}", disk.snapshot_name), when))
        .collect()
}

#[cfg(test)]
mod tests {
    use failover_domain::{AtWindowEnd, RollbackStrategy};

    use super::*;
    use crate::contract::fixture::{id, plan};
    use crate::plan::{TestErrand, commit_plan, rollback_plan};

    fn test(strategy: RollbackStrategy) -> Plan {
        let vm_snapshot_name = match strategy {
            RollbackStrategy::VmSnapshot => Some("point".to_owned()),
            RollbackStrategy::VolumeSnapshots => None,
        };
        Plan {
            job_type: JobType::Test,
            errand: Errand::Test(TestErrand {
                strategy,
                strategy_reason: "it was asked for".to_owned(),
                vm_snapshot_name,
                window_seconds: 60,
                at_window_end: AtWindowEnd::CleanUp,
            }),
            ..plan(1)
        }
    }

    /// A live failover of which the second disk has no rollback point.
    fn settled() -> Settled {
        Settled {
            job: id("live-failover-4205a841-0265-f4bd-39a6-000000000001-1755530108"),
            vm: id("vm-9"),
            snapshots: vec![Some(id("snap-0")), None],
            before: None,
        }
    }

    fn actions(plan: &Plan) -> Vec<String> {
        way_back(plan).into_iter().map(|line| line.action).collect()
    }

    #[test]
    fn a_vm_snapshot_is_reverted_to_and_deleted_before_anything_is_detached() {
        assert_eq!(
            actions(&test(RollbackStrategy::VmSnapshot)),
            [
                "stopVirtualMachine vm-1 (forced after the grace period)",
                "revertToVMSnapshot point (all replicas at once)",
                "deleteVMSnapshot point",
                "detachVolume replica 1 1 from vm-1",
                "detachVolume replica 1 0 from vm-1",
                "attachVolume replica 1 0 to the OMA at device 1",
                "attachVolume replica 1 1 to the OMA at device 2",
                "tell the migration tool that it may go on",
                "destroyVirtualMachine vm-1 expunge, after the cloud showed no replica on it",
                "deleteVolume of the scratch root",
            ]
        );
    }

    #[test]
    fn volume_snapshots_are_reverted_to_when_the_replicas_hang_on_no_vm() {
        let of_test = actions(&test(RollbackStrategy::VolumeSnapshots));
        assert_eq!(of_test, actions(&plan(1)), "test and live have one way back");
        let at = |part: &str| of_test.iter().position(|a| a.starts_with(part)).unwrap();
        assert!(at("detachVolume") < at("revertSnapshot") && at("revertSnapshot") < at("attachVolume"));
        assert!(at("destroyVirtualMachine") < at("deleteSnapshot"));
    }

    #[test]
    fn a_rollback_reverts_always_and_removes_what_the_live_failover_left() {
        let lines = way_back(&rollback_plan(&plan(1), settled()));
        let reverts: Vec<_> = lines.iter().filter(|l| l.action.starts_with("revert")).collect();
        assert_eq!(reverts.len(), 2);
        assert!(
            reverts.iter().all(|l| l.when.starts_with("always")),
            "{reverts:?}"
        );
        let removed = |part: &str| lines.iter().filter(|l| l.action.starts_with(part)).count();
        assert_eq!(
            (
                removed("destroyVirtualMachine"),
                removed("deleteSnapshot"),
                removed("deleteVolume")
            ),
            (1, 1, 0)
        );
    }

    #[test]
    fn a_commit_deletes_rollback_points_and_nothing_else() {
        assert_eq!(
            actions(&commit_plan(&plan(1), settled())),
            ["deleteSnapshot snapshot 1 0"]
        );
    }
}
