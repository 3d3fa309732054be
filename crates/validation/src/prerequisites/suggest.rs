//! What could be configured instead, best first. Never chosen for anybody.

use failover_domain::ZoneId;
use ossea::{ServiceOffering, Template, Zone};

use super::report::Suggestion;

/// More than a person compares are no help; the lists of the API have all.
const MOST: usize = 5;

fn suggestion(id: &impl ToString, name: &str, why: impl Into<String>) -> Suggestion {
    Suggestion {
        id: id.to_string(),
        name: name.to_owned(),
        why: why.into(),
    }
}

/// The zones that take VMs, that of the OMA first: replicas cannot leave it.
pub(super) fn zones(zones: &[Zone], home: Option<&ZoneId>) -> Vec<Suggestion> {
    let mut sorted: Vec<&Zone> = zones.iter().filter(|zone| zone.enabled).collect();
    sorted.sort_by_key(|zone| Some(&zone.id) != home);
    let why = |zone: &Zone| {
        if Some(&zone.id) == home {
            "takes VMs, and the OMA is there"
        } else {
            "takes VMs"
        }
    };
    sorted
        .into_iter()
        .take(MOST)
        .map(|zone| suggestion(&zone.id, &zone.name, why(zone)))
        .collect()
}

/// Offerings whose size is free come first, the ones without bounds before those with wide and those with narrow
/// ones; fixed ones follow, the largest first.
pub(super) fn offerings(offerings: &[ServiceOffering]) -> Vec<Suggestion> {
    let most = |bounds: Option<(u32, u32)>| bounds.map_or(u32::MAX, |(_, most)| most);
    let mut sorted: Vec<&ServiceOffering> = offerings.iter().collect();
    sorted.sort_by_key(|offering| {
        let size = if offering.customized {
            (most(offering.cpu_bounds), most(offering.memory_bounds_mib))
        } else {
            (offering.cpus.unwrap_or(0), offering.memory_mib.unwrap_or(0))
        };
        std::cmp::Reverse((offering.customized, size))
    });
    sorted
        .into_iter()
        .take(MOST)
        .map(|offering| suggestion(&offering.id, &offering.name, size_of(offering)))
        .collect()
}

fn size_of(offering: &ServiceOffering) -> String {
    if !offering.customized {
        let figure = |figure: Option<u32>| figure.map_or_else(|| "?".to_owned(), |figure| figure.to_string());
        return format!(
            "fixed: every VM gets {} CPUs and {} MiB",
            figure(offering.cpus),
            figure(offering.memory_mib)
        );
    }
    match (offering.cpu_bounds, offering.memory_bounds_mib) {
        (None, None) => "any size".to_owned(),
        (cpus, memory) => {
            let range = |bounds: Option<(u32, u32)>, unit: &str| match bounds {
                None => format!("any number of {unit}"),
                Some((least, u32::MAX)) => format!("{least} {unit} or more"),
                Some((least, most)) => format!("{least} to {most} {unit}"),
            };
            format!("{} and {}", range(cpus, "CPUs"), range(memory, "MiB"))
        }
    }
}

/// Templates that are ready, for KVM and without a password server; the smallest first, because all they give is a
/// scratch root.
pub(super) fn templates(templates: &[Template]) -> Vec<Suggestion> {
    let mut sorted: Vec<&Template> = templates
        .iter()
        .filter(|template| template.ready && !template.password_enabled && is_for_kvm(template))
        .collect();
    sorted.sort_by_key(|template| template.size_bytes);
    sorted
        .into_iter()
        .take(MOST)
        .map(|template| {
            let mib = template.size_bytes >> 20;
            suggestion(
                &template.id,
                &template.name,
                format!("{mib} MiB, KVM, no password server needed"),
            )
        })
        .collect()
}

pub(super) fn is_for_kvm(template: &Template) -> bool {
    template.hypervisor.eq_ignore_ascii_case("kvm")
}
