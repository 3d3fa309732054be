//! Opening an SQLite database.
//!
//! One connection writes, several read. Many writing connections starve each other; one never meets a busy
//! database but that of another process.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use diesel_async::AsyncConnection;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures::FutureExt;

use super::database::Database;
use super::dialect::Conn;
use crate::migration::{self, SQLITE};
use crate::{OpenError, StoreSettings};

/// The query that has a row where migrations have run.
const HAS_TABLE: &str =
    "SELECT name AS version FROM sqlite_master WHERE type = 'table' AND name = '__diesel_schema_migrations'";

/// Opens a database in a file, which is created where it does not exist.
pub(crate) async fn file(path: &Path, settings: &StoreSettings) -> Result<Database, OpenError> {
    let (prepared, preparing) = (settings.clone(), path.to_owned());
    tokio::task::spawn_blocking(move || prepare(&preparing, &prepared))
        .await
        .unwrap_or_else(|e| Err(unreachable_file(path, &e)))?;
    let url = path.to_string_lossy().into_owned();
    let pool = |size| pool(&url, size, settings);
    Ok(Database {
        readers: pool(settings.connections.get()),
        writers: pool(1),
        clock: settings.clock.clone(),
    })
}

/// Opens a database that is gone with its only connection. For tests: a cancelled write loses everything.
pub(crate) async fn memory(settings: &StoreSettings) -> Result<Database, OpenError> {
    const NAME: &str = "SQLite in memory";
    let only = pool(":memory:", 1, settings);
    let lost = |problem: String| OpenError::Unreachable {
        database: NAME.to_owned(),
        problem,
    };
    let mut connection = only.get().await.map_err(|e| lost(e.to_string()))?;
    let migrated: diesel::QueryResult<Result<(), OpenError>> = connection
        .spawn_blocking(|c| Ok(migration::run(c, SQLITE, NAME)))
        .await;
    migrated.map_err(|e| lost(e.to_string()))??;
    drop(connection);
    Ok(Database {
        readers: only.clone(),
        writers: only,
        clock: settings.clock.clone(),
    })
}

fn pool(url: &str, size: usize, settings: &StoreSettings) -> Pool<Conn> {
    let pragmas = pragmas(settings.lock_timeout);
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let (url, pragmas) = (url.to_owned(), pragmas.clone());
        async move {
            let mut connection = Conn::establish(&url).await?;
            diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, &pragmas)
                .await
                .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        }
        .boxed()
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
        .max_size(size)
        .wait_timeout(Some(settings.lock_timeout + settings.connect_timeout))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .expect("the pool has a runtime for its timeouts")
}

/// Settings of a connection. Every commit is on the disk before it is reported: a journal that forgets its last
/// entry after a power cut would have a step sent twice.
fn pragmas(lock_timeout: Duration) -> String {
    let busy = lock_timeout.as_millis();
    format!("PRAGMA busy_timeout = {busy}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
}

/// Creates and migrates the file under a lock of its own. The lock comes before the switch to WAL, which fails
/// at once, whatever the busy timeout, when two processes do it.
fn prepare(path: &Path, settings: &StoreSettings) -> Result<(), OpenError> {
    let lock_path = PathBuf::from(format!("{}.lock", path.display()));
    let open = |path: &Path| -> Result<File, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        file.map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })
    };
    let lock = open(&lock_path)?;
    lock.lock().map_err(|source| OpenError::File {
        path: lock_path,
        source,
    })?;
    drop(open(path)?);
    let mut connection =
        SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| unreachable_file(path, &e))?;
    let wal = format!("{} PRAGMA journal_mode = WAL;", pragmas(settings.lock_timeout));
    connection
        .batch_execute(&wal)
        .map_err(|e| unreachable_file(path, &e))?;
    let database = format!("SQLite file {}", path.display());
    let standing =
        migration::standing(&mut connection, &SQLITE, HAS_TABLE).map_err(|e| unreachable_file(path, &e))?;
    if standing.must_migrate(settings.migrations, &database)? {
        migration::run(&mut connection, SQLITE, &database)?;
    }
    Ok(())
}

fn unreachable_file(path: &Path, problem: &dyn std::error::Error) -> OpenError {
    OpenError::Unreachable {
        database: format!("SQLite file {}", path.display()),
        problem: problem.to_string(),
    }
}
