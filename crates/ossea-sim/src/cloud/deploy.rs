//! Making a VM: everything that `deployVirtualMachine` does inside its HTTP call.

use std::collections::BTreeSet;

use failover_domain::CloudVmId;
use rand::RngCore;

use super::Cloud;
use super::accept::is_lower_case_uuid;
use super::command::{Deploy, NicSpec};
use super::error::ApiError;
use super::limits::{Resource, possible_size};
use super::log::Effect;
use super::objects::{AddressShown, Boot, Guest, NetworkType, Nic, Shape, Vm, VmState};
use super::table::VmKey;
use crate::contents::{Allocation, OfferingContents, Protection, TemplateContents, TemplateReadiness};
use crate::faults::{NicFault, RuleId, WorkFault};
use crate::settings::Role;

const CPUS: &str = "cpuNumber";
const SPEED: &str = "cpuSpeed";
const MEMORY: &str = "memory";

impl Cloud {
    pub(super) fn create_vm(
        &mut self,
        deploy: &Deploy,
        fault: Option<&(RuleId, WorkFault)>,
    ) -> Result<String, ApiError> {
        self.check_owner(&deploy.owner)?;
        let (root, template) = self.plan_root(deploy)?;
        self.check_place(deploy, &template)?;
        let shape = shape_of(self.offering_of(deploy)?, deploy)?;
        let data_gib = self.data_disk_gib(deploy)?;
        let id = self.id_for_vm(deploy)?;
        let name = deploy.name.clone().unwrap_or_else(|| format!("VM-{id}"));
        check_host_name(&name)?;
        self.check_networks(deploy, &template, &name)?;
        self.check_limits(&[
            (Resource::Vms, 1),
            (Resource::Cpus, shape.cpus.into()),
            (Resource::MemoryMib, shape.memory_mib.into()),
            (
                Resource::Volumes,
                root.new_volumes() + u64::from(data_gib.is_some()),
            ),
            (
                Resource::PrimaryStorageGib,
                root.new_gib() + data_gib.unwrap_or(0),
            ),
        ])?;
        let mut specs = deploy.nics.clone();
        if let Some((rule, WorkFault::WrongNetwork { how })) = fault {
            self.faults.fired(*rule);
            self.spoil_networks(&mut specs, *how);
        }
        let nics = self.make_nics(&specs);
        let vm = Vm {
            id: id.clone(),
            name: name.clone(),
            display_name: deploy.display_name.clone().unwrap_or_else(|| name.clone()),
            instance_name: self.instance_name(),
            state: VmState::Stopped,
            zone: deploy.zone.clone(),
            host: None,
            offering: deploy.offering.clone(),
            template: Some(template.id.clone()),
            cpus: shape.cpus,
            cpu_speed: shape.cpu_speed,
            memory_mib: shape.memory_mib,
            boot: deploy.boot,
            protection: Protection::Off,
            default_nic: nics.first().map(|nic| nic.id.clone()),
            nics,
            details: details_of(deploy),
            created: self.time,
            guest: Guest::Workload,
            run: 0,
        };
        self.vms.insert(id.clone(), vm);
        self.effect(None, Effect::VmCreated { vm: id.clone(), name });
        self.place_root(&id, deploy, root, &template.id);
        if let Some(size_gib) = data_gib {
            self.place_data_disk(&id, deploy, size_gib);
        }
        Ok(id.to_string())
    }

    /// The id of the new VM: a root admin may choose it, once.
    fn id_for_vm(&mut self, deploy: &Deploy) -> Result<CloudVmId, ApiError> {
        let Some(chosen) = &deploy.custom_id else {
            return Ok(self.fresh_id().parse().expect("a UUID is a legal id"));
        };
        match self.settings.role {
            Role::RootAdmin => {}
            Role::User => {
                let text = "Parameter customid can only be passed by a root admin";
                return Err(ApiError::of_command(531, text));
            }
        }
        let malformed = || ApiError::invalid(format!("UUID: {chosen} doesn't follow the UUID format"));
        if !is_lower_case_uuid(chosen) {
            return Err(malformed());
        }
        let id: CloudVmId = chosen.parse().map_err(|_| malformed())?;
        if self.is_known(chosen, self.vms.contains_key(&id)) {
            return Err(ApiError::invalid(format!(
                "UUID: {chosen} already exists so can't create/update with custom id"
            )));
        }
        Ok(id)
    }

