//! Commands become calls, and answers to them become [`Accepted`].

use std::sync::Arc;

use failover_domain::{Firmware, RequestKey};

use super::call::{Answer, Call, Parameters, parameter};
use super::row::Row;
use crate::command::{Accepted, Command, DeployVm, StopMode};
use crate::error::{OsseaError, Refusal};

/// How CloudStack answers a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// At once.
    Synchronous,
    /// With an async job, whose id we choose.
    Asynchronous,
}

/// The call of a command under a key.
pub(crate) fn call(key: &RequestKey, command: &Command) -> Arc<Call> {
    let mut parameters = parameters(command);
    if manner(command) == Manner::Asynchronous {
        parameters.push(parameter("customjobid", key));
    }
    Call::change(command.api_name(), *key, parameters)
}

fn manner(command: &Command) -> Manner {
    match command {
        Command::DeleteVolume { .. } => Manner::Synchronous,
        Command::DeployVirtualMachine(_)
        | Command::StartVirtualMachine { .. }
        | Command::StopVirtualMachine { .. }
        | Command::DestroyVirtualMachine { .. }
        | Command::AttachVolume { .. }
        | Command::DetachVolume { .. }
        | Command::CreateSnapshot { .. }
        | Command::RevertSnapshot { .. }
        | Command::DeleteSnapshot { .. } => Manner::Asynchronous,
    }
}

fn parameters(command: &Command) -> Parameters {
    match command {
        Command::DeployVirtualMachine(vm) => deployment(vm),
        Command::StartVirtualMachine { vm }
        | Command::StopVirtualMachine {
            vm,
            mode: StopMode::Graceful,
        } => {
            vec![parameter("id", vm)]
        }
        Command::StopVirtualMachine {
            vm,
            mode: StopMode::Forced,
        } => {
            vec![parameter("id", vm), parameter("forced", true)]
        }
        Command::DestroyVirtualMachine { vm } => vec![parameter("id", vm.id()), parameter("expunge", true)],
        Command::AttachVolume { volume, vm, device } => {
            let mut parameters = vec![parameter("id", volume), parameter("virtualmachineid", vm)];
            parameters.extend(device.map(|device| parameter("deviceid", device)));
            parameters
        }
        // The VM must not be named as well: CloudStack refuses the two together.
        Command::DetachVolume { volume } => vec![parameter("id", volume)],
        Command::DeleteVolume { volume } => vec![parameter("id", volume.id())],
        Command::CreateSnapshot { volume, name } => {
            vec![parameter("volumeid", volume), parameter("name", name)]
        }
        Command::RevertSnapshot { snapshot } | Command::DeleteSnapshot { snapshot } => {
            vec![parameter("id", snapshot)]
        }
    }
}

/// The parameters of a deployment. No disk offering and no root size: the root that comes of the template is
/// removed at once.
fn deployment(vm: &DeployVm) -> Parameters {
    let mut parameters = vec![
        parameter("zoneid", &vm.zone),
        parameter("serviceofferingid", &vm.offering),
        parameter("templateid", &vm.template),
        parameter("name", &vm.name),
        parameter("displayname", &vm.display_name),
        parameter("startvm", false),
        parameter(format!("details[0].{}", DeployVm::MARK_DETAIL), &vm.mark),
    ];
    parameters.extend(cards(vm));
    if let Some(size) = &vm.custom_size {
        // The names below the bracket keep their case.
        parameters.push(parameter("details[0].cpuNumber", size.cpus));
        parameters.extend(
            size.cpu_speed_mhz
                .map(|speed| parameter("details[0].cpuSpeed", speed)),
        );
        parameters.push(parameter("details[0].memory", size.memory_mib));
    }
    match vm.firmware {
        Firmware::Bios => {}
        Firmware::Uefi => {
            parameters.push(parameter("boottype", "UEFI"));
            parameters.push(parameter(
                "bootmode",
                if vm.secure_boot { "SECURE" } else { "LEGACY" },
            ));
        }
    }
    parameters
}

/// The network cards. The two ways of naming networks exclude each other, and only the second takes MAC
/// addresses.
fn cards(vm: &DeployVm) -> Parameters {
    if vm.nics.iter().all(|nic| nic.mac.is_none()) {
        let networks: Vec<&str> = vm.nics.iter().map(|nic| nic.network.as_str()).collect();
        return vec![parameter("networkids", networks.join(","))];
    }
    let mut parameters = Parameters::new();
    for (index, nic) in vm.nics.iter().enumerate() {
        parameters.push(parameter(
            format!("iptonetworklist[{index}].networkid"),
            &nic.network,
        ));
        parameters.extend(
            nic.mac
                .as_ref()
                .map(|mac| parameter(format!("iptonetworklist[{index}].mac"), mac)),
        );
    }
    parameters
}

/// What the answer to an accepted command says.
pub(crate) fn accepted(command: &Command, Answer(content): &Answer) -> Result<Accepted, OsseaError> {
    let row = Row::new(command.api_name(), content);
    match manner(command) {
        Manner::Asynchronous => match row.id("jobid") {
            Ok(job) => Ok(Accepted::Job {
                job,
                created: row.text("id"),
            }),
            Err(why) => Err(OsseaError::OutcomeUnknown(why.to_string())),
        },
        Manner::Synchronous if row.flag("success") => Ok(Accepted::Done),
        Manner::Synchronous => match (row.text("success"), row.text("displaytext")) {
            (Some(_), text) => {
                let text = text.unwrap_or_else(|| "the cloud reports no success".to_owned());
                Err(OsseaError::Refused(Refusal { code: 200, text }))
            }
            (None, _) => Err(OsseaError::OutcomeUnknown(row.unreadable("success").to_string())),
        },
    }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
