//! Faults: rules that say which call goes wrong, and how.
//!
//! A rule counts the calls that it matches, and strikes from the `nth` one on, `times` times, or only some of these
//! times where it has a probability; the cloud's seed decides which. How often it really struck is readable, so that
//! a test can insist that its fault happened. A request may also bring its fault along.

use serde::{Deserialize, Serialize};

use crate::cloud::chance::{Chance, Purpose};

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
pub use crate::probability::Probability;

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
                 busy, garbage, slow_answer, dribbled_answer, cut_answer, short_answer, stalled_answer, restart, \
                 job_fails, delay, job_stuck, job_interrupted, job_cancelled, job_purged, guest_does_not_boot, \
                 wrong_network, detach_timeout, device_busy, unattachable, no_capacity, limit_reached, \
                 agent_unreachable, guest_does_not_stop, unrevertable, expunge_fails"
)]
pub enum FaultEffect {
    /// On the way.
    Way(WayFault),
    /// With the work.
    Work(WorkFault),
}

/// What a call is, as far as faults are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// It changes nothing.
    Read,
    /// A command that is done when its call answers.
    WithoutJob,
    /// A command with a job.
    WithJob,
}

impl FaultEffect {
    /// Whether it can strike such a call. What cannot is not spent on it.
    pub(crate) fn concerns(&self, call: CallKind) -> bool {
        match (self, call) {
            (FaultEffect::Way(_), CallKind::Read | CallKind::WithoutJob | CallKind::WithJob)
            | (FaultEffect::Work(_), CallKind::WithJob) => true,
            (FaultEffect::Work(_), CallKind::Read) => false,
            (FaultEffect::Work(fault), CallKind::WithoutJob) => fault.shows_without_a_job(),
        }
    }
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
    /// The management server takes no new jobs (503, or 530 in profile 4.18). Of reads and commands without a job only a
    /// proxy before it says so, always with 503.
    Busy,
    /// The answer is nothing that CloudStack writes.
    Garbage {
        /// Whether the request was processed.
        work: Work,
        /// What it is instead.
        #[serde(default)]
        body: Garbage,
    },
    /// The answer comes later; the work is in time.
    SlowAnswer {
        /// How much later, not scaled.
        seconds: u32,
    },
    /// The answer begins in time and comes in small pieces.
    DribbledAnswer {
        /// How long it takes as a whole, not scaled.
        seconds: u32,
    },
    /// The connection breaks in the middle of the answer.
    CutAnswer,
    /// The head of the answer promises half of the body, and no more comes.
    ShortAnswer,
    /// Half of the answer comes, then nothing more; the connection stays open.
    StalledAnswer,
    /// The management server is restarted, and the connection breaks.
    Restart {
        /// When.
        when: RestartMoment,
        /// Whether the agents complete what was under way.
        work: Work,
    },
}

/// What comes instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// A page of HTML, as of a proxy.
    #[default]
    Html,
    /// The beginning of an answer.
    CutJson,
    /// Nothing at all, under status 200.
    Empty,
    /// Bytes that are no text.
    Binary,
    /// More than any client should read.
    Huge,
    /// JSON with the envelope of another command.
    WrongEnvelope,
}

/// When a restart of the management server hits a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartMoment {
    /// Before it was processed: nothing is left of it.
    Before,
    /// After it was processed: its job is cut off like the others.
    After,
}

/// A fault of the work behind a command. A command without a job shows `JobFails`, `Delay`, `NoCapacity` and
/// `LimitReached` in its answer, and the others pass it by.
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
    /// `attachVolume` or `detachVolume` fails because the host says that the device is busy.
    DeviceBusy,
    /// `attachVolume` fails, wherever the volume is to go.
    Unattachable,
    /// No host has room (533): in the answer of `deployVirtualMachine`, in the job of every other command.
    NoCapacity,
    /// The account's limit is reached (535): in the answer of commands that create, in the job of every other one.
    LimitReached,
    /// The host does not answer: commands that need it fail. A forced stop succeeds, and the guest goes on writing to its
    /// disks there until its VM is started anew.
    AgentUnreachable,
    /// `stopVirtualMachine` and the stop before `destroyVirtualMachine` fail because the guest does not shut down. A
    /// forced stop ends as without an agent.
    GuestDoesNotStop,
    /// `revertSnapshot` and `revertToVMSnapshot` fail, and the content stays what it is.
    Unrevertable,
    /// `expungeVirtualMachine`, and the expunging at the end of `destroyVirtualMachine`, fails.
    ExpungeFails,
}

impl WorkFault {
    /// Whether the answer of a command without a job can show it.
    fn shows_without_a_job(&self) -> bool {
        match self {
            WorkFault::JobFails { .. }
            | WorkFault::Delay { .. }
            | WorkFault::NoCapacity
            | WorkFault::LimitReached => true,
            WorkFault::JobStuck
            | WorkFault::JobInterrupted { .. }
            | WorkFault::JobCancelled { .. }
            | WorkFault::JobPurged { .. }
            | WorkFault::GuestDoesNotBoot { .. }
            | WorkFault::WrongNetwork { .. }
            | WorkFault::DetachTimeout
            | WorkFault::DeviceBusy
            | WorkFault::Unattachable
            | WorkFault::AgentUnreachable
            | WorkFault::GuestDoesNotStop
            | WorkFault::Unrevertable
            | WorkFault::ExpungeFails => false,
        }
    }
}

fn not_done() -> Work {
    Work::NotDone
}

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
