//! The clock of a process that can be stopped, and that may be wrong.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_engine::{Clock, SharedClock};
use ossea_sim::CallingProcess;

/// The right time, as this process sees it.
pub(crate) struct ProcessClock {
    pub(crate) right: SharedClock,
    pub(crate) process: CallingProcess,
}

#[async_trait]
impl Clock for ProcessClock {
    fn now(&self) -> DateTime<Utc> {
        self.process.time(self.right.now())
    }

    async fn sleep(&self, duration: Duration) {
        self.right.sleep(duration).await;
        self.process.goes_on().await;
    }
}
