//! A worker that is stopped as a whole (a suspended machine, a debugger) and goes on when another one has taken over does
//! no harm, wherever it was stopped. A job whose journal does not take an entry stops and says so.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::{AttentionCode, JobStatus};
use failover_engine::ports::{Batch, StoreError};
use failover_engine::{Event, StoredEvent};
use lab::gate::{Call, Gate, Gated};
use lab::{Lab, taken};
use tokio::sync::watch;

/// The gate of a worker that is stopped right after a commit: its answer is on the way until the worker goes on, and so is
/// everything else that the worker does.
struct Stoppable {
    /// The intent, by its number among all intents of the job, after whose commit the worker is stopped.
    at_intent: u64,
    intents: AtomicU64,
    is_stopped: watch::Sender<bool>,
    then: Then,
}

/// What happens at the intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The worker is stopped.
    Stops,
    /// It is told, once, that the row is broken, and the intent is not stored.
    Breaks,
}

impl Stoppable {
    /// The store of `lab` behind this gate.
    fn over(lab: &Lab, at_intent: u64, then: Then) -> Arc<Gated<Stoppable>> {
        let gate = Stoppable {
            at_intent,
            intents: AtomicU64::new(0),
            is_stopped: watch::Sender::new(false),
            then,
        };
        let store = Arc::clone(&lab.store);
        Arc::new(Gated { store, gate })
    }

    async fn goes_on(&self) {
        let mut is_stopped = self.is_stopped.subscribe();
        is_stopped
            .wait_for(|is_stopped| !is_stopped)
            .await
            .expect("the sender is ours");
    }

    fn is_the_one(&self, batch: &Batch) -> bool {
        let is_intent = |stored: &StoredEvent| matches!(stored.event, Event::StepIntended { .. });
        batch.events.iter().any(is_intent) && self.intents.fetch_add(1, Ordering::Relaxed) == self.at_intent
    }
}

#[async_trait]
impl Gate for Stoppable {
    /// Whether the worker is stopped on the way out.
    type Pass = bool;

    async fn enter(&self, call: Call<'_>) -> Result<bool, StoreError> {
        match call {
            Call::Append(lease, batch) => {
                self.goes_on().await;
                let is_the_one = self.is_the_one(batch);
                if is_the_one && self.then == Then::Breaks {
                    return Err(StoreError::Corrupt {
                        table: "failover_events",
                        column: "seq",
                        id: lease.job_id.to_string(),
                        detail: "a rule does not hold".to_owned(),
                    });
                }
                Ok(is_the_one)
            }
            Call::Renew(_) | Call::Claim(_) => {
                self.goes_on().await;
                Ok(false)
            }
            Call::Write | Call::Read => Ok(false),
        }
    }

    async fn leave(&self, call: Call<'_>, is_the_one: bool) -> Result<(), StoreError> {
        if is_the_one {
            self.is_stopped.send_replace(true);
        }
        match call {
            Call::Append(..) => self.goes_on().await,
            Call::Renew(_) | Call::Claim(_) | Call::Write | Call::Read => {}
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_before_it_sends_is_not_listened_to_later() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    lab.run(&job).await;
    let undisturbed = taken(&lab, 0);
    assert!(undisturbed.len() > 10, "{undisturbed:?}");
    for at_intent in 0..undisturbed.len() as u64 {
        let lab = Lab::new().await;
        let job = lab.start().await;
        let stoppable = Stoppable::over(&lab, at_intent, Then::Stops);
        let mut parts = lab.parts.clone();
        parts.jobs = Arc::clone(&stoppable) as _;
        let first = lab.worker_over(parts);
        let mut is_stopped = stoppable.gate.is_stopped.subscribe();
        is_stopped.wait_for(|is_stopped| *is_stopped).await.unwrap();
        let record = lab.run(&job).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "stopped at intent {at_intent}"
        );
        assert!(record.epoch > 1, "nobody took over at intent {at_intent}");
        stoppable.gate.is_stopped.send_replace(false);
        lab.parts.clock.sleep(Duration::from_secs(600)).await;
        assert_eq!(taken(&lab, 0), undisturbed, "stopped at intent {at_intent}");
        lab.assert_moved(&job).await;
        lab.assert_nothing_was_done_twice();
        first.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_own_rules_do_not_hold_says_so_and_goes_on_once_they_do() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let mut parts = lab.parts.clone();
    parts.jobs = Stoppable::over(&lab, 3, Then::Breaks);
    let worker = lab.worker_over(parts);
    let record = lab.until(&job, |r| !r.projection.attention.is_empty()).await;
    let told = &record.projection.attention[0];
    assert_eq!(told.code, AttentionCode::InvariantGuard);
    assert!(told.message.contains("a rule does not hold"), "{}", told.message);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    assert_eq!(record.projection.attention, []);
    lab.assert_moved(&job).await;
}
