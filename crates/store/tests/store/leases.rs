//! Leases by the database's own clock, and what is particular to real databases.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use failover_domain::JobStatus;
use failover_engine::contract::fixture::{batch, create, end, stranger};
use failover_engine::ports::{AppendError, JobStore};
use failover_store::Store;

use crate::lab::Database;

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_clock_ends_a_lease() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let job = create(&store, 1, 0).await;
        let (first, second) = (stranger(), stranger());
        store
            .renew_worker(&first, Duration::from_millis(300))
            .await
            .unwrap();
        store
            .renew_worker(&second, Duration::from_secs(60))
            .await
            .unwrap();
        let old = store.claim(&first, 1).await.unwrap().remove(0).lease;
        let new = loop {
            if let Some(claimed) = store.claim(&second, 1).await.unwrap().pop() {
                break claimed.lease;
            }
        };
        assert_eq!((new.job_id.clone(), new.epoch), (job, old.epoch + 1));
        let late = store.append(&old, &batch([2], JobStatus::Validating)).await;
        assert!(matches!(late, Err(AppendError::LeaseLost(_))), "{late:?}");
        store
            .append(&new, &batch([2], JobStatus::Validating))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_job_does_not_keep_its_neighbours_from_being_claimed() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let broken = create(&store, 1, 0).await;
        let sound = create(&store, 2, 1).await;
        database
            .execute(&format!(
                "UPDATE failover_plans SET plan = '{{}}' WHERE job_id = '{broken}'"
            ))
            .await;
        let worker = stranger();
        store
            .renew_worker(&worker, Duration::from_secs(60))
            .await
            .unwrap();
        let claimed = store.claim(&worker, 5).await.unwrap();
        assert_eq!(
            claimed.iter().map(|c| &c.lease.job_id).collect::<Vec<_>>(),
            [&sound]
        );
        let error = store.plan(&broken).await.unwrap_err().to_string();
        assert!(
            error.contains("failover_plans") && error.contains(broken.as_str()),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_finds_nothing_does_not_wait_for_who_writes() {
    // SQLite has one writer at a time. Idle workers, which ask all the time, must not stand in its queue.
    let database = Database::file();
    let store = Store::open(&database.settings()).await.unwrap();
    let worker = stranger();
    store
        .renew_worker(&worker, Duration::from_secs(60))
        .await
        .unwrap();
    let claim_beside_a_writer = async |limit: usize| {
        let mut writer = database.sqlite();
        writer.batch_execute("BEGIN IMMEDIATE").unwrap();
        let second = "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE";
        assert!(
            database.sqlite().batch_execute(second).is_err(),
            "nobody else can write"
        );
        let claimed = store.claim(&worker, limit).await;
        writer.batch_execute("ROLLBACK").unwrap();
        claimed
    };
    assert_eq!(claim_beside_a_writer(5).await.unwrap(), [], "there is no job");
    create(&store, 1, 0).await;
    assert_eq!(
        claim_beside_a_writer(0).await.unwrap(),
        [],
        "there is no place for it"
    );
    let lease = store.claim(&worker, 5).await.unwrap().remove(0).lease;
    assert_eq!(
        claim_beside_a_writer(5).await.unwrap(),
        [],
        "the job has a worker"
    );
    end(&store, &lease).await;
    assert_eq!(claim_beside_a_writer(5).await.unwrap(), [], "the job has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_long_gone_are_forgotten() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let job = create(&store, 1, 0).await;
        let (gone, next) = (stranger(), stranger());
        store.renew_worker(&gone, Duration::from_secs(60)).await.unwrap();
        store.claim(&gone, 1).await.unwrap();
        database.execute("UPDATE workers SET lease_until = {at:1}").await;
        store.renew_worker(&next, Duration::from_secs(60)).await.unwrap();
        let claimed = store.claim(&next, 1).await.unwrap();
        assert_eq!(claimed[0].lease.job_id, job, "its jobs are not forgotten with it");
        assert_eq!(
            database.texts("SELECT worker_id AS text FROM workers").await,
            [next.to_string()]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_no_status_has_names_table_column_and_row() {
    // PostgreSQL's check would need to be dropped first; SQLite can be told to ignore it.
    let database = Database::file();
    let store = Store::open(&database.settings()).await.unwrap();
    let job = create(&store, 1, 0).await;
    database
        .execute("PRAGMA ignore_check_constraints = ON; UPDATE failover_jobs SET status = 'nearly done'")
        .await;
    let error = store.job(&job).await.unwrap_err().to_string();
    for part in ["failover_jobs", "status", job.as_str(), "nearly done"] {
        assert!(error.contains(part), "{error}");
    }
}
