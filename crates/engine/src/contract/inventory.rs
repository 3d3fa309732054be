//! Promises about source VMs and network mappings.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use failover_domain::inventory::VmReport;
use failover_domain::{Firmware, NetworkMapping, PowerState, Purpose, SourceNic, SourceVm, VmId};

use super::Harness;
use super::fixture::{all, base, create, id, operator, report, vm_id};
use crate::ports::{PutError, PutOutcome, ResyncMark, reported_vm};

/// Several disks on several controllers, several cards, every fact.
pub async fn a_full_report_reads_back(harness: &dyn Harness) {
    let mut full = report(1, &["c", "a", "b"]);
    full.display_name = Some("The \"web\" server, ünï".to_owned());
    full.power_state = Some(PowerState::PoweredOff);
    full.cpus = NonZeroU32::new(4);
    full.memory_mib = NonZeroU32::new(u32::MAX);
    full.guest_os = Some("Microsoft Windows Server 2019 (64-bit)".to_owned());
    full.firmware = Some(Firmware::Uefi);
    full.secure_boot = true;
    full.nics = vec![
        SourceNic {
            label: "Network adapter 1".to_owned(),
            network: "VM Network".to_owned(),
            mac: Some(id("00:50:56:9a:01:02")),
            address: Some("10.0.0.7".parse().expect("an address")),
        },
        SourceNic {
            label: String::new(),
            network: "dmz".to_owned(),
            mac: None,
            address: None,
        },
    ];
    full.disks[0].controller = failover_domain::Controller::Nvme;
    full.disks[1].size_bytes = 1 << 46;
    full.disks[1].volume = None;
    full.change_id = Some("52 3c ec 11 9e 2c 4c 3d-87 4a c3 4e 85 f2 ea 95/5".to_owned());
    full.synced_at = Some(base() - TimeDelta::microseconds(7));
    assert_eq!(put(harness, &full).await, PutOutcome::Created);
    let vm = known(harness, 1).await;
    assert_eq!(vm, reported_vm(&full, base()).expect("a good report"));
    let order: Vec<String> = vm.disks.iter().map(|d| d.position.to_string()).collect();
    assert_eq!(order, ["scsi0:1", "scsi0:2", "nvme0:0"]);
}

/// Nothing is invented.
pub async fn what_a_report_leaves_out_stays_unknown(harness: &dyn Harness) {
    let mut bare = report(1, &["a"]);
    bare.disks[0].volume = None;
    bare.synced_at = Some(base());
    put(harness, &bare).await;
    let vm = known(harness, 1).await;
    assert_eq!(vm, reported_vm(&bare, base()).expect("a good report"));
    assert_eq!(
        (vm.spec.cpus, vm.spec.memory_mib, vm.spec.firmware),
        (None, None, None)
    );
    assert_eq!(
        (vm.power_state, vm.disks[0].replica.as_ref()),
        (PowerState::Unknown, None)
    );
    assert_eq!((vm.sync.change_id, vm.sync.synced_at), (None, None));
}

/// Also where it says less, or names fewer disks.
pub async fn a_second_report_takes_the_place_of_the_first(harness: &dyn Harness) {
    let mut first = report(1, &["a", "b"]);
    first.cpus = NonZeroU32::new(4);
    first.change_id = Some("1".to_owned());
    put(harness, &first).await;
    let mut second = report(1, &["c"]);
    second.name = "renamed".to_owned();
    let later = base() + TimeDelta::seconds(5);
    let outcome = harness
        .inventory()
        .put_vm(&second, later, &operator())
        .await
        .expect("a good report");
    assert_eq!(outcome, PutOutcome::Updated);
    assert_eq!(
        known(harness, 1).await,
        reported_vm(&second, later).expect("a good report")
    );
    assert_eq!(harness.inventory().vms(None, 10).await.expect("a read").len(), 1);
}

