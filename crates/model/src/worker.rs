//! A worker's task: what it remembers of the job and what it is doing. Stands for `engine::worker`, `engine::journal`
//! and `engine::runner`.

use crate::fold::{Entry, Fold, Key};

/// What the cloud's job of the open attempt has said. Stands for `engine::step::Evidence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Nothing yet.
    None,
    /// That it succeeded.
    Succeeded,
    /// That it failed.
    Failed,
    /// That it was cut off, or nothing any more.
    CutOff,
    /// That there is none, and the request cannot arrive any more.
    NeverAccepted,
}

/// Where a task is. A task that is paused just takes no step: every interleaving has it paused wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// About to look at the cloud and to decide.
    Deciding,
    /// About to commit an entry.
    Writing {
        /// The entry.
        entry: Entry,
        /// Whether it was sent before and the answer was lost: it may be committed.
        in_doubt: bool,
    },
    /// The intent is committed, the request is not sent.
    Sending,
    /// The request is sent, no reply has come.
    Awaiting,
}

/// A task that drives the job, or believes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// The epoch of its claim.
    pub epoch: u8,
    /// Whether its claim is the last one. No task sees this; it is for the properties.
    pub is_last: bool,
    /// How many entries the stored journal has that it does not know; 2 stands for more.
    pub behind: u8,
    /// Where it is.
    pub doing: Doing,
    /// What the cloud's job has said.
    pub evidence: Evidence,
    /// Whether a request that it sends now would be valid.
    pub is_entitled: bool,
    /// The journal as it knows it.
    pub fold: Fold,
    /// Whose task it is: a worker that gets a job a second time may have two.
    pub worker: u8,
}

impl Task {
    /// A task that has just claimed the job.
    pub fn new(worker: u8, epoch: u8, fold: Fold) -> Self {
        Self {
            epoch,
            is_last: true,
            behind: 0,
            doing: Doing::Writing {
                entry: Entry::TakenUp,
                in_doubt: false,
            },
            evidence: Evidence::None,
            is_entitled: false,
            fold,
            worker,
        }
    }

    /// Whether a batch of it may be committed or not, nobody knows.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.doing, Doing::Writing { in_doubt: true, .. })
    }

    /// The key of its open attempt.
    pub fn open_key(&self) -> Option<Key> {
        self.fold.open.map(|open| open.key)
    }

    /// Whether it asks about, or may send, a request with this key.
    pub fn refers_to(&self, key: Key) -> bool {
        let intends = matches!(self.doing, Doing::Writing { entry: Entry::Intent(k), .. } if k == key);
        intends || self.open_key() == Some(key)
    }

    /// Goes on deciding with new evidence.
    pub fn decide_with(&mut self, evidence: Evidence) {
        self.doing = Doing::Deciding;
        self.evidence = evidence;
    }
}
