//! The cloud: one replica, one rollback point, async jobs under client-chosen keys, and the requests on their way to it.
//! Stands for CloudStack as `ossea` describes it.

use crate::fold::{Command, Key, LedgerRow};
use crate::guard::{Guard, Guards};
use crate::worker::Evidence;

/// How many attempts of one command have a key.
pub const ATTEMPTS: usize = crate::model::MOST_FAULTS as usize + 1;

/// How many keys there are.
pub const KEYS: usize = Command::ALL.len() * ATTEMPTS;

/// Where the replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// On the OMA.
    Oma,
    /// On no VM.
    Nowhere,
    /// On the destination VM, which is stopped.
    Stopped,
    /// On the destination VM, which runs.
    Running,
}

/// The rollback point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// None.
    Absent,
    /// The leftover of a creation that was cut off.
    Broken,
    /// A usable one.
    Good,
}

/// What the cloud knows of the job under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// The key has never arrived.
    Unknown,
    /// Accepted; its work is done at an arbitrary later moment.
    Pending,
    /// Its record says that it was cut off, and its work goes on all the same. The object shows that.
    Working,
    /// Ended with success.
    Succeeded,
    /// Refused while it was done, without an effect.
    Refused,
    /// Its record says that it was cut off: the work may have been done or not.
    CutOff,
    /// Purged.
    Forgotten,
}

/// How the work of a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It is done, or refused where its precondition does not hold.
    Done,
    /// The work of a job that was cut off comes to nothing.
    Vanished,
    /// The cloud reports success without an effect (a fault).
    Lied,
    /// The record is cut off after the effect (a fault).
    CutOffAfter,
    /// The record is cut off without an effect (a fault).
    CutOffBefore,
    /// The record of a creation is cut off, and a broken object stays (a fault).
    CutOffHalfway,
    /// The record is cut off, and the work goes on (a fault).
    CutOffWorking,
}

/// What a change of the cloud shows about the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mischief {
    /// An effect was brought about twice.
    pub twice: bool,
    /// An object was removed that the ledger does not hold, or that is somebody else's.
    pub unledgered: bool,
}

/// How an arriving request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// There is a job now.
    Accepted,
    /// The key is known.
    KeyKnown,
}

/// The cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cloud {
    /// Where the replica is.
    pub place: Place,
    /// Whether a guest has written to it since the rollback point.
    pub written: bool,
    /// The rollback point.
    pub object: Object,
    /// Whether there is a second one, which nobody knows of.
    pub debris: bool,
    /// Whether somebody else's snapshot of the same volume is there.
    pub foreign: bool,
    /// The jobs by key.
    jobs: [Job; KEYS],
    /// The keys whose command had its effect.
    applied: u32,
}

fn index(key: Key) -> usize {
    key.command as usize * ATTEMPTS + usize::from(key.attempt)
}

impl Cloud {
    /// The cloud before the job.
    pub const START: Self = Self {
        place: Place::Oma,
        written: false,
        object: Object::Absent,
        debris: false,
        foreign: true,
        jobs: [Job::Unknown; KEYS],
        applied: 0,
    };

    /// All keys.
    pub fn keys() -> impl Iterator<Item = Key> {
        Command::ALL.into_iter().flat_map(|command| {
            (0..ATTEMPTS).map(move |attempt| Key {
                command,
                attempt: u8::try_from(attempt).unwrap_or(u8::MAX),
            })
        })
    }

    /// What is known of a key.
    pub fn job(&self, key: Key) -> Job {
        self.jobs[index(key)]
    }

    /// Whether work is under way, which the replica and the rollback point show.
    pub fn is_busy(&self) -> bool {
        self.jobs
            .iter()
            .any(|job| matches!(job, Job::Pending | Job::Working))
    }

    /// Whether the postcondition of a command shows. That of a revert does not: there the cloud's word has to do.
    pub fn shows(&self, command: Command, evidence: Evidence) -> bool {
        match command {
            Command::Detach => self.place == Place::Nowhere,
            Command::Create => self.object == Object::Good,
            Command::Start => self.place == Place::Running,
            Command::Leave => matches!(self.place, Place::Oma | Place::Nowhere),
            Command::Revert => evidence == Evidence::Succeeded && self.place == Place::Nowhere,
            Command::Return => self.place == Place::Oma,
            Command::Delete => self.object == Object::Absent,
            Command::DeleteForeign => !self.foreign,
        }
    }

