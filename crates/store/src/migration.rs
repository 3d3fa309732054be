//! What the schema has, what it lacks, and what it has too much.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::{Connection, QueryResult, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Migrations, OpenError};

/// The migrations for SQLite.
pub(crate) const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// The migrations for PostgreSQL.
pub(crate) const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// How a schema compares to this version. Each holds the first migration concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is exactly this version's.
    Current,
    /// It lacks migrations.
    Older(String),
    /// It has unknown ones.
    Newer(String),
}

impl Standing {
    /// Whether migrations have to run.
    ///
    /// # Errors
    /// The schema is newer, or it is older and may not be migrated.
    pub(crate) fn must_migrate(self, policy: Migrations, database: &str) -> Result<bool, OpenError> {
        let database = database.to_owned();
        match (self, policy) {
            (Standing::Current, Migrations::Run | Migrations::Check) => Ok(false),
            (Standing::Older(_), Migrations::Run) => Ok(true),
            (Standing::Older(pending), Migrations::Check) => {
                Err(OpenError::OlderSchema { database, pending })
            }
            (Standing::Newer(unknown), Migrations::Run | Migrations::Check) => {
                Err(OpenError::NewerSchema { database, unknown })
            }
        }
    }
}

#[derive(diesel::QueryableByName)]
pub(crate) struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Compares the schema of a database to `ours`. `has_table` is the query that counts the migration table: asking
/// diesel would create it, which an observer must not do and several processes cannot do at once.
pub(crate) fn standing<C>(conn: &mut C, ours: &EmbeddedMigrations, has_table: &str) -> QueryResult<Standing>
where
    C: Connection,
    C::Backend: diesel::backend::DieselReserveSpecialization,
    EmbeddedMigrations: MigrationSource<C::Backend>,
    diesel::query_builder::SqlQuery: diesel::query_dsl::LoadQuery<'static, C, Version>,
{
    let versions = |conn: &mut C, query: String| -> QueryResult<BTreeSet<String>> {
        let rows: Vec<Version> = diesel::sql_query(query).load(conn)?;
        Ok(rows.into_iter().map(|v| v.version).collect())
    };
    let known: Vec<Box<dyn Migration<C::Backend>>> = ours
        .migrations()
        .map_err(diesel::result::Error::QueryBuilderError)?;
    let known: BTreeSet<String> = known.iter().map(|m| m.name().version().to_string()).collect();
    let applied = if versions(conn, has_table.to_owned())?.is_empty() {
        BTreeSet::new()
    } else {
        versions(conn, "SELECT version FROM __diesel_schema_migrations".to_owned())?
    };
    Ok(
        match (
            applied.difference(&known).next(),
            known.difference(&applied).next(),
        ) {
            (Some(unknown), _) => Standing::Newer(unknown.clone()),
            (None, Some(pending)) => Standing::Older(pending.clone()),
            (None, None) => Standing::Current,
        },
    )
}

/// Runs what is missing. The caller holds the lock that keeps others from doing the same.
pub(crate) fn run<C>(conn: &mut C, ours: EmbeddedMigrations, database: &str) -> Result<(), OpenError>
where
    C: MigrationHarness<C::Backend> + Connection,
    EmbeddedMigrations: MigrationSource<C::Backend>,
{
    let run = conn.run_pending_migrations(ours);
    let applied = run.map_err(|e| OpenError::Migration {
        database: database.to_owned(),
        problem: e.to_string(),
    })?;
    for version in applied {
        tracing::info!(migration = %version, database, "a migration was applied");
    }
    Ok(())
}
