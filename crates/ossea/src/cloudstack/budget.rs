//! The layer that keeps the process within its number of requests per second.
//!
//! Every sending takes a token of one [`Bucket`], which all clones of a client share; a repetition takes one of
//! its own. Who must wait stands in a [`Line`]. A call waits no longer than until its time to be sent is over; then
//! it fails without having been sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::bucket::{Answering, Bucket, Novelty};
use super::call::{Answer, Asked};
use super::concern::{Below, Concern, Setback};
use super::line::{Claim, Line};
use super::statistics::Waits;

/// The budget of a process.
#[derive(Debug)]
pub(crate) struct Budget {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    line: Line<oneshot::Sender<()>>,
    /// A task calls those who wait in their turn.
    is_attended: bool,
    waits: Waits,
    throttled: u64,
}

impl State {
    /// Lets go whoever may go.
    fn call_up(&mut self, now: Instant) {
        self.bucket.advance(now);
        let Self { bucket, line, .. } = self;
        while let Some((claim, call)) = line.next(
            |claim| bucket.ready_at(claim, now) <= now,
            oneshot::Sender::is_closed,
        ) {
            // Whoever has left in this very moment leaves the token to the next one.
            if call.send(()).is_ok() {
                bucket.take(claim, now);
            }
        }
    }

    /// When somebody may go next, if somebody waits.
    fn next_at(&self, now: Instant) -> Option<Instant> {
        self.line
            .claims()
            .map(|claim| self.bucket.ready_at(claim, now))
            .min()
    }
}

