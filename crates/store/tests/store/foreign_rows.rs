//! Rows that a migration tool wrote by itself.

use failover_domain::{DiskPosition, Firmware, PowerState};
use failover_engine::contract::fixture::{base, operator, report, vm_id};
use failover_engine::ports::{Inventory, PutError, PutOutcome, StoreError};
use failover_store::Store;

use crate::lab::Database;

/// Two replication jobs of source VM 1, the second with newer rows for one of the two disks.
pub(crate) async fn two_replications(database: &Database) {
    let vm = vm_id(1);
    database
        .execute(&format!(
            "INSERT INTO replication_jobs (id, source_vm_id, source_vm_name, status, created_at) VALUES
                 ('job-1', '{vm}', 'old-name', 'completed', {{at:1000}}),
                 ('job-2', '{vm}', 'web-01', 'replicating', {{at:2000}});
             INSERT INTO ossea_volumes (id, volume_id, volume_name, size_gb, status, oma_device) VALUES
                 (11, 'volume-os', 'os', 40, 'attached', 1),
                 (12, 'volume-data', 'data', 100, 'attached', 2),
                 (13, 'volume-data-new', 'data new', 200, 'attached', 3);
             INSERT INTO vm_disks (job_id, ossea_volume_id, controller, bus, unit, label, size_bytes, cpu_count,
                 memory_mb, os_type, display_name, power_state, firmware, network_config, created_at) VALUES
                 ('job-1', 12, 'scsi', 0, 1, 'Hard disk 2', 107374182400, 2, 2048, 'old', 'Old', 'poweredOff',
                     'bios', NULL, {{at:1001}}),
                 ('job-1', 11, 'scsi', 0, 0, 'Hard disk 1', 42949672960, 4, 8192, 'ubuntu64Guest', 'Web 01',
                     'poweredOn', 'efi', '[{{\"label\": \"Network adapter 1\", \"network\": \"VM Network\"}}]',
                     {{at:1002}}),
                 ('job-2', 13, 'scsi', 0, 1, NULL, 214748364800, 0, 0, NULL, NULL, NULL, NULL, NULL, {{at:2001}});
             INSERT INTO cbt_history (job_id, change_id, sync_success, created_at) VALUES
                 ('job-1', 'change/1', TRUE, {{at:1500}}),
                 ('job-1', 'change/2', TRUE, {{at:1600}}),
                 ('job-2', 'change/3', FALSE, {{at:2500}}),
                 ('job-2', '', TRUE, {{at:2600}}),
                 ('job-2', NULL, TRUE, {{at:2700}});"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_row_of_each_disk_wins() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        let vm = store.vm(&vm_id(1)).await.unwrap().unwrap();
        assert_eq!((vm.name.as_str(), vm.display_name.as_str()), ("web-01", "Web 01"));
        let disks: Vec<_> = vm
            .disks
            .iter()
            .map(|d| {
                (
                    d.position.to_string(),
                    d.size_bytes,
                    d.replica.as_ref().unwrap().volume_id.to_string(),
                )
            })
            .collect();
        let expected = [
            ("scsi0:0".to_owned(), 42_949_672_960, "volume-os".to_owned()),
            (
                "scsi0:1".to_owned(),
                214_748_364_800,
                "volume-data-new".to_owned(),
            ),
        ];
        assert_eq!(disks, expected);
        assert_eq!(
            vm.spec.cpus.map(|n| n.get()),
            Some(4),
            "the newest row that has a shape gives it"
        );
        assert_eq!(
            (vm.spec.memory_mib.map(|n| n.get()), vm.spec.firmware),
            (Some(8192), Some(Firmware::Uefi))
        );
        assert!(
            vm.spec.provenance.source.starts_with("vm_disks row"),
            "{:?}",
            vm.spec.provenance
        );
        assert_eq!(vm.power_state, PowerState::Unknown, "the newest row does not say");
        assert_eq!((vm.nics.len(), vm.nics[0].network.as_str()), (1, "VM Network"));
        assert_eq!(vm.sync.change_id.as_deref(), Some("change/2"));
        assert_eq!(vm.sync.synced_at.unwrap().timestamp(), 1600);
        assert_eq!(vm.sync.active_replications, ["job-2"]);
        let synced: Vec<Option<i64>> = vm.disks.iter().map(|d| Some(d.synced_at?.timestamp())).collect();
        assert_eq!(synced, [Some(1600), None], "the second run has not succeeded yet");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_disks_yet_makes_its_vm_known() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let insert = "INSERT INTO replication_jobs (id, source_vm_id, source_vm_name, status)";
        database
            .execute(&format!(
                "{insert} VALUES ('job-9', '{}', 'new', 'pending')",
                vm_id(9)
            ))
            .await;
        let vm = store.vm(&vm_id(9)).await.unwrap().unwrap();
        assert_eq!((vm.disks.len(), vm.spec.cpus), (0, None));
        assert_eq!(vm.sync.active_replications, ["job-9"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_and_the_tools_rows_live_together() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        let taken = store
            .put_vm(&report(2, &["volume-data"]), base(), &operator())
            .await;
        let Err(PutError::VolumeTaken { owner, .. }) = taken else {
            panic!("{taken:?}")
        };
        assert_eq!(owner, vm_id(1), "a disk of the tool owns its volume too");

        let newer = report(1, &["volume-os", "volume-data-new"]);
        assert_eq!(
            store.put_vm(&newer, base(), &operator()).await.unwrap(),
            PutOutcome::Updated
        );
        let vm = store.vm(&vm_id(1)).await.unwrap().unwrap();
        assert_eq!(
            (vm.disks.len(), vm.disks[0].size_bytes),
            (2, (1 << 30) + 512),
            "the report is newer"
        );
        assert_eq!(
            vm.sync.active_replications,
            ["job-2"],
            "the tool's job is still seen"
        );
        assert_eq!(vm.spec.cpus.map(|n| n.get()), Some(4), "nobody newer has said");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_may_not_say_is_an_error_that_names_it() {
    for (column, value) in [
        ("controller", "NULL"),
        ("unit", "NULL"),
        ("size_bytes", "NULL"),
        ("power_state", "'on fire'"),
        ("firmware", "'coreboot'"),
        ("network_config", "'{\"eth0\": 1}'"),
        ("cpu_count", "99999999999"),
    ] {
        for database in Database::each().await {
            let store = Store::open(&database.settings()).await.unwrap();
            two_replications(&database).await;
            database
                .execute(&format!("UPDATE vm_disks SET {column} = {value}"))
                .await;
            if column != "cpu_count" {
                database.execute("UPDATE vm_disks SET cpu_count = 1").await;
            }
            let outcome = store.vm(&vm_id(1)).await;
            let Err(StoreError::Corrupt {
                table, column: named, ..
            }) = outcome
            else {
                panic!("{column}: {outcome:?}")
            };
            assert_eq!((table, named), ("vm_disks", column));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_read_back_as_it_was_written() {
    let database = Database::file();
    let store = Store::open(&database.settings()).await.unwrap();
    let mut odd = report(1, &["a"]);
    (odd.disks[0].bus, odd.disks[0].unit) = (u16::MAX, u16::MAX);
    store.put_vm(&odd, base(), &operator()).await.unwrap();
    let position: DiskPosition = store.vm(&vm_id(1)).await.unwrap().unwrap().disks[0].position;
    assert_eq!((position.bus, position.unit), (u16::MAX, u16::MAX));
}
