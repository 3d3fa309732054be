//! The objects of the configuration: do they exist in the cloud, and do they suit every failover?
//!
//! Whether they suit one VM is a matter of readiness. A list that suggestions would come from and that does not
//! arrive leaves a finding without suggestions; the finding itself does not depend on it.

use ossea::{CloudVm, Network, OsseaClient, OsseaError, ServiceOffering, Template, VmState, Zone};
use serde_json::json;

use super::report::{Check, Prerequisite, Problem};
use super::suggest;
use crate::Target;
use crate::outcome::remedy_of;

pub(super) const ZONE: Check = Check::critical("zone", "Zone");
pub(super) const OFFERING: Check = Check::critical("service_offering", "Service Offering");
pub(super) const TEMPLATE: Check = Check::critical("template", "Template");
pub(super) const OMA: Check = Check::critical("oma", "OMA");
pub(super) const NETWORKS: Check = Check::critical("networks", "Networks");

/// An answer that did not come. It should have, so the check has failed.
fn unanswered(check: &Check, error: &OsseaError) -> Prerequisite {
    check.failed(
        format!("{} cannot be checked: {error}", check.title),
        remedy_of(error),
    )
}

fn missing(check: &Check, id: &str, setting: &str) -> Prerequisite {
    let message = format!("{id} does not exist in the cloud, or our account does not see it");
    check
        .failed(message, format!("Correct target.{setting} in the configuration."))
        .with(json!({ "id": id }))
}

/// The zone, and whether the objects in it can be looked at.
pub(super) async fn zone(target: &Target, cloud: &dyn OsseaClient) -> (Prerequisite, Option<Zone>) {
    match cloud.zone(&target.zone).await {
        Err(error) => (unanswered(&ZONE, &error), None),
        Ok(None) => {
            let zones = cloud.zones().await.unwrap_or_default();
            let oma = cloud.vm(&target.oma_vm).await.ok().flatten();
            let check = missing(&ZONE, target.zone.as_str(), "zone_id");
            let home = oma.map(|oma| oma.zone);
            (check.suggesting(suggest::zones(&zones, home.as_ref())), None)
        }
        Ok(Some(zone)) => {
            let named = format!("zone {} ({})", zone.name, zone.id);
            let check = if zone.enabled {
                ZONE.passed(format!("{named} takes VMs"))
            } else {
                ZONE.failed(
                    format!("{named} is disabled"),
                    "Ask the cloud's administrator to enable the zone, or configure another one.",
                )
            };
            (
                check.with(json!({ "id": zone.id, "name": zone.name })),
                Some(zone),
            )
        }
    }
}

pub(super) async fn offering(target: &Target, cloud: &dyn OsseaClient) -> Prerequisite {
    match cloud.service_offering(&target.offering).await {
        Err(error) => unanswered(&OFFERING, &error),
        Ok(None) => {
            let offerings = cloud.service_offerings().await.unwrap_or_default();
            missing(&OFFERING, target.offering.as_str(), "service_offering_id")
                .suggesting(suggest::offerings(&offerings))
        }
        Ok(Some(offering)) => known_offering(&offering, target),
    }
}

fn known_offering(offering: &ServiceOffering, target: &Target) -> Prerequisite {
    let named = format!("service offering {} ({})", offering.name, offering.id);
    let speed = match offering.cpu_speed_mhz {
        Some(fixed) => format!("{fixed} MHz"),
        None => format!("{} MHz, from the configuration", target.cpu_speed_mhz),
    };
    let message = if offering.customized {
        format!("{named} gives every VM the size that it had ({speed})")
    } else {
        format!("{named} gives every VM the same size; readiness tells which VMs it is too small for")
    };
    OFFERING.passed(message).with(json!({
        "id": offering.id, "name": offering.name, "customized": offering.customized,
        "cpus": offering.cpus, "memory_mib": offering.memory_mib,
        "cpu_bounds": offering.cpu_bounds, "memory_bounds_mib": offering.memory_bounds_mib,
    }))
}

/// `networks` are those of the zone.
pub(super) async fn template(
    target: &Target,
    cloud: &dyn OsseaClient,
    networks: &Result<Vec<Network>, OsseaError>,
) -> Prerequisite {
    let template = match cloud.template(&target.template, &target.zone).await {
        Err(error) => return unanswered(&TEMPLATE, &error),
        Ok(template) => template,
    };
    let check = match &template {
        None => missing(&TEMPLATE, target.template.as_str(), "template_id"),
        Some(template) => known_template(template, networks),
    };
    match check.remedy {
        None => check,
        Some(_) => {
            let others = cloud.templates(&target.zone).await.unwrap_or_default();
            check.suggesting(suggest::templates(&others))
        }
    }
}

