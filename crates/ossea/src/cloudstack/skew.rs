//! The difference between our clock and the cloud's.
//!
//! CloudStack refuses a request that has expired by *its* clock and allows no skew, so a machine whose clock
//! is slow would be locked out. Every answer tells the cloud's time; the next request is dated by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the present time. The client never asks the system itself.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// From here on the difference is worth a person's attention: certificates, logs and leases suffer as well.
const NOTABLE_SECONDS: i64 = 60;

/// How far the cloud's clock is ahead of ours, as last measured.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew {
    seconds: AtomicI64,
    is_measured: AtomicBool,
}

impl ClockSkew {
    /// What must be added to our time to get the cloud's.
    pub(crate) fn get(&self) -> TimeDelta {
        TimeDelta::seconds(self.seconds.load(Ordering::Relaxed))
    }

    /// The same, unless nothing was measured yet.
    pub(crate) fn measured(&self) -> Option<TimeDelta> {
        self.is_measured.load(Ordering::Relaxed).then(|| self.get())
    }

    /// Takes a new measurement; says whether it differs notably from the one before.
    pub(crate) fn measure(&self, ours: DateTime<Utc>, clouds: DateTime<Utc>) -> bool {
        let seconds = (clouds - ours).num_seconds();
        let before = self.seconds.swap(seconds, Ordering::Relaxed);
        self.is_measured.store(true, Ordering::Relaxed);
        let moved = before.abs_diff(seconds) > NOTABLE_SECONDS.unsigned_abs();
        if moved && seconds.abs() > NOTABLE_SECONDS {
            tracing::warn!(
                skew_seconds = seconds,
                "the cloud's clock differs from ours; requests are dated by the cloud's"
            );
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_last_measurement_counts() {
        let skew = ClockSkew::default();
        assert_eq!((skew.get(), skew.measured()), (TimeDelta::zero(), None));
        assert!(skew.measure(at(1_000), at(5_000)));
        assert_eq!(skew.get(), TimeDelta::seconds(4_000));
        assert!(!skew.measure(at(2_000), at(6_010)));
        assert_eq!(skew.get(), TimeDelta::seconds(4_010));
        assert!(skew.measure(at(9_000), at(9_000)));
        assert_eq!(skew.measured(), Some(TimeDelta::zero()));
    }

    #[test]
    fn a_second_of_rounding_is_not_notable() {
        assert!(!ClockSkew::default().measure(at(10), at(11)));
    }
}
