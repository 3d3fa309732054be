//! Empty databases for tests, and raw SQL on them, as a migration tool or an operator would use it.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail the test")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use failover_access::Tokens;
use failover_engine::contract::{Harness, ManualClock};
use failover_engine::idempotency::IdempotencyKeys;
use failover_engine::looks::ReadinessLooks;
use failover_engine::ports::{AuditTrail, Inventory, JobStore, Mappings, Workers};
use failover_store::{Store, StoreSettings};
use tempfile::TempDir;
use uuid::Uuid;

/// The variable that names the server of the PostgreSQL tests.
const SERVER: &str = "FAILOVER_TEST_POSTGRES_URL";

/// The migrations, for running some of them.
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// A database of its own for one test. It is gone when the value is dropped.
pub(crate) enum Database {
    File(TempDir),
    Schema(Schema),
}

/// A schema of its own on the test server.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Database {
    pub(crate) fn file() -> Self {
        Self::File(TempDir::new().unwrap())
    }

    /// A fresh schema; `None`, with a word why, where there is no server.
    pub(crate) async fn schema() -> Option<Self> {
        let Ok(server) = std::env::var(SERVER) else {
            println!("not run: {SERVER} is not set, so there is no PostgreSQL server to test on");
            return None;
        };
        let name = format!("test_{}", Uuid::new_v4().simple());
        execute(&server, &format!("CREATE SCHEMA {name}")).await;
        Some(Self::Schema(Schema { server, name }))
    }

    /// A file, and a schema where there is a server.
    pub(crate) async fn each() -> Vec<Self> {
        let mut databases = vec![Self::file()];
        databases.extend(Self::schema().await);
        databases
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(dir) => format!("sqlite://{}", dir.path().join("failover.sqlite").display()),
            Self::Schema(schema) => {
                let sign = if schema.server.contains('?') { '&' } else { '?' };
                format!(
                    "{}{sign}options=-c%20search_path%3D{}",
                    schema.server, schema.name
                )
            }
        }
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        StoreSettings::new(self.url())
    }

    /// Runs statements that both databases understand. `TRUE`, `FALSE` and text literals are common ground;
    /// `{at:N}` is the instant N seconds after 1970.
    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::File(_) => self.sqlite().batch_execute(&self.instants(sql)).unwrap(),
            Self::Schema(_) => execute(&self.url(), &self.instants(sql)).await,
        }
    }

    /// Runs one statement; the database's own words where it refuses.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::File(_) => self.sqlite().batch_execute(sql).map_err(|e| e.to_string()),
            Self::Schema(_) => {
                let done = client(&self.url()).await.batch_execute(sql).await;
                done.map_err(|e| e.as_db_error().unwrap().message().to_owned())
            }
        }
    }

    /// Runs the migrations up to and including `version`.
    pub(crate) async fn migrate(&self, version: &'static str) -> Result<(), String> {
        match self {
            Self::File(_) => migrate(&mut self.sqlite(), SQLITE, version),
            Self::Schema(_) => self.blocking(move |c| migrate(c, POSTGRES, version)).await,
        }
    }

    /// Reverts the migrations after `version`.
    pub(crate) async fn revert_to(&self, version: &'static str) -> Result<(), String> {
        match self {
            Self::File(_) => revert_to(&mut self.sqlite(), SQLITE, version),
            Self::Schema(_) => self.blocking(move |c| revert_to(c, POSTGRES, version)).await,
        }
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AsyncConnectionWrapper<AsyncPgConnection>) -> R + Send + 'static,
    ) -> R {
        let url = self.url();
        let connected = move || work(&mut AsyncConnectionWrapper::establish(&url).unwrap());
        tokio::task::spawn_blocking(connected).await.unwrap()
    }

    /// What a query of one text column returns.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        let sql = format!(
            "SELECT CAST(t.text AS TEXT) AS text FROM ({}) AS t",
            self.instants(sql)
        );
        match self {
            Self::File(_) => {
                let rows: Vec<Row> = diesel::sql_query(sql).load(&mut self.sqlite()).unwrap();
                rows.into_iter().map(|r| r.text).collect()
            }
            Self::Schema(_) => {
                let rows = client(&self.url()).await.query(&sql, &[]).await.unwrap();
                rows.iter().map(|r| r.get(0)).collect()
            }
        }
    }

    fn instants(&self, sql: &str) -> String {
        let mut parts = sql.split("{at:");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (seconds, rest) = part.split_once('}').unwrap();
            text += &match self {
                Self::File(_) => format!("{seconds}000000"),
                Self::Schema(_) => format!("to_timestamp({seconds})"),
            };
            text += rest;
        }
        text
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.url().strip_prefix("sqlite://").unwrap())
    }

    /// A connection as an operator would open one.
    pub(crate) fn sqlite(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(self.path().to_str().unwrap()).unwrap();
        connection
            .batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;")
            .unwrap();
        connection
    }
}

