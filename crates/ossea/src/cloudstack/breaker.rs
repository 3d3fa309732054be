//! The circuit breaker: whether the cloud answers at all, and so whether new work should begin.
//!
//! ```text
//! closed ──failures in a row, or too large a share of them──▶ open ──rested──▶ half open (one background read)
//!    ▲                                                          ▲                    │            │
//!    │                                                          └────no answer───────┘            │
//!    └──────────────────────────────────────answered──────────────────────────────────────────────┘
//! ```
//!
//! A failure is that the cloud does not answer: unreachable, busy, malformed, outcome unknown. A refusal of any
//! kind is an answer. While the circuit is not closed, changes of the way there and from the background fail at
//! once, unsent; reads go on at the gentle rate of the budget; **the way back passes as if there was no breaker**,
//! and its answers neither close nor keep open the circuit, only the probe does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::bucket::Answering;
use super::budget::Budget;
use super::call::{Answer, Asked, Effect};
use super::concern::{Below, Concern, Setback};
use super::line::Claim;
use crate::clock::Clock;
use crate::error::OsseaError;
use crate::urgency::{Circuit, Priority};

/// How far back the share of failures is looked at.
const WINDOW: Duration = Duration::from_secs(60);

/// A share of fewer calls says nothing.
const FEWEST_FOR_A_SHARE: usize = 20;

/// When the circuit opens, and how long it rests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BreakerRules {
    /// So many failures in a row open it.
    pub(crate) failures: u32,
    /// So many failures of a hundred calls within the window open it.
    pub(crate) failure_percent: u32,
    /// How long after the last sign of silence the cloud is probed.
    pub(crate) rest: Duration,
}

/// What an exchange says about the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answers, whatever it says.
    Answered,
    /// It does not.
    Silent(String),
    /// Nothing was sent.
    None,
}

impl Sign {
    pub(crate) fn of(result: &Result<Answer, Setback>) -> Self {
        match result {
            Err(Setback::Withheld(_)) => Sign::None,
            Ok(_)
            | Err(Setback::Cloud(
                OsseaError::Throttled { .. }
                | OsseaError::Refused(_)
                | OsseaError::Unauthorized(_)
                | OsseaError::NotFound(_),
            )) => Sign::Answered,
            Err(Setback::Cloud(
                error @ (OsseaError::Unreachable(_)
                | OsseaError::Busy(_)
                | OsseaError::Malformed(_)
                | OsseaError::OutcomeUnknown(_)),
            )) => Sign::Silent(error.to_string()),
        }
    }
}

/// What has just happened to the circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It opened.
    Opened {
        /// The last failure.
        why: String,
        /// How many failures came in a row.
        in_a_row: u32,
    },
    /// It closed.
    Closed {
        /// How long it was not closed.
        after: Duration,
    },
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open {
        since: DateTime<Utc>,
        opened: Instant,
        why: String,
        probe: Probe,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// Open: the cloud is left alone.
    At(Instant),
    /// Half open: a probe is under way.
    UnderWay,
}

/// The state of the circuit, without locks and layers.
#[derive(Debug)]
pub(crate) struct Switch {
    rules: BreakerRules,
    phase: Phase,
    in_a_row: u32,
    lately: VecDeque<(Instant, Answering)>,
    silent_lately: usize,
}

impl Switch {
    /// A closed circuit.
    pub(crate) fn new(rules: BreakerRules) -> Self {
        Self {
            rules,
            phase: Phase::Closed,
            in_a_row: 0,
            lately: VecDeque::new(),
            silent_lately: 0,
        }
    }

