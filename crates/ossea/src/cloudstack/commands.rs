//! Commands become calls, and answers to them become [`Accepted`].

use std::sync::Arc;

use failover_domain::{Firmware, RequestKey};

use super::call::{Answer, Call, Parameters, parameter};
use super::row::Row;
use crate::command::{Accepted, Command, DeployVm, Manner, StopMode, Tagged};
use crate::error::{OsseaError, Refusal};

/// The call of a command under a key.
pub(crate) fn call(key: &RequestKey, command: &Command) -> Arc<Call> {
    let mut parameters = parameters(command);
    match command.manner() {
        Manner::Asynchronous | Manner::AsynchronousCreate => parameters.push(parameter("customjobid", key)),
        Manner::Synchronous => {}
    }
    Call::change(command.api_name(), *key, command.repetition(), parameters)
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
        Command::ExpungeVirtualMachine { vm } => vec![parameter("id", vm.id())],
        Command::RecoverVirtualMachine { vm } => vec![parameter("id", vm)],
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
        Command::CreateVmSnapshot {
            vm,
            name,
            description,
        } => vec![
            parameter("virtualmachineid", vm),
            parameter("name", name),
            parameter("description", description),
            parameter("snapshotmemory", false),
            parameter("quiescevm", false),
        ],
        Command::RevertToVmSnapshot { snapshot } | Command::DeleteVmSnapshot { snapshot } => {
            vec![parameter("vmsnapshotid", snapshot)]
        }
        Command::AddNic {
            vm,
            network,
            mac,
            address,
        } => {
            let mut parameters = vec![parameter("virtualmachineid", vm), parameter("networkid", network)];
            parameters.extend(mac.as_ref().map(|mac| parameter("macaddress", mac)));
            parameters.extend(address.map(|address| parameter("ipaddress", address)));
            parameters
        }
        Command::RemoveNic { vm, nic } | Command::UpdateDefaultNic { vm, nic } => {
            vec![parameter("virtualmachineid", vm), parameter("nicid", nic)]
        }
        Command::CreateTags { on, tags } => {
            let mut parameters = tagged(on);
            for (index, (key, value)) in tags.iter().enumerate() {
                parameters.push(parameter(format!("tags[{index}].key"), key));
                parameters.push(parameter(format!("tags[{index}].value"), value));
            }
            parameters
        }
        Command::DeleteTags { on, keys } => {
            let mut parameters = tagged(on);
            for (index, key) in keys.iter().enumerate() {
                parameters.push(parameter(format!("tags[{index}].key"), key));
            }
            parameters
        }
    }
}

