//! Column types that have one Rust form and a form of their own in each database.

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Json, Text, Timestamptz};
use diesel::sqlite::Sqlite;
use std::io::Write;

/// An instant in whole microseconds: `timestamptz` in PostgreSQL, an integer since 1970 in SQLite.
///
/// Finer parts are cut off when it is made, not by the database: PostgreSQL does not keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
#[diesel(sql_type = BigInt)]
pub(crate) struct Ts(DateTime<Utc>);

impl Ts {
    pub(crate) fn instant(self) -> DateTime<Utc> {
        self.0
    }
}
impl From<DateTime<Utc>> for Ts {
    fn from(instant: DateTime<Utc>) -> Self {
        let whole = DateTime::from_timestamp_micros(instant.timestamp_micros());
        Self(whole.expect("an instant without its nanoseconds is still in range"))
    }
}
impl ToSql<BigInt, Sqlite> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}
impl FromSql<BigInt, Sqlite> for Ts {
    fn from_sql(value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
        let instant = DateTime::from_timestamp_micros(micros);
        instant
            .map(Self)
            .ok_or_else(|| format!("{micros} microseconds since 1970 is out of range").into())
    }
}
impl ToSql<Timestamptz, Pg> for Ts {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <DateTime<Utc> as ToSql<Timestamptz, Pg>>::to_sql(&self.0, out)
    }
}
impl FromSql<Timestamptz, Pg> for Ts {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(value).map(Self)
    }
}

/// A JSON value in its text form: `json` in PostgreSQL, checked text in SQLite.
///
/// The text is kept as it was written (`jsonb` would reorder it and refuse `\u0000`), so two equal values that
/// were written by the same code have equal texts.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Json)]
#[diesel(sql_type = Text)]
pub(crate) struct JsonText(String);

impl JsonText {
    /// The text of a value of ours.
    pub(crate) fn of(value: &impl serde::Serialize) -> Self {
        Self(serde_json::to_string(value).expect("our own values have text keys and finite numbers"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
impl ToSql<Text, Sqlite> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}
impl FromSql<Text, Sqlite> for JsonText {
    fn from_sql(value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}
impl ToSql<Json, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}
impl FromSql<Json, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}
