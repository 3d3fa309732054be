//! The shipped samples fit each other.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use failover_domain::inventory::InventoryFile;
use failover_domain::{Firmware, Provenance};
use ossea_sim::SimContents;

fn inventory() -> InventoryFile {
    serde_json::from_str(include_str!("../../../samples/inventory.json")).unwrap()
}

#[test]
fn each_replica_of_the_inventory_is_on_the_oma_with_its_device_and_size() {
    let oma = SimContents::sample().oma;
    let mut used = BTreeSet::new();
    for vm in inventory().vms {
        for disk in vm.disks {
            let replica = disk.volume.unwrap();
            let there = oma.volumes.iter().find(|volume| volume.id == replica.id).unwrap();
            assert_eq!(Some(there.device), replica.oma_device, "{}", replica.name);
            assert_eq!(there.size_gib << 30, disk.size_bytes, "{}", replica.name);
            assert_eq!(there.name, replica.name);
            used.insert(replica.id);
        }
    }
    assert_eq!(
        used.len(),
        oma.volumes.len(),
        "every replica belongs to exactly one disk"
    );
}

#[test]
fn the_inventory_is_without_mistakes_and_shows_every_kind_of_vm() {
    let provenance = Provenance {
        source: "sample".to_owned(),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    };
    let vms: Vec<_> = inventory()
        .vms
        .into_iter()
        .map(|vm| vm.into_source_vm(provenance.clone()).unwrap())
        .collect();
    let disks: BTreeSet<usize> = vms.iter().map(|vm| vm.disks.len()).collect();
    let nics: BTreeSet<usize> = vms.iter().map(|vm| vm.nics.len()).collect();
    assert_eq!(disks, BTreeSet::from([1, 2, 3, 4, 5]));
    assert_eq!(nics, BTreeSet::from([1, 2, 3]));
    assert!(vms.iter().all(|vm| vm.spec.shape().is_ok()));
    assert!(vms.iter().any(|vm| vm.spec.firmware == Some(Firmware::Bios)));
    assert!(
        vms.iter()
            .any(|vm| vm.spec.secure_boot && vm.spec.firmware == Some(Firmware::Uefi))
    );
    let three = vms.iter().find(|vm| vm.name == "PGWINTESTBIOS").unwrap();
    assert_eq!(three.vm_id.as_str(), "4205a841-0265-f4bd-39a6-39fd92196f53");
    assert_eq!(three.disks.len(), 3);
}
