//! Asks a cloud that does not answer whether it does again: the half-open state of [`super::breaker`].
//!
//! Without it a circuit that has stopped all work would have nothing left to learn from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tower::{Service, util::BoxCloneSyncService};

use super::breaker::{Breaker, Sign};
use super::call::{Answer, Asked, Call};
use super::concern::Setback;
use crate::clock::Clock;
use crate::urgency::Priority;

/// A read that every account may use and that costs the cloud next to nothing.
const PROBE: &str = "listCapabilities";

/// Probes while the circuit is open; at most one task does at any time.
pub(crate) struct Prober {
    breaker: Arc<Breaker>,
    /// The stack below the repetitions: a probe is one read.
    stack: BoxCloneSyncService<Asked, Answer, Setback>,
    clock: Clock,
    patience: Duration,
    is_running: AtomicBool,
}

impl Prober {
    pub(crate) fn new(
        breaker: Arc<Breaker>,
        stack: BoxCloneSyncService<Asked, Answer, Setback>,
        clock: Clock,
        patience: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            breaker,
            stack,
            clock,
            patience,
            is_running: AtomicBool::new(false),
        })
    }

    /// Begins probing where that is called for, if there is a runtime to do it. The task ends when the circuit is
    /// closed, or when nobody has the client any more.
    pub(crate) fn attend(self: &Arc<Self>) {
        let Some(begin) = self.breaker.lock().probe_at() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !self.is_running.swap(true, Ordering::AcqRel) {
            runtime.spawn(run(Running(Arc::downgrade(self)), begin));
        }
    }

    /// One probe; says when the next one is due.
    async fn probe(&self) -> Option<Instant> {
        self.breaker.lock().probing();
        let asked = Asked {
            call: Call::read(PROBE, Vec::new()),
            priority: Priority::Background,
            at: (self.clock)(),
            give_up: Instant::now() + self.patience,
        };
        let result = self.stack.clone().call(asked).await;
        self.breaker.probed(&Sign::of(&result));
        self.breaker.lock().probe_at()
    }
}

/// Says that a task probes, for as long as it does.
struct Running(Weak<Prober>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(prober) = self.0.upgrade() {
            // A probe that was cut off with its runtime has shown nothing: the next one is due as before.
            prober.breaker.probed(&Sign::None);
            prober.is_running.store(false, Ordering::Release);
        }
    }
}

async fn run(running: Running, begin: Instant) {
    let mut next = Some(begin);
    while let Some(at) = next {
        tokio::time::sleep_until(at).await;
        let Some(prober) = running.0.upgrade() else {
            return;
        };
        next = prober.probe().await;
    }
}
