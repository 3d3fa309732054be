//! The process that calls: it can be stopped as a whole, and its clock may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// A process that calls the cloud. Clones are the same process; the default one is never stopped and has the cloud's time.
#[derive(Debug, Clone)]
pub struct CallingProcess {
    stopped: Arc<watch::Sender<bool>>,
    ahead_milliseconds: Arc<AtomicI64>,
}

impl Default for CallingProcess {
    fn default() -> Self {
        Self {
            stopped: Arc::new(watch::Sender::new(false)),
            ahead_milliseconds: Arc::default(),
        }
    }
}

impl CallingProcess {
    /// Stops it: it sends nothing and learns of no answer until it goes on. What is on its way arrives.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.stopped.send_replace(false);
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits while it is stopped.
    pub async fn goes_on(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender is ours, so the wait cannot fail.
        stopped.wait_for(|stopped| !stopped).await.ok();
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
