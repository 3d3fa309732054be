//! The order of the layers that ration calls, and why it is this one.

use std::sync::Arc;

use tower::ServiceBuilder;

use super::breaker::{Breaker, FailFast, Watch};
use super::budget::{Budget, Within};
use super::concern::{Around, Below};
use super::places::{InPlace, Places};
use super::settings::CloudStackSettings;
use super::statistics::{Count, Counters};
use super::throttle::Heed;
use crate::clock::Clock;

/// What all calls of a process share.
#[derive(Clone)]
pub(crate) struct Shares {
    pub(crate) budget: Arc<Budget>,
    pub(crate) places: Arc<Places>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) counters: Arc<Counters>,
}

impl Shares {
    /// Nothing has happened yet.
    pub(crate) fn new(settings: &CloudStackSettings, clock: Clock) -> Self {
        let budget = Budget::new(
            f64::from(settings.requests_per_second),
            settings.maintenance_pause,
        );
        Self {
            breaker: Breaker::new(settings.breaker_rules(), Arc::clone(&budget), clock),
            budget,
            places: Places::new(settings.max_in_flight),
            counters: Arc::default(),
        }
    }

    /// Rations the use of `exchange`.
    pub(crate) fn rationed<S: Below>(&self, exchange: S) -> impl Below + use<S> {
        ServiceBuilder::new()
            // Before everything that waits: whoever may not go learns it at once.
            .layer(Around(FailFast(Arc::clone(&self.breaker))))
            // A call has its place before it takes a token, so tokens are spent at the rate of the budget and not
            // in a burst when places become free.
            .layer(Around(InPlace(Arc::clone(&self.places))))
            .layer(Around(Within(Arc::clone(&self.budget))))
            // Below everything that waits, so that it knows the circuit of the moment and measures the cloud only.
            .layer(Around(Watch(Arc::clone(&self.breaker))))
            .layer(Around(Heed(Arc::clone(&self.budget))))
            .layer(Around(Count(Arc::clone(&self.counters))))
            .service(exchange)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use chrono::DateTime;
    use tokio::task::JoinSet;
    use tokio::time::Instant;
    use tower::{Service, service_fn};

    use super::*;
    use crate::cloudstack::call::tests::{asked, asking};
    use crate::cloudstack::call::{Answer, Asked, Call};
    use crate::cloudstack::concern::Setback;
    use crate::error::OsseaError;
    use crate::urgency::{Circuit, Priority};

    type Say = fn() -> Result<Answer, Setback>;

    fn fine() -> Result<Answer, Setback> {
        Ok(Answer(serde_json::Map::new()))
    }

    fn unreachable() -> Result<Answer, Setback> {
        Err(Setback::Cloud(OsseaError::Unreachable("refused".to_owned())))
    }

    fn throttled() -> Result<Answer, Setback> {
        Err(Setback::Cloud(OsseaError::Throttled {
            retry_after: Duration::from_secs(7),
        }))
    }

    /// A cloud that takes 100 ms to say what a test wants.
    fn cloud(says: &Arc<Mutex<Say>>) -> impl Below {
        let says = Arc::clone(says);
        service_fn(move |_: Asked| {
            let says = *says.lock().unwrap();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                says()
            }
        })
    }

    fn shares() -> Shares {
        let settings = CloudStackSettings {
            breaker_failures: 3,
            ..CloudStackSettings::new("https://cloud.example.org/", "key".into(), "secret".into())
        };
        Shares::new(&settings, Arc::new(|| DateTime::UNIX_EPOCH))
    }

    fn read(priority: Priority) -> Asked {
        Asked {
            give_up: Instant::now() + Duration::from_secs(3600),
            ..asking(Call::read("listVolumes", Vec::new()), priority)
        }
    }

    /// How long five calls of the way back take one after another, while 500 reads of the others wait and after
    /// `before` was done to the circuit.
    async fn way_back_takes(before: Say) -> (Duration, Circuit) {
        let (shares, says) = (shares(), Arc::new(Mutex::new(before)));
        let mut stack = shares.rationed(cloud(&says));
        for _ in 0..3 {
            let _ = stack.call(read(Priority::WayThere)).await;
        }
        *says.lock().unwrap() = fine;
        let mut crowd = JoinSet::new();
        for number in 0..500 {
            let priority = [Priority::WayThere, Priority::Background][number % 2];
            crowd.spawn(stack.call(read(priority)));
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let begun = Instant::now();
        for _ in 0..5 {
            stack.call(asked(Priority::WayBack)).await.unwrap();
        }
        let took = begun.elapsed();
        crowd.shutdown().await;
        (took, shares.breaker.lock().circuit())
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_does_not_delay_the_way_back() {
        let (closed, circuit) = way_back_takes(fine).await;
        assert_eq!(circuit, Circuit::Closed);
        let (open, circuit) = way_back_takes(unreachable).await;
        assert!(matches!(circuit, Circuit::Open { .. }));
        assert!(open <= closed, "open {open:?}, closed {closed:?}");
        // The exchanges themselves: nothing was waited for.
        assert_eq!(open, Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_stops_changes_at_once_and_those_that_were_waiting() {
        let (shares, says) = (shares(), Arc::new(Mutex::new(unreachable as Say)));
        let mut stack = shares.rationed(cloud(&says));
        let mut waiting = JoinSet::new();
        for _ in 0..200 {
            waiting.spawn(stack.call(asked(Priority::WayThere)));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent = || -> u64 {
            let requests = shares.counters.requests();
            requests.values().flat_map(|outcomes| outcomes.values()).sum()
        };
        let before = sent();
        let begun = Instant::now();
        let refused = stack.call(asked(Priority::Background)).await;
        assert!(matches!(
            refused,
            Err(Setback::Withheld(OsseaError::Unreachable(_)))
        ));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let withheld = waiting.join_all().await.into_iter();
        let withheld = withheld
            .filter(|result| matches!(result, Err(Setback::Withheld(_))))
            .count();
        assert_eq!((sent(), withheld as u64), (before, 200 - before));
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_holds_everybody_until_its_hint_is_over() {
        let (shares, says) = (shares(), Arc::new(Mutex::new(throttled as Say)));
        let mut stack = shares.rationed(cloud(&says));
        let begun = Instant::now();
        stack.call(asked(Priority::WayThere)).await.unwrap_err();
        *says.lock().unwrap() = fine;
        stack.call(asked(Priority::WayBack)).await.unwrap();
        // 100 ms each for the two exchanges, and one token at half the rate.
        assert!(
            begun.elapsed() >= Duration::from_millis(7_300),
            "{:?}",
            begun.elapsed()
        );
        assert!(
            begun.elapsed() < Duration::from_millis(7_400),
            "{:?}",
            begun.elapsed()
        );
    }
}
