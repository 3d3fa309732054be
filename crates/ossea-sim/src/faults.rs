//! Faults: rules that say which call goes wrong, and how.
//!
//! A rule counts the calls that it matches, and strikes from the `nth` one on, `times` times. How often it really
//! struck is readable, so that a test can insist that its fault happened.

use serde::{Deserialize, Serialize};

/// Whether the work behind a failing call is done nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The cloud is as if the call had never been.
    NotDone,
    /// The work is done, only nobody says so.
    Done,
}

pub use crate::cloud::objects::BootFailure;

/// What happens to the network cards of a deployed VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NicFault {
    /// The last card is on another network of the zone.
    OtherNetwork,
    /// The last card is missing.
    LeftOut,
}

/// What goes wrong: on the way between the caller and the cloud, or with the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "wanted is an effect with its fields, whose kind is one of refuse, lost_request, lost_reply, throttled, \
                 busy, garbage, slow_answer, job_fails, delay, job_stuck, job_interrupted, job_cancelled, job_purged, \
                 guest_does_not_boot, wrong_network, detach_timeout, unattachable"
)]
pub enum FaultEffect {
    /// On the way.
    Way(WayFault),
    /// With the work.
    Work(WorkFault),
}

impl From<WayFault> for FaultEffect {
    fn from(fault: WayFault) -> Self {
        FaultEffect::Way(fault)
    }
}
impl From<WorkFault> for FaultEffect {
    fn from(fault: WorkFault) -> Self {
        FaultEffect::Work(fault)
    }
}

/// A fault between the caller and the cloud; it strikes commands and reads alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WayFault {
    /// The answer is this error; nothing is done.
    Refuse {
        /// The error code.
        code: u32,
        /// The text.
        text: String,
    },
    /// The request never arrives; the connection breaks.
    LostRequest,
    /// The request is processed, then the connection breaks.
    LostReply,
    /// Too many requests (429).
    Throttled {
        /// How long the answer tells to wait.
        retry_after_ms: u64,
    },
    /// The management server takes no new jobs (503).
    Busy,
    /// The answer is a page of HTML.
    Garbage {
        /// Whether the request was processed.
        work: Work,
    },
    /// The answer comes later; the work is in time.
    SlowAnswer {
        /// How much later, not scaled.
        seconds: u32,
    },
}

/// A fault of the work behind a command. A command without a job shows it in its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkFault {
    /// The job fails when its time is over.
    JobFails {
        /// The error code.
        code: u32,
        /// The text.
        text: String,
        /// Whether the work is done nevertheless.
        #[serde(default = "not_done")]
        work: Work,
    },
    /// The job takes longer.
    Delay {
        /// How much longer, not scaled.
        seconds: u32,
    },
    /// The job never ends by itself.
    JobStuck,
    /// The job ends as a restart of the management server leaves it: failed, code 530, no result.
    JobInterrupted {
        /// Whether the work is done.
        work: Work,
    },
    /// The job ends as a cancelled queue item: failed, code 0, no result.
    JobCancelled {
        /// Whether the work is done.
        work: Work,
    },
    /// The job is forgotten as soon as it ends.
    JobPurged {
        /// Whether the work is done.
        work: Work,
    },
    /// `startVirtualMachine` succeeds, and the guest does not come up.
    GuestDoesNotBoot {
        /// What is seen of it.
        how: BootFailure,
    },
    /// `deployVirtualMachine` gets its networks wrong.
    WrongNetwork {
        /// How.
        how: NicFault,
    },
    /// `detachVolume` fails because the guest does not let go of the device.
    DetachTimeout,
    /// `attachVolume` fails, wherever the volume is to go.
    Unattachable,
}

fn not_done() -> Work {
    Work::NotDone
}

/// A rule: which calls go wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The command by its API name, such as `attachVolume`; lists and `queryAsyncJobResult` too.
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
}

/// The number of a rule in its cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(u64);

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
    fn matches(&self, command: &str, objects: &[String]) -> bool {
        self.rule.command == command
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

/// All rules of a cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faults {
    rules: Vec<FaultState>,
    last: u64,
}

impl Faults {
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
    pub(crate) fn arrive(&mut self, command: &str, objects: &[String]) -> Option<(RuleId, FaultEffect)> {
        let mut struck = None;
        for state in self
            .rules
            .iter_mut()
            .filter(|state| state.matches(command, objects))
        {
            state.matched += 1;
            if struck.is_none() && state.is_due() {
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
