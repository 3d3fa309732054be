//! From the schema of the previous release to this one and back, with rows in it.

use diesel::connection::SimpleConnection;
use failover_domain::{JobId, JobStatus, JobType};
use failover_engine::contract::fixture::{base, id, new_job, operator, plan, vm_id};
use failover_engine::plan::{Settled, rollback_plan};
use failover_engine::ports::{JobStore, NewJob, RequestOutcome};
use failover_engine::request::JobRequest;
use failover_store::Store;

use crate::lab::Database;

/// The last migration of the release that knows live failovers only.
const PREVIOUS: &str = "20261123000003";

/// The one that is tested here.
const THIS: &str = "20261125000004";

/// The migration of SQLite, to be interrupted.
const UP: &str =
    include_str!("../../../../migrations/sqlite/2026-11-25-000004_requests_and_settlements/up.sql");

/// What the previous release's tables hold, and what holds them together.
const EVERYTHING: [&str; 6] = [
    "SELECT worker_id || '/' || lease_until AS text FROM workers ORDER BY 1",
    "SELECT job_id || '/' || vm_id || '/' || job_type || '/' || status || '/' || source_vm_name || '/'
        || COALESCE(ossea_snapshot_id, '-') || '/' || COALESCE(destination_vm_id, '-') || '/'
        || COALESCE(error_message, '-') || '/' || created_at || '/' || updated_at || '/'
        || COALESCE(CAST(completed_at AS TEXT), '-') || '/' || requested_by || '/' || progress || '/' || is_returning
        || '/' || CAST(current_steps AS TEXT) || '/' || COALESCE(CAST(failure AS TEXT), '-') || '/'
        || COALESCE(cancel_requested_by, '-') || '/' || last_seq || '/' || COALESCE(owner, '-') || '/' || epoch AS text
        FROM failover_jobs ORDER BY 1",
    "SELECT job_id || '/' || CAST(plan AS TEXT) AS text FROM failover_plans ORDER BY 1",
    "SELECT job_id || '/' || seq || '/' || at || '/' || CAST(event AS TEXT) AS text FROM failover_events ORDER BY 1",
    "SELECT job_id || '/' || disk || '/' || volume_id || '/' || custody || '/' || COALESCE(device, -1) || '/' || dirty
        || '/' || COALESCE(snapshot_id, '-') AS text FROM failover_volumes ORDER BY 1",
    "SELECT job_id || '/' || kind || '/' || name || '/' || COALESCE(cloud_id, '-') || '/' || state AS text
        FROM failover_resources ORDER BY 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_releases_rows_outlive_the_way_up_and_down() {
    for database in Database::each().await {
        let ended = previous_release(&database).await;
        let (schema, rows) = (schema_of(&database).await, everything(&database).await);
        assert!(rows.iter().all(|table| !table.is_empty()), "{rows:?}");
        for _ in 0..2 {
            database.migrate(THIS).await.unwrap();
            assert_eq!(everything(&database).await, rows);
            sound(&database).await;
            let kept: Vec<String> = schema_of(&database).await;
            let indexes = |schema: &[String]| -> Vec<String> {
                schema.iter().filter(|s| s.contains("INDEX")).cloned().collect()
            };
            let missing: Vec<String> = indexes(&schema)
                .into_iter()
                .filter(|i| !kept.contains(i))
                .collect();
            assert_eq!(missing, [""; 0], "every index is still there");
            database.revert_to(PREVIOUS).await.unwrap();
            assert_eq!(everything(&database).await, rows);
            assert_eq!(schema_of(&database).await, schema, "nothing is left behind");
            sound(&database).await;
        }
        let store = Store::open(&database.settings()).await.unwrap();
        let record = store.job(&ended).await.unwrap().unwrap();
        assert_eq!(record.projection.status, JobStatus::Completed);
        assert_eq!((record.projection.heard, record.settled_by), (0, None));
        assert_eq!(store.events(&ended, 0, 10).await.unwrap().len(), 1);
        assert_eq!(store.volumes(&ended).await.unwrap().len(), 1);
        assert_eq!(store.resources(&ended).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_the_previous_release_noted_is_a_request() {
    for database in Database::each().await {
        previous_release(&database).await;
        let store = Store::open(&database.settings()).await.unwrap();
        let asked = store.active_job(&vm_id(2)).await.unwrap().unwrap();
        let requests = store.requests(&asked).await.unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            (requests[0].number, requests[0].by.as_str(), &requests[0].request),
            (1, "early", &JobRequest::Cancel)
        );
        let again = store
            .submit_request(&asked, &operator(), &JobRequest::Cancel)
            .await;
        assert_eq!(again.unwrap(), RequestOutcome::Noted { number: 1 });
        // It goes on beside this one for a while, and notes a cancel in the job's row only.
        let other = store.create(new_job(3, 0)).await.unwrap();
        database
            .execute(&format!(
                "UPDATE failover_jobs SET cancel_requested_by = 'beside' WHERE job_id = '{other}'"
            ))
            .await;
        let stored = store
            .submit_request(&other, &operator(), &JobRequest::Cancel)
            .await;
        assert_eq!(stored.unwrap(), RequestOutcome::Noted { number: 1 });
        assert_eq!(store.requests(&other).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_down_is_refused_whole_while_there_is_a_rollback() {
    for database in Database::each().await {
        let ended = previous_release(&database).await;
        let store = Store::open(&database.settings()).await.unwrap();
        let settled = Settled {
            job: ended.clone(),
            vm: id("vm-1"),
            snapshots: vec![None, None],
            before: None,
        };
        let rollback = NewJob {
            plan: rollback_plan(&plan(1), settled),
            ..new_job(1, 60)
        };
        let rollback = store.create(rollback).await.unwrap();
        database.revert_to(THIS).await.unwrap();
        let (schema, rows) = (schema_of(&database).await, everything(&database).await);
        let error = database.revert_to(PREVIOUS).await.unwrap_err();
        assert!(error.to_lowercase().contains("check"), "{error}");
        assert_eq!(schema_of(&database).await, schema);
        assert_eq!(everything(&database).await, rows);
        let record = store.job(&ended).await.unwrap().unwrap();
        assert_eq!(record.settled_by, Some(rollback.clone()));
        // What the refusal asks of the operator.
        database
            .execute(
                "UPDATE failover_jobs SET settled_by = NULL;
                 DELETE FROM failover_jobs WHERE job_type IN ('rollback', 'commit');",
            )
            .await;
        database.revert_to(PREVIOUS).await.unwrap();
        sound(&database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_holds_every_job_type_and_no_other() {
    for database in Database::each().await {
        Store::open(&database.settings()).await.unwrap();
        let insert = |job_type: &str, vm: &str| {
            format!(
                "INSERT INTO failover_jobs (job_id, vm_id, job_type, status, source_vm_name)
                     VALUES ('{vm}', '{vm}', '{job_type}', 'pending', 'web')"
            )
        };
        for job_type in JobType::ALL {
            database
                .execute(&insert(job_type.as_str(), job_type.as_str()))
                .await;
        }
        let other = database.try_execute(&insert("repair", "vm")).await;
        assert!(other.unwrap_err().to_lowercase().contains("check"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_takes_its_rows_with_it_and_a_settlement_stays() {
    for database in Database::each().await {
        let ended = previous_release(&database).await;
        Store::open(&database.settings()).await.unwrap();
        let settle = format!("UPDATE failover_jobs SET settled_by = 'nobody' WHERE job_id = '{ended}'");
        let unknown = database.try_execute(&settle).await.unwrap_err();
        assert!(unknown.to_lowercase().contains("foreign key"), "{unknown}");
        database.execute("DELETE FROM failover_jobs").await;
        for table in ["plans", "events", "volumes", "resources", "requests"] {
            let left = database
                .texts(&format!("SELECT COUNT(*) AS text FROM failover_{table}"))
                .await;
            assert_eq!(left, ["0"], "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_leaves_the_previous_schema() {
    let database = Database::file();
    previous_release(&database).await;
    let (schema, rows) = (schema_of(&database).await, everything(&database).await);
    let mut connection = database.sqlite();
    connection
        .batch_execute(
            "PRAGMA journal_mode = WAL; PRAGMA cache_spill = ON; PRAGMA cache_size = 1; BEGIN IMMEDIATE;",
        )
        .unwrap();
    connection.batch_execute(UP).unwrap();
    // What is on the disk now is what a crash would leave.
    let crashed = Database::file();
    for suffix in ["", "-wal"] {
        let file = |database: &Database| format!("{}{suffix}", database.path().display());
        std::fs::copy(file(&database), file(&crashed)).unwrap();
    }
    drop(connection);
    for database in [database, crashed] {
        assert_eq!(schema_of(&database).await, schema);
        assert_eq!(everything(&database).await, rows);
        sound(&database).await;
        Store::open(&database.settings()).await.unwrap();
        assert_eq!(everything(&database).await, rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_text_is_not_migrated_by_halves() {
    let database = Database::file();
    previous_release(&database).await;
    database
        .execute(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, '(''live'', ''test'')', '(''live'',''test'')')
                 WHERE name = 'failover_jobs';",
        )
        .await;
    let (schema, rows) = (schema_of(&database).await, everything(&database).await);
    let error = database.migrate(THIS).await.unwrap_err();
    assert!(error.contains("CHECK constraint failed"), "{error}");
    assert_eq!(schema_of(&database).await, schema);
    assert_eq!(everything(&database).await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_the_previous_release_goes_on_beside_the_new_schema() {
    let database = Database::file();
    previous_release(&database).await;
    let mut before = database.sqlite();
    let insert = |vm: usize, job_type: &str| {
        format!(
            "INSERT INTO failover_jobs (job_id, vm_id, job_type, status, source_vm_name)
                 VALUES ('beside-{vm}', '{}', '{job_type}', 'pending', 'web')",
            vm_id(vm)
        )
    };
    before.batch_execute(&insert(7, "live")).unwrap();
    before.batch_execute(&insert(8, "commit")).unwrap_err();
    Store::open(&database.settings()).await.unwrap();
    before.batch_execute(&insert(9, "live")).unwrap();
    before
        .batch_execute(&insert(8, "commit"))
        .expect("it sees that the table has changed");
    let written = "SELECT job_id AS text FROM failover_jobs WHERE job_id LIKE 'beside-%' ORDER BY 1";
    assert_eq!(
        database.texts(written).await,
        ["beside-7", "beside-8", "beside-9"]
    );
}

/// A database as the previous release leaves it: an ended job and one that somebody wants cancelled, with rows in
/// every table. Returns the ended one.
async fn previous_release(database: &Database) -> JobId {
    database
        .migrate(PREVIOUS)
        .await
        .expect("an empty database is migrated");
    let (ended, active) = (
        JobId::new(JobType::Live, &vm_id(1), base(), 0),
        JobId::new(JobType::Test, &vm_id(2), base(), 0),
    );
    let job = "job_id, vm_id, job_type, status, source_vm_name, created_at, updated_at";
    let mut sql = format!(
        "INSERT INTO workers (worker_id, lease_until) VALUES ('host-1', {{at:1755530200}});
         INSERT INTO failover_jobs ({job}, completed_at, ossea_snapshot_id, destination_vm_id, progress, last_seq, epoch)
             VALUES ('{ended}', '{}', 'live', 'completed', 'web', {{at:1755530108}}, {{at:1755530190}},
                     {{at:1755530190}}, 'snapshot-1', 'vm-1', 100, 1, 3);
         INSERT INTO failover_jobs ({job}, cancel_requested_by, owner, is_returning, error_message, failure, last_seq)
             VALUES ('{active}', '{}', 'test', 'executing', 'it''s db', {{at:1755530108}}, {{at:1755530190}},
                     'early', 'host-1', TRUE, 'no', '{{\"a\": \"\\u0000\"}}', 1);",
        vm_id(1),
        vm_id(2)
    );
    for job in [&ended, &active] {
        sql += &format!(
            "INSERT INTO failover_plans (job_id, plan) VALUES ('{job}', '{{\"kept\":  \"as written\"}}');
             INSERT INTO failover_events (job_id, seq, at, event)
                 VALUES ('{job}', 1, {{at:1755530108}}, '{{\"event\":\"accepted\",\"by\":\"operator\"}}');
             INSERT INTO failover_volumes (job_id, disk, volume_id, oma_device, destination_device, custody, device, dirty)
                 VALUES ('{job}', 0, 'volume-1', 3, 0, 'destination', 0, TRUE);
             INSERT INTO failover_resources (job_id, kind, name, cloud_id, state)
                 VALUES ('{job}', 'vm', 'web', 'vm-1', 'present');"
        );
    }
    database.execute(&sql).await;
    ended
}

async fn everything(database: &Database) -> Vec<Vec<String>> {
    let mut tables = Vec::new();
    for query in EVERYTHING {
        tables.push(database.texts(query).await);
    }
    tables
}

/// The schema, a line for each of its objects.
pub(crate) async fn schema_of(database: &Database) -> Vec<String> {
    let query = match database {
        Database::File(_) => {
            "SELECT name || ': ' || sql AS text FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
        }
        Database::Schema(_) => {
            "SELECT table_name || ': ' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
                    || COALESCE(column_default, '-') AS text
                 FROM information_schema.columns WHERE table_schema = current_schema()
             UNION ALL SELECT conrelid::regclass || ': ' || conname || ' ' || pg_get_constraintdef(oid)
                 FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
             ORDER BY 1"
        }
    };
    database.texts(query).await
}

/// SQLite's own checks: pages, indexes, constraints and foreign keys.
async fn sound(database: &Database) {
    if let Database::File(_) = database {
        let checks = "SELECT integrity_check AS text FROM pragma_integrity_check
                      UNION ALL SELECT \"table\" || ' has a lost parent' FROM pragma_foreign_key_check";
        assert_eq!(database.texts(checks).await, ["ok"]);
        let parents = "SELECT COUNT(*) AS text FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
                       WHERE s.type = 'table' AND f.\"table\" = 'failover_jobs' AND f.on_delete = 'CASCADE'
                         AND s.name IN ('failover_plans', 'failover_events', 'failover_volumes', 'failover_resources')";
        assert_eq!(database.texts(parents).await, ["4"]);
    }
}
