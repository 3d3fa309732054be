//! `[failover]`: what a failover does unless its request says otherwise.

use std::time::Duration;

use super::seconds;
use crate::kind::Kind;
use crate::reader::Reader;

/// Defaults of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailoverSettings {
    /// Within which time the destination VM must run and pass boot verification.
    pub boot_within: Duration,
}

impl FailoverSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("failover");
        let within = Kind::duration(seconds(10)..=seconds(24 * 3600));
        Some(Self {
            boot_within: section.or("boot_within", &within, seconds(300)),
        })
    }
}
