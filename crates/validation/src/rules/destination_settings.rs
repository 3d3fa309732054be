//! `destination_settings`: the cloud objects of the configuration exist and suit this VM.

use failover_domain::VmSpec;
use ossea::{Network, OsseaError, ServiceOffering, Template, VmState};
use serde_json::{Value, json};

use crate::outcome::{Outcome, Problem};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let mut problems = Vec::new();
    problems.extend(zone(view).await?);
    problems.extend(offering(view).await?);
    problems.extend(template(view).await?);
    problems.extend(oma(view).await?);
    let passed = "zone, service offering, template and OMA of the configuration exist and suit the VM";
    Ok(Outcome::of(problems, passed, details(view).await?))
}

fn missing(object: &str, id: &str, setting: &str) -> Problem {
    Problem::new(
        format!(
            "{object} {id} of the configuration does not exist in the cloud, or our account cannot see it"
        ),
        format!("Correct {setting} in the configuration."),
    )
}

async fn zone(view: &View<'_>) -> Result<Option<Problem>, OsseaError> {
    Ok(match view.cloud.zone().await? {
        None => Some(missing("zone", view.target.zone.as_str(), "the zone")),
        Some(zone) if !zone.enabled => Some(Problem::new(
            format!("zone {} ({}) is disabled", zone.name, zone.id),
            "Ask the cloud's administrator to enable the zone, or configure another one.",
        )),
        Some(_) => None,
    })
}

async fn offering(view: &View<'_>) -> Result<Vec<Problem>, OsseaError> {
    let Some(offering) = view.cloud.offering().await? else {
        return Ok(vec![missing(
            "service offering",
            view.target.offering.as_str(),
            "the service offering",
        )]);
    };
    Ok(view
        .vm()
        .map(|vm| out_of_bounds(offering, &vm.spec))
        .unwrap_or_default())
}

/// A custom offering with bounds refuses sizes outside of them. A fixed one has none; what it gives is the
/// matter of `destination_size`.
fn out_of_bounds(offering: &ServiceOffering, spec: &VmSpec) -> Vec<Problem> {
    if !offering.customized {
        return Vec::new();
    }
    let sizes = [
        ("CPUs", spec.cpus, offering.cpu_bounds),
        ("MiB of memory", spec.memory_mib, offering.memory_bounds_mib),
    ];
    let mut problems = Vec::new();
    for (unit, wanted, bounds) in sizes {
        let (Some(wanted), Some((least, most))) = (wanted, bounds) else {
            continue;
        };
        if !(least..=most).contains(&wanted.get()) {
            problems.push(Problem::new(
                format!(
                    "the VM has {wanted} {unit}, service offering {} ({}) allows {least} to {most}",
                    offering.name, offering.id
                ),
                "Configure a service offering whose bounds include the VM, or change the VM.",
            ));
        }
    }
    problems
}

async fn template(view: &View<'_>) -> Result<Vec<Problem>, OsseaError> {
    let Some(template) = view.cloud.template().await? else {
        return Ok(vec![missing(
            "template",
            view.target.template.as_str(),
            "the template",
        )]);
    };
    let mut problems = Vec::new();
    let named = format!("template {} ({})", template.name, template.id);
    if !template.ready {
        problems.push(Problem::new(
            format!("{named} is not ready in zone {}", view.target.zone),
            "Wait until the template is ready in the zone, or configure another one.",
        ));
    }
    if !template.hypervisor.eq_ignore_ascii_case("kvm") {
        problems.push(Problem::new(
            format!(
                "{named} is for hypervisor {:?}, replicas are KVM volumes",
                template.hypervisor
            ),
            "Configure a template for KVM.",
        ));
    }
    problems.extend(password_trap(&named, template, view).await?);
    Ok(problems)
}

/// CloudStack refuses a password-enabled template on a network without a password server, as L2 networks are.
async fn password_trap(
    named: &str,
    template: &Template,
    view: &View<'_>,
) -> Result<Option<Problem>, OsseaError> {
    if !template.password_enabled {
        return Ok(None);
    }
    let mapped = |network: &Network| view.subject.mappings.values().any(|m| m.network_id == network.id);
    let networks = view.cloud.networks().await?;
    let l2 = networks
        .iter()
        .find(|n| n.kind.eq_ignore_ascii_case("l2") && mapped(n));
    Ok(l2.map(|network| {
        Problem::new(
            format!(
                "{named} needs a password server, which L2 network {} ({}) lacks",
                network.name, network.id
            ),
            "Configure a template that is not password-enabled.",
        )
    }))
}

async fn oma(view: &View<'_>) -> Result<Vec<Problem>, OsseaError> {
    let Some(oma) = view.cloud.oma().await? else {
        return Ok(vec![missing(
            "appliance VM (OMA)",
            view.target.oma_vm.as_str(),
            "the OMA's VM id",
        )]);
    };
    let mut problems = Vec::new();
    let named = format!("the OMA {} ({})", oma.name, oma.id);
    if oma.state != VmState::Running {
        problems.push(Problem::new(
            format!("{named} is in state {}, it must be Running", oma.state.word()),
            "Start the OMA.",
        ));
    }
    if oma.zone != view.target.zone {
        problems.push(Problem::new(
            format!(
                "{named} is in zone {}, the configured zone is {}",
                oma.zone, view.target.zone
            ),
            "Configure the OMA's zone: volumes cannot change zones.",
        ));
    }
    Ok(problems)
}

async fn details(view: &View<'_>) -> Result<Value, OsseaError> {
    let target = view.target;
    Ok(json!({
        "zone": { "id": target.zone, "name": view.cloud.zone().await?.map(|z| &z.name) },
        "service_offering": { "id": target.offering, "name": view.cloud.offering().await?.map(|o| &o.name) },
        "template": { "id": target.template, "name": view.cloud.template().await?.map(|t| &t.name) },
        "oma": { "id": target.oma_vm, "name": view.cloud.oma().await?.map(|vm| &vm.name) },
    }))
}
