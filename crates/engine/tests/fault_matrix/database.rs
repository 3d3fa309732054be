//! A sample of the matrix on the databases that are used in production. Time stands still while a database works.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;

use async_trait::async_trait;
use failover_engine::SharedClock;
use failover_engine::ports::StoreError;
use failover_store::{Store, StoreSettings};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::lab::LabStore;
use crate::lab::gate::{Call, Gate, Gated};

/// Time does not run ahead while this exists: virtual time waits for blocking work.
pub(crate) struct RealTime {
    _until_dropped: mpsc::Sender<()>,
}

thread_local! {
    /// How many calls of this test's databases are under way.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// Waits for a moment at which no call of a database is under way. SQLite's connections cannot be left in the middle of a
/// call on a runtime of one thread, as a task that is killed would do.
pub(crate) async fn quiet() {
    while UNDER_WAY.get() > 0 {
        tokio::task::yield_now().await;
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    }
}

impl RealTime {
    pub(crate) fn hold() -> Self {
        UNDER_WAY.set(UNDER_WAY.get() + 1);
        let (held, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv().is_err());
        Self { _until_dropped: held }
    }
}

/// Holds the time during every call.
struct HoldsTime;

#[async_trait]
impl Gate for HoldsTime {
    type Pass = RealTime;

    async fn enter(&self, _: Call<'_>) -> Result<RealTime, StoreError> {
        Ok(RealTime::hold())
    }

    async fn leave(&self, _: Call<'_>, held: RealTime) -> Result<(), StoreError> {
        drop(held);
        Ok(())
    }
}

/// An empty database at `url`, whose leases are judged by `clock`.
fn open(url: String, clock: SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> {
    async move {
        let _held = RealTime::hold();
        let mut settings = StoreSettings::new(url);
        settings.clock = Some(clock);
        let store = Store::open(&settings).await.expect("the database opens");
        let store = Arc::new(store);
        Arc::new(Gated {
            store,
            gate: HoldsTime,
        }) as Arc<dyn LabStore>
    }
    .boxed()
}

/// A database at this address, for a laboratory.
pub(crate) fn at(url: String) -> impl Fn(SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> + Sync {
    move |clock| open(url.clone(), clock)
}

/// The variable that names a PostgreSQL server on which tests may make schemas.
pub(crate) const SERVER: &str = "FAILOVER_TEST_POSTGRES_URL";

/// A kind of database, and where empty ones come from.
pub(crate) enum Database {
    /// In memory.
    Sqlite,
    /// A schema of our own on a server.
    Postgres { server: String, schema: String },
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Database::Sqlite => "SQLite",
            Database::Postgres { .. } => "PostgreSQL",
        })
    }
}

impl Database {
    /// On the server that the environment names.
    pub(crate) fn postgres() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?;
        let schema = format!("fault_matrix_{}", std::process::id());
        Some(Database::Postgres { server, schema })
    }

    /// Whether a task can be killed while it uses it. In the middle of a call of SQLite none can, on a runtime of one thread;
    /// real processes can (`tests/tests/system`).
    pub(crate) fn takes_kills(&self) -> bool {
        match self {
            Database::Sqlite => false,
            Database::Postgres { .. } => true,
        }
    }

    /// Makes an empty one and answers its address.
    pub(crate) async fn empty(&self) -> String {
        match self {
            Database::Sqlite => "sqlite::memory:".to_owned(),
            Database::Postgres { server, schema } => {
                self.clear().await;
                execute(server, &format!("CREATE SCHEMA {schema}")).await;
                let sign = if server.contains('?') { '&' } else { '?' };
                format!("{server}{sign}options=-c%20search_path%3D{schema}")
            }
        }
    }

    /// Removes what was made.
    pub(crate) async fn clear(&self) {
        match self {
            Database::Sqlite => {}
            Database::Postgres { server, schema } => {
                execute(server, &format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
            }
        }
    }
}

async fn execute(server: &str, sql: &str) {
    let _held = RealTime::hold();
    let connected = tokio_postgres::connect(server, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("the server answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("the server takes it");
    drop(client);
    connection.await.expect("it ends").ok();
}
