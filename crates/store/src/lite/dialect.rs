//! What is particular to SQLite.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use crate::tx::{Abort, Body};

pub(crate) type Db = diesel::sqlite::Sqlite;
pub(crate) type Conn = SyncConnectionWrapper<diesel::SqliteConnection>;

pub(crate) mod sql_types {
    pub(crate) use diesel::sql_types::*;
    pub(crate) type TsSql = BigInt;
    pub(crate) type JsonSql = Text;
}

/// The store's present instant (the database's clock, or the one that was injected), moved by `micros`.
pub(crate) fn instant(injected: Option<DateTime<Utc>>, micros: i64) -> SqlLiteral<sql_types::TsSql> {
    sql(&match injected {
        Some(now) => format!("({} + {micros})", now.timestamp_micros()),
        None => format!("(CAST(unixepoch('subsec') * 1000000 AS INTEGER) + {micros})"),
    })
}

/// Leaves a query as it is: inside an immediate transaction nobody else writes.
macro_rules! skip_locked {
    ($query:expr) => {
        $query
    };
}
pub(crate) use skip_locked;

/// Leaves a query as it is, for the same reason.
macro_rules! locked {
    ($query:expr) => {
        $query
    };
}
pub(crate) use locked;

/// Runs a body in a transaction that may write. Never nested.
///
/// It begins immediately: a transaction that reads first and writes later fails at once, whatever the busy
/// timeout, when somebody else wrote in between.
pub(crate) async fn write_tx<R, E, F>(conn: &mut Conn, body: F) -> Result<R, Abort<E>>
where
    R: Send,
    E: Send,
    for<'r> F: Body<&'r mut Conn, Result<R, Abort<E>>, Fut: Send> + Send,
{
    conn.immediate_transaction(body).await
}

/// Serialises what is done to one source VM. SQLite has one writer anyway.
pub(crate) async fn lock_vm(_conn: &mut Conn, _vm: &str) -> diesel::QueryResult<()> {
    Ok(())
}

/// Whether a message of the database says that the schema is not ours. SQLite has no codes for it.
pub(crate) fn is_schema_message(message: &str) -> bool {
    ["no such table", "no such column", "has no column named"]
        .iter()
        .any(|m| message.contains(m))
}

/// Whether a message of the database says that a value cannot be stored.
pub(crate) fn is_value_message(message: &str) -> bool {
    ["cannot store", "datatype mismatch"]
        .iter()
        .any(|m| message.contains(m))
}