impl Budget {
    /// A budget of which nothing is spent, and which holds changes for `maintenance_pause` after a 503.
    pub(crate) fn new(requests_per_second: f64, maintenance_pause: Duration) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                bucket: Bucket::new(requests_per_second, maintenance_pause, Instant::now()),
                line: Line::new(),
                is_attended: false,
                waits: Waits::default(),
                throttled: 0,
            }),
            changed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a token. The error says how long was not long enough.
    async fn turn(self: &Arc<Self>, claim: Claim, give_up: Instant) -> Result<(), Duration> {
        let begun = Instant::now();
        let called = {
            let (call, called) = oneshot::channel();
            let mut state = self.lock();
            state.line.join(claim, call);
            state.call_up(begun);
            if state.line.len() > 0 && !state.is_attended {
                state.is_attended = true;
                let attendant = Attendant {
                    budget: Arc::clone(self),
                    is_done: false,
                };
                tokio::spawn(attendant.attend());
            }
            called
        };
        // A new call at the front may be ready before the one that the attendant waits for.
        self.changed.notify_one();
        let turn = tokio::time::timeout_at(give_up, called).await;
        let waited = begun.elapsed();
        self.lock().waits.note(claim.priority, waited);
        match turn {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(waited),
        }
    }

    /// The cloud throttles us.
    pub(crate) fn throttled(&self, hint: Duration) {
        let mut state = self.lock();
        state.throttled += 1;
        match state.bucket.throttled(hint, Instant::now()) {
            Novelty::Begins => {
                let requests_per_second = state.bucket.requests_per_second();
                tracing::warn!(
                    pause_ms = hint.as_millis(),
                    requests_per_second,
                    "the cloud throttles us: all calls pause, then fewer are sent"
                );
            }
            Novelty::GoesOn => {}
        }
    }

    /// The cloud takes no work at present.
    pub(crate) fn refused_work(&self, why: &str) {
        match self.lock().bucket.refused_work(Instant::now()) {
            Novelty::Begins => tracing::warn!(
                why,
                "the cloud takes no work: changes are held, except for the way back, and reads go on gently"
            ),
            Novelty::GoesOn => {}
        }
    }

    /// The circuit was opened or closed.
    pub(crate) fn circuit_is(&self, answering: Answering) {
        self.lock().bucket.circuit_is(answering);
        self.changed.notify_one();
    }

    /// What the cloud allows.
    pub(crate) fn learn(&self, limit: Option<(u32, u32)>) {
        let mut state = self.lock();
        let before = state.bucket.requests_per_second();
        state.bucket.learn(limit, Instant::now());
        let requests_per_second = state.bucket.requests_per_second();
        if requests_per_second != before {
            tracing::info!(requests_per_second, "the budget follows the cloud's own limit");
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The present rate, how many wait, how long calls have waited, and how often the cloud has throttled us.
    pub(crate) fn figures(&self) -> (f64, usize, Waits, u64) {
        let mut state = self.lock();
        state.bucket.advance(Instant::now());
        let rate = state.bucket.requests_per_second();
        (rate, state.line.len(), state.waits.clone(), state.throttled)
    }
}

/// Calls those who wait in their turn, until nobody waits.
struct Attendant {
    budget: Arc<Budget>,
    is_done: bool,
}

impl Attendant {
    async fn attend(mut self) {
        while let Some(next_at) = self.call_up() {
            tokio::select! {
                () = tokio::time::sleep_until(next_at) => {}
                () = self.budget.changed.notified() => {}
            }
        }
    }

    /// Lets go whoever may go. The last one who was called ends the attendance, under the same lock under which the
    /// next one would begin it.
    fn call_up(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.budget.lock();
        state.call_up(now);
        let next_at = state.next_at(now);
        self.is_done = next_at.is_none();
        state.is_attended = next_at.is_some();
        next_at
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        // A runtime may go away with this task while another one goes on with the same client.
        if !self.is_done {
            self.budget.lock().is_attended = false;
        }
    }
}

/// Waits for a token before a call is sent.
#[derive(Debug, Clone)]
pub(crate) struct Within(pub(crate) Arc<Budget>);

impl Concern for Within {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        match self.0.turn(asked.claim(), asked.give_up).await {
            Ok(()) => below.call(asked).await,
            Err(waited) => Err(Setback::withheld(format!(
                "not sent: {:.1} s were not enough for a turn within the budget of requests per second",
                waited.as_secs_f64()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);
    use crate::cloudstack::call::Effect;
    use crate::urgency::Priority;

    fn claim(priority: Priority) -> Claim {
        Claim {
            priority,
            effect: Effect::Change,
        }
    }

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_gets_a_turn_at_the_rate() {
        let budget = Budget::new(10.0, PAUSE);
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        for _ in 0..101 {
            let budget = Arc::clone(&budget);
            calls.spawn(async move { budget.turn(claim(Priority::WayThere), in_seconds(60)).await });
        }
        let turns = calls.join_all().await;
        assert!(turns.iter().all(Result::is_ok));
        // The bucket holds two and a half tokens at the beginning.
        let took = begun.elapsed();
        assert!(
            took > Duration::from_millis(9_800) && took < Duration::from_millis(9_900),
            "{took:?}"
        );
        let (_, waiting, waits, _) = budget.figures();
        assert_eq!((waiting, waits.of(Priority::WayThere).calls), (0, 101));
        assert_eq!(waits.of(Priority::WayThere).longest, took);
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_back_overtakes_a_crowd() {
        let budget = Budget::new(10.0, PAUSE);
        let mut crowd = JoinSet::new();
        for priority in [Priority::Background, Priority::WayThere] {
            for _ in 0..200 {
                let budget = Arc::clone(&budget);
                crowd.spawn(async move { budget.turn(claim(priority), in_seconds(600)).await });
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..20 {
            let begun = Instant::now();
            budget
                .turn(claim(Priority::WayBack), in_seconds(60))
                .await
                .unwrap();
            // One token, and at most two others that were due.
            assert!(
                begun.elapsed() <= Duration::from_millis(301),
                "{:?}",
                begun.elapsed()
            );
        }
        crowd.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_and_a_turn_that_comes_too_late_is_none() {
        let budget = Budget::new(10.0, PAUSE);
        budget.throttled(Duration::from_secs(5));
        let begun = Instant::now();
        let (patient, impatient) = tokio::join!(
            budget.turn(claim(Priority::WayBack), in_seconds(60)),
            budget.turn(claim(Priority::WayBack), in_seconds(2)),
        );
        assert_eq!(impatient, Err(Duration::from_secs(2)));
        assert_eq!(patient, Ok(()));
        assert!(begun.elapsed() >= Duration::from_secs(5));
        assert_eq!(budget.figures().3, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_costs_no_token() {
        let budget = Budget::new(1.0, PAUSE);
        budget
            .turn(claim(Priority::WayThere), in_seconds(1))
            .await
            .unwrap();
        for _ in 0..10 {
            budget
                .turn(
                    claim(Priority::WayThere),
                    Instant::now() + Duration::from_millis(10),
                )
                .await
                .unwrap_err();
        }
        let begun = Instant::now();
        budget
            .turn(claim(Priority::WayThere), in_seconds(9))
            .await
            .unwrap();
        assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn held_changes_do_not_delay_reads_behind_them() {
        let budget = Budget::new(10.0, PAUSE);
        budget.refused_work("maintenance");
        let held = {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.turn(claim(Priority::WayThere), in_seconds(60)).await })
        };
        tokio::task::yield_now().await;
        let begun = Instant::now();
        let read = Claim {
            priority: Priority::WayThere,
            effect: Effect::Read,
        };
        budget.turn(read, in_seconds(60)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1) && !held.is_finished());
        held.await.unwrap().unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(9));
    }
}