    fn check_place(&self, deploy: &Deploy, template: &TemplateContents) -> Result<(), ApiError> {
        let zone = self.zones.get(&deploy.zone).ok_or_else(|| {
            ApiError::unknown_entity("deployVirtualMachine", "zoneid", deploy.zone.as_str())
        })?;
        match zone.allocation {
            Allocation::Enabled => {}
            Allocation::Disabled => {
                let text = "Cannot perform this operation, Zone is currently disabled";
                return Err(ApiError::of_command(531, text));
            }
        }
        let ready = template.readiness == TemplateReadiness::Ready && template.zones.contains(&deploy.zone);
        if !ready {
            let text = format!("The template {} is not available for use", template.id);
            return Err(ApiError::invalid(text));
        }
        let other = deploy.hypervisor.as_ref();
        if other.is_some_and(|other| !other.eq_ignore_ascii_case("KVM")) {
            return Err(ApiError::invalid(
                "Hypervisor passed to the deployVm call, is different from the hypervisor type of the template",
            ));
        }
        if self.first_pool(&deploy.zone).is_none() {
            let text = "There are no available pools in the UP state for vm deployment";
            return Err(ApiError::of_command(530, text));
        }
        Ok(())
    }

    /// The size of the data disk that is asked for.
    fn data_disk_gib(&self, deploy: &Deploy) -> Result<Option<u64>, ApiError> {
        let Some(disk) = &deploy.data_disk else {
            return Ok(None);
        };
        let api = "deployVirtualMachine";
        let offering = self.disk_offerings.get(&disk.offering);
        let offering = offering
            .ok_or_else(|| ApiError::unknown_entity(api, "diskofferingid", disk.offering.as_str()))?;
        let size = offering.size_gib.or(disk.size_gib);
        let size =
            size.ok_or_else(|| ApiError::invalid("This disk offering requires a custom size specified"));
        possible_size(size?).map(Some)
    }

    fn offering_of(&self, deploy: &Deploy) -> Result<&OfferingContents, ApiError> {
        self.offerings.get(&deploy.offering).ok_or_else(|| {
            ApiError::unknown_entity(
                "deployVirtualMachine",
                "serviceofferingid",
                deploy.offering.as_str(),
            )
        })
    }

    fn check_networks(
        &self,
        deploy: &Deploy,
        template: &TemplateContents,
        name: &str,
    ) -> Result<(), ApiError> {
        let Some(default) = deploy.nics.first() else {
            return Err(ApiError::invalid(
                "At least 1 default network has to be specified for the vm",
            ));
        };
        let mut seen = BTreeSet::new();
        for nic in &deploy.nics {
            let network = self.networks.get(&nic.network).ok_or_else(|| {
                ApiError::unknown_entity("deployVirtualMachine", "networkids", nic.network.as_str())
            })?;
            if network.zone != deploy.zone {
                let text = format!("Network id={} doesn't belong to zone {}", network.id, deploy.zone);
                return Err(ApiError::invalid(text));
            }
            if !seen.insert(&nic.network) {
                let text = format!("VM already has a card in network {}", network.id);
                return Err(ApiError::invalid(text));
            }
            if self
                .vms
                .with(&VmKey::host_name(&network.id, name))
                .next()
                .is_some()
            {
                return Err(ApiError::invalid(format!(
                    "The vm with hostName {name} already exists in the network domain: cs2cloud.internal; \
                     network={}",
                    network.id
                )));
            }
        }
        let default_kind = self.networks.get(&default.network).map(|network| network.kind);
        if template.password_enabled && default_kind == Some(NetworkType::L2) {
            return Err(ApiError::invalid(format!(
                "Unable to deploy {} as UserData service is missing in the default network",
                self.settings.wording
            )));
        }
        Ok(())
    }

