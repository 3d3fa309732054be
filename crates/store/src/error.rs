//! Why a store cannot be opened.

use std::path::PathBuf;

/// Why a store cannot be opened. Nothing was changed, except perhaps migrations that had succeeded before.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one that can be opened.
    #[error(
        "database.url is {url:?}, {problem}; allowed are sqlite://PATH, sqlite::memory: and \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    BadUrl {
        /// The URL without its secrets.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database file, or the directory that it is in, cannot be written.
    #[error("the database file {path} cannot be opened for writing: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database did not answer, or did not let us in.
    #[error("the database {database} cannot be reached: {problem}")]
    Unreachable {
        /// The database without its secrets.
        database: String,
        /// What happened.
        problem: String,
    },
    /// The schema has migrations that this version does not know.
    #[error(
        "the schema of {database} is newer than this version: it has the unknown migration {unknown}. Start the \
         version that made it, or a later one; to go back, revert that migration with the later version first"
    )]
    NewerSchema {
        /// The database without its secrets.
        database: String,
        /// The first unknown migration.
        unknown: String,
    },
    /// The schema lacks migrations, and running them is not allowed.
    #[error(
        "the schema of {database} is older than this version: it lacks the migration {pending}, and migrations \
         are switched off. Switch them on for one start, or let another process migrate first"
    )]
    OlderSchema {
        /// The database without its secrets.
        database: String,
        /// The first missing migration.
        pending: String,
    },
    /// A migration failed.
    #[error("the schema of {database} cannot be migrated: {problem}")]
    Migration {
        /// The database without its secrets.
        database: String,
        /// What happened.
        problem: String,
    },
}
