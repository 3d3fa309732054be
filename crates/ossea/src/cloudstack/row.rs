//! One object of an answer, read tolerantly: numbers and booleans may come as strings, anything may be
//! missing. What is missing is `None`; only what we cannot do without makes the answer unreadable.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Why a row is no value of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id}: field {field} is {found}")]
pub(crate) struct Unreadable {
    kind: &'static str,
    id: String,
    field: &'static str,
    found: String,
}

/// An object with the word for what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    kind: &'static str,
    fields: &'a Map<String, Value>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(kind: &'static str, fields: &'a Map<String, Value>) -> Self {
        Self { kind, fields }
    }

    /// A text that is there and not empty; numbers and booleans are written out.
    pub(crate) fn text(self, field: &str) -> Option<String> {
        text(self.fields.get(field)).filter(|text| !text.is_empty())
    }

    /// A text, empty where there is none.
    pub(crate) fn words(self, field: &str) -> String {
        self.text(field).unwrap_or_default()
    }

    /// A text that must be there.
    pub(crate) fn required_text(self, field: &'static str) -> Result<String, Unreadable> {
        self.text(field).ok_or_else(|| self.unreadable(field))
    }

    /// An id that must be there.
    pub(crate) fn id<T: FromStr>(self, field: &'static str) -> Result<T, Unreadable> {
        self.required_text(field)?
            .parse()
            .map_err(|_| self.unreadable(field))
    }

    /// An id that may be missing, but not malformed.
    pub(crate) fn optional_id<T: FromStr>(self, field: &'static str) -> Result<Option<T>, Unreadable> {
        self.text(field)
            .map(|text| text.parse().map_err(|_| self.unreadable(field)))
            .transpose()
    }

    /// A whole number that is not negative.
    pub(crate) fn number(self, field: &str) -> Option<u64> {
        number(self.fields.get(field))
    }

    /// A whole number that must be there.
    pub(crate) fn required_number(self, field: &'static str) -> Result<u64, Unreadable> {
        self.number(field).ok_or_else(|| self.unreadable(field))
    }

    /// A whole number of everyday size.
    pub(crate) fn small_number(self, field: &str) -> Option<u32> {
        self.number(field).and_then(|number| u32::try_from(number).ok())
    }

    /// A small number that may be missing, but not unreadable.
    pub(crate) fn optional_small_number(self, field: &'static str) -> Result<Option<u32>, Unreadable> {
        match self.text(field) {
            None => Ok(None),
            Some(_) => self
                .small_number(field)
                .map(Some)
                .ok_or_else(|| self.unreadable(field)),
        }
    }

    /// Whether something is said to be so.
    pub(crate) fn flag(self, field: &str) -> bool {
        self.optional_flag(field).unwrap_or(false)
    }

    /// What is said of something, if anything.
    pub(crate) fn optional_flag(self, field: &str) -> Option<bool> {
        match self.fields.get(field)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::String(_) | Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// An instant such as `2026-01-02T03:04:05+0000`.
    pub(crate) fn date(self, field: &str) -> Option<DateTime<Utc>> {
        let text = self.text(field)?;
        DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z")
            .or_else(|_| DateTime::parse_from_rfc3339(&text))
            .ok()
            .map(|date| date.to_utc())
    }

    /// Free key-value pairs, written out.
    pub(crate) fn pairs(self, field: &str) -> BTreeMap<String, String> {
        let pairs = self
            .fields
            .get(field)
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        pairs
            .filter_map(|(key, value)| Some((key.clone(), text(Some(value))?)))
            .collect()
    }

    /// An object inside, if there is one.
    pub(crate) fn object(self, kind: &'static str, field: &str) -> Option<Row<'a>> {
        self.fields
            .get(field)
            .and_then(Value::as_object)
            .map(|fields| Row { kind, fields })
    }

    /// The objects of an array inside; a missing array is an empty one.
    pub(crate) fn rows(self, kind: &'static str, field: &'static str) -> Result<Vec<Row<'a>>, Unreadable> {
        // The same array is `vmSnapshot` in a list and `vmsnapshot` elsewhere.
        let array = self.fields.get(field).or_else(|| {
            let spelled_otherwise = |name: &&String| name.eq_ignore_ascii_case(field);
            self.fields
                .keys()
                .find(spelled_otherwise)
                .and_then(|name| self.fields.get(name))
        });
        match array {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_object().map(|fields| Row { kind, fields }))
                .collect::<Option<_>>()
                .ok_or_else(|| self.unreadable(field)),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                Err(self.unreadable(field))
            }
        }
    }

    /// The cloud's words for a failure.
    pub(crate) fn reason(self) -> String {
        reason(self.fields)
    }

    /// The objects inside, whatever their names.
    pub(crate) fn objects(self) -> impl Iterator<Item = Row<'a>> {
        let kind = self.kind;
        self.fields
            .values()
            .filter_map(Value::as_object)
            .map(move |fields| Row { kind, fields })
    }

    /// Says which field of which object stands in the way.
    pub(crate) fn unreadable(self, field: &'static str) -> Unreadable {
        let found = match self.fields.get(field) {
            None | Some(Value::Null) => "missing".to_owned(),
            Some(value) => value.to_string().chars().take(80).collect(),
        };
        Unreadable {
            kind: self.kind,
            id: self.words("id"),
            field,
            found,
        }
    }
}

/// A scalar, written out.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, written as a number or as a string.
fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An error code.
pub(crate) fn code(value: Option<&Value>) -> Option<u32> {
    number(value).and_then(|number| u32::try_from(number).ok())
}

/// The cloud's words for a failure, under whichever name they come. For people only.
pub(crate) fn reason(fields: &Map<String, Value>) -> String {
    ["errortext", "displaytext", "description"]
        .into_iter()
        .find_map(|name| text(fields.get(name)))
        .unwrap_or_else(|| "no reason given".to_owned())
}
