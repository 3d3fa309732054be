//! PostgreSQL: the shared queries, compiled against its dialect.

pub(crate) mod dialect;
pub(crate) mod open;

#[path = "../shared/audit.rs"]
mod audit;
#[path = "../shared/database.rs"]
pub(crate) mod database;
#[path = "../shared/idempotency.rs"]
mod idempotency;
#[path = "../shared/inventory.rs"]
mod inventory;
#[path = "../shared/inventory_rows.rs"]
mod inventory_rows;
#[path = "../shared/job_rows.rs"]
mod job_rows;
#[path = "../shared/jobs.rs"]
mod jobs;
#[path = "../shared/journal.rs"]
mod journal;
#[path = "../shared/leases.rs"]
mod leases;
#[path = "../shared/looks.rs"]
mod looks;
#[path = "../shared/mappings.rs"]
mod mappings;
#[path = "../shared/requests.rs"]
mod requests;
#[path = "../shared/schema.rs"]
mod schema;
#[path = "../shared/tokens.rs"]
mod tokens;
