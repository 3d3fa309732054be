//! One state for all that differ only in names.
//!
//! The explored states are representatives: workers and tasks are interchangeable, only the order of epochs counts, and
//! what the cloud knows of a key that nobody can ever use again is dropped. Each of these maps a state to one from which
//! the same things can happen, so nothing is lost by exploring the representatives alone.

use crate::cloud::Cloud;
use crate::fold::Fold;
use crate::guard::{Guard, Guards};
use crate::system::{System, TASKS};
use crate::worker::{Doing, Evidence, Task};

const NOBODY: u8 = 9;
const FENCES: [Guard; 4] = [Guard::EpochCheckedOnAppend, Guard::EpochGrowsAtClaim, Guard::IntentBeforeSubmit, Guard::LeaseConfirmedBeforeResend];

impl System {
    /// The representative of this state.
    #[must_use]
    pub fn canonical(mut self, guards: Guards) -> Self {
        if FENCES.iter().all(|guard| guards.stand(*guard)) {
            self.reduce_fenced_out_tasks();
        }
        self.forget_used_up_keys();
        self.rank_epochs();
        self.sort_tasks();
        self.name_workers();
        self.flying.sort_unstable_by_key(|f| (f.is_none(), *f));
        self
    }

    fn reduce_fenced_out_tasks(&mut self) {
        for place in &mut self.tasks {
            let Some(task) = place else { continue };
            let may_write = task.epoch == self.database.epoch && self.database.is_owned_by(task.worker);
            if may_write {
                continue;
            }
            let may_send = task.is_entitled && task.doing == Doing::Sending;
            *place = may_send.then(|| Task {
                behind: 2,
                evidence: Evidence::None,
                fold: Fold {
                    open: task.fold.open,
                    ..Fold::new()
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
