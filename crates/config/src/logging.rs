//! Sets up logging. Logs go to stderr; stdout belongs to what a process has to say to programs.

use std::io::IsTerminal;

use log_ring::LogRing;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::section::log::{LogFormat, LogSettings};

/// Sets up logging for this process. A second call changes nothing.
pub fn init_logging(settings: &LogSettings) {
    init(settings, None);
}

/// The same, and the newest records are kept in `ring` too.
pub fn init_logging_with_ring(settings: &LogSettings, ring: &LogRing) {
    init(settings, Some(ring));
}

fn init(settings: &LogSettings, ring: Option<&LogRing>) {
    // The filter was checked when the configuration was read.
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer()
        // Where the log cannot be written, as on a full disk, nothing must be said about it on stderr either: that would be
        // a panic in the middle of whatever was logged, and jobs matter more than their log.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // The filter is over both, so the ring has what the log has.
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        .with(ring.map(LogRing::layer))
        .with(filter);
    if subscriber.try_init().is_err() {
        tracing::debug!("logging is set up already");
    }
}
