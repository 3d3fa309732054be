//! Which fault of the cloud makes which step of a live failover fail.

use anyhow::bail;
use serde_json::{Value, json};

use crate::sample::{Replica, SampleVm};

/// The steps that the cloud can make fail. The others (`validate`, `quiesce`, `verify-disks`) only look, and fail
/// when somebody else changes the cloud.
pub const STEPS: [&str; 9] = [
    "detach-from-oma",
    "snapshot",
    "create-vm",
    "verify-networks",
    "detach-scratch-root",
    "delete-scratch-root",
    "attach",
    "start-vm",
    "verify-boot",
];

/// How long a guest without an address is waited for when the fault is that it never gets one.
pub const BOOT_WITHIN: &str = "10s";

/// What the simulator names the scratch root of the first VM that is created after its start.
const FIRST_SCRATCH_ROOT: &str = "ROOT-2";

/// A fault rule for the simulator's `POST /admin/faults`.
///
/// The rules strike every attempt on the way there, and none of the commands of the way back: that would be
/// another fault. Where both ways send the same command about the same object, the rule ends by itself.
///
/// # Errors
/// When the cloud cannot make that step fail.
pub fn rule(step: &str, vm: &SampleVm, destination_name: &str, attempts: u32) -> anyhow::Result<Value> {
    let capacity = json!({"kind": "job_fails", "code": 533, "text": "Insufficient capacity to run the VM"});
    let storage = json!({"kind": "job_fails", "code": 530, "text": "The storage pool does not answer"});
    Ok(match step {
        "detach-from-oma" => on(
            "detachVolume",
            &second(vm).name,
            json!({"kind": "detach_timeout"}),
        ),
        "snapshot" => on("createSnapshot", &second(vm).name, storage),
        // A VM is made inside the request; a job that fails later leaves it there, stopped and usable.
        "create-vm" => {
            let text =
                "Maximum number of resources of type 'user_vm' for account name=admin has been exceeded";
            let effect = json!({"kind": "refuse", "code": 535, "text": text});
            on("deployVirtualMachine", destination_name, effect)
        }
        "verify-networks" => {
            let effect = json!({"kind": "wrong_network", "how": "other_network"});
            on("deployVirtualMachine", destination_name, effect)
        }
        "detach-scratch-root" => on("detachVolume", FIRST_SCRATCH_ROOT, storage),
        "delete-scratch-root" => {
            let mut rule = on("deleteVolume", FIRST_SCRATCH_ROOT, storage);
            // The way back deletes it too, and may.
            rule["times"] = json!(attempts);
            rule
        }
        "attach" => {
            let mut rule = on("attachVolume", destination_name, json!({"kind": "unattachable"}));
            // The OS disk gets there, a data disk does not: a switch that breaks in the middle.
            rule["nth"] = json!(if vm.replicas.len() > 1 { 2 } else { 1 });
            rule
        }
        "start-vm" => on("startVirtualMachine", destination_name, capacity),
        "verify-boot" => {
            let effect = json!({"kind": "guest_does_not_boot", "how": "no_address"});
            on("startVirtualMachine", destination_name, effect)
        }
        other => bail!(
            "the cloud cannot make {other:?} fail; it can: {}",
            STEPS.join(", ")
        ),
    })
}

fn on(command: &str, object: &str, effect: Value) -> Value {
    json!({"command": command, "object": object, "times": null, "effect": effect})
}

/// The second disk where there is one: what happens to one disk alone is seen beside the others.
fn second(vm: &SampleVm) -> &Replica {
    vm.replicas.get(1).unwrap_or(&vm.replicas[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_rule() {
        let vm = SampleVm::named("PGWINTESTBIOS").unwrap();
        for step in STEPS {
            let rule = rule(step, &vm, "pgwintestbios", 3).unwrap();
            assert!(
                rule["command"].is_string() && rule["effect"]["kind"].is_string(),
                "{step}: {rule}"
            );
        }
    }

    #[test]
    fn a_step_that_cannot_fail_is_answered_with_those_that_can() {
        let vm = SampleVm::named("web-01").unwrap();
        let error = rule("quiesce", &vm, "web-01", 3).unwrap_err().to_string();
        assert!(error.contains("verify-boot"), "{error}");
    }
}
