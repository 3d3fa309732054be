//! The difference between our clock and the cloud's.
//!
//! CloudStack refuses a request that has expired by *its* clock and allows no skew, so a machine whose clock
//! is slow would be locked out. Every answer tells the cloud's time; the next request is dated by it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// From here on the difference is worth a person's attention: certificates, logs and leases suffer as well.
const NOTABLE_SECONDS: i64 = 60;

/// How far the cloud's clock is ahead of ours, as last measured.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(Mutex<Measurements>);

#[derive(Debug, Default)]
struct Measurements {
    /// The last one, in seconds.
    last: Option<i64>,
    /// The one that was last reported. A clock that drifts away slowly differs notably from this one some day, though
    /// never from the last one.
    reported: i64,
}

impl ClockSkew {
    fn lock(&self) -> MutexGuard<'_, Measurements> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What must be added to our time to get the cloud's.
    pub(crate) fn get(&self) -> TimeDelta {
        self.measured().unwrap_or_default()
    }

    /// The same, unless nothing was measured yet.
    pub(crate) fn measured(&self) -> Option<TimeDelta> {
        self.lock().last.map(TimeDelta::seconds)
    }

    /// Takes a new measurement: the cloud dated its answer somewhere between the instants at which the request was sent and
    /// the answer was received, and nobody says whether before or after its work. What was measured before stays where
    /// both can be true. Says whether the difference has changed notably.
    pub(crate) fn measure(
        &self,
        sent: DateTime<Utc>,
        received: DateTime<Utc>,
        clouds: DateTime<Utc>,
    ) -> bool {
        let (least, most) = ((clouds - received).num_seconds(), (clouds - sent).num_seconds());
        let mut measurements = self.lock();
        let believed = measurements.last.unwrap_or_default();
        let seconds = believed.clamp(least, most.max(least));
        let before = measurements.last.replace(seconds).unwrap_or_default();
        if is_notable(measurements.reported, seconds) {
            measurements.reported = seconds;
            drop(measurements);
            report(seconds);
        }
        is_notable(before, seconds)
    }
}

fn is_notable(before: i64, seconds: i64) -> bool {
    before.abs_diff(seconds) > NOTABLE_SECONDS.unsigned_abs()
}

/// Once for each notable change.
fn report(seconds: i64) {
    if seconds.abs() > NOTABLE_SECONDS {
        tracing::warn!(
            skew_seconds = seconds,
            "the cloud's clock differs from ours; requests are dated by the cloud's and go on working, but \
             certificates and the times in logs do not agree: set the clocks"
        );
    } else {
        tracing::info!(skew_seconds = seconds, "the cloud's clock agrees with ours again");
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
        assert!(skew.measure(at(1_000), at(1_000), at(5_000)));
        assert_eq!(skew.get(), TimeDelta::seconds(4_000));
        assert!(!skew.measure(at(2_000), at(2_000), at(6_010)));
        assert_eq!(skew.get(), TimeDelta::seconds(4_010));
        assert!(skew.measure(at(9_000), at(9_000), at(9_000)));
        assert_eq!(skew.measured(), Some(TimeDelta::zero()));
    }

    #[test]
    fn a_slow_drift_is_reported_in_the_end_and_then_not_with_every_answer() {
        let skew = ClockSkew::default();
        let mut reports = Vec::new();
        for second in 0..200 {
            assert!(!skew.measure(at(1_000), at(1_000), at(1_000 + second)));
            reports.push(skew.lock().reported);
        }
        reports.dedup();
        assert_eq!(reports, [0, 61, 122, 183]);
    }

    #[test]
    fn a_second_of_rounding_is_not_notable() {
        assert!(!ClockSkew::default().measure(at(10), at(10), at(11)));
    }

    #[test]
    fn an_answer_that_takes_long_moves_no_clock() {
        let skew = ClockSkew::default();
        skew.measure(at(1_000), at(1_001), at(1_000));
        for dated in [2_000, 2_027, 2_055] {
            assert!(!skew.measure(at(2_000), at(2_055), at(dated)));
            assert_eq!(skew.measured(), Some(TimeDelta::zero()), "{dated}");
        }
        skew.measure(at(3_000), at(3_010), at(3_300));
        assert_eq!(skew.measured(), Some(TimeDelta::seconds(290)));
    }
}
