//! The layer that bounds how many calls are under way at once.
//!
//! A quarter of the places, one at least where there are two, is kept for the way back, so that a call of the way
//! back never waits behind slow calls of the others; and among those that wait the [`Line`] decides. A quarter of
//! the others' places is kept for reads, so that changes that the budget holds after a 503, each in its place, do
//! not hold the reads as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::call::{Answer, Asked, Effect};
use super::concern::{Below, Concern, Setback};
use super::line::{Claim, Line};
use crate::urgency::Priority;

/// All places of a process.
#[derive(Debug)]
pub(crate) struct Places {
    for_the_way_back: usize,
    for_others: usize,
    for_changes_of_others: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    taken: usize,
    /// How many of them by changes that are not of the way back.
    taken_by_changes_of_others: usize,
    line: Line<oneshot::Sender<Place>>,
}

/// The right to be under way, given back when it is dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    claim: Claim,
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.places.lock();
            state.taken -= 1;
            if is_change_of_others(self.claim) {
                state.taken_by_changes_of_others -= 1;
            }
        }
        self.places.call_up();
    }
}

impl Places {
    /// `places` free ones.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        let for_others = without_a_quarter(places);
        Arc::new(Self {
            for_the_way_back: places,
            for_others,
            for_changes_of_others: without_a_quarter(for_others),
            state: Mutex::new(State {
                taken: 0,
                taken_by_changes_of_others: 0,
                line: Line::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free places to those who wait. A place that nobody takes any more comes back when it is dropped, which
    /// must not happen under the lock.
    fn call_up(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let (all, changes) = (state.taken, state.taken_by_changes_of_others);
            let is_free = |claim: Claim| match claim.priority {
                Priority::WayBack => all < self.for_the_way_back,
                Priority::WayThere | Priority::Background => {
                    all < self.for_others
                        && (!is_change_of_others(claim) || changes < self.for_changes_of_others)
                }
            };
            let Some((claim, call)) = state.line.next(is_free, oneshot::Sender::is_closed) else {
                return;
            };
            state.taken += 1;
            if is_change_of_others(claim) {
                state.taken_by_changes_of_others += 1;
            }
            drop(state);
            let places = Arc::clone(self);
            drop(call.send(Place { places, claim }));
        }
    }

    /// How many calls are under way.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }
}

fn is_change_of_others(claim: Claim) -> bool {
    claim.effect == Effect::Change && claim.priority != Priority::WayBack
}

/// What is left when a quarter is kept, one at least, unless that would leave nothing.
fn without_a_quarter(places: usize) -> usize {
    places.saturating_sub((places / 4).max(1)).max(1)
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
    use crate::cloudstack::call::Call;
    use crate::cloudstack::call::tests::{asked, asking};
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
        assert_eq!(places.taken(), 5);
        let home = tokio::spawn(service.call(asked(Priority::WayBack)));
        settle().await;
        assert_eq!(places.taken(), 6);
        ends.add_permits(41);
        assert!(home.await.unwrap().is_ok());
        assert!(crowd.join_all().await.iter().all(Result::is_ok));
        assert_eq!(places.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_are_held_leave_places_for_reads() {
        let (places, ends) = (Places::new(8), Arc::new(Semaphore::new(0)));
        let mut service = slow(&places, &ends);
        let mut held = JoinSet::new();
        for _ in 0..20 {
            held.spawn(service.call(asked(Priority::WayThere)));
        }
        settle().await;
        assert_eq!(places.taken(), 5);
        let read = || asking(Call::read("listVolumes", Vec::new()), Priority::Background);
        let reads = [
            tokio::spawn(service.call(read())),
            tokio::spawn(service.call(read())),
        ];
        settle().await;
        assert_eq!(places.taken(), 6);
        held.shutdown().await;
        ends.add_permits(2);
        for read in reads {
            assert!(read.await.unwrap().is_ok());
        }
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn the_last_place_is_kept_for_nobody() {
        assert_eq!([1, 2, 3, 4, 8, 16].map(without_a_quarter), [1, 1, 2, 3, 6, 12]);
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
