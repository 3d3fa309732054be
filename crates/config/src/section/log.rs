//! `[log]`: what is logged, and how.

use tracing_subscriber::EnvFilter;

use crate::kind::Kind;
use crate::reader::Reader;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The form.
    pub format: LogFormat,
    /// Which lines, in the notation of `tracing_subscriber::EnvFilter`, such as `info,ossea=debug`.
    pub filter: String,
}

impl LogSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("log");
        let formats = Kind::choice(&FORMATS, |format: &LogFormat| match format {
            LogFormat::Text => "\"text\"".to_owned(),
            LogFormat::Json => "\"json\"".to_owned(),
        });
        let format = section.or("format", &formats, LogFormat::Text);
        let filter = section.or("filter", &Kind::text(), "info".to_owned());
        if let Err(error) = EnvFilter::try_new(&filter) {
            let message = format!("is {filter:?}, allowed is a filter such as \"info,ossea=debug\": {error}");
            section.mistake("filter", message, section.origin("filter"));
        }
        Some(Self { format, filter })
    }
}
