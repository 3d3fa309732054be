//! The window of a test failover: a deadline, and the progress that moves with elapsed time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::status::JobStatus;

/// The shortest window that may be asked for: below it nothing can be looked at.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(10);

/// The longest window that may be asked for. The replicas are not synchronised meanwhile.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// What happens at the end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AtWindowEnd {
    /// The test is cleaned up.
    CleanUp,
    /// People are told that the window is over; the test goes on until somebody ends it.
    Remind,
}

/// The open window of a test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestWindow {
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it is over.
    pub deadline: DateTime<Utc>,
    /// The progress at `measured_from`: an extended window goes on from where it was.
    pub progress_then: f64,
    /// The instant from which elapsed time is measured.
    pub measured_from: DateTime<Utc>,
}

impl TestWindow {
    /// A window that is opened at `now` for `length`.
    pub fn open(now: DateTime<Utc>, length: Duration) -> Self {
        Self {
            opened_at: now,
            deadline: later(now, length),
            progress_then: JobStatus::WINDOW_PROGRESS.0,
            measured_from: now,
        }
    }

    /// The progress in percent at `now`: from 70 towards 85, and never back.
    pub fn progress(&self, now: DateTime<Utc>) -> f64 {
        let whole = (self.deadline - self.measured_from).as_seconds_f64();
        let elapsed = (now - self.measured_from).as_seconds_f64();
        let share = if whole > 0.0 {
            (elapsed / whole).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let end = JobStatus::WINDOW_PROGRESS.1;
        self.progress_then + (end - self.progress_then) * share
    }

    /// Moves the deadline. The progress goes on from where it is at `now`.
    pub fn move_deadline(&mut self, deadline: DateTime<Utc>, now: DateTime<Utc>) {
        self.progress_then = self.progress(now);
        self.measured_from = now;
        self.deadline = deadline;
    }
}

/// `duration` after `at`, or the end of time.
pub fn later(at: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|d| at.checked_add_signed(d))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_755_530_108 + seconds, 0).unwrap()
    }

    #[test]
    fn progress_moves_from_70_to_85_with_elapsed_time() {
        let window = TestWindow::open(at(0), Duration::from_secs(3600));
        for (second, progress) in [(-5, 70.0), (0, 70.0), (1800, 77.5), (3600, 85.0), (9999, 85.0)] {
            assert!((window.progress(at(second)) - progress).abs() < 1e-9, "{second}");
        }
    }

    proptest! {
        #[test]
        fn progress_never_falls_whatever_the_deadline_becomes(
            moves in proptest::collection::vec((0_i64..5000, 1_i64..20_000), 0..8),
        ) {
            let mut window = TestWindow::open(at(0), Duration::from_secs(3600));
            let (mut now, mut last) = (0, 70.0);
            for (passed, length) in moves {
                now += passed;
                prop_assert!(window.progress(at(now)) >= last - 1e-9);
                last = window.progress(at(now));
                window.move_deadline(at(now + length), at(now));
                prop_assert!((window.progress(at(now)) - last).abs() < 1e-9);
            }
            prop_assert!(window.progress(at(now + 100_000)) <= 85.0 + 1e-9);
        }
    }
}
