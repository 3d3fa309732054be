//! Persistence of OSSEA failover on SQLite and PostgreSQL.
//!
//! [`Store`] implements the ports of `failover-engine` on either database; the URL decides which. Queries are
//! written once: the modules in `shared/` are compiled twice, once against each database's `dialect` module.
//! Nothing of diesel is visible outside this crate.
//!
//! # Guarantees
//! * One active job per source VM, one owner per replica volume: by unique indexes, not by checks before writes.
//! * Every write of a worker to its job is guarded by owner and epoch, and its row count is checked.
//! * A job does not end with a request unheard, and a live failover is settled once: by guards inside the updates.
//! * Leases are judged by the database's clock, never by a worker's.
//! * A change and its row of the audit are one transaction, and the rows are one chain.
//! * What a column may not say is an error that names table, column and row; it is never read as a default.
//! * No transaction stays open while a caller does something else.
//!
//! # Cancellation
//! Dropping a future of this crate rolls its transaction back, except that the commit itself may have happened.
//! On SQLite the drop waits for the statement that is running, and must happen on a multi-threaded runtime.

mod error;
mod forward;
mod location;
mod migration;
mod row;
mod settings;
mod tx;
mod types;

#[expect(
    clippy::duplicate_mod,
    reason = "the shared queries are compiled against both dialects"
)]
mod lite;
mod pg;

use std::fmt;
use std::sync::Arc;

use failover_access::Tokens;
use failover_engine::idempotency::IdempotencyKeys;
use failover_engine::looks::ReadinessLooks;
use failover_engine::ports::{AuditTrail, Inventory, JobStore, Mappings, Workers};
use secrecy::ExposeSecret;

pub use error::OpenError;
pub use settings::{Migrations, StoreSettings};

use location::Location;

/// Everything that a database gives.
trait Backend:
    JobStore + Inventory + Mappings + IdempotencyKeys + ReadinessLooks + Workers + AuditTrail + Tokens
{
}
impl<T: JobStore + Inventory + Mappings + IdempotencyKeys + ReadinessLooks + Workers + AuditTrail + Tokens>
    Backend for T
{
}

/// The store: jobs, inventory, mappings, tokens, idempotency keys, looks at readiness and the audit in one database. Cheap
/// to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    /// The database without its secrets.
    name: Arc<str>,
}

impl Store {
    /// Opens the database that `settings.url` names, and brings its schema up to date where that is allowed.
    ///
    /// Any number of processes may do so at once: one of them migrates, the others wait for it.
    ///
    /// # Errors
    /// [`OpenError`]; none of its texts contains a secret.
    pub async fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let location = Location::parse(settings.url.expose_secret())?;
        let name = Arc::from(location.to_string());
        let backend: Arc<dyn Backend> = match location {
            Location::Memory => Arc::new(lite::open::memory(settings).await?),
            Location::File(path) => Arc::new(lite::open::file(&path, settings).await?),
            Location::Server(server) => Arc::new(pg::open::server(*server, settings).await?),
        };
        tracing::debug!(database = %name, "the database is open");
        Ok(Self { backend, name })
    }

    /// The database in words for people, without secrets.
    pub fn database(&self) -> &str {
        &self.name
    }
}
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.name)
            .finish_non_exhaustive()
    }
}