/// What tags belong to.
fn tagged(on: &Tagged) -> Parameters {
    let (id, kind) = match on {
        Tagged::Vm(id) => (id.to_string(), "UserVm"),
        Tagged::Volume(id) => (id.to_string(), "Volume"),
        Tagged::Snapshot(id) => (id.to_string(), "Snapshot"),
        Tagged::VmSnapshot(id) => (id.to_string(), "VMSnapshot"),
    };
    vec![parameter("resourceids", id), parameter("resourcetype", kind)]
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
    match command.manner() {
        Manner::Asynchronous | Manner::AsynchronousCreate => match row.id("jobid") {
            Ok(job) => Ok(Accepted::Job {
                job,
                created: row.text("id"),
            }),
            Err(why) => Err(OsseaError::OutcomeUnknown(why.to_string())),
        },
        // Recovering answers with the VM instead of a flag.
        Manner::Synchronous if row.flag("success") || row.object("vm", "virtualmachine").is_some() => {
            Ok(Accepted::Done)
        }
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
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::command::{CustomSize, NicRequest};
    use crate::model::{Volume, VolumeKind, VolumeState};
    use crate::proof::{EmptiedVm, ScratchRoot};

    const KEY: &str = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";

    fn key() -> RequestKey {
        KEY.parse().unwrap()
    }

    fn nic(network: &str, mac: Option<&str>) -> NicRequest {
        NicRequest {
            network: network.parse().unwrap(),
            mac: mac.map(|mac| mac.parse().unwrap()),
        }
    }

    fn deploy() -> DeployVm {
        DeployVm {
            name: "web-01".to_owned(),
            display_name: "Web 01".to_owned(),
            mark: "live-failover-x-1".to_owned(),
            zone: "zone".parse().unwrap(),
            offering: "offering".parse().unwrap(),
            template: "template".parse().unwrap(),
            custom_size: None,
            firmware: Firmware::Bios,
            secure_boot: false,
            nics: vec![nic("net-a", None), nic("net-b", None)],
        }
    }

    fn scratch_root() -> ScratchRoot {
        let volume = Volume {
            id: "root".parse().unwrap(),
            name: "root".to_owned(),
            kind: VolumeKind::Data,
            state: VolumeState::Allocated,
            size_bytes: 1,
            zone: "zone".parse().unwrap(),
            attachment: None,
            storage: None,
            pool: None,
            template: Some("template".parse().unwrap()),
            pending_job: None,
        };
        ScratchRoot::prove(&volume, &BTreeSet::new()).unwrap()
    }

    fn delete_volume() -> Command {
        Command::DeleteVolume {
            volume: scratch_root(),
        }
    }

    #[track_caller]
    fn sends(command: &Command, expected: &[(&str, &str)]) {
        let call = call(&key(), command);
        let sent: Vec<(&str, &str)> = call
            .parameters
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_plain_deployment_names_its_networks_in_order() {
        sends(
            &Command::DeployVirtualMachine(Box::new(deploy())),
            &[
                ("zoneid", "zone"),
                ("serviceofferingid", "offering"),
                ("templateid", "template"),
                ("name", "web-01"),
                ("displayname", "Web 01"),
                ("startvm", "false"),
                ("details[0].failoverjob", "live-failover-x-1"),
                ("networkids", "net-a,net-b"),
                ("customjobid", KEY),
            ],
        );
    }

    #[test]
    fn mac_addresses_change_the_way_networks_are_named() {
        let nics = vec![nic("net-a", None), nic("net-b", Some("00:50:56:9a:01:02"))];
        let call = call(
            &key(),
            &Command::DeployVirtualMachine(Box::new(DeployVm { nics, ..deploy() })),
        );
        let networks: Vec<(&str, &str)> = call
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| name.contains("network"))
            .collect();
        assert_eq!(
            networks,
            [
                ("iptonetworklist[0].networkid", "net-a"),
                ("iptonetworklist[1].networkid", "net-b"),
                ("iptonetworklist[1].mac", "00:50:56:9a:01:02"),
            ]
        );
    }

    #[test]
    fn a_free_offering_gets_its_size_with_the_case_that_cloudstack_wants() {
        let sized = |cpu_speed_mhz| {
            let custom_size = Some(CustomSize {
                cpus: 4,
                cpu_speed_mhz,
                memory_mib: 8192,
            });
            let vm = DeployVm {
                custom_size,
                ..deploy()
            };
            let call = call(&key(), &Command::DeployVirtualMachine(Box::new(vm)));
            let details = call
                .parameters
                .iter()
                .filter(|(name, _)| name.starts_with("details[0]."));
            details
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        let mark = "details[0].failoverjob=live-failover-x-1";
        assert_eq!(
            sized(Some(2000)),
            [
                mark,
                "details[0].cpuNumber=4",
                "details[0].cpuSpeed=2000",
                "details[0].memory=8192"
            ]
        );
        assert_eq!(
            sized(None),
            [mark, "details[0].cpuNumber=4", "details[0].memory=8192"]
        );
    }

    #[test]
    fn only_uefi_names_a_boot_type() {
        let boot = |firmware, secure_boot| {
            let vm = DeployVm {
                firmware,
                secure_boot,
                ..deploy()
            };
            let call = call(&key(), &Command::DeployVirtualMachine(Box::new(vm)));
            let boot = call
                .parameters
                .iter()
                .filter(|(name, _)| name.starts_with("boot"));
            boot.map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(boot(Firmware::Uefi, false), ["boottype=UEFI", "bootmode=LEGACY"]);
        assert_eq!(boot(Firmware::Uefi, true), ["boottype=UEFI", "bootmode=SECURE"]);
        assert!(boot(Firmware::Bios, false).is_empty());
    }

    #[test]
    fn every_other_command_has_exactly_its_parameters() {
        let vm = || "vm".parse().unwrap();
        let volume = || "volume".parse().unwrap();
        let snapshot = || "snapshot".parse().unwrap();
        let job = ("customjobid", KEY);
        let start = Command::StartVirtualMachine { vm: vm() };
        sends(&start, &[("id", "vm"), job]);
        let stop = |mode| Command::StopVirtualMachine { vm: vm(), mode };
        sends(&stop(StopMode::Graceful), &[("id", "vm"), job]);
        sends(&stop(StopMode::Forced), &[("id", "vm"), ("forced", "true"), job]);
        let emptied = EmptiedVm::prove(&vm(), &[], &BTreeSet::new(), None).unwrap();
        sends(
            &Command::DestroyVirtualMachine { vm: emptied },
            &[("id", "vm"), ("expunge", "true"), job],
        );
        let attach = |device| Command::AttachVolume {
            volume: volume(),
            vm: vm(),
            device,
        };
        let at = [
            ("id", "volume"),
            ("virtualmachineid", "vm"),
            ("deviceid", "0"),
            job,
        ];
        sends(&attach(Some(0)), &at);
        sends(&attach(None), &[at[0], at[1], job]);
        sends(
            &Command::DetachVolume { volume: volume() },
            &[("id", "volume"), job],
        );
        let create = Command::CreateSnapshot {
            volume: volume(),
            name: "point".to_owned(),
        };
        sends(&create, &[("volumeid", "volume"), ("name", "point"), job]);
        sends(
            &Command::RevertSnapshot { snapshot: snapshot() },
            &[("id", "snapshot"), job],
        );
        sends(
            &Command::DeleteSnapshot { snapshot: snapshot() },
            &[("id", "snapshot"), job],
        );
        // Synchronous: there is no job that could carry the key.
        sends(&delete_volume(), &[("id", "root")]);
    }

    fn read(command: &Command, content: Value) -> Result<Accepted, OsseaError> {
        accepted(command, &Answer(content.as_object().unwrap().clone()))
    }

    #[test]
    fn an_accepted_command_names_its_job_and_what_it_made() {
        let detach = Command::DetachVolume {
            volume: "volume".parse().unwrap(),
        };
        let job: failover_domain::AsyncJobId = KEY.parse().unwrap();
        let plain = read(&detach, json!({"jobid": KEY})).unwrap();
        assert_eq!(
            plain,
            Accepted::Job {
                job: job.clone(),
                created: None
            }
        );
        let create = Command::DeployVirtualMachine(Box::new(deploy()));
        let made = read(&create, json!({"jobid": KEY, "id": "new-vm"})).unwrap();
        assert_eq!(
            made,
            Accepted::Job {
                job,
                created: Some("new-vm".to_owned())
            }
        );
    }

    #[test]
    fn an_answer_without_a_job_leaves_the_outcome_unknown() {
        let detach = Command::DetachVolume {
            volume: "volume".parse().unwrap(),
        };
        for content in [
            json!({}),
            json!({"jobid": null}),
            json!({"jobid": ""}),
            json!({"success": true}),
        ] {
            assert!(matches!(
                read(&detach, content),
                Err(OsseaError::OutcomeUnknown(_))
            ));
        }
    }

    #[test]
    fn a_synchronous_command_must_say_success() {
        assert_eq!(
            read(&delete_volume(), json!({"success": true})).unwrap(),
            Accepted::Done
        );
        assert_eq!(
            read(&delete_volume(), json!({"success": "true"})).unwrap(),
            Accepted::Done
        );
        let refused = read(
            &delete_volume(),
            json!({"success": false, "displaytext": "in use"}),
        )
        .unwrap_err();
        assert_eq!(
            refused,
            OsseaError::Refused(Refusal {
                code: 200,
                text: "in use".to_owned()
            })
        );
        assert!(matches!(
            read(&delete_volume(), json!({})),
            Err(OsseaError::OutcomeUnknown(_))
        ));
    }
}
