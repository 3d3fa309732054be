//! The sections of a configuration file, one file each.

pub mod client;
pub mod database;
pub mod failover;
pub mod log;
pub mod oma;
pub mod ossea;
pub mod server;
pub mod sim;
pub mod target;
pub mod worker;

use std::time::Duration;

/// Seconds, for bounds and defaults.
const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
