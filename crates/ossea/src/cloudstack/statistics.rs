//! What the client has done so far, in numbers, and the layer that counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::call::{Answer, Asked};
use super::concern::{Below, Concern, Setback};
use crate::error::OsseaError;
use crate::urgency::{Circuit, Priority};

/// How a request ended; short enough for a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    Ok,
    /// [`OsseaError::Unreachable`].
    Unreachable,
    /// [`OsseaError::Throttled`].
    Throttled,
    /// [`OsseaError::Busy`].
    Busy,
    /// [`OsseaError::Refused`].
    Refused,
    /// [`OsseaError::Unauthorized`].
    Unauthorized,
    /// [`OsseaError::NotFound`].
    NotFound,
    /// [`OsseaError::Malformed`].
    Malformed,
    /// [`OsseaError::OutcomeUnknown`].
    OutcomeUnknown,
    /// Not sent by our own decision.
    Withheld,
}

impl Outcome {
    pub(crate) fn of(result: &Result<Answer, Setback>) -> Self {
        match result {
            Ok(_) => Outcome::Ok,
            Err(Setback::Withheld(_)) => Outcome::Withheld,
            Err(Setback::Cloud(error)) => match error {
                OsseaError::Unreachable(_) => Outcome::Unreachable,
                OsseaError::Throttled { .. } => Outcome::Throttled,
                OsseaError::Busy(_) => Outcome::Busy,
                OsseaError::Refused(_) => Outcome::Refused,
                OsseaError::Unauthorized(_) => Outcome::Unauthorized,
                OsseaError::NotFound(_) => Outcome::NotFound,
                OsseaError::Malformed(_) => Outcome::Malformed,
                OsseaError::OutcomeUnknown(_) => Outcome::OutcomeUnknown,
            },
        }
    }

    /// The outcome in one word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Unreachable => "unreachable",
            Outcome::Throttled => "throttled",
            Outcome::Busy => "busy",
            Outcome::Refused => "refused",
            Outcome::Unauthorized => "unauthorized",
            Outcome::NotFound => "not_found",
            Outcome::Malformed => "malformed",
            Outcome::OutcomeUnknown => "outcome_unknown",
            Outcome::Withheld => "withheld",
        }
    }
}

/// How long calls of one priority have waited for a turn within the budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WaitStatistics {
    /// How many have stopped waiting, for a turn or because it came too late.
    pub calls: u64,
    /// How long they have waited together.
    pub total: Duration,
    /// How long the one has waited that waited longest.
    pub longest: Duration,
}

/// What a client has done since it was built, by all its clones and priorities together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallStatistics {
    /// How many requests were sent, by command and outcome. A repetition is a request of its own.
    pub requests: BTreeMap<&'static str, BTreeMap<Outcome, u64>>,
    /// How long calls have waited for their turn, by priority.
    pub waits: BTreeMap<Priority, WaitStatistics>,
    /// How many calls wait for their turn now.
    pub waiting: usize,
    /// How many calls are under way now, among them those that wait for their turn.
    pub under_way: usize,
    /// How often the cloud has throttled us.
    pub throttled: u64,
    /// How many requests per second may be sent at present.
    pub requests_per_second: f64,
    /// Whether the cloud answers.
    pub circuit: Circuit,
}

impl CallStatistics {
    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.requests.values().flat_map(BTreeMap::values).sum()
    }
}

/// The waits of each priority.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits(BTreeMap<Priority, WaitStatistics>);

impl Waits {
    pub(crate) fn note(&mut self, priority: Priority, waited: Duration) {
        let wait = self.0.entry(priority).or_default();
        wait.calls += 1;
        wait.total += waited;
        wait.longest = wait.longest.max(waited);
    }

    #[cfg(test)]
    pub(crate) fn of(&self, priority: Priority) -> WaitStatistics {
        self.0.get(&priority).copied().unwrap_or_default()
    }

    pub(crate) fn into_all(self) -> BTreeMap<Priority, WaitStatistics> {
        self.0
    }
}

/// The counters of a process.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<&'static str, BTreeMap<Outcome, u64>>>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, BTreeMap<Outcome, u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> BTreeMap<&'static str, BTreeMap<Outcome, u64>> {
        self.lock().clone()
    }
}

/// Counts what is sent.
#[derive(Debug, Clone)]
pub(crate) struct Count(pub(crate) Arc<Counters>);

impl Concern for Count {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let command = asked.call.command;
        let result = below.call(asked).await;
        *self
            .0
            .lock()
            .entry(command)
            .or_default()
            .entry(Outcome::of(&result))
            .or_default() += 1;
        result
    }
}
