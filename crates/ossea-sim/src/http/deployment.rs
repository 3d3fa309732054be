//! The parameters of `deployVirtualMachine`, the only command with more than a handful.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use failover_domain::{NetworkId, ZoneId};

use super::parameters::Parameters;
use crate::cloud::Cloud;
use crate::cloud::command::{AfterDeploy, DataDisk, Deploy, DeploySource, NicSpec, Owner};
use crate::cloud::error::ApiError;
use crate::cloud::objects::{Boot, NetworkType};
use crate::settings::Profile;

/// Reads them. Without any network the cloud is asked for the account's only one.
pub(super) fn read(parameters: &Parameters, cloud: &Cloud) -> Result<Deploy, ApiError> {
    let command = "deployVirtualMachine";
    let zone: ZoneId = parameters.id(command, "zoneid")?;
    let mut details = BTreeMap::new();
    for entry in parameters.entries("details").into_values() {
        details.extend(
            entry
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
    }
    Ok(Deploy {
        name: parameters.get("name").map(str::to_owned),
        display_name: parameters.get("displayname").map(str::to_owned),
        offering: parameters.id(command, "serviceofferingid")?,
        source: source(parameters, cloud.settings().profile)?,
        data_disk: data_disk(parameters)?,
        nics: nics(parameters, cloud, &zone)?,
        zone,
        details,
        boot: boot(parameters)?,
        root_disk_gib: parameters.number(command, "rootdisksize")?,
        after: match parameters.flag("startvm") {
            Some(false) => AfterDeploy::LeaveStopped,
            Some(true) | None => AfterDeploy::Start,
        },
        custom_id: parameters.get("customid").map(str::to_owned),
        owner: Owner {
            account: parameters.get("account").map(str::to_owned),
            domain: parameters.get("domainid").map(str::to_owned),
        },
        hypervisor: parameters.get("hypervisor").map(str::to_owned),
    })
}

/// Releases before 4.21 know templates only, and ignore the other parameters as they do all that they do not know.
fn source(parameters: &Parameters, profile: Profile) -> Result<DeploySource, ApiError> {
    let command = "deployVirtualMachine";
    let template = || parameters.id(command, "templateid").map(DeploySource::Template);
    match profile {
        Profile::V4_18 => return template(),
        Profile::V4_21 | Profile::V4_22 => {}
    }
    let given = ["templateid", "volumeid", "snapshotid"].map(|name| parameters.get(name).is_some());
    match given {
        [true, false, false] => template(),
        [false, true, false] => parameters.id(command, "volumeid").map(DeploySource::Volume),
        [false, false, true] => parameters.id(command, "snapshotid").map(DeploySource::Snapshot),
        [_, _, _] => Err(ApiError::of_command(
            530,
            "Please provide only one of the following parameters - template ID, volume ID or snapshot ID",
        )),
    }
}

fn data_disk(parameters: &Parameters) -> Result<Option<DataDisk>, ApiError> {
    let command = "deployVirtualMachine";
    if parameters.get("diskofferingid").is_none() {
        return Ok(None);
    }
    Ok(Some(DataDisk {
        offering: parameters.id(command, "diskofferingid")?,
        size_gib: parameters.number(command, "size")?,
    }))
}

fn boot(parameters: &Parameters) -> Result<Boot, ApiError> {
    let upper = |name: &str| parameters.get(name).map(str::to_ascii_uppercase);
    match (upper("boottype").as_deref(), upper("bootmode").as_deref()) {
        (None | Some("BIOS"), None | Some("LEGACY")) => Ok(Boot::Bios),
        (Some("UEFI"), Some("LEGACY")) => Ok(Boot::UefiLegacy),
        (Some("UEFI"), Some("SECURE")) => Ok(Boot::UefiSecure),
        (Some("UEFI"), None) => Err(ApiError::invalid(
            "bootmode must be specified for the boot type UEFI: LEGACY or SECURE",
        )),
        (boot_type, boot_mode) => {
            let text = format!("Invalid boot type {boot_type:?} with boot mode {boot_mode:?}");
            Err(ApiError::invalid(text))
        }
    }
}

fn nics(parameters: &Parameters, cloud: &Cloud, zone: &ZoneId) -> Result<Vec<NicSpec>, ApiError> {
    let listed = parameters.entries("iptonetworklist");
    let networks = parameters.get("networkids");
    let for_default = parameters.get("ipaddress").is_some() || parameters.get("macaddress").is_some();
    match (listed.is_empty(), networks) {
        (false, None) if !for_default => listed.into_values().map(|entry| listed_nic(&entry)).collect(),
        (false, Some(_) | None) => Err(ApiError::invalid(
            "ipToNetworkMap can't be specified along with networkIds or ipAddress or macAddress",
        )),
        (true, Some(networks)) => {
            let mut nics = networks
                .split(',')
                .map(|id| {
                    Ok(NicSpec {
                        network: network_id(id.trim())?,
                        mac: None,
                        address: None,
                    })
                })
                .collect::<Result<Vec<_>, ApiError>>()?;
            set_default_nic(parameters, &mut nics)?;
            Ok(nics)
        }
        (true, None) => {
            let mut nics = vec![only_isolated_network(cloud, zone)?];
            set_default_nic(parameters, &mut nics)?;
            Ok(nics)
        }
    }
}

fn listed_nic(entry: &BTreeMap<&str, &str>) -> Result<NicSpec, ApiError> {
    let network = entry
        .get("networkid")
        .ok_or_else(|| ApiError::missing("deployVirtualMachine", "networkid"))?;
    Ok(NicSpec {
        network: network_id(network)?,
        mac: entry.get("mac").map(|text| mac(text)).transpose()?,
        address: entry.get("ip").map(|text| address(text)).transpose()?,
    })
}

fn set_default_nic(parameters: &Parameters, nics: &mut [NicSpec]) -> Result<(), ApiError> {
    if let Some(first) = nics.first_mut() {
        first.mac = parameters.get("macaddress").map(mac).transpose()?;
        first.address = parameters.get("ipaddress").map(address).transpose()?;
    }
    Ok(())
}

/// Without any network the account's only isolated one is taken.
fn only_isolated_network(cloud: &Cloud, zone: &ZoneId) -> Result<NicSpec, ApiError> {
    let mut isolated = cloud
        .networks()
        .filter(|network| network.zone == *zone && network.kind == NetworkType::Isolated);
    match (isolated.next(), isolated.next()) {
        (Some(network), None) => Ok(NicSpec {
            network: network.id.clone(),
            mac: None,
            address: None,
        }),
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "More than 1 default Isolated networks are found for account",
        )),
        (None, _) => Err(ApiError::invalid(
            "At least 1 default network has to be specified for the vm",
        )),
    }
}

fn network_id(text: &str) -> Result<NetworkId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::unknown_entity("deployVirtualMachine", "networkids", text))
}

fn mac(text: &str) -> Result<failover_domain::MacAddress, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(format!("Mac address is not valid: {text}")))
}

pub(super) fn address(text: &str) -> Result<Ipv4Addr, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(format!("Invalid IPv4 address {text}")))
}