    /// Takes note of an exchange.
    pub(crate) fn note(&mut self, sign: Sign, now: Instant, at: DateTime<Utc>) -> Option<Change> {
        let reason = match sign {
            Sign::None => return None,
            Sign::Answered => {
                self.in_a_row = 0;
                self.remember(Answering::Yes, now);
                None
            }
            Sign::Silent(why) => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.remember(Answering::No, now);
                Some(why)
            }
        };
        let is_too_much = self.is_too_much();
        match (&mut self.phase, reason) {
            (Phase::Open { why, .. }, Some(reason)) => {
                *why = reason;
                None
            }
            (Phase::Closed, Some(why)) if is_too_much => {
                let in_a_row = self.in_a_row;
                self.phase = Phase::Open {
                    since: at,
                    opened: now,
                    why: why.clone(),
                    probe: Probe::At(now + self.rules.rest),
                };
                Some(Change::Opened { why, in_a_row })
            }
            (Phase::Open { .. } | Phase::Closed, None) | (Phase::Closed, Some(_)) => None,
        }
    }

    fn remember(&mut self, answering: Answering, now: Instant) {
        self.lately.push_back((now, answering));
        self.silent_lately += usize::from(answering == Answering::No);
        while let Some((_, old)) = self.lately.pop_front_if(|(then, _)| *then + WINDOW < now) {
            self.silent_lately -= usize::from(old == Answering::No);
        }
    }

    fn is_too_much(&self) -> bool {
        let share = self.silent_lately as u64 * 100
            >= self.lately.len() as u64 * u64::from(self.rules.failure_percent);
        self.in_a_row >= self.rules.failures || (self.lately.len() >= FEWEST_FOR_A_SHARE && share)
    }

    /// Whether a call may be sent; why not, if it may not.
    pub(crate) fn admits(&self, claim: Claim) -> Result<(), String> {
        match (&self.phase, claim.priority, claim.effect) {
            (Phase::Closed, _, _)
            | (Phase::Open { .. }, Priority::WayBack, _)
            | (Phase::Open { .. }, Priority::WayThere | Priority::Background, Effect::Read) => Ok(()),
            (Phase::Open { since, why, .. }, Priority::WayThere | Priority::Background, Effect::Change) => {
                let since = since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                Err(format!(
                    "not sent: the cloud has not answered properly since {since}, so the way there is paused ({why})"
                ))
            }
        }
    }

    /// When the next probe is due; `None` while there is nothing to probe.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Closed
            | Phase::Open {
                probe: Probe::UnderWay,
                ..
            } => None,
            Phase::Open {
                probe: Probe::At(at), ..
            } => Some(*at),
        }
    }

    /// A probe begins: the circuit is half open.
    pub(crate) fn probing(&mut self) {
        match &mut self.phase {
            Phase::Closed => {}
            Phase::Open { probe, .. } => *probe = Probe::UnderWay,
        }
    }

    /// What the probe has shown.
    pub(crate) fn probed(&mut self, sign: &Sign, now: Instant) -> Option<Change> {
        let Phase::Open { opened, probe, .. } = &mut self.phase else {
            return None;
        };
        match sign {
            Sign::Answered => {
                let after = now - *opened;
                self.phase = Phase::Closed;
                self.in_a_row = 0;
                self.lately.clear();
                self.silent_lately = 0;
                Some(Change::Closed { after })
            }
            Sign::Silent(_) | Sign::None => {
                *probe = Probe::At(now + self.rules.rest);
                None
            }
        }
    }

    /// The circuit, for others.
    pub(crate) fn circuit(&self) -> Circuit {
        match &self.phase {
            Phase::Closed => Circuit::Closed,
            Phase::Open { since, why, .. } => Circuit::Open {
                since: *since,
                why: why.clone(),
            },
        }
    }
}

/// The circuit of a process.
pub(crate) struct Breaker {
    switch: Mutex<Switch>,
    budget: Arc<Budget>,
    clock: Clock,
}

impl Breaker {
    /// A closed one. The budget is told when it opens and closes.
    pub(crate) fn new(rules: BreakerRules, budget: Arc<Budget>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            switch: Mutex::new(Switch::new(rules)),
            budget,
            clock,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Switch> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, sign: Sign) {
        let change = self.lock().note(sign, Instant::now(), (self.clock)());
        self.tell(change);
    }

    /// Takes the result of a probe.
    pub(crate) fn probed(&self, sign: &Sign) {
        let change = self.lock().probed(sign, Instant::now());
        self.tell(change);
    }

    /// Every change of the circuit is logged, once.
    fn tell(&self, change: Option<Change>) {
        match change {
            None => {}
            Some(Change::Opened { why, in_a_row }) => {
                self.budget.circuit_is(Answering::No);
                tracing::warn!(
                    why,
                    failures_in_a_row = in_a_row,
                    "the cloud does not answer properly: the way there is paused, the way back goes on"
                );
            }
            Some(Change::Closed { after }) => {
                self.budget.circuit_is(Answering::Yes);
                let open_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(open_ms, "the cloud answers again: the way there goes on");
            }
        }
    }
}

/// Stops changes of the way there before they wait for anything.
#[derive(Clone)]
pub(crate) struct FailFast(pub(crate) Arc<Breaker>);

impl Concern for FailFast {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let admitted = self.0.lock().admits(asked.claim());
        admitted.map_err(Setback::withheld)?;
        below.call(asked).await
    }
}

/// Stops those that were waiting when the circuit opened, and learns from every exchange.
#[derive(Clone)]
pub(crate) struct Watch(pub(crate) Arc<Breaker>);

impl Concern for Watch {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let admitted = self.0.lock().admits(asked.claim());
        admitted.map_err(Setback::withheld)?;
        let result = below.call(asked).await;
        self.0.note(Sign::of(&result));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BreakerRules = BreakerRules {
        failures: 5,
        failure_percent: 50,
        rest: Duration::from_secs(10),
    };

