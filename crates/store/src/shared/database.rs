//! Connections, transactions, the clock, and the one place where errors of the database get their meaning.

use std::time::Duration;

use diesel::expression::SqlLiteral;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use failover_engine::SharedClock;
use failover_engine::ports::StoreError;

use super::dialect::{self, Conn, sql_types::TsSql};
use crate::tx::{Abort, Body};

/// One database. The ports are implemented on it in the modules beside this one.
pub(crate) struct Database {
    /// Connections for reading.
    pub(crate) readers: Pool<Conn>,
    /// Connections for writing: the same ones in PostgreSQL, a single one in SQLite.
    pub(crate) writers: Pool<Conn>,
    /// The clock that leases are judged by, when it is not the database's own.
    pub(crate) clock: Option<SharedClock>,
}

/// Longer spans than this make no difference, and the databases could not add them.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Database {
    pub(crate) async fn reader(&self) -> Result<Object<Conn>, StoreError> {
        self.readers
            .get()
            .await
            .map_err(|e| StoreError::Unavailable(e.to_string()))
    }

    /// Runs `body` in a transaction that may write. `table` is named in errors.
    pub(crate) async fn write<R, E, F>(&self, table: &'static str, body: F) -> Result<R, E>
    where
        R: Send,
        E: From<StoreError> + Send,
        for<'r> F: Body<&'r mut Conn, Result<R, Abort<E>>, Fut: Send> + Send,
    {
        let connection = self.writers.get().await;
        let mut connection = connection.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        dialect::write_tx(&mut connection, body)
            .await
            .map_err(|abort| match abort {
                Abort::Database(error) => store_error(error, table).into(),
                Abort::Refused(error) => error,
            })
    }

    /// The present instant by the store's clock, as an expression.
    pub(crate) fn now(&self) -> SqlLiteral<TsSql> {
        self.instant(0)
    }

    /// The present instant moved on by `length`.
    pub(crate) fn after(&self, length: Duration) -> SqlLiteral<TsSql> {
        self.instant(micros(length))
    }

    /// The present instant moved back by `length`.
    pub(crate) fn before(&self, length: Duration) -> SqlLiteral<TsSql> {
        self.instant(-micros(length))
    }

    fn instant(&self, micros: i64) -> SqlLiteral<TsSql> {
        dialect::instant(self.clock.as_ref().map(|c| c.now()), micros)
    }
}

fn micros(length: Duration) -> i64 {
    i64::try_from(length.min(LONGEST).as_micros()).expect("a century fits")
}

/// What a failure of the database means for the callers of the ports.
///
/// Neither client shows more of an error than its kind and text, so some texts have to be looked at; this and
/// the two functions of the dialect are the only places that do. What is not recognised is `Unavailable`: the
/// caller must then assume that a write may have been committed.
pub(crate) fn store_error(error: Error, table: &'static str) -> StoreError {
    let corrupt = |column, detail| StoreError::Corrupt {
        table,
        column,
        id: "unknown".to_owned(),
        detail,
    };
    if let Error::DeserializationError(detail) = &error {
        return corrupt("unknown", detail.to_string());
    }
    let Error::DatabaseError(kind, info) = &error else {
        return StoreError::Unavailable(error.to_string());
    };
    let message = info.message();
    let refused = matches!(
        kind,
        DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
    );
    if dialect::is_schema_message(message) {
        StoreError::Schema(message.to_owned())
    } else if refused || dialect::is_value_message(message) {
        corrupt("constraint", message.to_owned())
    } else {
        StoreError::Unavailable(message.to_owned())
    }
}

/// [`store_error`] for a query outside a transaction.
pub(crate) trait OrStoreError<T> {
    fn or_store_error(self, table: &'static str) -> Result<T, StoreError>;
}
impl<T> OrStoreError<T> for diesel::QueryResult<T> {
    fn or_store_error(self, table: &'static str) -> Result<T, StoreError> {
        self.map_err(|e| store_error(e, table))
    }
}
