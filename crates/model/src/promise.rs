//! What the protocol promises, as properties of the states.

use stateright::Property;

use crate::cloud::{Object, Place};
use crate::fold::Phase;
use crate::model::Failover;
use crate::system::System;

/// A promise that holds in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// At most one worker's writes are accepted in an epoch: a task writes no more once another one has claimed the job.
    OneWriterAnEpoch,
    /// A worker whose lease holds is not robbed of its job.
    NobodyIsRobbed,
    /// The journal grows by one entry at a time, without gaps and repetitions.
    JournalInOrder,
    /// No effect is brought about twice, and no second object made.
    NothingTwice,
    /// A step is recorded as done only if the cloud showed its postcondition.
    DoneIsSeen,
    /// A completed job's replica is on the destination VM, and stays there.
    CompletedAtDestination,
    /// The replica of a job that failed is on the OMA, and stays there.
    FailedAtHome,
    /// A replica that a guest has written to is never on the OMA unmarked.
    DirtyNeverClean,
    /// Nothing is removed that the ledger does not hold.
    OnlyTheLedger,
    /// An accepted request is heard before the job ends, and a job whose cancelling was accepted does not complete.
    NoRequestDropped,
    /// A job leaves nothing behind but the rollback point of a completed failover or of a marked replica.
    NoDebris,
}

impl Promise {
    /// All promises.
    pub const ALL: [Promise; 11] = [
        Promise::OneWriterAnEpoch,
        Promise::NobodyIsRobbed,
        Promise::JournalInOrder,
        Promise::NothingTwice,
        Promise::DoneIsSeen,
        Promise::CompletedAtDestination,
        Promise::FailedAtHome,
        Promise::DirtyNeverClean,
        Promise::OnlyTheLedger,
        Promise::NoRequestDropped,
        Promise::NoDebris,
    ];

    /// The promise in words.
    pub const fn words(self) -> &'static str {
        match self {
            Promise::OneWriterAnEpoch => "one worker's writes are accepted an epoch",
            Promise::NobodyIsRobbed => "no worker is robbed while its lease holds",
            Promise::JournalInOrder => "the journal has no gaps and no repetitions",
            Promise::NothingTwice => "no effect is brought about twice",
            Promise::DoneIsSeen => "a step is done only when the cloud shows it",
            Promise::CompletedAtDestination => "a completed job's replica is on the destination VM",
            Promise::FailedAtHome => "a failed job's replica is on the OMA",
            Promise::DirtyNeverClean => "a dirty replica is never on the OMA as clean",
            Promise::OnlyTheLedger => "nothing is removed that the ledger does not hold",
            Promise::NoRequestDropped => "no accepted request is dropped",
            Promise::NoDebris => "a job leaves nothing behind",
        }
    }

    /// Whether a state keeps it.
    pub fn is_kept(self, system: &System) -> bool {
        let (fold, cloud, wrongs) = (&system.database.fold, &system.cloud, &system.wrongs);
        match self {
            Promise::OneWriterAnEpoch => !wrongs.fenced_out_task_wrote,
            Promise::NobodyIsRobbed => !wrongs.robbed,
            Promise::JournalInOrder => !wrongs.journal_broken,
            Promise::NothingTwice => !wrongs.mischief.twice,
            Promise::DoneIsSeen => !wrongs.done_unseen,
            Promise::CompletedAtDestination => {
                fold.phase != Phase::Completed || matches!(cloud.place, Place::Stopped | Place::Running)
            }
            Promise::FailedAtHome => fold.phase != Phase::Failed || cloud.place == Place::Oma,
            Promise::DirtyNeverClean => cloud.place != Place::Oma || !cloud.written || fold.marked,
            Promise::OnlyTheLedger => !wrongs.mischief.unledgered,
            Promise::NoRequestDropped => {
                let (asked, heard) = (system.database.asked, fold.heard);
                !(fold.phase.has_ended() && asked != heard || fold.phase == Phase::Completed && asked.cancel)
            }
            Promise::NoDebris => {
                let may_stay = fold.phase != Phase::Failed || fold.marked || cloud.object == Object::Absent;
                !(fold.phase.has_ended() && cloud.debris) && may_stay
            }
        }
    }

    /// The promise as a property that the checker knows.
    pub(crate) fn property(self) -> Property<Failover> {
        let condition: fn(&Failover, &System) -> bool = match self {
            Promise::OneWriterAnEpoch => |_, s| Promise::OneWriterAnEpoch.is_kept(s),
            Promise::NobodyIsRobbed => |_, s| Promise::NobodyIsRobbed.is_kept(s),
            Promise::JournalInOrder => |_, s| Promise::JournalInOrder.is_kept(s),
            Promise::NothingTwice => |_, s| Promise::NothingTwice.is_kept(s),
            Promise::DoneIsSeen => |_, s| Promise::DoneIsSeen.is_kept(s),
            Promise::CompletedAtDestination => |_, s| Promise::CompletedAtDestination.is_kept(s),
            Promise::FailedAtHome => |_, s| Promise::FailedAtHome.is_kept(s),
            Promise::DirtyNeverClean => |_, s| Promise::DirtyNeverClean.is_kept(s),
            Promise::OnlyTheLedger => |_, s| Promise::OnlyTheLedger.is_kept(s),
            Promise::NoRequestDropped => |_, s| Promise::NoRequestDropped.is_kept(s),
            Promise::NoDebris => |_, s| Promise::NoDebris.is_kept(s),
        };
        Property::always(self.words(), condition)
    }
}