    fn spoil_networks(&self, specs: &mut Vec<NicSpec>, how: NicFault) {
        let Some(last) = specs.pop() else { return };
        match how {
            NicFault::LeftOut => {}
            NicFault::OtherNetwork => {
                let zone = self.networks.get(&last.network).map(|network| &network.zone);
                let other = self.networks.values().find(|network| {
                    Some(&network.zone) == zone
                        && network.id != last.network
                        && specs.iter().all(|spec| spec.network != network.id)
                });
                specs.extend(other.map(|other| NicSpec {
                    network: other.id.clone(),
                    ..last
                }));
            }
        }
    }

    fn make_nics(&mut self, specs: &[NicSpec]) -> Vec<Nic> {
        let placed = specs.iter().zip(0u32..);
        placed
            .map(|(spec, device)| self.make_nic(spec, device, AddressShown::Hidden))
            .collect()
    }

    pub(super) fn fresh_mac(&mut self) -> String {
        let mut bytes = [0; 4];
        self.rng.fill_bytes(&mut bytes);
        let [a, b, c, d] = bytes;
        format!("02:01:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }
}

fn details_of(deploy: &Deploy) -> std::collections::BTreeMap<String, String> {
    let mut details = deploy.details.clone();
    match deploy.boot {
        Boot::Bios => {}
        Boot::UefiLegacy => drop(details.insert("UEFI".to_owned(), "LEGACY".to_owned())),
        Boot::UefiSecure => drop(details.insert("UEFI".to_owned(), "SECURE".to_owned())),
    }
    details
}

/// Letters, digits and hyphens, 1 to 63, neither beginning with a digit nor beginning or ending with a hyphen.
fn check_host_name(name: &str) -> Result<(), ApiError> {
    let legal = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    if legal {
        Ok(())
    } else {
        Err(ApiError::invalid(
            "Invalid name. Vm name can contain ASCII letters 'a' through 'z', the digits '0' through '9', and the \
             hyphen ('-'), must be between 1 and 63 characters long, and can't start or end with \"-\" and can't \
             start with digit",
        ))
    }
}

fn shape_of(offering: &OfferingContents, deploy: &Deploy) -> Result<Shape, ApiError> {
    let detail = |key: &str| deploy.details.get(key).map(|text| text.parse::<u32>().ok());
    if !offering.is_customized() {
        if let Some(key) = [CPUS, SPEED, MEMORY]
            .into_iter()
            .find(|key| deploy.details.contains_key(*key))
        {
            let text = format!(
                "The offering {} is not customizable, {key} cannot be given",
                offering.id
            );
            return Err(ApiError::invalid(text));
        }
        return Ok(Shape {
            cpus: offering.cpus.unwrap_or(1),
            cpu_speed: offering.cpu_speed_mhz.unwrap_or(1000),
            memory_mib: offering.memory_mib.unwrap_or(512),
        });
    }
    let speed = detail(SPEED).or(offering.cpu_speed_mhz.map(Some));
    let (Some(cpus), Some(cpu_speed), Some(memory_mib)) = (detail(CPUS), speed, detail(MEMORY)) else {
        return Err(ApiError::invalid(
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
        ));
    };
    let within = |what: &str, value: Option<u32>, bounds: Option<(u32, u32)>| {
        let (least, most) = bounds.unwrap_or((1, u32::MAX));
        value
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| {
                ApiError::invalid(format!(
                    "Invalid {what} value, specify a value between {least} and {most}"
                ))
            })
    };
    Ok(Shape {
        cpus: within("CPU cores", cpus, offering.cpu_bounds)?,
        cpu_speed: within("CPU speed", cpu_speed, None)?,
        memory_mib: within("memory", memory_mib, offering.memory_bounds_mib)?,
    })
}
