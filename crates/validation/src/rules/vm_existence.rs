//! `vm_existence`: the inventory has the VM, whole enough to be rebuilt.

use failover_domain::MissingSpec;
use failover_domain::disk::MAX_DISKS;
use serde_json::json;

use crate::outcome::{Outcome, Problem};
use crate::view::View;

pub(crate) fn check(view: &View<'_>) -> Outcome {
    let vm_id = &view.subject.vm_id;
    let Some(vm) = view.vm() else {
        return Outcome::fail(
            format!("source VM {vm_id} is not in the inventory"),
            "Check the VM id; import the VM into the inventory, or let the migration tool report it once its \
             replication has finished.",
            json!({ "vm_id": vm_id }),
        );
    };
    let mut problems = Vec::new();
    let count = vm.disks.len();
    if count == 0 {
        problems.push(Problem::new(
            format!("{} has no disk in the inventory", vm.name),
            "Report the VM's disks to the inventory.",
        ));
    }
    if count > MAX_DISKS {
        problems.push(Problem::new(
            format!(
                "{} has {count} disks; CloudStack attaches at most {MAX_DISKS} to a VM",
                vm.name
            ),
            "Merge disks on the source VM or take some out of the replication.",
        ));
    }
    if let Err(missing) = vm.spec.shape() {
        let words: Vec<&str> = missing.iter().map(|m| word(*m)).collect();
        problems.push(Problem::new(
            format!(
                "the inventory lacks {} of {} (source: {})",
                words.join(", "),
                vm.name,
                vm.spec.provenance.source
            ),
            format!(
                "Report {} to the inventory; nothing is guessed.",
                words.join(", ")
            ),
        ));
    }
    let passed = format!(
        "{} is in the inventory with {count} disks and a complete specification",
        vm.name
    );
    let details = json!({
        "vm_id": vm_id,
        "name": vm.name,
        "disks": count,
        "cpus": vm.spec.cpus,
        "memory_mib": vm.spec.memory_mib,
        "firmware": vm.spec.firmware,
        "provenance": vm.spec.provenance,
    });
    Outcome::of(problems, passed, details)
}

fn word(missing: MissingSpec) -> &'static str {
    match missing {
        MissingSpec::Cpus => "the number of CPUs (cpus)",
        MissingSpec::Memory => "the memory size (memory_mib)",
        MissingSpec::Firmware => "the firmware (firmware)",
    }
}
