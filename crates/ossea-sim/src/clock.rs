//! The cloud's clock: tokio's, which tests can pause, on top of an instant of the calendar.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// The cloud's clock.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    base: DateTime<Utc>,
    started: Instant,
}

impl SimClock {
    /// A clock that shows `base` now and goes on with tokio's time.
    pub fn starting_at(base: DateTime<Utc>) -> Self {
        Self {
            base,
            started: Instant::now(),
        }
    }

    /// A clock that shows this machine's time, for clients that are processes of their own.
    pub fn of_system() -> Self {
        Self::starting_at(DateTime::<Utc>::from(std::time::SystemTime::now()))
    }

    /// What the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX);
        self.base
            .checked_add_signed(elapsed)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
