//! The database: the job's row with its lease, the journal, the queue of requests. Stands for `store::shared`.

use crate::fold::{Entry, Fold, Requests};
use crate::guard::{Guard, Guards};
use crate::worker::{Doing, Task};

/// The job's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The worker.
    pub worker: u8,
    /// Whether its lease has ended. The deadline itself is abstracted: it passes at any moment.
    pub lease_ended: bool,
    /// Whether its process has died: it does not renew any more.
    pub is_dead: bool,
}

/// What the guarded update of a batch comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Written,
    /// It was written before.
    Stored,
    /// Somebody else owns the job.
    LeaseLost,
    /// It does not follow the last entry.
    OutOfOrder,
    /// It would end the job with a request unheard.
    Unheard,
}

/// The database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Database {
    /// The journal.
    pub fold: Fold,
    /// The job's owner.
    pub owner: Option<Owner>,
    /// The epoch of the last claim.
    pub epoch: u8,
    /// The requests that were stored.
    pub asked: Requests,
}

impl Database {
    /// The database after the job was created.
    pub const START: Self = Self {
        fold: Fold::START,
        owner: None,
        epoch: 0,
        asked: Requests {
            cancel: false,
            give_up: false,
        },
    };

    /// Whether a worker owns the job.
    pub fn is_owned_by(&self, worker: u8) -> bool {
        self.owner.is_some_and(|owner| owner.worker == worker)
    }

    /// Whether a worker may claim the job. One whose own lease has ended must renew it first, so it never takes a job
    /// from itself.
    pub fn may_claim(&self, guards: Guards, worker: u8) -> bool {
        !self.fold.phase.has_ended()
            && match self.owner {
                None => true,
                Some(owner) if owner.worker == worker => false,
                Some(owner) => owner.lease_ended || !guards.stand(Guard::OnlyEndedLeasesAreTaken),
            }
    }

    /// Judges an entry of a task.
    pub fn judge(&self, guards: Guards, task: &Task, entry: Entry) -> Verdict {
        let is_owner = self.is_owned_by(task.worker);
        if task.epoch != self.epoch && guards.stand(Guard::EpochCheckedOnAppend) {
            return Verdict::LeaseLost;
        }
        let is_repeated = matches!(task.doing, Doing::Writing { in_doubt: true, .. });
        let is_stored = is_repeated && task.behind == 1 && guards.stand(Guard::SequenceCheckedOnAppend);
        if is_stored && (is_owner || entry.is_final()) {
            return Verdict::Stored;
        }
        if !is_owner {
            return Verdict::LeaseLost;
        }
        if entry == Entry::Confirm {
            return Verdict::Written;
        }
        if task.behind != 0 && guards.stand(Guard::SequenceCheckedOnAppend) {
            return Verdict::OutOfOrder;
        }
        let is_unheard = self.asked != task.fold.heard;
        if entry.is_final() && is_unheard && guards.stand(Guard::EndRefusedWhileUnheard) {
            return Verdict::Unheard;
        }
        Verdict::Written
    }
}
