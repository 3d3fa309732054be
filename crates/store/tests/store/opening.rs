//! Opening: fresh databases, old and new schemas, many at once, and everything that can be wrong.

use std::process::Command;

use diesel::migration::MigrationSource;
use diesel::{Connection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use failover_engine::contract::fixture::create;
use failover_engine::ports::JobStore;
use failover_store::{Migrations, OpenError, Store, StoreSettings};

use crate::lab::Database;

/// Tells the child test which database to open.
const CHILD: &str = "FAILOVER_STORE_TEST_CHILD_URL";

#[tokio::test(flavor = "multi_thread")]
async fn ten_processes_open_a_fresh_database_at_once() {
    for database in Database::each().await {
        let program = std::env::current_exe().unwrap();
        let child = || {
            Command::new(&program)
                .args([
                    "--exact",
                    "opening::a_child_opens_the_database",
                    "--ignored",
                    "--nocapture",
                ])
                .env(CHILD, database.url())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..10).map(|_| child()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        let versions = database
            .texts("SELECT version AS text FROM __diesel_schema_migrations")
            .await;
        assert_eq!(versions.len(), known(), "each migration ran once");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process of ten_processes_open_a_fresh_database_at_once"]
async fn a_child_opens_the_database() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = Store::open(&StoreSettings::new(url)).await.unwrap();
    assert!(
        store
            .claim(&failover_engine::contract::fixture::stranger(), 1)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_after_opening_again() {
    for database in Database::each().await {
        let job = create(&Store::open(&database.settings()).await.unwrap(), 1, 0).await;
        let settings = StoreSettings {
            migrations: Migrations::Check,
            ..database.settings()
        };
        let again = Store::open(&settings).await.unwrap();
        assert!(again.job(&job).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_named_where_migrating_is_not_allowed() {
    for database in Database::each().await {
        let settings = StoreSettings {
            migrations: Migrations::Check,
            ..database.settings()
        };
        let error = Store::open(&settings).await.unwrap_err();
        let OpenError::OlderSchema { pending, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(pending, "20261123000001");
        Store::open(&database.settings()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_with_the_migration_that_is_unknown() {
    for database in Database::each().await {
        Store::open(&database.settings()).await.unwrap();
        database
            .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')")
            .await;
        for migrations in [Migrations::Run, Migrations::Check] {
            let error = Store::open(&StoreSettings {
                migrations,
                ..database.settings()
            })
            .await
            .unwrap_err();
            assert!(matches!(&error, OpenError::NewerSchema { unknown, .. } if unknown == "20991231000001"));
            assert!(error.to_string().contains("later"), "it says what to do: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_told_apart_and_keeps_the_secret() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Store::open(&StoreSettings::new(format!(
        "postgres://me:topsecret@127.0.0.1:{port}/failover"
    )))
    .await
    .unwrap_err();
    let OpenError::Unreachable { database, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(database.contains(&format!("127.0.0.1:{port}")), "{database}");
    assert!(!format!("{error} {error:?}").contains("topsecret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_is_a_file_error() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for place in ["missing/failover.sqlite", "file/failover.sqlite", "."] {
        let url = format!("sqlite://{}", dir.path().join(place).display());
        let error = Store::open(&StoreSettings::new(url)).await.unwrap_err();
        assert!(
            matches!(&error, OpenError::File { path, .. } if path.starts_with(dir.path())),
            "{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_told_apart() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "these are not the bytes of a database".repeat(200)).unwrap();
    let error = Store::open(&StoreSettings::new(format!("sqlite://{}", path.display())))
        .await
        .unwrap_err();
    assert!(matches!(&error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn settings_do_not_show_the_secret() {
    let settings = StoreSettings::new("postgres://me:topsecret@db/failover");
    assert!(!format!("{settings:?}").contains("topsecret"));
}

/// How many migrations there are.
fn known() -> usize {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite");
    std::fs::read_dir(directory)
        .expect("the migrations are there")
        .count()
}

#[test]
fn every_migration_can_be_reverted_and_run_again_on_sqlite() {
    const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    for _ in 0..2 {
        assert_eq!(connection.run_pending_migrations(SQLITE).unwrap().len(), known());
        assert_eq!(connection.revert_all_migrations(SQLITE).unwrap().len(), known());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_can_be_reverted_and_run_again_on_postgres() {
    const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
    let Some(database) = Database::schema().await else {
        return;
    };
    for _ in 0..2 {
        Store::open(&database.settings()).await.unwrap();
        let url = database.url();
        let reverted = tokio::task::spawn_blocking(move || {
            use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
            let mut connection =
                AsyncConnectionWrapper::<diesel_async::AsyncPgConnection>::establish(&url).unwrap();
            connection.revert_all_migrations(POSTGRES).unwrap().len()
        });
        assert_eq!(reverted.await.unwrap(), known());
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
    const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
    let sqlite: Vec<_> = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).unwrap();
    let postgres: Vec<_> = MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).unwrap();
    let sqlite: Vec<String> = sqlite.iter().map(|m| m.name().to_string()).collect();
    let postgres: Vec<String> = postgres.iter().map(|m| m.name().to_string()).collect();
    assert_eq!(sqlite, postgres);
}
