//! From columns to values, fallibly: what a column may not say is an error that names table, column and row.

use std::fmt::Display;
use std::str::FromStr;

use failover_engine::ports::StoreError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::types::JsonText;

/// A row that is being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowId<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a str,
}

impl RowId<'_> {
    /// The error that a column is broken.
    pub(crate) fn corrupt(&self, column: &'static str, detail: impl Display) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            id: self.id.to_owned(),
            detail: detail.to_string(),
        }
    }

    /// An id or another text with a parser.
    pub(crate) fn parse<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        text.parse().map_err(|e| self.corrupt(column, e))
    }

    /// An optional text with a parser.
    pub(crate) fn parse_opt<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|t| self.parse(column, t)).transpose()
    }

    /// A number in a narrower type.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).map_err(|_| self.corrupt(column, format!("{number} is out of range")))
    }

    /// A word of one of our enumerations.
    pub(crate) fn word<T: DeserializeOwned>(
        &self,
        column: &'static str,
        word: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_value(Value::String(word.to_owned())).map_err(|e| self.corrupt(column, e))
    }

    /// A JSON value.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        column: &'static str,
        text: &JsonText,
    ) -> Result<T, StoreError> {
        serde_json::from_str(text.as_str()).map_err(|e| self.corrupt(column, e))
    }

    /// A column that may be empty for the writer but not for the reader.
    pub(crate) fn present<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column, "it is empty"))
    }
}

/// The word of one of our enumerations, as [`RowId::word`] reads it.
pub(crate) fn word_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("a variant without fields is written as a text, not as {other:?}"),
    }
}

/// A count or number as the databases hold it. A number past their range is equal to no stored one.
pub(crate) fn stored_number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A text for people, without the one character that PostgreSQL cannot hold.
pub(crate) fn stored_text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}
