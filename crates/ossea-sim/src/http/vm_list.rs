//! `listVirtualMachines`: the list with the most filters.

use serde_json::Value;

use super::filters::{IdFilter, TagFilter, check_account, is, mentions, vm_exists, zone_exists};
use super::parameters::Parameters;
use super::{candidates, rows};
use crate::cloud::Cloud;
use crate::cloud::error::ApiError;
use crate::cloud::objects::{Nic, Vm, VmState};

/// The VMs that all filters let through.
pub(super) fn vms<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Result<Vec<&'a Vm>, ApiError> {
    let command = "listVirtualMachines";
    let id = IdFilter::of(cloud, parameters, command, "id", vm_exists(cloud))?;
    let ids = IdFilter::of(cloud, parameters, command, "ids", vm_exists(cloud))?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let network_exists = |id: &str| id.parse().is_ok_and(|id| cloud.network(&id).is_some());
    let network = IdFilter::of(cloud, parameters, command, "networkid", network_exists)?;
    let tags = TagFilter::of(parameters);
    check_account(parameters)?;
    check_details(parameters)?;
    let found = candidates::vms(cloud, parameters).filter(|vm| {
        id.lets(vm.id.as_str())
            && ids.lets(vm.id.as_str())
            && zone.lets(vm.zone.as_str())
            && (!network.is_given() || vm.nics.iter().any(|nic| network.lets(nic.network.as_str())))
            && is(parameters, "name", &vm.name)
            && has_state(parameters, vm.state)
            && tags.lets(cloud, vm.id.as_str())
            && mentions_vm(parameters, vm)
    });
    Ok(found.collect())
}

/// `state=present` is every state of a VM that is not on its way out.
fn has_state(parameters: &Parameters, state: VmState) -> bool {
    match parameters.get("state") {
        Some(present) if present.eq_ignore_ascii_case("present") => match state {
            VmState::Starting | VmState::Running | VmState::Stopping | VmState::Stopped | VmState::Error => {
                true
            }
            VmState::Destroyed | VmState::Expunging => false,
        },
        Some(_) | None => is(parameters, "state", state.word()),
    }
}

/// Whether `keyword` is in a name or an address of a VM.
fn mentions_vm(parameters: &Parameters, vm: &Vm) -> bool {
    let addresses: Vec<String> = vm
        .nics
        .iter()
        .filter_map(Nic::address)
        .map(|address| address.to_string())
        .collect();
    let names = [&vm.name, &vm.display_name, &vm.instance_name];
    let texts: Vec<&str> = names.into_iter().chain(&addresses).map(String::as_str).collect();
    mentions(parameters, &texts)
}

const DETAILS: [&str; 12] = [
    "all", "group", "nics", "stats", "secgrp", "tmpl", "servoff", "diskoff", "backoff", "iso", "volume",
    "min",
];

fn check_details(parameters: &Parameters) -> Result<(), ApiError> {
    let mut wanted = parameters
        .get("details")
        .into_iter()
        .flat_map(|details| details.split(','));
    let unknown = wanted.find(|detail| !DETAILS.contains(&detail.trim().to_lowercase().as_str()));
    match unknown {
        None => Ok(()),
        Some(unknown) => Err(ApiError::invalid(format!(
            "The details parameter contains a non permitted value {unknown}. The allowed values are {}",
            DETAILS.join(", ")
        ))),
    }
}

/// The row with as much as `details` asks for.
pub(super) fn vm_row(cloud: &Cloud, parameters: &Parameters, vm: &Vm) -> Value {
    let wants = |what: &str| {
        parameters.get("details").is_none_or(|details| {
            details.split(',').any(|detail| {
                let detail = detail.trim();
                detail.eq_ignore_ascii_case("all") || detail.eq_ignore_ascii_case(what)
            })
        })
    };
    let mut row = rows::vm(cloud, vm);
    if let Value::Object(fields) = &mut row {
        if !wants("all") {
            fields.remove("details");
        }
        if !wants("nics") {
            fields.remove("nic");
        }
    }
    row
}