fn migrate<DB, C>(connection: &mut C, ours: EmbeddedMigrations, version: &str) -> Result<(), String>
where
    DB: Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut pending = connection.pending_migrations(ours).unwrap();
    pending.retain(|m| m.name().version() <= MigrationVersion::from(version));
    let run = connection.run_migrations(&pending);
    run.map(|_| ()).map_err(|e| e.to_string())
}

fn revert_to<DB, C>(connection: &mut C, ours: EmbeddedMigrations, version: &str) -> Result<(), String>
where
    DB: Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut later = ours.migrations().unwrap();
    let applied = connection.applied_migrations().unwrap();
    later.retain(|m| {
        m.name().version() > MigrationVersion::from(version) && applied.contains(&m.name().version())
    });
    later.sort_by(|a, b| b.name().version().cmp(&a.name().version()));
    for migration in later {
        let reverted = connection.revert_migration(&*migration);
        reverted.map_err(|e| e.to_string())?;
    }
    Ok(())
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP SCHEMA {} CASCADE", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(execute(&server, &drop));
        });
        if dropped.join().is_err() {
            println!("the schema {} could not be dropped", self.name);
        }
    }
}

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn execute(url: &str, sql: &str) {
    client(url).await.batch_execute(sql).await.unwrap();
}

/// A store on a database of its own, judged by a clock that the test moves.
pub(crate) struct Lab {
    // Before the database: its connections must be gone when that is dropped.
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<ManualClock>,
    _database: Option<Database>,
}

impl Lab {
    async fn open(mut settings: StoreSettings, database: Option<Database>) -> Self {
        let clock = ManualClock::new();
        settings.clock = Some(clock.clone());
        let store = Arc::new(Store::open(&settings).await.unwrap());
        Self {
            store,
            clock,
            _database: database,
        }
    }
}

#[async_trait]
impl Harness for Lab {
    fn jobs(&self) -> Arc<dyn JobStore> {
        self.store.clone()
    }

    fn inventory(&self) -> Arc<dyn Inventory> {
        self.store.clone()
    }

    fn mappings(&self) -> Arc<dyn Mappings> {
        self.store.clone()
    }

    fn workers(&self) -> Arc<dyn Workers> {
        self.store.clone()
    }

    fn keys(&self) -> Arc<dyn IdempotencyKeys> {
        self.store.clone()
    }

    fn looks(&self) -> Arc<dyn ReadinessLooks> {
        self.store.clone()
    }

    fn audit(&self) -> Arc<dyn AuditTrail> {
        self.store.clone()
    }

    fn tokens(&self) -> Arc<dyn Tokens> {
        self.store.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

pub(crate) async fn sqlite() -> Option<Lab> {
    let database = Database::file();
    Some(Lab::open(database.settings(), Some(database)).await)
}

pub(crate) async fn in_memory() -> Option<Lab> {
    Some(Lab::open(StoreSettings::new("sqlite::memory:"), None).await)
}

pub(crate) async fn postgres() -> Option<Lab> {
    let database = Database::schema().await?;
    Some(Lab::open(database.settings(), Some(database)).await)
}
