//! One state for all that differ only in names.
//!
//! The explored states are representatives: workers and tasks are interchangeable, only the order of epochs counts, and
//! what the cloud knows of a key that nobody can ever use again is dropped. Each of these maps a state to one from which
//! the same things can happen, so nothing is lost by exploring the representatives alone.
//!
//! A task that can write no more is reduced to the request that it may still send. The steps that are left out (it
//! looks, decides, and is refused) change nothing but the task itself; it could as well have been paused instead. What
//! they do to time, the end of other requests' validity, is left to [`crate::action::Action::Lose`]. That nothing is
//! hidden by this is checked by exploring a smaller scope with everything kept ([`crate::model::Scope::WHOLE_MEMORY`]).

use crate::cloud::Cloud;
use crate::fold::Fold;
use crate::guard::{Guard, Guards};
use crate::model::{Failover, FencedOut};
use crate::system::{System, TASKS};
use crate::worker::{Doing, Evidence, Task};

/// Whose task a fenced-out one is does not matter any more: its epoch alone has it refused.
const NOBODY: u8 = u8::MAX;

impl System {
    /// The representative of this state.
    #[must_use]
    pub fn canonical(mut self, model: &Failover) -> Self {
        if model.scope.fenced_out == FencedOut::Reduced {
            self.reduce_fenced_out_tasks(model.guards);
        }
        self.forget_used_up_keys();
        self.rank_epochs();
        self.sort_tasks();
        self.name_workers();
        self.flying.sort_unstable_by_key(|f| (f.is_none(), *f));
        self
    }

    /// A task whose epoch is over, or whose job was freed, can write no more: whatever it tries, the next claim has raised
    /// the epoch, and the database refuses it without a trace. What it can do yet is to send a request that it was
    /// entitled to before. Without a guard that this rests on, it is kept as it is.
    fn reduce_fenced_out_tasks(&mut self, guards: Guards) {
        if !guards.stand(Guard::EpochCheckedOnAppend) || !guards.stand(Guard::EpochGrowsAtClaim) {
            return;
        }
        for place in &mut self.tasks {
            let Some(task) = place else { continue };
            let may_write = task.epoch == self.database.epoch && self.database.is_owned_by(task.worker);
            if may_write || may_send_unproved(guards, task) {
                continue;
            }
            let may_send = task.is_entitled && task.doing == Doing::Sending;
            *place = may_send.then_some(Task {
                behind: 2,
                evidence: Evidence::None,
                fold: Fold {
                    open: task.fold.open,
                    ..Fold::START
                },
                worker: NOBODY,
                ..*task
            });
        }
    }

    /// A key below the journaled number of attempts is never chosen again: only who holds it can use it or ask about it.
    fn forget_used_up_keys(&mut self) {
        for key in Cloud::keys() {
            let fold = &self.database.fold;
            let is_used_up = key.attempt < fold.attempts[key.command as usize];
            let is_open = fold.open.is_some_and(|open| open.key == key);
            let is_held = self.tasks.iter().flatten().any(|task| task.refers_to(key));
            let is_flying = self.flying.iter().flatten().any(|f| f.key == key);
            if is_used_up && !is_open && !is_held && !is_flying {
                self.cloud.drop_key(key);
            }
        }
    }

    fn rank_epochs(&mut self) {
        let tasks = self.tasks.iter().flatten().map(|task| task.epoch);
        let flying = self.flying.iter().flatten().map(|f| f.epoch);
        let mut epochs: Vec<u8> = tasks.chain(flying).chain([self.database.epoch]).collect();
        epochs.sort_unstable();
        epochs.dedup();
        let rank = |epoch: &mut u8| {
            let place = epochs.partition_point(|e| *e < *epoch);
            *epoch = u8::try_from(place).unwrap_or(u8::MAX);
        };
        self.tasks
            .iter_mut()
            .flatten()
            .for_each(|task| rank(&mut task.epoch));
        self.flying.iter_mut().flatten().for_each(|f| rank(&mut f.epoch));
        rank(&mut self.database.epoch);
    }

    fn sort_tasks(&mut self) {
        let owner = self.database.owner.map(|owner| owner.worker);
        let nameless = |task: &Option<Task>| {
            task.map(|task| {
                let is_owners = Some(task.worker) == owner;
                let nameless = Task { worker: 0, ..task };
                (nameless, is_owners, task.worker)
            })
        };
        self.tasks
            .sort_unstable_by_key(|task| (task.is_none(), nameless(task)));
    }

    fn name_workers(&mut self) {
        let mut names: [Option<u8>; TASKS + 1] = [None; TASKS + 1];
        let mut rename = |worker: &mut u8| {
            let known = names
                .iter()
                .position(|name| name.is_none_or(|name| name == *worker));
            if let Some(place) = known {
                names[place] = Some(*worker);
                *worker = u8::try_from(place).unwrap_or(u8::MAX);
            }
        };
        self.tasks
            .iter_mut()
            .flatten()
            .for_each(|task| rename(&mut task.worker));
        if let Some(owner) = &mut self.database.owner {
            rename(&mut owner.worker);
        }
    }
}

/// Whether a task may come to send something without a commit before, because a guard is missing.
fn may_send_unproved(guards: Guards, task: &Task) -> bool {
    let resends = !guards.stand(Guard::LeaseConfirmedBeforeResend) && task.fold.open.is_some();
    let sends_first = !guards.stand(Guard::IntentBeforeSubmit) && task.doing == Doing::Deciding;
    resends || sends_first
}
