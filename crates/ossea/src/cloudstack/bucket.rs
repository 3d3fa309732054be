//! How many requests the process may send, and which kinds must wait: the state of [`super::budget`].
//!
//! A token bucket whose rate is the least of three: what is configured, what the cloud allows (as learnt from
//! `listCapabilities`), and what the cloud has lately put up with. A 429 stops everything until its hint is over
//! and halves the rate, which then grows back by a twentieth of the allowed rate every five seconds.
//!
//! Two conditions slow down all but the way back: while the cloud refuses work (503) changes are held, and while
//! it does so or does not answer at all (open circuit) reads go on gently.

use std::time::Duration;

use tokio::time::Instant;

use super::call::Effect;
use super::line::Claim;
use crate::urgency::Priority;

/// We take three quarters of what the cloud allows. With a bucket that holds a quarter of a second's tokens, a full
/// bucket stays below the limit in every interval of the cloud, and a little is left for people at the screen.
const SHARE_OF_CLOUDS_LIMIT: f64 = 0.75;

/// The bucket holds the tokens of so many seconds, but one at least.
const BUCKET_SECONDS: f64 = 0.25;

/// Throttled again and again, we go on at this rate.
const LOWEST_RATE: f64 = 0.5;

/// How often the rate grows after it was halved.
const RAISE_EVERY: Duration = Duration::from_secs(5);

/// By which share of the allowed rate it grows.
const RAISE_SHARE: f64 = 0.05;

/// How far apart gentle reads are.
const GENTLE_PAUSE: Duration = Duration::from_millis(500);

/// The sum of many small fractions need not be exactly one.
const ONE_TOKEN: f64 = 1.0 - 1e-6;

/// A token bucket with two conditions.
#[derive(Debug)]
pub(crate) struct Bucket {
    configured: f64,
    clouds: Option<f64>,
    rate: f64,
    tokens: f64,
    /// Up to when tokens are counted. In the future while everything is stopped.
    counted_until: Instant,
    raise_at: Instant,
    maintenance_pause: Duration,
    changes_held_until: Option<Instant>,
    circuit: Answering,
    next_gentle_read: Instant,
}

/// Whether the cloud answers, as far as the circuit breaker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// It does.
    Yes,
    /// The circuit is open.
    No,
}

/// Whether a condition is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// It begins.
    Begins,
    /// It goes on.
    GoesOn,
}

impl Bucket {
    /// A full bucket, which holds changes for `maintenance_pause` after a 503.
    pub(crate) fn new(requests_per_second: f64, maintenance_pause: Duration, now: Instant) -> Self {
        let mut bucket = Self {
            configured: requests_per_second,
            clouds: None,
            rate: requests_per_second,
            tokens: 0.0,
            counted_until: now,
            raise_at: now,
            maintenance_pause,
            changes_held_until: None,
            circuit: Answering::Yes,
            next_gentle_read: now,
        };
        bucket.tokens = bucket.capacity();
        bucket
    }

    /// The present rate.
    pub(crate) fn requests_per_second(&self) -> f64 {
        self.rate
    }

