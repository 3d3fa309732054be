//! Sets up logging. Logs go to stderr; stdout belongs to what a process has to say to programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::section::log::{LogFormat, LogSettings};

/// Sets up logging for this process. A second call changes nothing.
pub fn init_logging(settings: &LogSettings) {
    // The filter was checked when the configuration was read.
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Where the log cannot be written, as on a full disk, nothing must be said about it on stderr either: that would be
        // a panic in the middle of whatever was logged, and jobs matter more than their log.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let result = match settings.format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    if result.is_err() {
        tracing::debug!("logging is set up already");
    }
}
