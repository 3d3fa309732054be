//! What the store is told.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use failover_engine::SharedClock;
use secrecy::SecretString;

/// What happens when the schema is older than this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// It is brought up to date.
    #[default]
    Run,
    /// Opening fails and names what is missing: somebody else migrates.
    Check,
}

/// How to open a [`crate::Store`].
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:PATH` (or `sqlite://PATH`), `sqlite::memory:` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: SecretString,
    /// What happens when the schema is older than this version.
    pub migrations: Migrations,
    /// The most connections held at once. SQLite uses them for reading and has one more for writing.
    pub connections: NonZeroUsize,
    /// How long to wait for the server to accept a connection, and for a free one.
    pub connect_timeout: Duration,
    /// How long a statement may take on PostgreSQL.
    pub statement_timeout: Duration,
    /// How long to wait for a lock: of a row on PostgreSQL, of the file on SQLite.
    pub lock_timeout: Duration,
    /// The clock that leases are judged by instead of the database's own: for tests on virtual time. Several
    /// processes must never use clocks of their own.
    pub clock: Option<SharedClock>,
}

impl StoreSettings {
    /// The usual settings for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            migrations: Migrations::default(),
            connections: NonZeroUsize::new(8).expect("8 is not 0"),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            clock: None,
        }
    }
}
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings")
            .field("url", &self.url)
            .field("migrations", &self.migrations)
            .field("connections", &self.connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("injected_clock", &self.clock.is_some())
            .finish()
    }
}
