//! Faults: rules that say which call goes wrong, and how.
//!
//! A rule counts the calls that it matches, and strikes from the `nth` one on, `times` times, or only some of these
//! times where it has a probability; the cloud's seed decides which. How often it really struck is readable, so that
//! a test can insist that its fault happened. A request may also bring its fault along.

mod effects;

use serde::{Deserialize, Serialize};

use crate::cloud::chance::{Chance, Purpose};

pub(crate) use self::effects::CallKind;
pub use self::effects::{FaultEffect, Garbage, NicFault, RestartMoment, WayFault, Work, WorkFault};
pub use crate::cloud::objects::BootFailure;
pub use crate::probability::Probability;

/// A rule: which calls go wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The command by its API name, such as `attachVolume`; lists and `queryAsyncJobResult` too. `*` is every one.
    pub command: String,
    /// Only calls that involve the object with this id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The first matching call that goes wrong, from 1.
    #[serde(default = "first")]
    pub nth: u32,
    /// How many calls go wrong; `null` for all.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// How probable it is that a call goes wrong whose turn it is; certain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Probability>,
    /// What goes wrong.
    pub effect: FaultEffect,
}

fn first() -> u32 {
    1
}

fn once() -> Option<u32> {
    Some(1)
}

impl FaultRule {
    /// A rule that strikes the first call of `command`, once.
    pub fn on(command: &str, effect: impl Into<FaultEffect>) -> Self {
        Self {
            command: command.to_owned(),
            object: None,
            nth: first(),
            times: once(),
            probability: None,
            effect: effect.into(),
        }
    }

    /// Only calls that involve this object.
    pub fn object(self, id_or_name: impl ToString) -> Self {
        Self {
            object: Some(id_or_name.to_string()),
            ..self
        }
    }

    /// From the `nth` matching call on.
    pub fn nth(self, nth: u32) -> Self {
        Self { nth, ..self }
    }

    /// So many times.
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Every time.
    pub fn forever(self) -> Self {
        Self { times: None, ..self }
    }

    /// Only with this probability.
    pub fn with_probability(self, probability: Probability) -> Self {
        Self {
            probability: Some(probability),
            ..self
        }
    }
}

/// The number of a rule in its cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(u64);

impl RuleId {
    /// The fault that a request brought along; no rule has this number.
    pub(crate) const OF_THE_REQUEST: RuleId = RuleId(0);
}

/// A rule and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultState {
    /// The rule's number.
    pub id: RuleId,
    /// The rule.
    pub rule: FaultRule,
    /// How many calls it matched.
    pub matched: u32,
    /// How many calls it chose to go wrong.
    pub chosen: u32,
    /// How often it struck. Less than `chosen` while a job still runs, or when a job ended before its time.
    pub fired: u32,
}

impl FaultState {
    fn matches(&self, command: &str, call: CallKind, objects: &[String]) -> bool {
        (self.rule.command == command || self.rule.command == EVERY_COMMAND)
            && self.rule.effect.concerns(call)
            && self
                .rule
                .object
                .as_ref()
                .is_none_or(|wanted| objects.contains(wanted))
    }

    fn is_due(&self) -> bool {
        self.matched >= self.rule.nth && self.rule.times.is_none_or(|times| self.chosen < times)
    }
}

/// The `command` of a rule for all of them.
const EVERY_COMMAND: &str = "*";

/// All rules of a cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faults {
    rules: Vec<FaultState>,
    last: u64,
    chance: Chance,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            last: 0,
            chance: Chance::new(seed, Purpose::Faults),
        }
    }

    pub(crate) fn add(&mut self, rule: FaultRule) -> RuleId {
        self.last += 1;
        let id = RuleId(self.last);
        self.rules.push(FaultState {
            id,
            rule,
            matched: 0,
            chosen: 0,
            fired: 0,
        });
        id
    }

    pub(crate) fn states(&self) -> &[FaultState] {
        &self.rules
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The first rule that strikes this call. Every matching rule counts the call.
    pub(crate) fn arrive(
        &mut self,
        command: &str,
        call: CallKind,
        objects: &[String],
    ) -> Option<(RuleId, FaultEffect)> {
        let mut struck = None;
        for state in self
            .rules
            .iter_mut()
            .filter(|state| state.matches(command, call, objects))
        {
            state.matched += 1;
            let happens = |chance: &mut Chance| {
                let probability = state.rule.probability;
                probability.is_none_or(|probability| probability.happens(chance))
            };
            if struck.is_none() && state.is_due() && happens(&mut self.chance) {
                state.chosen += 1;
                struck = Some((state.id, state.rule.effect.clone()));
            }
        }
        struck
    }

    pub(crate) fn fired(&mut self, id: RuleId) {
        if let Some(state) = self.rules.iter_mut().find(|state| state.id == id) {
            state.fired += 1;
        }
    }
}