fn known_template(template: &Template, networks: &Result<Vec<Network>, OsseaError>) -> Prerequisite {
    let named = format!("template {} ({})", template.name, template.id);
    let mut problems = Vec::new();
    if !template.ready {
        problems.push(Problem {
            what: format!("{named} is not ready in the zone"),
            remedy: "Wait until the template is ready in the zone, or configure another one.",
        });
    }
    if !suggest::is_for_kvm(template) {
        problems.push(Problem {
            what: format!(
                "{named} is for hypervisor {:?}, replicas are KVM volumes",
                template.hypervisor
            ),
            remedy: "Configure a template for KVM.",
        });
    }
    problems.extend(password_trap(&named, template, networks));
    let passed = format!("{named} can be deployed in the zone");
    TEMPLATE.of(&problems, passed).with(json!({
        "id": template.id, "name": template.name, "size_bytes": template.size_bytes,
        "password_enabled": template.password_enabled,
    }))
}

/// CloudStack refuses a password-enabled template on networks without a password server, such as L2 networks
/// (`cloudstack-api.md` section 4.1).
fn password_trap(
    named: &str,
    template: &Template,
    networks: &Result<Vec<Network>, OsseaError>,
) -> Option<Problem> {
    if !template.password_enabled {
        return None;
    }
    let what = match networks {
        Ok(networks) => {
            let l2 = networks.iter().find(|network| is_l2(network))?;
            format!(
                "{named} needs a password server, which L2 network {} ({}) lacks",
                l2.name, l2.id
            )
        }
        Err(error) => {
            format!("{named} needs a password server, and the networks cannot be checked for it: {error}")
        }
    };
    Some(Problem {
        what,
        remedy: "Configure a template that is not password-enabled.",
    })
}

fn is_l2(network: &Network) -> bool {
    network.kind.eq_ignore_ascii_case("l2")
}

pub(super) async fn oma(target: &Target, cloud: &dyn OsseaClient) -> Prerequisite {
    match cloud.vm(&target.oma_vm).await {
        Err(error) => unanswered(&OMA, &error),
        Ok(None) => {
            let check = missing(&OMA, target.oma_vm.as_str(), "oma_vm_id");
            let find = "Find the OMA by its MAC address (failoverctl ossea find-oma --mac MAC), and correct \
                        target.oma_vm_id in the configuration.";
            Prerequisite {
                remedy: Some(find.to_owned()),
                ..check
            }
        }
        Ok(Some(oma)) => known_oma(&oma, target),
    }
}

fn known_oma(oma: &CloudVm, target: &Target) -> Prerequisite {
    let named = format!("the OMA {} ({})", oma.name, oma.id);
    let mut problems = Vec::new();
    if oma.state != VmState::Running {
        problems.push(Problem {
            what: format!("{named} is in state {}, it must be Running", oma.state.word()),
            remedy: "Start the OMA.",
        });
    }
    if oma.zone != target.zone {
        problems.push(Problem {
            what: format!("{named} is in zone {}, configured is {}", oma.zone, target.zone),
            remedy: "Configure the OMA's zone: volumes cannot change zones.",
        });
    }
    let macs: Vec<&str> = oma.nics.iter().map(|nic| nic.mac.as_str()).collect();
    OMA.of(&problems, format!("{named} runs in the configured zone"))
        .with(json!({ "id": oma.id, "name": oma.name, "state": oma.state.word(), "macs": macs }))
}

pub(super) fn networks(answer: &Result<Vec<Network>, OsseaError>) -> Prerequisite {
    let networks = match answer {
        Err(error) => return unanswered(&NETWORKS, error),
        Ok(networks) => networks,
    };
    let usable: Vec<&str> = networks
        .iter()
        .filter(|network| network.can_deploy)
        .map(|network| network.name.as_str())
        .collect();
    let check = if usable.is_empty() {
        NETWORKS.failed(
            format!(
                "none of the {} networks that our account sees in the zone takes VMs",
                networks.len()
            ),
            "Make a network in the zone, or share one with the account.",
        )
    } else {
        NETWORKS.passed(format!(
            "{} of {} networks in the zone take VMs",
            usable.len(),
            networks.len()
        ))
    };
    check.with(json!({ "usable": usable, "seen": networks.len() }))
}
