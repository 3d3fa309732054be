//! What is wrong with a configuration.

use std::fmt;

use crate::source::Origin;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's path, such as `database.url`; the file's name for a mistake of the file as a whole.
    pub path: String,
    /// What is wrong and what is allowed: the end of a sentence that begins with the path.
    pub message: String,
    /// Where the value came from; `None` for a value that is missing.
    pub origin: Option<Origin>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.message)?;
        match &self.origin {
            Some(origin) => write!(f, " [{origin}]"),
            None => Ok(()),
        }
    }
}

/// All mistakes of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} mistake(s):{}", .0.len(), list(.0))]
pub struct Mistakes(pub Vec<Mistake>);

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|m| format!("\n  {m}")).collect()
}

/// Something that is allowed but hardly wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The setting's path.
    pub path: String,
    /// The end of a sentence that begins with the path.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.message)
    }
}
