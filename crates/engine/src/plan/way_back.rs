//! How the way back would look from the end of each stage: part of the dry run.

use serde::{Deserialize, Serialize};

use super::Plan;

/// One line of the way back as the dry run prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBackLine {
    /// What is done.
    pub action: String,
    /// When it is needed.
    pub when: String,
}

/// The way back of a plan in the order of the return planner, with every object named.
pub fn way_back(plan: &Plan) -> Vec<WayBackLine> {
    let line = |action: String, when: &str| WayBackLine {
        action,
        when: when.to_owned(),
    };
    let mut lines = vec![line(
        format!(
            "stopVirtualMachine {} (forced after the grace period)",
            plan.vm.name
        ),
        "if it may run",
    )];
    // Data disks leave first, the OS disk last: a VM without a root takes part in nothing else.
    for disk in plan.disks.iter().skip(1).chain(plan.disks.first()) {
        lines.push(line(
            format!("detachVolume {} from {}", disk.volume_name, plan.vm.name),
            "if it was attached",
        ));
    }
    for disk in &plan.disks {
        let action = format!(
            "revertSnapshot {} (volume {})",
            disk.snapshot_name, disk.volume_name
        );
        lines.push(line(action, "if the VM was ever started"));
    }
    for disk in &plan.disks {
        let action = format!(
            "attachVolume {} to the OMA at device {}",
            disk.volume_name, disk.oma_device
        );
        lines.push(line(action, "as soon as the replica is clean"));
    }
    lines.push(line(
        format!(
            "destroyVirtualMachine {} expunge, after the cloud showed no replica on it",
            plan.vm.name
        ),
        "once all replicas are on the OMA",
    ));
    lines.push(line(
        "deleteVolume of the scratch root".to_owned(),
        "if it still exists",
    ));
    for disk in &plan.disks {
        lines.push(line(
            format!("deleteSnapshot {}", disk.snapshot_name),
            "once all replicas are on the OMA",
        ));
    }
    lines
}
