//! The layer that bounds how many calls are under way at once.
//!
//! A quarter of the places, one at least where there are two, is kept for the way back, so that a call of the way
//! back never waits behind slow calls of the others; and among those that wait the [`Line`] decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::call::{Answer, Asked};
use super::concern::{Below, Concern, Setback};
use super::line::{Claim, Line};
use crate::urgency::Priority;

/// All places of a process.
#[derive(Debug)]
pub(crate) struct Places {
    for_all: usize,
    for_the_way_back: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    taken: usize,
    line: Line<oneshot::Sender<Place>>,
}

/// The right to be under way, given back when it is dropped.
#[derive(Debug)]
struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.call_up();
    }
}

impl Places {
    /// `places` free ones.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        let kept = if places > 1 { (places / 4).max(1) } else { 0 };
        Arc::new(Self {
            for_all: places - kept,
            for_the_way_back: places,
            state: Mutex::new(State {
                taken: 0,
                line: Line::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit(&self, claim: Claim) -> usize {
        match claim.priority {
            Priority::WayBack => self.for_the_way_back,
            Priority::WayThere | Priority::Background => self.for_all,
        }
    }

    /// Gives free places to those who wait. A place that nobody takes any more comes back when it is dropped, which
    /// must not happen under the lock.
    fn call_up(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let taken = state.taken;
            let Some((_, call)) = state
                .line
                .next(|claim| taken < self.limit(claim), oneshot::Sender::is_closed)
            else {
                return;
            };
            state.taken += 1;
            drop(state);
            drop(call.send(Place(Arc::clone(self))));
        }
    }

    /// How many calls are under way.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }
}

/// Waits for a place and keeps it while the call is under way.
#[derive(Debug, Clone)]
pub(crate) struct InPlace(pub(crate) Arc<Places>);

impl Concern for InPlace {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let (call, called) = oneshot::channel();
        self.0.lock().line.join(asked.claim(), call);
        self.0.call_up();
        match tokio::time::timeout_at(asked.give_up, called).await {
            Ok(Ok(_place)) => below.call(asked).await,
            Ok(Err(_)) | Err(_) => Err(Setback::withheld(
                "not sent: too many calls were under way for too long".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;
    use tower::{Layer, Service, service_fn};

    use super::*;
    use crate::cloudstack::call::tests::asked;
    use crate::cloudstack::concern::Around;

    /// Calls that are under way until a permit lets them end.
    fn slow(places: &Arc<Places>, ends: &Arc<Semaphore>) -> impl Below + use<> {
        let ends = Arc::clone(ends);
        Around(InPlace(Arc::clone(places))).layer(service_fn(move |_: Asked| {
            let ends = Arc::clone(&ends);
            async move {
                ends.acquire().await.unwrap().forget();
                Ok(Answer(serde_json::Map::new()))
            }
        }))
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_back_has_places_that_nobody_else_takes() {
        let (places, ends) = (Places::new(8), Arc::new(Semaphore::new(0)));
        let mut service = slow(&places, &ends);
        let mut crowd = JoinSet::new();
        for priority in [Priority::Background, Priority::WayThere] {
            for _ in 0..20 {
                crowd.spawn(service.call(asked(priority)));
            }
        }
        settle().await;
        assert_eq!(places.taken(), 6);
        let home = tokio::spawn(service.call(asked(Priority::WayBack)));
        settle().await;
        assert_eq!(places.taken(), 7);
        ends.add_permits(41);
        assert!(home.await.unwrap().is_ok());
        assert!(crowd.join_all().await.iter().all(Result::is_ok));
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_gives_its_place_back() {
        let (places, ends) = (Places::new(1), Arc::new(Semaphore::new(0)));
        let mut service = slow(&places, &ends);
        let running = tokio::spawn(service.call(asked(Priority::WayThere)));
        let waiting = tokio::spawn(service.call(asked(Priority::WayThere)));
        let next = tokio::spawn(service.call(asked(Priority::WayThere)));
        settle().await;
        waiting.abort();
        running.abort();
        ends.add_permits(1);
        assert!(next.await.unwrap().is_ok());
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gets_no_place_in_time_is_not_sent() {
        let (places, ends) = (Places::new(1), Arc::new(Semaphore::new(0)));
        let mut service = slow(&places, &ends);
        let running = tokio::spawn(service.call(asked(Priority::WayBack)));
        settle().await;
        let late = Asked {
            give_up: tokio::time::Instant::now() + Duration::from_secs(3),
            ..asked(Priority::WayBack)
        };
        assert!(matches!(service.call(late).await, Err(Setback::Withheld(_))));
        running.abort();
    }
}
