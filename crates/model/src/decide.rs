//! What a task does next. Stands for `engine::decide`, `engine::runner`, `engine::driver` and `engine::return_planner`.

use crate::cloud::{ATTEMPTS, Cloud, Job, Object, Place};
use crate::fold::{Command, Entry, Fold, Key, LedgerRow, Open, Phase};
use crate::guard::{Guard, Guards};
use crate::worker::{Evidence, Task};

/// What a task may do next, after a look at the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It takes note of what the cloud's job says.
    Learn(Evidence),
    /// It takes the request for lost.
    TakeForLost,
    /// It writes an entry.
    Write(Entry),
    /// It sends the lost request again at once. Only without [`Guard::LeaseConfirmedBeforeResend`].
    Resend,
}

/// A task's look at the cloud.
pub struct Look<'a> {
    guards: Guards,
    cloud: &'a Cloud,
    task: &'a Task,
}

/// What a task may do next. Empty: it waits. Several: what the model leaves open, such as whether to try again.
pub fn decide(guards: Guards, cloud: &Cloud, task: &Task) -> Vec<Decision> {
    let look = Look { guards, cloud, task };
    match (task.fold.phase, task.fold.open) {
        (Phase::Completed | Phase::Failed, _) => Vec::new(),
        (Phase::Forward | Phase::Returning, Some(open)) if task.evidence == Evidence::None => {
            look.await_job(open)
        }
        (Phase::Forward | Phase::Returning, Some(open)) => look.settle(open),
        (Phase::Forward, None) => look.go_on(),
        (Phase::Returning, None) => look.go_back(),
    }
}

impl Look<'_> {
    fn fold(&self) -> &Fold {
        &self.task.fold
    }

    fn stand(&self, guard: Guard) -> bool {
        self.guards.stand(guard)
    }

    fn is_cancelled(&self) -> bool {
        self.fold().phase == Phase::Forward && self.fold().heard.cancel
    }

    fn must_wait(&self) -> bool {
        self.cloud.is_busy() && self.stand(Guard::WorkInProgressWaitedFor)
    }

    fn done(&self, command: Command) -> Decision {
        let seen = self.cloud.shows(command, self.task.evidence);
        Decision::Write(Entry::Done { command, seen })
    }

    fn await_job(&self, open: Open) -> Vec<Decision> {
        if self.is_cancelled() && !self.stand(Guard::OpenCommandSettledBeforeReturn) {
            return vec![Decision::Write(Entry::ReturnBegan)];
        }
        match self.cloud.job(open.key) {
            Job::Pending => Vec::new(),
            Job::Succeeded => vec![Decision::Learn(Evidence::Succeeded)],
            Job::Refused => vec![Decision::Learn(Evidence::Failed)],
            Job::Working | Job::CutOff => vec![Decision::Learn(Evidence::CutOff)],
            Job::Unknown | Job::Forgotten if open.accepted => vec![Decision::Learn(Evidence::CutOff)],
            Job::Unknown | Job::Forgotten => vec![Decision::TakeForLost],
        }
    }

    /// The open attempt has come to an end, or its outcome is unknown: look, and go on.
    fn settle(&self, open: Open) -> Vec<Decision> {
        let (evidence, command) = (self.task.evidence, open.key.command);
        if evidence == Evidence::Succeeded && !self.stand(Guard::PostconditionReadBack) {
            return vec![self.done(command)];
        }
        if evidence == Evidence::CutOff && !self.stand(Guard::UnknownResolvedByLooking) {
            return vec![Decision::Write(Entry::Renounced)];
        }
        let looks = evidence == Evidence::Succeeded || self.stand(Guard::LookBeforeSubmit);
        let halted = || vec![Decision::Write(Entry::ReturnBegan)];
        if self.must_wait() {
            return if self.is_cancelled() { halted() } else { Vec::new() };
        }
        if looks && self.cloud.shows(command, evidence) {
            return vec![self.done(command)];
        }
        if self.is_cancelled() {
            return halted();
        }
        if evidence == Evidence::NeverAccepted {
            return vec![if self.stand(Guard::LeaseConfirmedBeforeResend) {
                Decision::Write(Entry::Confirm)
            } else {
                Decision::Resend
            }];
        }
        match self.fold().phase {
            // Whether the way there tries again or gives up depends on the error and on the number of attempts.
            Phase::Forward => self.intend(command).into_iter().chain(halted()).collect(),
            Phase::Returning | Phase::Completed | Phase::Failed => self.intend(command),
        }
    }

    fn intend(&self, command: Command) -> Vec<Decision> {
        let key: Key = self.fold().next_key(command);
        if usize::from(key.attempt) == ATTEMPTS {
            return Vec::new();
        }
        vec![Decision::Write(Entry::Intent(key))]
    }

    fn go_on(&self) -> Vec<Decision> {
        if self.is_cancelled() {
            return vec![Decision::Write(Entry::ReturnBegan)];
        }
        let Some(command) = Command::WAY_THERE.get(usize::from(self.fold().done)) else {
            return vec![Decision::Write(Entry::Completed)];
        };
        if self.must_wait() {
            return Vec::new();
        }
        if self.stand(Guard::LookBeforeSubmit) && self.cloud.shows(*command, Evidence::None) {
            return vec![self.done(*command)];
        }
        let next = self.intend(*command);
        if next.is_empty() || !self.cloud.can(*command) {
            return vec![Decision::Write(Entry::ReturnBegan)];
        }
        next
    }

    fn go_back(&self) -> Vec<Decision> {
        let decisions = self.next_of_way_back();
        let is_end = decisions == [Decision::Write(Entry::Failed)];
        let must_wait = if is_end {
            self.cloud.is_busy() && self.stand(Guard::EndOnlyAtRest)
        } else {
            self.must_wait()
        };
        if must_wait { Vec::new() } else { decisions }
    }

    fn next_of_way_back(&self) -> Vec<Decision> {
        match self.cloud.place {
            Place::Stopped | Place::Running => self.intend(Command::Leave),
            Place::Nowhere => self.leave_nowhere(),
            Place::Oma if !self.fold().home => vec![self.done(Command::Return)],
            Place::Oma => self.tidy_up(),
        }
    }

    fn leave_nowhere(&self) -> Vec<Decision> {
        let fold = self.fold();
        if !fold.needs_revert() || !self.stand(Guard::RevertBeforeReturn) {
            return self.intend(Command::Return);
        }
        if fold.heard.give_up {
            return if self.stand(Guard::MarkBeforeReturn) {
                vec![Decision::Write(Entry::Marked)]
            } else {
                self.intend(Command::Return)
            };
        }
        if self.cloud.object == Object::Good {
            return self.intend(Command::Revert);
        }
        Vec::new()
    }

    /// The replica is home: what is in the ledger goes. The rollback point of a marked replica is kept for a person.
    fn tidy_up(&self) -> Vec<Decision> {
        let fold = self.fold();
        if fold.ledger == LedgerRow::Held && !fold.marked {
            return if self.cloud.object == Object::Absent {
                vec![self.done(Command::Delete)]
            } else {
                self.intend(Command::Delete)
            };
        }
        if self.cloud.foreign && !self.stand(Guard::OnlyTheLedgerIsRemoved) {
            return self.intend(Command::DeleteForeign);
        }
        vec![Decision::Write(Entry::Failed)]
    }
}
