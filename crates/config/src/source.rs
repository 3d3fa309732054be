//! Where settings come from, gathered into one map by path.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::mistake::Mistake;

/// What the environment variables of settings begin with: `FAILOVER__SECTION__KEY`.
pub const ENVIRONMENT_PREFIX: &str = "FAILOVER__";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{} line {line}", path.display()),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A value before its type is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawValue {
    /// A text of the file.
    Text(String),
    /// A whole number of the file, in decimal unless prefixed.
    Integer(String),
    /// A number with a fraction.
    Float(String),
    /// true or false.
    Switch(bool),
    /// A list of the file.
    List(Vec<RawValue>),
    /// Anything else, by the name of its type: no setting is of such a type.
    Other(&'static str),
    /// A value of the environment: of whatever type the setting has.
    Variable(String),
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: RawValue,
    pub(crate) origin: Origin,
}

/// The sources of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// The environment; variables that do not begin with [`ENVIRONMENT_PREFIX`] are passed over.
    pub environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// A file, if any, and the environment of this process.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        Self {
            file,
            environment: std::env::vars_os().collect(),
        }
    }
}

/// What the sources contain.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) settings: BTreeMap<String, Setting>,
    pub(crate) sections: BTreeMap<String, Origin>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Gathered {
    pub(crate) fn from_sources(sources: &Sources) -> Self {
        let mut gathered = Self::default();
        if let Some(path) = &sources.file {
            match std::fs::read_to_string(path) {
                Ok(text) => gathered.add_file(path, &text),
                Err(error) => gathered.mistakes.push(Mistake {
                    path: path.display().to_string(),
                    message: format!("cannot be read as the configuration file: {error}"),
                    origin: None,
                }),
            }
        }
        for (name, value) in &sources.environment {
            if let Some(name) = name.to_str().filter(|n| n.starts_with(ENVIRONMENT_PREFIX)) {
                gathered.add_variable(name, value.to_str());
            }
        }
        gathered
    }

    fn add_file(&mut self, path: &Path, text: &str) {
        let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // Only the message: the error's own display quotes the line, which may hold a secret.
            let line = line_of(error.span().map_or(0, |span| span.start));
            self.mistakes.push(Mistake {
                path: path.display().to_string(),
                message: format!("is not TOML: {}", error.message()),
                origin: Some(Origin::File {
                    path: path.to_owned(),
                    line,
                }),
            });
        }
        let at = |offset: usize| Origin::File {
            path: path.to_owned(),
            line: line_of(offset),
        };
        for (name, value) in table.get_ref().iter() {
            if matches!(value.get_ref(), DeValue::Table(_)) {
                self.sections
                    .insert(name.get_ref().to_string(), at(name.span().start));
            }
        }
        self.add_table("", table.get_ref(), &at);
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>, at: &impl Fn(usize) -> Origin) {
        for (name, value) in table.iter() {
            let path = join(prefix, name.get_ref());
            if let DeValue::Table(inner) = value.get_ref() {
                self.add_table(&path, inner, at);
                continue;
            }
            let setting = Setting {
                value: RawValue::of_file(value.get_ref()),
                origin: at(name.span().start),
            };
            self.settings.insert(path, setting);
        }
    }

    fn add_variable(&mut self, name: &str, value: Option<&str>) {
        let path = name[ENVIRONMENT_PREFIX.len()..]
            .to_ascii_lowercase()
            .replace("__", ".");
        let origin = Origin::Variable(name.to_owned());
        let Some(value) = value else {
            let message = "is not valid UTF-8".to_owned();
            self.mistakes.push(Mistake {
                path,
                message,
                origin: Some(origin),
            });
            return;
        };
        self.settings.insert(
            path,
            Setting {
                value: RawValue::Variable(value.to_owned()),
                origin,
            },
        );
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

impl RawValue {
    fn of_file(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => RawValue::Text(text.to_string()),
            DeValue::Integer(number) => RawValue::Integer(number.to_string()),
            DeValue::Float(number) => RawValue::Float(number.to_string()),
            DeValue::Boolean(switch) => RawValue::Switch(*switch),
            DeValue::Datetime(_) => RawValue::Other("a date"),
            DeValue::Array(items) => {
                RawValue::List(items.iter().map(|item| Self::of_file(item.get_ref())).collect())
            }
            DeValue::Table(_) => RawValue::Other("a table"),
        }
    }

    /// The value as a list: one of the file, or a variable's parts between commas. An empty variable is an empty list, so
    /// that the environment can take away what the file gives.
    pub(crate) fn as_list(&self) -> Option<Vec<RawValue>> {
        match self {
            RawValue::List(items) => Some(items.clone()),
            RawValue::Variable(text) if text.trim().is_empty() => Some(Vec::new()),
            RawValue::Variable(text) => Some(
                text.split(',')
                    .map(|part| RawValue::Variable(part.to_owned()))
                    .collect(),
            ),
            RawValue::Text(_)
            | RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::Switch(_)
            | RawValue::Other(_) => None,
        }
    }

    /// The value as text, whichever source it came from.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            RawValue::Text(text) | RawValue::Variable(text) => Some(text),
            RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::Switch(_)
            | RawValue::List(_)
            | RawValue::Other(_) => None,
        }
    }

    /// The value as true or false.
    pub(crate) fn as_switch(&self) -> Option<bool> {
        match self {
            RawValue::Switch(switch) => Some(*switch),
            RawValue::Variable(text) => text.trim().parse().ok(),
            RawValue::Text(_)
            | RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::List(_)
            | RawValue::Other(_) => None,
        }
    }

    /// The value as the text of a number.
    pub(crate) fn as_number(&self) -> Option<&str> {
        match self {
            RawValue::Integer(text) | RawValue::Float(text) | RawValue::Variable(text) => Some(text),
            RawValue::Text(_) | RawValue::Switch(_) | RawValue::List(_) | RawValue::Other(_) => None,
        }
    }

    /// The value for a mistake, cut to 80 characters.
    pub(crate) fn shown(&self) -> String {
        let cut = |text: &str| text.chars().take(80).collect::<String>();
        match self {
            RawValue::Text(text) | RawValue::Variable(text) => format!("{:?}", cut(text)),
            RawValue::Integer(number) | RawValue::Float(number) => cut(number),
            RawValue::Switch(switch) => switch.to_string(),
            RawValue::List(items) => {
                let items: Vec<String> = items.iter().map(RawValue::shown).collect();
                cut(&format!("[{}]", items.join(", ")))
            }
            RawValue::Other(kind) => (*kind).to_owned(),
        }
    }
}
