//! What can go wrong: on the way between the caller and the cloud, or with the work behind a command.

use serde::{Deserialize, Serialize};

use crate::cloud::objects::BootFailure;

/// Whether the work behind a failing call is done nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The cloud is as if the call had never been.
    NotDone,
    /// The work is done, only nobody says so.
    Done,
}

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