    /// Whether a command can have its effect now.
    pub fn can(&self, command: Command) -> bool {
        match command {
            Command::Detach | Command::Leave => self.place != Place::Nowhere,
            Command::Create | Command::Return => self.place == Place::Nowhere,
            Command::Start => matches!(self.place, Place::Nowhere | Place::Stopped),
            Command::Revert => self.place == Place::Nowhere && self.object == Object::Good,
            Command::Delete => self.object != Object::Absent,
            Command::DeleteForeign => self.foreign,
        }
    }

    /// A request arrives. A create command makes its object before the cloud looks at the key.
    pub fn receive(&mut self, guards: Guards, key: Key, mischief: &mut Mischief) -> Answer {
        let is_known = !matches!(self.job(key), Job::Unknown | Job::Forgotten);
        if is_known && key.command == Command::Create {
            self.debris = true;
            mischief.twice = true;
            return Answer::KeyKnown;
        }
        if is_known && guards.stand(Guard::RequestKeyAtTheCloud) {
            return Answer::KeyKnown;
        }
        self.jobs[index(key)] = Job::Pending;
        Answer::Accepted
    }

    /// The work of a job ends, or its record does.
    pub fn end(&mut self, key: Key, ending: Ending, ledger: LedgerRow, mischief: &mut Mischief) {
        let was_cut_off = self.job(key) == Job::Working;
        let has_effect = self.can(key.command);
        self.jobs[index(key)] = match ending {
            Ending::Done if was_cut_off => Job::CutOff,
            Ending::Done if !has_effect => Job::Refused,
            Ending::Done | Ending::Lied => Job::Succeeded,
            Ending::Vanished | Ending::CutOffAfter | Ending::CutOffBefore | Ending::CutOffHalfway => {
                Job::CutOff
            }
            Ending::CutOffWorking => Job::Working,
        };
        match ending {
            Ending::Done | Ending::CutOffAfter => {
                if has_effect {
                    self.effect(key, ledger, mischief);
                }
            }
            Ending::CutOffHalfway => self.object = self.object.max(Object::Broken),
            Ending::Vanished | Ending::Lied | Ending::CutOffBefore | Ending::CutOffWorking => {}
        }
    }

    fn effect(&mut self, key: Key, ledger: LedgerRow, mischief: &mut Mischief) {
        let bit = 1 << index(key);
        // A revert may be repeated, and a guest that stopped by itself may be started again, under an old key too.
        let is_repeatable = match key.command {
            Command::Revert => true,
            Command::Start => self.place == Place::Stopped,
            Command::Detach
            | Command::Create
            | Command::Leave
            | Command::Return
            | Command::Delete
            | Command::DeleteForeign => false,
        };
        mischief.twice |= self.applied & bit != 0 && !is_repeatable;
        self.applied |= bit;
        match key.command {
            Command::Detach | Command::Leave => self.place = Place::Nowhere,
            Command::Create if self.object == Object::Good => {
                self.debris = true;
                mischief.twice = true;
            }
            Command::Create => self.object = Object::Good,
            Command::Start => {
                self.place = Place::Running;
                self.written = true;
            }
            Command::Revert => self.written = false,
            Command::Return => self.place = Place::Oma,
            Command::Delete => {
                self.object = Object::Absent;
                mischief.unledgered |= ledger != LedgerRow::Held;
            }
            Command::DeleteForeign => {
                self.foreign = false;
                mischief.unledgered = true;
            }
        }
    }

    /// The record of a job that has ended is purged.
    pub fn forget(&mut self, key: Key) {
        self.jobs[index(key)] = Job::Forgotten;
    }

    /// Drops what is known of a key that nobody will ever ask about again.
    pub fn drop_key(&mut self, key: Key) {
        if !matches!(self.job(key), Job::Pending | Job::Working) {
            self.jobs[index(key)] = Job::Unknown;
            self.applied &= !(1 << index(key));
        }
    }
}
