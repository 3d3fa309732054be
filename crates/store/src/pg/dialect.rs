//! What is particular to PostgreSQL.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel_async::{AsyncConnection, RunQueryDsl};

use crate::tx::{Abort, Body};

pub(crate) type Db = diesel::pg::Pg;
pub(crate) type Conn = diesel_async::AsyncPgConnection;

pub(crate) mod sql_types {
    pub(crate) use diesel::sql_types::*;
    pub(crate) type TsSql = Timestamptz;
    pub(crate) type JsonSql = Json;
}

/// The store's present instant (the database's clock, or the one that was injected), moved by `micros`.
pub(crate) fn instant(injected: Option<DateTime<Utc>>, micros: i64) -> SqlLiteral<sql_types::TsSql> {
    let (base, micros) = match injected {
        Some(now) => (
            "TIMESTAMPTZ 'epoch'",
            now.timestamp_micros().saturating_add(micros),
        ),
        None => ("clock_timestamp()", micros),
    };
    sql(&format!("({base} + INTERVAL '{micros} microseconds')"))
}

/// Locks the rows of a query, passing over those that another claimer has locked.
macro_rules! skip_locked {
    ($query:expr) => {
        $query.for_update().skip_locked()
    };
}
pub(crate) use skip_locked;

/// Locks the rows of a query until the end of the transaction, waiting for whoever has locked them.
macro_rules! locked {
    ($query:expr) => {
        $query.for_update()
    };
}
pub(crate) use locked;

/// Runs a body in a transaction that may write. Never nested.
pub(crate) async fn write_tx<R, E, F>(conn: &mut Conn, body: F) -> Result<R, Abort<E>>
where
    R: Send,
    E: Send,
    for<'r> F: Body<&'r mut Conn, Result<R, Abort<E>>, Fut: Send> + Send,
{
    conn.transaction(body).await
}

/// Serialises what is done to one source VM until the end of the transaction.
pub(crate) async fn lock_vm(conn: &mut Conn, vm: &str) -> diesel::QueryResult<()> {
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    lock.bind::<sql_types::Text, _>(vm)
        .execute(conn)
        .await
        .map(|_| ())
}

/// Whether a message of the database says that the schema is not ours. The client does not show the code.
pub(crate) fn is_schema_message(message: &str) -> bool {
    (message.starts_with("relation ") || message.starts_with("column ")) && message.contains("does not exist")
}

/// Whether a message of the database says that a value cannot be stored.
pub(crate) fn is_value_message(message: &str) -> bool {
    message.contains("invalid byte sequence") || message.contains("out of range")
}