    /// Counts the tokens up to `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        while self.counted_until < now {
            let grows = self.rate < self.allowed();
            let until = if grows {
                now.min(self.raise_at.max(self.counted_until))
            } else {
                now
            };
            let seconds = (until - self.counted_until).as_secs_f64();
            self.tokens = (self.tokens + self.rate * seconds).min(self.capacity());
            self.counted_until = until;
            if grows && until >= self.raise_at {
                self.rate = (self.rate + self.allowed() * RAISE_SHARE).min(self.allowed());
                self.raise_at = until + RAISE_EVERY;
            }
        }
    }

    /// The first moment at which a call may go, as far as is known `now`, up to which the bucket was advanced.
    pub(crate) fn ready_at(&self, claim: Claim, now: Instant) -> Instant {
        let missing = if self.tokens >= ONE_TOKEN {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((1.0 - self.tokens) / self.rate)
        };
        let token_at = now.max(self.counted_until + missing);
        match (claim.priority, claim.effect) {
            (Priority::WayBack, Effect::Read | Effect::Change) => token_at,
            (Priority::WayThere | Priority::Background, Effect::Change) => self
                .changes_held_until
                .map_or(token_at, |held| token_at.max(held)),
            (Priority::WayThere | Priority::Background, Effect::Read) if self.is_gentle(now) => {
                token_at.max(self.next_gentle_read)
            }
            (Priority::WayThere | Priority::Background, Effect::Read) => token_at,
        }
    }

    /// Takes a token for a call that is ready.
    pub(crate) fn take(&mut self, claim: Claim, now: Instant) {
        self.tokens -= 1.0;
        if claim.effect == Effect::Read && claim.priority != Priority::WayBack && self.is_gentle(now) {
            self.next_gentle_read = now + GENTLE_PAUSE;
        }
    }

    /// The cloud throttles us: everything stops until the hint is over. Many calls may be told so at once; the rate
    /// is halved only once.
    pub(crate) fn throttled(&mut self, hint: Duration, now: Instant) -> Novelty {
        self.advance(now);
        let until = now + hint;
        if self.counted_until > now {
            self.counted_until = self.counted_until.max(until);
            self.raise_at = self.counted_until + RAISE_EVERY;
            return Novelty::GoesOn;
        }
        self.rate = (self.rate / 2.0).max(LOWEST_RATE).min(self.allowed());
        self.tokens = 0.0;
        self.counted_until = until;
        self.raise_at = until + RAISE_EVERY;
        Novelty::Begins
    }

    /// The cloud takes no work at present.
    pub(crate) fn refused_work(&mut self, now: Instant) -> Novelty {
        let before = self.changes_held_until.replace(now + self.maintenance_pause);
        if before.is_some_and(|held| held + self.maintenance_pause > now) {
            Novelty::GoesOn
        } else {
            Novelty::Begins
        }
    }

    /// The circuit was opened or closed.
    pub(crate) fn circuit_is(&mut self, answering: Answering) {
        self.circuit = answering;
    }

    /// What the cloud allows: so many requests in so many seconds. `None` when it does not say.
    pub(crate) fn learn(&mut self, limit: Option<(u32, u32)>, now: Instant) {
        self.advance(now);
        let was_unhurt = self.rate >= self.allowed();
        self.clouds = limit
            .filter(|(requests, _)| *requests > 0)
            .map(|(requests, seconds)| {
                SHARE_OF_CLOUDS_LIMIT * f64::from(requests) / f64::from(seconds.max(1))
            });
        if was_unhurt {
            self.rate = self.allowed();
        }
        self.rate = self.rate.min(self.allowed());
        self.tokens = self.tokens.min(self.capacity());
    }

    fn allowed(&self) -> f64 {
        self.clouds
            .map_or(self.configured, |clouds| clouds.min(self.configured))
    }

    fn capacity(&self) -> f64 {
        (self.rate * BUCKET_SECONDS).max(1.0)
    }

    fn is_gentle(&self, now: Instant) -> bool {
        self.circuit == Answering::No || self.changes_held_until.is_some_and(|held| held > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    const WAY_BACK: Claim = Claim {
        priority: Priority::WayBack,
        effect: Effect::Change,
    };
    const CHANGE: Claim = Claim {
        priority: Priority::WayThere,
        effect: Effect::Change,
    };
    const READ: Claim = Claim {
        priority: Priority::Background,
        effect: Effect::Read,
    };

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// How many calls go in `span` from `from` on, when as many as possible do.
    fn sent(bucket: &mut Bucket, claim: Claim, from: Instant, span: Duration) -> usize {
        let (mut now, mut count) = (from, 0);
        loop {
            bucket.advance(now);
            let ready = bucket.ready_at(claim, now);
            if ready >= from + span {
                return count;
            }
            if ready > now {
                now = ready;
                continue;
            }
            bucket.take(claim, now);
            count += 1;
        }
    }

    #[test]
    fn no_second_sees_more_than_rate_and_bucket() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, begin);
        assert_eq!(sent(&mut bucket, CHANGE, begin, ms(1000)), 24);
        assert_eq!(sent(&mut bucket, CHANGE, begin + ms(1000), ms(10_000)), 200);
    }

    #[test]
    fn a_learnt_limit_is_kept_in_every_interval_of_the_cloud() {
        for (requests, seconds) in [(1, 1), (2, 1), (4, 1), (5, 1), (25, 1), (25, 10), (100, 60)] {
            let begin = Instant::now();
            let mut bucket = Bucket::new(1000.0, PAUSE, begin);
            bucket.learn(Some((requests, seconds)), begin);
            let interval = Duration::from_secs(u64::from(seconds));
            for number in 0..20 {
                let sent = sent(&mut bucket, CHANGE, begin + interval * number, interval);
                assert!(sent <= requests as usize, "{sent} of {requests} in {seconds} s");
            }
        }
    }

    #[test]
    fn a_limit_that_is_gone_or_too_generous_leaves_what_is_configured() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, begin);
        bucket.learn(Some((8, 1)), begin);
        assert_eq!(bucket.requests_per_second(), 6.0);
        bucket.learn(Some((1000, 1)), begin);
        assert_eq!(bucket.requests_per_second(), 20.0);
        bucket.learn(Some((8, 1)), begin);
        bucket.learn(None, begin);
        assert_eq!(bucket.requests_per_second(), 20.0);
    }

    #[test]
    fn a_throttled_process_stops_for_the_hint_then_goes_on_at_half_the_rate_and_recovers() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, begin);
        assert_eq!(bucket.throttled(ms(700), begin), Novelty::Begins);
        for claim in [WAY_BACK, CHANGE, READ] {
            assert!(bucket.ready_at(claim, begin) >= begin + ms(700), "{claim:?}");
        }
        // Those that were under way at the same time are told the same.
        assert_eq!(bucket.throttled(ms(900), begin + ms(10)), Novelty::GoesOn);
        assert!(bucket.ready_at(WAY_BACK, begin + ms(10)) >= begin + ms(910));
        assert_eq!(bucket.requests_per_second(), 10.0);
        bucket.advance(begin + ms(910 + 5_000));
        assert_eq!(bucket.requests_per_second(), 11.0);
        bucket.advance(begin + ms(910 + 49_999));
        assert!(bucket.requests_per_second() < 20.0);
        bucket.advance(begin + ms(910 + 50_000));
        assert_eq!(bucket.requests_per_second(), 20.0);
    }

    #[test]
    fn throttled_for_ever_something_still_goes() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, now);
        for _ in 0..50 {
            bucket.throttled(ms(1000), now);
            now += ms(1001);
        }
        assert_eq!(bucket.requests_per_second(), LOWEST_RATE);
        assert!(bucket.ready_at(READ, now) <= now + ms(2000));
    }

    #[test]
    fn maintenance_holds_changes_slows_reads_and_leaves_the_way_back_alone() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, begin);
        assert_eq!(bucket.refused_work(begin), Novelty::Begins);
        assert_eq!(bucket.ready_at(WAY_BACK, begin), begin);
        assert_eq!(bucket.ready_at(CHANGE, begin), begin + PAUSE);
        assert_eq!(sent(&mut bucket, READ, begin, ms(5_000)), 10);
        assert_eq!(bucket.refused_work(begin + ms(11_000)), Novelty::GoesOn);
        let over = begin + ms(11_000) + PAUSE;
        bucket.advance(over);
        assert_eq!(bucket.ready_at(CHANGE, over), over);
        assert!(sent(&mut bucket, READ, over, ms(1000)) > 10);
    }

    #[test]
    fn an_open_circuit_slows_reads_but_not_those_of_the_way_back() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(20.0, PAUSE, begin);
        bucket.circuit_is(Answering::No);
        let read_home = Claim {
            effect: Effect::Read,
            ..WAY_BACK
        };
        assert_eq!(sent(&mut bucket, READ, begin, ms(5_000)), 10);
        assert_eq!(sent(&mut bucket, read_home, begin + ms(5_000), ms(1000)), 24);
        bucket.circuit_is(Answering::Yes);
        assert_eq!(sent(&mut bucket, READ, begin + ms(7_000), ms(1000)), 24);
    }
}