/// Two source VMs cannot have one replica.
pub async fn a_volume_belongs_to_one_source_vm(harness: &dyn Harness) {
    put(harness, &report(1, &["a", "b"])).await;
    let outcome = harness
        .inventory()
        .put_vm(&report(2, &["x", "b"]), base(), &operator())
        .await;
    let Err(PutError::VolumeTaken { volume, owner }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((volume, owner), (id("b"), vm_id(1)));
    assert_eq!(
        harness.inventory().vm(&vm_id(2)).await.expect("a read"),
        None,
        "nothing was written"
    );
    assert_eq!(
        put(harness, &report(3, &["x"])).await,
        PutOutcome::Created,
        "nothing was claimed"
    );
    assert_eq!(
        put(harness, &report(1, &["b", "a"])).await,
        PutOutcome::Updated,
        "its own it may have"
    );
}

/// The constraint decides, not a check before.
pub async fn of_two_reports_at_once_one_gets_the_volume(harness: &dyn Harness) {
    let inventory = harness.inventory();
    let puts = (1..=8).map(|vm| {
        let inventory = inventory.clone();
        async move {
            inventory
                .put_vm(
                    &report(vm, &["shared", &format!("own-{vm}")]),
                    base(),
                    &operator(),
                )
                .await
        }
    });
    let outcomes = all(puts).await;
    let won = outcomes
        .iter()
        .filter(|o| matches!(o, Ok(PutOutcome::Created)))
        .count();
    let lost = outcomes
        .iter()
        .filter(|o| matches!(o, Err(PutError::VolumeTaken { .. })))
        .count();
    assert_eq!((won, lost), (1, 7), "{outcomes:?}");
}

/// A volume that no disk names any more is nobody's.
pub async fn a_volume_that_was_given_up_can_be_taken(harness: &dyn Harness) {
    put(harness, &report(1, &["a", "b"])).await;
    put(harness, &report(1, &["a"])).await;
    assert_eq!(put(harness, &report(2, &["b"])).await, PutOutcome::Created);
}

/// Facts may change under a job; disks may not.
pub async fn the_disks_of_an_active_job_cannot_be_changed(harness: &dyn Harness) {
    put(harness, &report(1, &["a", "b"])).await;
    let job = create(harness.jobs().as_ref(), 1, 0).await;
    let mut larger = report(1, &["a", "b"]);
    larger.disks[1].size_bytes += 1;
    let mut moved = report(1, &["a", "b"]);
    moved.disks[1].unit = 9;
    for changed in [
        report(1, &["a"]),
        report(1, &["a", "b", "c"]),
        report(1, &["a", "x"]),
        larger,
        moved,
    ] {
        let outcome = harness.inventory().put_vm(&changed, base(), &operator()).await;
        let Err(PutError::Active { vm_id: vm, job_id }) = outcome else {
            panic!("{changed:?}: {outcome:?}")
        };
        assert_eq!((vm, &job_id), (vm_id(1), &job));
    }
    let mut synced = report(1, &["a", "b"]);
    synced.change_id = Some("2".to_owned());
    synced.disks[0].label = "renamed".to_owned();
    assert_eq!(put(harness, &synced).await, PutOutcome::Updated);
    assert_eq!(
        known(harness, 1).await,
        reported_vm(&synced, base()).expect("a good report")
    );
}

/// An incremental synchronisation on a dirty replica would be silent corruption, so no report takes the mark away.
pub async fn the_resync_mark_stays_until_it_is_done(harness: &dyn Harness) {
    let inventory = harness.inventory();
    put(harness, &report(1, &["a", "b"])).await;
    let marks = async || -> Vec<bool> {
        let vm = known(harness, 1).await;
        vm.disks
            .iter()
            .filter_map(|d| d.replica.as_ref())
            .map(|r| r.needs_full_resync)
            .collect()
    };
    assert!(
        inventory
            .mark_resync(&id("b"), ResyncMark::Needed)
            .await
            .expect("a write")
    );
    assert_eq!(marks().await, [false, true]);
    put(harness, &report(1, &["a", "b"])).await;
    assert_eq!(marks().await, [false, true]);
    assert!(
        inventory
            .mark_resync(&id("b"), ResyncMark::Done)
            .await
            .expect("a write")
    );
    assert_eq!(marks().await, [false, false]);
    assert!(
        !inventory
            .mark_resync(&id("unknown"), ResyncMark::Needed)
            .await
            .expect("a write")
    );
}

/// Names are exact; pages join.
pub async fn source_vms_are_found_by_name_and_paged_by_id(harness: &dyn Harness) {
    let inventory = harness.inventory();
    for vm in [3, 1, 2, 5, 4] {
        let mut named = report(vm, &[&format!("volume-{vm}")]);
        named.name = if vm % 2 == 0 { "even" } else { "odd" }.to_owned();
        put(harness, &named).await;
    }
    let named = async |name: &str| ids(&inventory.vms_named(name).await.expect("a read"));
    assert_eq!(named("even").await, [vm_id(2), vm_id(4)]);
    assert_eq!(named("Even").await, []);
    assert_eq!(named("ev%").await, []);
    let mut renamed = report(2, &["volume-2"]);
    renamed.name = "other".to_owned();
    put(harness, &renamed).await;
    assert_eq!(named("even").await, [vm_id(4)]);
    for limit in 1..=6 {
        let mut joined: Vec<VmId> = Vec::new();
        loop {
            let page = ids(&inventory.vms(joined.last(), limit).await.expect("a read"));
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            joined.extend(page);
        }
        assert_eq!(
            joined,
            (1..=5).map(vm_id).collect::<Vec<_>>(),
            "in pages of {limit}"
        );
    }
}

/// Test and production never replace each other.
pub async fn mappings_stand_side_by_side_by_purpose(harness: &dyn Harness) {
    let mappings = harness.mappings();
    let mapping = |source: &str, purpose, network: &str| NetworkMapping {
        source_network: source.to_owned(),
        purpose,
        network_id: id(network),
        network_name: format!("name of {network}"),
    };
    let production = mapping("VM Network", Purpose::Production, "prod-1");
    let test = mapping("VM Network", Purpose::Test, "test-1");
    let dmz = mapping("DMZ", Purpose::Test, "test-2");
    for (vm, one) in [(1, &test), (1, &production), (1, &dmz), (2, &production)] {
        mappings
            .put_mapping(&vm_id(vm), one, &operator())
            .await
            .expect("a write");
    }
    let of = async |vm| mappings.mappings(&vm_id(vm)).await.expect("a read");
    assert_eq!(of(1).await, [dmz.clone(), production.clone(), test]);
    let moved = mapping("VM Network", Purpose::Test, "test-3");
    mappings
        .put_mapping(&vm_id(1), &moved, &operator())
        .await
        .expect("a write");
    assert_eq!(of(1).await, [dmz.clone(), production.clone(), moved.clone()]);
    let delete = async |source: &str, purpose| {
        mappings
            .delete_mapping(&vm_id(1), source, purpose, &operator())
            .await
            .expect("a write")
    };
    assert!(delete("VM Network", Purpose::Production).await);
    assert!(!delete("VM Network", Purpose::Production).await);
    assert!(!delete("DMZ", Purpose::Production).await);
    assert_eq!(of(1).await, [dmz, moved]);
    assert_eq!(of(2).await, [production], "other source VMs keep theirs");
    assert_eq!(of(3).await, []);
}

/// Many mappings are stored at once, and replace like single ones.
pub async fn many_mappings_are_put_like_single_ones(harness: &dyn Harness) {
    let mappings = harness.mappings();
    let mapping = |source: &str, network: &str| NetworkMapping {
        source_network: source.to_owned(),
        purpose: Purpose::Test,
        network_id: id(network),
        network_name: format!("name of {network}"),
    };
    mappings
        .put_mapping(&vm_id(1), &mapping("DMZ", "test-1"), &operator())
        .await
        .expect("a write");
    let many = [
        (vm_id(1), mapping("DMZ", "test-2")),
        (vm_id(2), mapping("DMZ", "test-2")),
        (vm_id(1), mapping("LAN", "test-3")),
    ];
    mappings.put_mappings(&many, &operator()).await.expect("a write");
    let of = async |vm| mappings.mappings(&vm_id(vm)).await.expect("a read");
    assert_eq!(of(1).await, [mapping("DMZ", "test-2"), mapping("LAN", "test-3")]);
    assert_eq!(of(2).await, [mapping("DMZ", "test-2")]);
    mappings.put_mappings(&[], &operator()).await.expect("a write");
    assert_eq!(
        of(2).await,
        [mapping("DMZ", "test-2")],
        "none of them changes nothing"
    );
}

/// Lists that are stored at once, in whatever order they name the same mappings, do not hinder each other.
pub async fn lists_of_mappings_at_once_are_all_stored(harness: &dyn Harness) {
    let lists = (0..16_usize).map(|n| {
        let mut list: Vec<(VmId, NetworkMapping)> = (0..12_usize)
            .map(|vm| {
                let mapping = NetworkMapping {
                    source_network: "DMZ".to_owned(),
                    purpose: Purpose::Test,
                    network_id: id(&format!("test-{n}")),
                    network_name: format!("of list {n}"),
                };
                (vm_id(vm), mapping)
            })
            .collect();
        if n % 2 == 1 {
            list.reverse();
        }
        let mappings = harness.mappings();
        async move { mappings.put_mappings(&list, &operator()).await }
    });
    for stored in all(lists).await {
        stored.expect("a write");
    }
    let networks = async |vm| harness.mappings().mappings(&vm_id(vm)).await.expect("a read");
    let last = networks(0).await;
    for vm in 1..12 {
        assert_eq!(networks(vm).await, last, "a list is stored whole");
    }
}

/// One question instead of many says the same.
pub async fn the_mappings_of_many_are_those_of_each(harness: &dyn Harness) {
    let mappings = harness.mappings();
    for (vm, source, purpose) in [
        (1, "VM Network", Purpose::Test),
        (1, "VM Network", Purpose::Production),
        (1, "DMZ", Purpose::Production),
        (2, "VM Network", Purpose::Production),
        (4, "VM Network", Purpose::Production),
    ] {
        let mapping = NetworkMapping {
            source_network: source.to_owned(),
            purpose,
            network_id: id("net-1"),
            network_name: format!("network of {vm}"),
        };
        mappings
            .put_mapping(&vm_id(vm), &mapping, &operator())
            .await
            .expect("a write");
    }
    let wanted = [3, 2, 1].map(vm_id);
    let of_many = mappings.mappings_of_many(&wanted).await.expect("a read");
    let known: Vec<&VmId> = of_many.keys().collect();
    assert_eq!(known, [&vm_id(1), &vm_id(2)], "neither others nor empty ones");
    for (vm, of_vm) in &of_many {
        assert_eq!(*of_vm, mappings.mappings(vm).await.expect("a read"));
    }
    assert_eq!(mappings.mappings_of_many(&[]).await.expect("a read"), [].into());
}

/// A test asks whether any source VM, not only its own, uses its networks in production.
pub async fn the_users_of_networks_are_found_among_all_source_vms(harness: &dyn Harness) {
    let mappings = harness.mappings();
    let put = async |vm, source: &str, purpose, network: &str| {
        let mapping = NetworkMapping {
            source_network: source.to_owned(),
            purpose,
            network_id: id(network),
            network_name: format!("name of {network}"),
        };
        mappings
            .put_mapping(&vm_id(vm), &mapping, &operator())
            .await
            .expect("a write");
    };
    let users = async |purpose, networks: &[&str]| {
        let networks = networks.iter().copied().map(id).collect();
        mappings.users(purpose, &networks).await.expect("a read")
    };
    assert_eq!(users(Purpose::Production, &["prod-1"]).await, [].into());
    put(2, "VM Network", Purpose::Production, "prod-1").await;
    put(1, "DMZ", Purpose::Production, "prod-1").await;
    put(1, "VM Network", Purpose::Test, "test-1").await;
    put(2, "VM Network", Purpose::Test, "prod-2").await;
    put(3, "VM Network", Purpose::Production, "prod-2").await;
    let all = ["prod-1", "prod-2", "test-1", "unused"];
    assert_eq!(
        users(Purpose::Production, &all).await,
        [(id("prod-1"), vm_id(1)), (id("prod-2"), vm_id(3))].into()
    );
    assert_eq!(
        users(Purpose::Test, &all).await,
        [(id("prod-2"), vm_id(2)), (id("test-1"), vm_id(1))].into()
    );
    assert_eq!(
        users(Purpose::Production, &["prod-2"]).await,
        [(id("prod-2"), vm_id(3))].into(),
        "only the networks that were asked for"
    );
    assert_eq!(users(Purpose::Production, &[]).await, [].into());
    let deleted = mappings
        .delete_mapping(&vm_id(1), "DMZ", Purpose::Production, &operator())
        .await;
    assert!(deleted.expect("a write"));
    assert_eq!(
        users(Purpose::Production, &["prod-1"]).await,
        [(id("prod-1"), vm_id(2))].into()
    );
}

async fn put(harness: &dyn Harness, report: &VmReport) -> PutOutcome {
    harness
        .inventory()
        .put_vm(report, base(), &operator())
        .await
        .expect("a good report")
}

async fn known(harness: &dyn Harness, vm: usize) -> SourceVm {
    harness
        .inventory()
        .vm(&vm_id(vm))
        .await
        .expect("a read")
        .expect("it is known")
}

fn ids(vms: &[SourceVm]) -> Vec<VmId> {
    vms.iter().map(|vm| vm.vm_id.clone()).collect()
}
