//! The questions that the customer's document asks the tables, in words of our own, on our schema.

use failover_domain::{JobStatus, NetworkMapping, Purpose};
use failover_engine::contract::fixture::{
    base, batch, create, failure, id, operator, report, stranger, vm_id,
};
use failover_engine::ports::{Inventory, JobStore, Mappings};
use failover_store::Store;

use crate::foreign_rows::two_replications;
use crate::lab::Database;

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_shape_of_a_vm_and_its_volume_are_found() {
    for database in Database::each().await {
        Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        let found = database
            .texts(&format!(
                "SELECT d.cpu_count || '/' || d.memory_mb || '/' || d.os_type || '/' || d.display_name || '/'
                        || v.volume_id || '/' || v.volume_name || '/' || v.status || '/' || v.size_gb AS text
                 FROM vm_disks d
                 JOIN ossea_volumes v ON v.id = d.ossea_volume_id
                 JOIN replication_jobs j ON j.id = d.job_id
                 WHERE j.source_vm_id = '{}' AND d.cpu_count > 0
                 ORDER BY d.created_at DESC LIMIT 1",
                vm_id(1)
            ))
            .await;
        assert_eq!(found, ["4/8192/ubuntu64Guest/Web 01/volume-os/os/attached/40"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_valid_change_id_is_found() {
    for database in Database::each().await {
        Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        let found = database
            .texts(&format!(
                "SELECT h.change_id AS text FROM cbt_history h
                 JOIN replication_jobs j ON j.id = h.job_id
                 WHERE j.source_vm_id = '{}' AND h.sync_success = TRUE AND h.change_id IS NOT NULL
                   AND h.change_id != ''
                 ORDER BY h.created_at DESC LIMIT 1",
                vm_id(1)
            ))
            .await;
        assert_eq!(found, ["change/2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_jobs_of_both_kinds_are_counted() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        create(&store, 1, 0).await;
        let replications = format!(
            "SELECT COUNT(*) AS text FROM replication_jobs
             WHERE source_vm_id = '{}' AND status IN ('pending', 'running', 'replicating')",
            vm_id(1)
        );
        assert_eq!(database.texts(&replications).await, ["1"]);
        let failovers = format!(
            "SELECT COUNT(*) AS text FROM failover_jobs WHERE vm_id = '{}' AND status IN ('pending', 'validating',
                 'executing', 'snapshotting', 'creating_vm', 'switching_volume', 'powering_on')",
            vm_id(1)
        );
        assert_eq!(database.texts(&failovers).await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_and_their_mappings_are_found() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        two_replications(&database).await;
        let networks = format!(
            "SELECT d.network_config AS text FROM vm_disks d JOIN replication_jobs j ON j.id = d.job_id
             WHERE j.source_vm_id = '{}' AND d.network_config IS NOT NULL ORDER BY d.created_at DESC LIMIT 1",
            vm_id(1)
        );
        let found = database.texts(&networks).await;
        assert!(found[0].contains("VM Network"), "{found:?}");
        for (purpose, network) in [(Purpose::Production, "prod"), (Purpose::Test, "test")] {
            let mapping = NetworkMapping {
                source_network: "VM Network".to_owned(),
                purpose,
                network_id: id(network),
                network_name: network.to_owned(),
            };
            store.put_mapping(&vm_id(1), &mapping, &operator()).await.unwrap();
        }
        let mappings = format!(
            "SELECT source_network_name || '=' || destination_network_id
                    || CASE WHEN is_test_network THEN ' (test)' ELSE '' END AS text
             FROM network_mappings WHERE vm_id = '{}' ORDER BY destination_network_id",
            vm_id(1)
        );
        assert_eq!(
            database.texts(&mappings).await,
            ["VM Network=prod", "VM Network=test (test)"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_answers_the_same_questions() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let mut full = report(1, &["volume-a"]);
        full.cpus = std::num::NonZeroU32::new(8);
        full.change_id = Some("change/9".to_owned());
        store.put_vm(&full, base(), &operator()).await.unwrap();
        let joined = "FROM vm_disks d JOIN ossea_volumes v ON v.id = d.ossea_volume_id
                      JOIN replication_jobs j ON j.id = d.job_id JOIN cbt_history h ON h.job_id = j.id";
        let found = database
            .texts(&format!(
                "SELECT d.cpu_count || '/' || v.volume_id || '/' || v.size_gb || '/' || h.change_id || '/' || j.status
                 AS text {joined} WHERE j.source_vm_id = '{}' AND h.sync_success = TRUE",
                vm_id(1)
            ))
            .await;
        assert_eq!(
            found,
            ["8/volume-a/2/change/9/completed"],
            "a started GiB counts as a whole one"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_shows_in_the_customers_columns() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let job = create(&store, 1, 0).await;
        let worker = stranger();
        store.renew_worker(&worker, LEASE).await.unwrap();
        let lease = store.claim(&worker, 1).await.unwrap().remove(0).lease;
        let mut step = batch([2], JobStatus::Failed);
        step.projection.ossea_snapshot_id = Some(id("snapshot-1"));
        step.projection.destination_vm_id = Some(id("vm-1"));
        step.projection.failure = Some(failure());
        store.append(&lease, &step).await.unwrap();
        let columns = database
            .texts(
                "SELECT job_id || '/' || vm_id || '/' || job_type || '/' || status || '/' || ossea_snapshot_id || '/'
                        || destination_vm_id AS text
                 FROM failover_jobs WHERE completed_at IS NOT NULL AND created_at < updated_at",
            )
            .await;
        assert_eq!(
            columns,
            [format!("{job}/{}/live/failed/snapshot-1/vm-1", vm_id(1))]
        );
        let message = database
            .texts("SELECT error_message AS text FROM failover_jobs")
            .await;
        assert!(message[0].contains("snapshot of volume 1 failed"), "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_the_customers_columns_alone_can_be_written_and_moved_on() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let job = format!("live-failover-{}-1755530108", vm_id(1));
        database
            .execute(&format!(
                "INSERT INTO failover_jobs (job_id, vm_id, job_type, status, source_vm_name)
                     VALUES ('{job}', '{}', 'live', 'pending', 'web-01');
                 UPDATE failover_jobs SET status = 'snapshotting', ossea_snapshot_id = 'snapshot-1'
                     WHERE job_id = '{job}';",
                vm_id(1)
            ))
            .await;
        let record = store.job(&id(&job)).await.unwrap().unwrap();
        assert_eq!(record.projection.status, JobStatus::Snapshotting);
        assert_eq!(record.projection.ossea_snapshot_id, Some(id("snapshot-1")));
        let set = "completed_at = updated_at, status = 'completed', destination_vm_id = 'vm-1'";
        database
            .execute(&format!("UPDATE failover_jobs SET {set} WHERE job_id = '{job}'"))
            .await;
        assert_eq!(store.active_job(&vm_id(1)).await.unwrap(), None);
    }
}