/// Something that must be possible, or the model proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witness {
    /// A job completes.
    Completed,
    /// A job fails after its guest has written, and its replica is home and clean again.
    RevertedAndHome,
    /// A job fails, and its replica is home and marked.
    MarkedAndHome,
    /// A former owner has a request to send, valid still, while another worker drives the job.
    FormerOwnerMaySend,
}

impl Witness {
    /// All of them.
    pub const ALL: [Witness; 4] = [
        Witness::Completed,
        Witness::RevertedAndHome,
        Witness::MarkedAndHome,
        Witness::FormerOwnerMaySend,
    ];

    /// It in words.
    pub const fn words(self) -> &'static str {
        match self {
            Witness::Completed => "a job completes",
            Witness::RevertedAndHome => "a replica returns reverted",
            Witness::MarkedAndHome => "a replica returns marked",
            Witness::FormerOwnerMaySend => "a former owner may send while another worker drives the job",
        }
    }

    fn is_seen(self, system: &System) -> bool {
        let fold = &system.database.fold;
        let has_failed = fold.phase == Phase::Failed;
        match self {
            Witness::Completed => fold.phase == Phase::Completed,
            Witness::RevertedAndHome => has_failed && fold.was_started() && !fold.marked,
            Witness::MarkedAndHome => has_failed && fold.marked,
            Witness::FormerOwnerMaySend => {
                let is_driven = system.live_tasks().any(|(_, task)| task.is_last);
                is_driven
                    && system
                        .live_tasks()
                        .any(|(_, task)| !task.is_last && task.is_entitled)
            }
        }
    }

    /// It as a property that the checker knows.
    pub(crate) fn property(self) -> Property<Failover> {
        let condition: fn(&Failover, &System) -> bool = match self {
            Witness::Completed => |_, s| Witness::Completed.is_seen(s),
            Witness::RevertedAndHome => |_, s| Witness::RevertedAndHome.is_seen(s),
            Witness::MarkedAndHome => |_, s| Witness::MarkedAndHome.is_seen(s),
            Witness::FormerOwnerMaySend => |_, s| Witness::FormerOwnerMaySend.is_seen(s),
        };
        Property::sometimes(self.words(), condition)
    }
}
