//! The process that calls: it can be stopped as a whole, and its clock may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

/// A process that calls the cloud. Clones are the same process; the default one is never stopped and has the cloud's time.
#[derive(Debug, Clone, Default)]
pub struct CallingProcess {
    stopped: Arc<AtomicBool>,
    /// Wakes those who wait in the order in which they came, so that a run can be repeated.
    resumed: Arc<Notify>,
    ahead_milliseconds: Arc<AtomicI64>,
}

impl CallingProcess {
    /// Stops it: it sends nothing and learns of no answer until it goes on. What is on its way arrives.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        self.resumed.notify_waiters();
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits while it is stopped.
    pub async fn goes_on(&self) {
        loop {
            let resumed = self.resumed.notified();
            tokio::pin!(resumed);
            // From here on no wake-up is missed.
            resumed.as_mut().enable();
            if !self.is_stopped() {
                return;
            }
            resumed.await;
        }
    }

    /// Moves its clock so far ahead of the cloud's, or behind it.
    pub fn set_clock_ahead(&self, by: TimeDelta) {
        self.ahead_milliseconds
            .store(by.num_milliseconds(), Ordering::Relaxed);
    }

    /// What its clock shows when the right one shows `right`.
    pub fn time(&self, right: DateTime<Utc>) -> DateTime<Utc> {
        right + TimeDelta::milliseconds(self.ahead_milliseconds.load(Ordering::Relaxed))
    }
}
