//! Opening a PostgreSQL database.

use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::FutureExt;
use tokio_postgres::{Config, NoTls};

use super::database::Database;
use super::dialect::Conn;
use crate::location::server_name;
use crate::migration::{self, POSTGRES};
use crate::{OpenError, StoreSettings};

/// The query that has a row where migrations have run.
const HAS_TABLE: &str =
    "SELECT 'found' AS version WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL";

/// The advisory lock under which the schema is migrated; any constant would do, but it must never change.
const MIGRATION_LOCK: i64 = 0x6f73_7365_615f_6d69;

/// How often the lock is asked for. A session that waits inside the database for it would be in the way of an
/// index that is built concurrently, and the two would wait for each other.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// How many times: two minutes in all.
const LOCK_POLLS: u32 = 1200;

/// Connects to a server.
pub(crate) async fn server(server: Config, settings: &StoreSettings) -> Result<Database, OpenError> {
    let mut server = server;
    if server.get_connect_timeout().is_none() {
        server.connect_timeout(settings.connect_timeout);
    }
    if server.get_application_name().is_none() {
        server.application_name("ossea-failover");
    }
    migrate(&server, settings).await?;
    let pool = pool(server, settings);
    Ok(Database {
        readers: pool.clone(),
        writers: pool,
        clock: settings.clock.clone(),
    })
}

fn pool(mut server: Config, settings: &StoreSettings) -> Pool<Conn> {
    let millis = |d: Duration| d.as_millis();
    let limits = format!(
        "{} -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}",
        server.get_options().unwrap_or_default(),
        millis(settings.statement_timeout),
        millis(settings.lock_timeout),
        millis(settings.statement_timeout),
    );
    server.options(limits.trim());
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let server = server.clone();
        async move { connect(&server).await }.boxed()
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config(
        String::new(),
        config,
    ))
    .max_size(settings.connections.get())
    .wait_timeout(Some(settings.connect_timeout + settings.lock_timeout))
    .create_timeout(Some(settings.connect_timeout * 2))
    .runtime(deadpool::Runtime::Tokio1)
    .build()
    .expect("the pool has a runtime for its timeouts")
}

async fn connect(server: &Config) -> Result<Conn, ConnectionError> {
    let (client, connection) = server.connect(NoTls).await.map_err(|e| {
        // The first line of the client's error says nothing; its cause does.
        let cause = std::error::Error::source(&e)
            .map(|s| format!(": {s}"))
            .unwrap_or_default();
        ConnectionError::BadConnection(format!("{e}{cause}"))
    })?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// Brings the schema up to date on a connection of its own, without the limits of the pool's.
async fn migrate(server: &Config, settings: &StoreSettings) -> Result<(), OpenError> {
    let database = server_name(server);
    let unreachable = |problem: String| OpenError::Unreachable {
        database: database.clone(),
        problem,
    };
    let mut connection = connect(server).await.map_err(|e| unreachable(e.to_string()))?;
    for _ in 0..LOCK_POLLS {
        let (standing, back) = inspect(connection).await.map_err(&unreachable)?;
        connection = back;
        if !standing.must_migrate(settings.migrations, &database)? {
            return Ok(());
        }
        if try_lock(&mut connection)
            .await
            .map_err(|e| unreachable(e.to_string()))?
        {
            // The lock belongs to the session and ends with it.
            let name = database.clone();
            let mut wrapped = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
            return tokio::task::spawn_blocking(move || migration::run(&mut wrapped, POSTGRES, &name))
                .await
                .unwrap_or_else(|e| Err(unreachable(e.to_string())));
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
    let problem = "another process has been migrating it for two minutes".to_owned();
    Err(OpenError::Migration { database, problem })
}

async fn inspect(connection: Conn) -> Result<(migration::Standing, Conn), String> {
    let mut wrapped = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
    let inspected = tokio::task::spawn_blocking(move || {
        let standing = migration::standing(&mut wrapped, &POSTGRES, HAS_TABLE);
        standing
            .map(|s| (s, wrapped.into_inner()))
            .map_err(|e| e.to_string())
    });
    inspected.await.unwrap_or_else(|e| Err(e.to_string()))
}

async fn try_lock(connection: &mut Conn) -> diesel::QueryResult<bool> {
    let lock =
        diesel::dsl::sql::<diesel::sql_types::Bool>(&format!("pg_try_advisory_lock({MIGRATION_LOCK})"));
    diesel::select(lock).get_result(connection).await
}
