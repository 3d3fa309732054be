//! The journal of the one job, as the fold of its entries. Stands for `engine::state::JobState` and `engine::event`.

use crate::guard::{Guard, Guards};

/// What can be asked of the cloud. The first three are the steps of the way there, the next four those of the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Command {
    /// The replica leaves the OMA. The same call as [`Command::Leave`]: it detaches from whatever the replica hangs on.
    Detach,
    /// The rollback point is made: an async create.
    Create,
    /// The replica is attached to the destination VM, which starts: its guest writes.
    Start,
    /// The VM is stopped and the replica leaves it.
    Leave,
    /// The replica is brought back to the rollback point. Leaves no trace but the cloud's word; repeatable.
    Revert,
    /// The replica is attached to the OMA.
    Return,
    /// The rollback point is deleted.
    Delete,
    /// An object of somebody else is deleted. Sent only without [`Guard::OnlyTheLedgerIsRemoved`].
    DeleteForeign,
}

impl Command {
    /// The steps of the way there in order.
    pub const WAY_THERE: [Command; 3] = [Command::Detach, Command::Create, Command::Start];

    /// All commands.
    pub const ALL: [Command; 8] = [
        Command::Detach,
        Command::Create,
        Command::Start,
        Command::Leave,
        Command::Revert,
        Command::Return,
        Command::Delete,
        Command::DeleteForeign,
    ];
}

/// A command under its deterministic key: step and attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The step's command.
    pub command: Command,
    /// The number of the attempt, from 0.
    pub attempt: u8,
}

/// A command whose outcome is not journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Open {
    /// Its key.
    pub key: Key,
    /// Whether the journal has the id of the cloud's job.
    pub accepted: bool,
}

/// Which way the job is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// On the way there.
    Forward,
    /// On the way back.
    Returning,
    /// Ended with success: the replica is on the destination VM.
    Completed,
    /// Ended without success: the replica is home.
    Failed,
}

impl Phase {
    /// Whether the job has ended.
    pub fn has_ended(self) -> bool {
        matches!(self, Phase::Completed | Phase::Failed)
    }
}

/// The ledger row of the rollback point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerRow {
    /// None yet.
    Absent,
    /// Intended or present.
    Held,
    /// Observed to be gone.
    Removed,
}

/// What an operator asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// Stop, and bring the replica back.
    Cancel,
    /// Give the rollback point up: the replica returns marked for a full synchronisation.
    GiveUp,
}

/// A set of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Requests {
    /// Whether [`Request::Cancel`] is among them.
    pub cancel: bool,
    /// Whether [`Request::GiveUp`] is among them.
    pub give_up: bool,
}

impl Requests {
    /// Whether one is among them.
    pub fn has(self, request: Request) -> bool {
        match request {
            Request::Cancel => self.cancel,
            Request::GiveUp => self.give_up,
        }
    }

    /// Adds one.
    pub fn add(&mut self, request: Request) {
        match request {
            Request::Cancel => self.cancel = true,
            Request::GiveUp => self.give_up = true,
        }
    }
}

/// A journal entry, or the empty batch that only proves the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// A worker took the job up.
    TakenUp,
    /// A command is about to be sent.
    Intent(Key),
    /// No entry: the lease is proved before a lost request goes again.
    Confirm,
    /// The cloud accepted the command.
    Submitted,
    /// A step is done.
    Done {
        /// Which.
        command: Command,
        /// Whether the cloud really showed the postcondition when this was decided. The worker does not see this.
        seen: bool,
    },
    /// A command is taken to have had no effect. Written only without [`Guard::UnknownResolvedByLooking`].
    Renounced,
    /// A request was heard.
    Heard(Request),
    /// The way back begins.
    ReturnBegan,
    /// The replica is marked for a full synchronisation.
    Marked,
    /// The job ended with success.
    Completed,
    /// The job ended without success.
    Failed,
}

