//! What the cloud has to offer, and the search for the OMA.

use failover_api::dto::ossea::{FoundVm, OfferingView};
use failover_api::dto::{OfferingList, TemplateList, VmSearchAnswer, ZoneList};

use super::figures::bytes;
use super::{or_dash, table};

/// The zones.
pub(crate) fn zones(list: &ZoneList) -> String {
    let rows = list.zones.iter().map(|zone| {
        [
            zone.name.clone(),
            zone.id.to_string(),
            yes_or_no(zone.enabled),
            mark(zone.is_configured),
        ]
    });
    table(0, ["NAME", "ZONE ID", "TAKES VMS", "CONFIGURED"], rows)
}

/// The service offerings.
pub(crate) fn offerings(list: &OfferingList) -> String {
    let rows = list.service_offerings.iter().map(|offering| {
        [
            offering.name.clone(),
            offering.id.to_string(),
            size(offering.cpus, offering.cpu_bounds, offering),
            size(offering.memory_mib, offering.memory_bounds_mib, offering),
            or_dash(offering.cpu_speed_mhz),
            mark(offering.is_configured),
        ]
    });
    let header = ["NAME", "OFFERING ID", "CPUS", "MEMORY (MIB)", "MHZ", "CONFIGURED"];
    table(0, header, rows)
}

fn size(fixed: Option<u32>, bounds: Option<(u32, u32)>, offering: &OfferingView) -> String {
    match (fixed, bounds) {
        (Some(fixed), _) => fixed.to_string(),
        (None, Some((least, u32::MAX))) => format!("{least} or more"),
        (None, Some((least, most))) => format!("{least} to {most}"),
        (None, None) if offering.customized => "any".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// The templates of a zone.
pub(crate) fn templates(list: &TemplateList) -> String {
    let rows = list.templates.iter().map(|template| {
        [
            template.name.clone(),
            template.id.to_string(),
            bytes(template.size_bytes),
            template.hypervisor.clone(),
            yes_or_no(template.ready),
            yes_or_no(template.password_enabled),
            mark(template.is_configured),
        ]
    });
    let header = [
        "NAME",
        "TEMPLATE ID",
        "SIZE",
        "HYPERVISOR",
        "READY",
        "PASSWORD",
        "CONFIGURED",
    ];
    table(0, header, rows)
}

/// The VMs that were found, beside the configured OMA.
pub(crate) fn search(answer: &VmSearchAnswer) -> String {
    let mut text = String::new();
    if !answer.matches.is_empty() {
        text += "VMs with such a card:\n";
        text += &cards(&answer.matches);
    }
    for mac in &answer.not_found {
        text += &format!("no VM has {mac}\n");
    }
    let oma = &answer.configured_oma;
    match &oma.vm {
        // It is shown already.
        Some(vm) if answer.matches.iter().any(|found| found.vm_id == vm.vm_id) => {}
        Some(vm) => {
            text += "The configured OMA:\n";
            text += &cards(std::slice::from_ref(vm));
        }
        None => {
            text += &format!(
                "The configured OMA {} is not in the cloud, or not shown to us.\n",
                oma.vm_id
            )
        }
    }
    text + &answer.advice + "\n"
}

/// One line a card.
fn cards(vms: &[FoundVm]) -> String {
    let mut rows = Vec::new();
    for vm in vms {
        let line = |mac: &str, network: &str, marked: String| {
            [
                vm.name.clone(),
                vm.vm_id.to_string(),
                vm.state.clone(),
                mac.to_owned(),
                network.to_owned(),
                marked,
                mark(vm.is_configured),
            ]
        };
        if vm.cards.is_empty() {
            rows.push(line("-", "-", String::new()));
        }
        for card in &vm.cards {
            rows.push(line(&card.mac, &card.network_name, mark(card.is_match)));
        }
    }
    table(
        2,
        [
            "NAME",
            "VM ID",
            "STATE",
            "MAC",
            "NETWORK",
            "SEARCHED",
            "CONFIGURED",
        ],
        rows,
    )
}

fn yes_or_no(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// A mark in a column that is empty otherwise.
fn mark(flag: bool) -> String {
    if flag { "*" } else { "" }.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture;

    #[test]
    fn the_oma_that_is_configured_is_shown_once() {
        assert_eq!(
            search(&fixture::search(true)),
            "VMs with such a card:\n  NAME  VM ID  STATE    MAC                NETWORK     SEARCHED  CONFIGURED\n  oma   vm-1   \
             Running  02:03:00:fa:11:01  management  *         *\nadvice\n"
        );
    }

    #[test]
    fn another_vm_is_shown_beside_the_configured_one() {
        let text = search(&fixture::search(false));
        assert!(
            text.contains("The configured OMA gone is not in the cloud"),
            "{text}"
        );
        let mut other = fixture::search(false);
        let mut vm = fixture::search(true).matches[0].clone();
        vm.cards[0].is_match = false;
        vm.name = "old-oma".into();
        vm.vm_id = "vm-2".parse().unwrap();
        other.configured_oma.vm = Some(vm);
        let text = search(&other);
        assert!(text.contains("The configured OMA:\n  NAME"), "{text}");
        assert!(text.contains("  old-oma"), "{text}");
    }

    #[test]
    fn sizes_are_fixed_bounded_or_free() {
        let list: OfferingList = serde_json::from_value(json!({"probe": {}, "service_offerings": [
            {"id": "a", "name": "fixed", "customized": false, "cpus": 2, "cpu_speed_mhz": 2000, "memory_mib": 4096,
             "cpu_bounds": null, "memory_bounds_mib": null, "is_configured": false},
            {"id": "b", "name": "bounded", "customized": true, "cpus": null, "cpu_speed_mhz": null, "memory_mib": null,
             "cpu_bounds": [1, 16], "memory_bounds_mib": [512, u32::MAX], "is_configured": true},
            {"id": "c", "name": "free", "customized": true, "cpus": null, "cpu_speed_mhz": null, "memory_mib": null,
             "cpu_bounds": null, "memory_bounds_mib": null, "is_configured": false},
        ]}))
        .unwrap();
        assert_eq!(
            offerings(&list),
            "NAME     OFFERING ID  CPUS     MEMORY (MIB)  MHZ   CONFIGURED\nfixed    a            2        4096          2000\n\
             bounded  b            1 to 16  512 or more   -     *\nfree     c            any      any           -\n"
        );
    }

    #[test]
    fn lists_mark_what_is_configured() {
        let list: ZoneList = serde_json::from_value(json!({"probe": {}, "zones": [
            {"id": "z-1", "name": "east", "enabled": true, "is_configured": true},
            {"id": "z-2", "name": "west", "enabled": false, "is_configured": false},
        ]}))
        .unwrap();
        assert_eq!(
            zones(&list),
            "NAME  ZONE ID  TAKES VMS  CONFIGURED\neast  z-1      yes        *\nwest  z-2      no\n"
        );
        let list: TemplateList = serde_json::from_value(json!({"probe": {}, "zone_id": "z-1", "templates": [
            {"id": "t", "name": "blank", "ready": true, "hypervisor": "KVM", "password_enabled": false,
             "size_bytes": 1u64 << 30, "is_configured": true},
        ]}))
        .unwrap();
        assert_eq!(
            templates(&list),
            "NAME   TEMPLATE ID  SIZE   HYPERVISOR  READY  PASSWORD  CONFIGURED\nblank  t            1 GiB  KVM         yes    \
             no        *\n"
        );
    }
}
