//! A sample of the matrix on the databases that are used in production. Time stands still while a database works.

use std::cell::Cell;
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

/// SQLite in memory.
pub(crate) fn sqlite(clock: SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> {
    open("sqlite::memory:".to_owned(), clock)
}

/// A server on which tests may make schemas.
pub(crate) struct Postgres {
    url: String,
}

impl Postgres {
    /// The server that the environment names.
    pub(crate) fn of_the_environment() -> Option<Self> {
        let url = std::env::var("FAILOVER_TEST_POSTGRES_URL").ok()?;
        Some(Self { url })
    }

    /// Makes an empty schema and answers its address.
    pub(crate) async fn schema(&self, name: &str) -> String {
        self.execute(&format!(
            "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"
        ))
        .await;
        let sign = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{sign}options=-c%20search_path%3D{name}", self.url)
    }

    pub(crate) async fn drop_schema(&self, name: &str) {
        self.execute(&format!("DROP SCHEMA {name} CASCADE")).await;
    }

    async fn execute(&self, sql: &str) {
        let _held = RealTime::hold();
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .expect("the server answers");
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.expect("the server takes it");
        drop(client);
        connection.await.expect("it ends").ok();
    }
}

/// A database at this address.
pub(crate) fn at(url: String) -> impl Fn(SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> + Sync {
    move |clock| open(url.clone(), clock)
}