impl Entry {
    /// Whether it ends the job.
    pub fn is_final(self) -> bool {
        matches!(self, Entry::Completed | Entry::Failed)
    }
}

/// The fold of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fold {
    /// Which way the job is going.
    pub phase: Phase,
    /// How many steps of the way there are done.
    pub done: u8,
    /// The command whose outcome is not journaled.
    pub open: Option<Open>,
    /// How many attempts of each command were begun.
    pub attempts: [u8; 8],
    /// Whether the replica is noted as being on the OMA.
    pub home: bool,
    /// Whether a guest may have written to it since the rollback point.
    pub dirty: bool,
    /// Whether it is marked for a full synchronisation.
    pub marked: bool,
    /// The ledger row of the rollback point.
    pub ledger: LedgerRow,
    /// The requests that were heard.
    pub heard: Requests,
}

impl Fold {
    /// The journal of a job that was accepted.
    pub const START: Self = Self {
        phase: Phase::Forward,
        done: 0,
        open: None,
        attempts: [0; 8],
        home: true,
        dirty: false,
        marked: false,
        ledger: LedgerRow::Absent,
        heard: Requests {
            cancel: false,
            give_up: false,
        },
    };

    /// The key of the next attempt of a command.
    pub fn next_key(&self, command: Command) -> Key {
        Key {
            command,
            attempt: self.attempts[command as usize],
        }
    }

    /// Whether the replica must be reverted or marked before it may rest on the OMA.
    pub fn needs_revert(&self) -> bool {
        self.dirty && !self.marked
    }

    /// Whether the start of the destination VM was ever intended.
    pub fn was_started(&self) -> bool {
        self.attempts[Command::Start as usize] > 0
    }

    /// Takes one entry in. Stands for `engine::state::apply`.
    pub fn apply(&mut self, guards: Guards, entry: Entry) {
        match entry {
            Entry::TakenUp | Entry::Confirm => {}
            Entry::Intent(key) => self.intend(guards, key),
            Entry::Submitted => {
                if let Some(open) = &mut self.open {
                    open.accepted = true;
                    if open.key.command == Command::Create {
                        self.ledger = LedgerRow::Held;
                    }
                }
            }
            Entry::Done { command, .. } => self.learn(command),
            Entry::Renounced => {
                let dropped = self.open.take().map(|open| open.key.command);
                if dropped == Some(Command::Create) {
                    self.ledger = LedgerRow::Removed;
                }
            }
            Entry::Heard(request) => self.heard.add(request),
            Entry::ReturnBegan => {
                self.phase = Phase::Returning;
                self.open = None;
            }
            Entry::Marked => self.marked = true,
            Entry::Completed => self.phase = Phase::Completed,
            Entry::Failed => self.phase = Phase::Failed,
        }
    }

    /// What a committed intent means even if nothing is ever heard of it again.
    fn intend(&mut self, guards: Guards, key: Key) {
        self.open = Some(Open { key, accepted: false });
        self.attempts[key.command as usize] = key.attempt + 1;
        match key.command {
            Command::Create if guards.stand(Guard::LedgerRowBeforeCreate) => self.ledger = LedgerRow::Held,
            Command::Start if guards.stand(Guard::DirtyFromTheIntent) => self.dirty = true,
            Command::Detach
            | Command::Create
            | Command::Start
            | Command::Leave
            | Command::Revert
            | Command::Return
            | Command::Delete
            | Command::DeleteForeign => {}
        }
    }

    /// What an observed postcondition means.
    fn learn(&mut self, command: Command) {
        self.open = None;
        if self.phase == Phase::Forward && Command::WAY_THERE.contains(&command) {
            self.done += 1;
        }
        match command {
            Command::Detach => self.home = false,
            Command::Create => self.ledger = LedgerRow::Held,
            Command::Start => self.dirty = true,
            Command::Revert => self.dirty = false,
            Command::Return => self.home = true,
            Command::Delete => self.ledger = LedgerRow::Removed,
            Command::Leave | Command::DeleteForeign => {}
        }
    }
}
