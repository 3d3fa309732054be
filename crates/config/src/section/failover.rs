//! `[failover]`: what a failover does unless its request says otherwise, and when people are told of what it left.

use std::time::Duration;

use super::seconds;
use crate::kind::Kind;
use crate::reader::Reader;

/// Defaults of requests, and reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailoverSettings {
    /// Within which time the destination VM must run and pass boot verification.
    pub boot_within: Duration,
    /// How long a completed live failover may be neither committed nor rolled back before people are told.
    pub retention_warn_after: Duration,
}

impl FailoverSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("failover");
        let within = Kind::duration(seconds(10)..=seconds(24 * 3600));
        let retention = Kind::duration(seconds(60)..=seconds(365 * 24 * 3600));
        Some(Self {
            boot_within: section.or("boot_within", &within, seconds(300)),
            retention_warn_after: section.or("retention_warn_after", &retention, seconds(7 * 24 * 3600)),
        })
    }
}
