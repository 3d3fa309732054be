//! A database that does not answer is asked again until it does, and less and less often.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::JobStatus;
use failover_engine::SharedClock;
use failover_engine::ports::StoreError;
use lab::Lab;
use lab::gate::{Call, Gate, Gated};

/// How often the journal cannot be written.
const REFUSALS: u32 = 7;

/// The gate of a database that takes no entries at first, and notes when it was asked.
struct Away {
    clock: SharedClock,
    asked: Mutex<Vec<chrono::DateTime<chrono::Utc>>>,
}

#[async_trait]
impl Gate for Away {
    type Pass = ();

    async fn enter(&self, call: Call<'_>) -> Result<(), StoreError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(call, Call::Append(..)) || asked.len() > REFUSALS as usize {
            return Ok(());
        }
        asked.push(self.clock.now());
        if asked.len() > REFUSALS as usize {
            return Ok(());
        }
        Err(StoreError::Unavailable("the database is away".to_owned()))
    }

    async fn leave(&self, _: Call<'_>, (): ()) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_written_is_tried_again_at_growing_intervals() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let gate = Away {
        clock: Arc::clone(&lab.parts.clock),
        asked: Mutex::default(),
    };
    let gated = Arc::new(Gated {
        store: Arc::clone(&lab.store),
        gate,
    });
    let mut parts = lab.parts.clone();
    parts.jobs = Arc::clone(&gated) as _;
    let worker = lab.worker_over(parts);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    worker.kill();
    let asked = gated.gate.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = asked.windows(2).map(|pair| pair[1] - pair[0]);
    let waited: Vec<Duration> = waited.map(|w| w.to_std().expect("time goes on")).collect();
    let settings = &lab.parts.settings;
    let wanted: Vec<Duration> = (1..=REFUSALS).map(|attempt| settings.backoff(attempt)).collect();
    assert_eq!(waited, wanted);
    assert_eq!(wanted[0], settings.retry_min);
    assert_eq!(
        wanted.last(),
        Some(&settings.retry_max),
        "it does not grow for ever"
    );
}
