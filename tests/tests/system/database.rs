//! A database of its own for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use failover_system_tests::postgres::{Postgres, Programs};
use failover_system_tests::process::Group;
use failover_system_tests::stack::Database;
use tokio_postgres::{Client, NoTls};

/// The variable with the URL of a PostgreSQL server.
const POSTGRES_URL: &str = "FAILOVER_TEST_POSTGRES_URL";

/// A fresh database.
pub(crate) enum TestDatabase {
    Sqlite,
    /// On the server that all tests share: it is dropped with its guard.
    Postgres {
        server: String,
        name: String,
    },
    /// On a server that one test has for itself: it goes with the server.
    WithItsServer {
        url: String,
    },
}

impl TestDatabase {
    /// A fresh PostgreSQL database, where there is a server.
    pub(crate) fn on_postgres() -> Option<Self> {
        let server = shared_server()?;
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("failover_system_{}_{number}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}"));
        Some(Self::Postgres { server, name })
    }

    /// For the stack.
    pub(crate) fn settings(&self) -> Database {
        match self {
            TestDatabase::Sqlite => Database::Sqlite,
            TestDatabase::Postgres { server, name } => Database::Url(with_name(server, name)),
            TestDatabase::WithItsServer { url } => Database::Url(url.clone()),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match self {
            TestDatabase::Sqlite | TestDatabase::WithItsServer { .. } => {}
            TestDatabase::Postgres { server, name } => {
                execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
        }
    }
}

/// A PostgreSQL server that a test may stop and kill, because nobody else uses it, and a fresh database on it; where
/// there is a server for the other tests.
pub(crate) fn server_of_its_own() -> Option<(Postgres, TestDatabase)> {
    shared_server()?;
    let programs = Programs::find().unwrap_or_else(|| panic!("the test needs {}", Programs::NEEDED));
    let server = Postgres::start(programs, Group::Shared).expect("PostgreSQL starts");
    let name = "failover_system";
    execute(&server.url(), &format!("CREATE DATABASE {name}"));
    let url = with_name(&server.url(), name);
    Some((server, TestDatabase::WithItsServer { url }))
}

/// The URL of the server that all tests share.
fn shared_server() -> Option<String> {
    let server = std::env::var(POSTGRES_URL);
    if server.is_err() {
        eprintln!("left out: {POSTGRES_URL} is not set");
    }
    server.ok()
}

/// Runs one test on each kind of database.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::database::TestDatabase::Sqlite); })+
        }
        mod postgres {
            $(#[test] fn $name() {
                if let Some(database) = crate::database::TestDatabase::on_postgres() {
                    super::$name(&database);
                }
            })+
        }
    };
}
pub(crate) use on_both_databases;

/// The URL with another database's name.
fn with_name(server: &str, name: &str) -> String {
    let (base, _) = server
        .rsplit_once('/')
        .expect("a PostgreSQL URL ends with a database");
    format!("{base}/{name}")
}

/// Executes one statement.
pub(crate) fn execute(url: &str, statement: &str) {
    talk(url, async |client| {
        client
            .batch_execute(statement)
            .await
            .expect("the statement is correct");
    });
}

/// Everything in all tables of a database, as text.
pub(crate) fn dump(url: &str) -> String {
    talk(url, async |client| {
        let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
        let mut text = String::new();
        for table in client
            .query(tables, &[])
            .await
            .expect("the catalogue can be read")
        {
            let name: String = table.get(0);
            let rows = format!("SELECT t::text FROM \"{name}\" t");
            for row in client.query(&rows, &[]).await.expect("a table can be read") {
                text.push_str(row.get(0));
                text.push('\n');
            }
        }
        text
    })
}

fn talk<T>(url: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .expect("the server answers");
        let driver = tokio::spawn(connection);
        let result = work(&client).await;
        drop(client);
        driver
            .await
            .expect("the connection's task ends")
            .expect("the connection ends in order");
        result
    })
}