    fn silent() -> Sign {
        Sign::Silent("the cloud is unreachable: refused".to_owned())
    }

    /// A circuit that has just been opened.
    fn open(now: Instant) -> Switch {
        let mut switch = Switch::new(RULES);
        for _ in 0..5 {
            switch.note(silent(), now, DateTime::UNIX_EPOCH);
        }
        switch
    }

    fn every_claim() -> impl Iterator<Item = Claim> {
        Priority::ALL
            .into_iter()
            .flat_map(|priority| [Effect::Read, Effect::Change].map(|effect| Claim { priority, effect }))
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let (now, at) = (Instant::now(), DateTime::UNIX_EPOCH);
        let mut switch = Switch::new(RULES);
        for sign in [silent(), silent(), silent(), silent(), Sign::None, Sign::Answered] {
            assert_eq!(switch.note(sign, now, at), None);
        }
        for _ in 0..4 {
            assert_eq!(switch.note(silent(), now, at), None);
        }
        assert_eq!(switch.circuit(), Circuit::Closed);
        assert!(matches!(
            switch.note(silent(), now, at),
            Some(Change::Opened { in_a_row: 5, .. })
        ));
        // Only the first time.
        assert_eq!(switch.note(silent(), now, at), None);
        assert!(matches!(switch.circuit(), Circuit::Open { since, .. } if since == at));
    }

    #[test]
    fn a_large_share_of_failures_opens_it_and_what_is_long_ago_does_not_count() {
        let (begin, at) = (Instant::now(), DateTime::UNIX_EPOCH);
        let flicker = |every: Duration| {
            let mut switch = Switch::new(RULES);
            (0..40)
                .map(|number| {
                    let sign = if number % 2 == 0 { silent() } else { Sign::Answered };
                    switch.note(sign, begin + every * number, at)
                })
                .filter(Option::is_some)
                .count()
        };
        assert_eq!(flicker(Duration::from_secs(1)), 1);
        assert_eq!(flicker(Duration::from_secs(10)), 0);
    }

    #[test]
    fn only_silence_counts() {
        let refusal = crate::error::Refusal {
            code: 530,
            text: String::new(),
        };
        let table = [
            (OsseaError::Unreachable(String::new()), false),
            (OsseaError::Busy(String::new()), false),
            (OsseaError::Malformed(String::new()), false),
            (OsseaError::OutcomeUnknown(String::new()), false),
            (OsseaError::Refused(refusal), true),
            (OsseaError::Unauthorized(String::new()), true),
            (OsseaError::NotFound(String::new()), true),
            (
                OsseaError::Throttled {
                    retry_after: Duration::ZERO,
                },
                true,
            ),
        ];
        for (error, answered) in table {
            assert_eq!(Sign::of(&Err(Setback::Withheld(error.clone()))), Sign::None);
            let sign = Sign::of(&Err(Setback::Cloud(error)));
            assert_eq!(sign == Sign::Answered, answered, "{sign:?}");
        }
    }

    #[test]
    fn an_open_circuit_stops_new_changes_and_nothing_else() {
        let switch = open(Instant::now());
        for claim in every_claim() {
            let stops = claim.effect == Effect::Change && claim.priority != Priority::WayBack;
            let admitted = switch.admits(claim);
            assert_eq!(admitted.is_err(), stops, "{claim:?}");
            if let Err(why) = admitted {
                assert!(
                    why.contains("1970-01-01T00:00:00Z") && why.contains("paused"),
                    "{why}"
                );
            }
            assert_eq!(Switch::new(RULES).admits(claim), Ok(()));
        }
    }

    #[test]
    fn it_rests_then_probes_and_closes_on_an_answer_to_the_probe_only() {
        let now = Instant::now();
        let mut switch = open(now);
        let rested = now + RULES.rest;
        assert_eq!(switch.probe_at(), Some(rested));
        switch.note(Sign::Answered, now, DateTime::UNIX_EPOCH);
        assert!(matches!(switch.circuit(), Circuit::Open { .. }));
        switch.probing();
        assert_eq!(switch.probe_at(), None);
        assert!(matches!(switch.circuit(), Circuit::Open { .. }));
        assert_eq!(switch.probed(&silent(), rested), None);
        assert_eq!(switch.probe_at(), Some(rested + RULES.rest));
        switch.probing();
        assert_eq!(
            switch.probed(&Sign::Answered, rested + RULES.rest),
            Some(Change::Closed {
                after: RULES.rest * 2
            })
        );
        assert_eq!((switch.circuit(), switch.probe_at()), (Circuit::Closed, None));
        // It takes as many failures as at first to open it again.
        for _ in 0..4 {
            assert_eq!(switch.note(silent(), rested, DateTime::UNIX_EPOCH), None);
        }
    }
}
