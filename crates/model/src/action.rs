//! What may happen.

use crate::cloud::{Ending, Job};
use crate::decide::Decision;
use crate::fold::{Key, Request};
use crate::system::System;

/// Whether the answer to something arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reply {
    /// It does.
    Arrives,
    /// It is lost.
    Lost,
}

/// What may happen. Tasks and requests are named by their place in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A worker claims the job: one that is new, or one that has a task already.
    Claim {
        /// The worker.
        worker: u8,
        /// Whether it hears of it.
        reply: Reply,
    },
    /// A worker finds a job that is shown as its own and that it does not drive, and hands it back.
    FreeUnheld,
    /// The owner's lease ends.
    LeaseEnds,
    /// The owner renews its lease in time, or too late.
    Renew,
    /// Somebody's claim frees the job of a dead owner and does not take it, because it has enough.
    Free,
    /// A worker dies, with all its tasks.
    Crash {
        /// The worker.
        worker: u8,
    },
    /// A worker stops gracefully and hands the job back.
    HandBack {
        /// The worker.
        worker: u8,
    },
    /// A task looks and decides.
    Decide {
        /// The task.
        task: usize,
        /// What it decides.
        decision: Decision,
    },
    /// A task commits its entry, or tries to.
    Commit {
        /// The task.
        task: usize,
        /// Whether it hears of it.
        reply: Reply,
    },
    /// A task journals a request.
    Hear {
        /// The task.
        task: usize,
        /// What it hears.
        request: Request,
    },
    /// A task sends its command.
    Send {
        /// The task.
        task: usize,
    },
    /// A task's command is certainly not sent: the cloud is unreachable, busy or throttles.
    Bounce {
        /// The task.
        task: usize,
    },
    /// A task waits no longer for the reply to its request.
    TimeOut {
        /// The task.
        task: usize,
    },
    /// A request arrives at the cloud.
    Arrive {
        /// The request.
        flying: usize,
        /// Whether the reply arrives.
        reply: Reply,
    },
    /// A request is lost on its way, or its validity ends.
    Lose {
        /// The request.
        flying: usize,
    },
    /// A request arrives twice (a fault of the network).
    Duplicate {
        /// The request.
        flying: usize,
    },
    /// The cloud does the work of a job, or cuts it off.
    Work {
        /// The job's key.
        key: Key,
        /// How it ends.
        ending: Ending,
    },
    /// The cloud purges a job's record (a fault).
    Forget {
        /// The job's key.
        key: Key,
    },
    /// The guest shuts itself down (a fault).
    GuestStops,
    /// An operator asks for something.
    Ask {
        /// What.
        request: Request,
    },
}

impl Action {
    /// Whether it brings things on without a fault, a person or bad luck: no crash, no pause past a lease, nothing lost.
    pub fn is_progress(self, system: &System) -> bool {
        match self {
            Action::Claim { reply, .. } | Action::Commit { reply, .. } | Action::Arrive { reply, .. } => {
                reply == Reply::Arrives || self.is_arrival_nobody_waits_for(system)
            }
            // The lease of a dead worker runs out.
            Action::LeaseEnds => system.database.owner.is_some_and(|owner| owner.is_dead),
            Action::Work { key, ending } => match ending {
                Ending::Done => true,
                Ending::Vanished => system.cloud.job(key) == Job::Working,
                Ending::Lied
                | Ending::CutOffAfter
                | Ending::CutOffBefore
                | Ending::CutOffHalfway
                | Ending::CutOffWorking => false,
            },
            Action::Renew
            | Action::FreeUnheld
            | Action::Decide { .. }
            | Action::Hear { .. }
            | Action::Send { .. }
            | Action::TimeOut { .. } => true,
            Action::Free
            | Action::Crash { .. }
            | Action::HandBack { .. }
            | Action::Bounce { .. }
            | Action::Lose { .. }
            | Action::Duplicate { .. }
            | Action::Forget { .. }
            | Action::GuestStops
            | Action::Ask { .. } => false,
        }
    }

    fn is_arrival_nobody_waits_for(self, system: &System) -> bool {
        let Action::Arrive { flying, .. } = self else {
            return false;
        };
        system.flying[flying].is_some_and(|request| system.sender_of(request).is_none())
    }
}
