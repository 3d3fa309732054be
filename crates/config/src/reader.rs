//! Takes typed values out of settings by path, and notes everything that is wrong on the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::kind::Kind;
use crate::mistake::{Mistake, Mistakes, Warning};
use crate::source::{Gathered, Origin, Setting, Sources};

/// The sections of all binaries. A section that is here but that a binary does not read belongs to another one.
const SECTIONS: [&str; 10] = [
    "client", "database", "failover", "log", "oma", "ossea", "server", "sim", "target", "worker",
];

/// Reads settings and collects mistakes.
#[derive(Debug)]
pub struct Reader {
    settings: BTreeMap<String, Setting>,
    sections_given: BTreeMap<String, Origin>,
    sections_read: BTreeSet<&'static str>,
    keys_read: BTreeSet<String>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Warning>,
    effective: Vec<String>,
}

/// What a setting turned out to be.
enum Taken<T> {
    Absent,
    Good(T),
    /// A mistake was noted.
    Bad,
}

impl Reader {
    /// A reader over what the sources contain.
    pub fn new(sources: &Sources) -> Self {
        let Gathered {
            settings,
            sections,
            mistakes,
        } = Gathered::from_sources(sources);
        Self {
            settings,
            sections_given: sections,
            sections_read: BTreeSet::new(),
            keys_read: BTreeSet::new(),
            mistakes,
            warnings: Vec::new(),
            effective: Vec::new(),
        }
    }

    /// Opens a section for reading.
    pub fn section(&mut self, name: &'static str) -> Section<'_> {
        debug_assert!(SECTIONS.contains(&name), "every section is listed in SECTIONS");
        self.sections_read.insert(name);
        Section { reader: self, name }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All mistakes, among them every setting that nobody has read.
    pub fn finish(mut self) -> Result<(Vec<Warning>, Vec<String>), Mistakes> {
        self.note_unknown();
        if self.mistakes.is_empty() {
            Ok((self.warnings, self.effective))
        } else {
            Err(Mistakes(self.mistakes))
        }
    }

    fn note_unknown(&mut self) {
        for (section, origin) in &self.sections_given {
            if !SECTIONS.contains(&section.as_str()) {
                let message = format!("is not a known section, allowed are {}", SECTIONS.join(", "));
                self.mistakes.push(Mistake {
                    path: section.clone(),
                    message,
                    origin: Some(origin.clone()),
                });
            }
        }
        for (path, setting) in &self.settings {
            if self.keys_read.contains(path) {
                continue;
            }
            let section = path.split_once('.').map(|(section, _)| section);
            let message = match section {
                None => format!("is outside a section; the sections are {}", SECTIONS.join(", ")),
                Some(name) if self.sections_given.contains_key(name) && !SECTIONS.contains(&name) => continue,
                Some(name) if !SECTIONS.contains(&name) => {
                    format!("is in no known section; the sections are {}", SECTIONS.join(", "))
                }
                Some(name) if !self.sections_read.contains(name) => continue,
                Some(name) => format!(
                    "is not a known key; section {name} has {}",
                    self.keys_of(name).join(", ")
                ),
            };
            let origin = Some(setting.origin.clone());
            self.mistakes.push(Mistake {
                path: path.clone(),
                message,
                origin,
            });
        }
    }

    fn keys_of(&self, section: &str) -> Vec<&str> {
        let in_section =
            |path: &'_ String| path.starts_with(section) && path[section.len()..].starts_with('.');
        self.keys_read
            .iter()
            .filter(|path| in_section(path))
            .map(|path| &path[section.len() + 1..])
            .collect()
    }
}

/// One section of the settings.
#[derive(Debug)]
pub struct Section<'a> {
    pub(crate) reader: &'a mut Reader,
    pub(crate) name: &'static str,
}

impl Section<'_> {
    /// A value that may be absent.
    pub fn optional<T>(&mut self, key: &str, kind: &Kind<T>) -> Option<T> {
        match self.take(key, kind) {
            Taken::Good(value) => Some(value),
            Taken::Absent | Taken::Bad => None,
        }
    }

    /// A value with a default. After a mistake the default stands in, so that reading can go on.
    pub fn or<T>(&mut self, key: &str, kind: &Kind<T>, default: T) -> T {
        match self.take(key, kind) {
            Taken::Good(value) => value,
            Taken::Bad => default,
            Taken::Absent => {
                let shown = (kind.show)(&default);
                self.show(key, &shown, "default");
                default
            }
        }
    }

    /// A value that must be given; `None` once a mistake was noted.
    pub fn required<T>(&mut self, key: &str, kind: &Kind<T>) -> Option<T> {
        match self.take(key, kind) {
            Taken::Good(value) => Some(value),
            Taken::Bad => None,
            Taken::Absent => {
                let message = format!(
                    "is missing, allowed is {} ({})",
                    kind.allowed,
                    self.ways_to_give(key)
                );
                self.mistake(key, message, None);
                None
            }
        }
    }

    /// Notes a mistake that concerns a key of this section.
    pub fn mistake(&mut self, key: &str, message: impl Into<String>, origin: Option<Origin>) {
        let path = self.path(key);
        self.reader.mistakes.push(Mistake {
            path,
            message: message.into(),
            origin,
        });
    }

    /// Notes a warning that concerns a key of this section.
    pub fn warning(&mut self, key: &str, message: impl Into<String>) {
        let path = self.path(key);
        self.reader.warnings.push(Warning {
            path,
            message: message.into(),
        });
    }

    /// Where a key's value comes from.
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.reader
            .settings
            .get(&self.path(key))
            .map(|s| s.origin.clone())
    }

    /// Marks a key as read and returns what is there.
    pub(crate) fn raw(&mut self, key: &str) -> Option<Setting> {
        let path = self.path(key);
        self.reader.keys_read.insert(path.clone());
        self.reader.settings.get(&path).cloned()
    }

    /// Notes the effective value of a key, as `--print-config` shows it.
    pub(crate) fn show(&mut self, key: &str, value: &str, from: &str) {
        let line = format!("{} = {value}  # {from}", self.path(key));
        self.reader.effective.push(line);
    }

    /// How a key can be given.
    pub(crate) fn ways_to_give(&self, key: &str) -> String {
        let variable = format!("{}{}__{key}", crate::ENVIRONMENT_PREFIX, self.name).to_ascii_uppercase();
        format!("in section [{}] of the file, or as {variable}", self.name)
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn take<T>(&mut self, key: &str, kind: &Kind<T>) -> Taken<T> {
        let Some(setting) = self.raw(key) else {
            return Taken::Absent;
        };
        match (kind.parse)(&setting.value) {
            Some(value) => {
                self.show(key, &(kind.show)(&value), &setting.origin.to_string());
                Taken::Good(value)
            }
            None => {
                let message = format!("is {}, allowed is {}", setting.value.shown(), kind.allowed);
                self.mistake(key, message, Some(setting.origin));
                Taken::Bad
            }
        }
    }
}
