//! Which fault of the cloud makes which step of a live failover fail.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::sample::{Replica, SampleVm};
use crate::wait::until;

/// The steps of the way there, in order.
pub const STEPS: [&str; 12] = [
    "validate",
    "quiesce",
    "detach-from-oma",
    "snapshot",
    "create-vm",
    "verify-networks",
    "detach-scratch-root",
    "delete-scratch-root",
    "attach",
    "verify-disks",
    "start-vm",
    "verify-boot",
];

/// How long a guest without an address is waited for when the fault is that it never gets one.
pub const BOOT_WITHIN: &str = "10s";

/// What the simulator names the scratch root of the first VM that is created after its start.
const FIRST_SCRATCH_ROOT: &str = "ROOT-2";

/// How long a destination VM may take to lose its scratch root.
const VM_LIMIT: Duration = Duration::from_secs(300);

/// A fault that makes one step of the next live failover fail.
///
/// It strikes every attempt on the way there, and nothing on the way back: that would be another fault.
#[derive(Debug, Clone)]
pub struct Fault {
    step: String,
    vm: SampleVm,
    destination_name: String,
    attempts: u32,
}

impl Fault {
    /// A fault at `step` of a failover of `vm`, whose destination VM has this name. A step is tried so often.
    pub fn new(step: &str, vm: &SampleVm, destination_name: &str, attempts: u32) -> Self {
        let (vm, step) = (vm.clone(), step.to_owned());
        Self {
            step,
            vm,
            destination_name: destination_name.to_owned(),
            attempts,
        }
    }

    /// Programs what is known before the failover starts.
    ///
    /// # Errors
    /// When there is no such step, or the simulator does not answer.
    pub fn before_start(&self, cloud: &Cloud) -> anyhow::Result<()> {
        self.early_rule()?.map_or(Ok(()), |rule| cloud.add_fault(&rule))
    }

    /// Programs what is known only once the failover is under way. To be called as soon as it is.
    ///
    /// # Errors
    /// When the destination VM does not appear, or the simulator does not answer.
    pub fn once_started(&self, cloud: &Cloud) -> anyhow::Result<()> {
        if self.step != "verify-disks" {
            return Ok(());
        }
        // From the moment when the scratch root has gone, nobody asks for the disks of the VM but this step.
        let id = until(VM_LIMIT, "the destination VM has lost its scratch root", || {
            Ok(cloud
                .inventory()?
                .vm_without_disk(&self.destination_name, FIRST_SCRATCH_ROOT))
        })?;
        cloud.add_fault(&self.answer_lost(&id, self.attempts))
    }

    fn early_rule(&self) -> anyhow::Result<Option<Value>> {
        let name = self.destination_name.as_str();
        let second = &self.second().name;
        let capacity =
            json!({"kind": "job_fails", "code": 533, "text": "Insufficient capacity to run the VM"});
        let storage = json!({"kind": "job_fails", "code": 530, "text": "The storage pool does not answer"});
        Ok(Some(match self.step.as_str() {
            // The first question is that of the API, before the job exists.
            "validate" => json!({"command": "listZones", "nth": 2, "times": 1, "effect": internal_error()}),
            "quiesce" => self.answer_lost(&self.second().id, self.attempts),
            "detach-from-oma" => on("detachVolume", second, json!({"kind": "detach_timeout"})),
            "snapshot" => on("createSnapshot", second, storage),
            // A VM is made inside the request; a job that fails later leaves it there, stopped and usable.
            "create-vm" => {
                let text =
                    "Maximum number of resources of type 'user_vm' for account name=admin has been exceeded";
                on(
                    "deployVirtualMachine",
                    name,
                    json!({"kind": "refuse", "code": 535, "text": text}),
                )
            }
            "verify-networks" => on(
                "deployVirtualMachine",
                name,
                json!({"kind": "wrong_network", "how": "other_network"}),
            ),
            "detach-scratch-root" => on("detachVolume", FIRST_SCRATCH_ROOT, storage),
            "delete-scratch-root" => {
                let mut rule = on("deleteVolume", FIRST_SCRATCH_ROOT, storage);
                // The way back deletes it too, and may.
                rule["times"] = json!(self.attempts);
                rule
            }
            "attach" => {
                let mut rule = on("attachVolume", name, json!({"kind": "unattachable"}));
                // The OS disk gets there, a data disk does not: a switch that breaks in the middle.
                rule["nth"] = json!(if self.vm.replicas.len() > 1 { 2 } else { 1 });
                rule
            }
            "verify-disks" => return Ok(None),
            "start-vm" => on("startVirtualMachine", name, capacity),
            "verify-boot" => on(
                "startVirtualMachine",
                name,
                json!({"kind": "guest_does_not_boot", "how": "no_address"}),
            ),
            other => bail!("there is no step {other:?}; there are: {}", STEPS.join(", ")),
        }))
    }

    /// The cloud cannot say what volumes there are: of this VM, or whether there is this one.
    fn answer_lost(&self, object: &str, times: u32) -> Value {
        json!({"command": "listVolumes", "object": object, "times": times, "effect": internal_error()})
    }

    /// The second disk where there is one: what happens to one disk alone is seen beside the others.
    fn second(&self) -> &Replica {
        self.vm.replicas.get(1).unwrap_or(&self.vm.replicas[0])
    }
}

fn internal_error() -> Value {
    json!({"kind": "refuse", "code": 530, "text": "Internal error executing command"})
}

fn on(command: &str, object: &str, effect: Value) -> Value {
    json!({"command": command, "object": object, "times": null, "effect": effect})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(step: &str) -> Fault {
        Fault::new(
            step,
            &SampleVm::named("PGWINTESTBIOS").unwrap(),
            "pgwintestbios",
            3,
        )
    }

    #[test]
    fn every_step_has_a_rule() {
        for step in STEPS {
            let rule = fault(step).early_rule().unwrap();
            let is_rule = |rule: Value| rule["command"].is_string() && rule["effect"]["kind"].is_string();
            assert!(rule.map_or(step == "verify-disks", is_rule), "{step}");
        }
    }

    #[test]
    fn an_unknown_step_is_answered_with_the_known_ones() {
        let error = fault("reboot").early_rule().unwrap_err().to_string();
        assert!(error.contains("verify-boot"), "{error}");
    }
}
