//! Everything together: up to three tasks of up to three workers, the network, the database, the cloud and an operator.

use crate::action::{Action, Reply};
use crate::cloud::{Answer, Cloud, Ending, Mischief, Place};
use crate::database::{Database, Owner, Verdict};
use crate::decide::Decision;
use crate::fold::{Entry, Key, Request};
use crate::guard::{Guard, Guards};
use crate::worker::{Doing, Evidence, Task};

/// How many tasks, and how many workers.
pub const TASKS: usize = 3;

/// How many requests can be on their way at once.
pub const FLYING: usize = 3;

/// A request on its way to the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flying {
    /// Its key.
    pub key: Key,
    /// The epoch under which its sender was entitled to it.
    pub epoch: u8,
}

/// What has been seen to go wrong. Nothing takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wrongs {
    /// A task wrote after another one had claimed the job.
    pub fenced_out_task_wrote: bool,
    /// A worker whose lease held was robbed of the job.
    pub robbed: bool,
    /// An entry was written that does not follow the last one.
    pub journal_broken: bool,
    /// A step was recorded as done, and the cloud did not show it.
    pub done_unseen: bool,
    /// What the cloud was made to do wrong.
    pub mischief: Mischief,
}

/// The whole state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct System {
    /// The tasks, in canonical order.
    pub tasks: [Option<Task>; TASKS],
    /// The database.
    pub database: Database,
    /// The cloud.
    pub cloud: Cloud,
    /// The requests on their way.
    pub flying: [Option<Flying>; FLYING],
    /// How many faults are left.
    pub faults: u8,
    /// What has gone wrong.
    pub wrongs: Wrongs,
}

impl System {
    /// The state after the job was created.
    pub const fn new(faults: u8) -> Self {
        Self {
            tasks: [None; TASKS],
            database: Database::START,
            cloud: Cloud::START,
            flying: [None; FLYING],
            faults,
            wrongs: Wrongs {
                fenced_out_task_wrote: false,
                robbed: false,
                journal_broken: false,
                done_unseen: false,
                mischief: Mischief {
                    twice: false,
                    unledgered: false,
                },
            },
        }
    }

    /// The tasks with their places.
    pub fn live_tasks(&self) -> impl Iterator<Item = (usize, &Task)> {
        self.tasks
            .iter()
            .enumerate()
            .filter_map(|(place, task)| Some((place, task.as_ref()?)))
    }

    /// Does what an action says. One that is not possible changes nothing.
    pub fn act(&mut self, guards: Guards, action: Action) {
        match action {
            Action::Claim { worker, reply } => self.claim(guards, worker, reply),
            Action::LeaseEnds => self.set_lease_ended(true),
            Action::Renew => self.set_lease_ended(false),
            Action::Free | Action::FreeUnheld => self.database.owner = None,
            Action::Crash { worker } => {
                self.drop_tasks_of(worker);
                if let Some(owner) = self.database.owner.as_mut().filter(|o| o.worker == worker) {
                    owner.is_dead = true;
                }
            }
            Action::HandBack { worker } => {
                self.drop_tasks_of(worker);
                if self.database.is_owned_by(worker) {
                    self.database.owner = None;
                }
            }
            Action::Decide { task, decision } => self.decided(guards, task, decision),
            Action::Commit { task, reply } => self.commit(guards, task, reply),
            Action::Hear { task, request } => self.hear(guards, task, request),
            Action::Send { task } => self.send(task),
            Action::Bounce { task } => self.with_task(task, |t| {
                t.is_entitled = false;
                t.decide_with(Evidence::NeverAccepted);
            }),
            Action::TimeOut { task } => self.with_task(task, |t| t.decide_with(Evidence::None)),
            Action::Arrive { flying, reply } => self.arrive(guards, flying, reply),
            Action::Lose { flying } => self.flying[flying] = None,
            Action::Duplicate { flying } => {
                self.faults -= 1;
                if let Some(request) = self.flying[flying] {
                    self.launch(request);
                }
            }
            Action::Work { key, ending } => self.work(key, ending),
            Action::Forget { key } => {
                self.faults -= 1;
                self.cloud.forget(key);
                // A purge comes a day later; no request with the key is valid any more.
                self.end_validity(|_, k| k == key, |task| task.refers_to(key));
            }
            Action::GuestStops => {
                self.faults -= 1;
                self.cloud.place = Place::Stopped;
            }
            Action::Ask { request } => self.database.asked.add(request),
        }
    }

    fn set_lease_ended(&mut self, ended: bool) {
        if let Some(owner) = &mut self.database.owner {
            owner.lease_ended = ended;
        }
    }

    fn drop_tasks_of(&mut self, worker: u8) {
        for task in &mut self.tasks {
            if task.is_some_and(|t| t.worker == worker) {
                *task = None;
            }
        }
    }

    fn with_task(&mut self, place: usize, change: impl FnOnce(&mut Task)) {
        if let Some(task) = &mut self.tasks[place] {
            change(task);
        }
    }

    fn claim(&mut self, guards: Guards, worker: u8, reply: Reply) {
        let Some(free) = self.tasks.iter().position(Option::is_none) else {
            return;
        };
        self.wrongs.robbed |= self.database.owner.is_some_and(|owner| !owner.lease_ended);
        if guards.stand(Guard::EpochGrowsAtClaim) {
            self.database.epoch += 1;
        }
        self.database.owner = Some(Owner {
            worker,
            lease_ended: false,
            is_dead: false,
        });
        for task in self.tasks.iter_mut().flatten() {
            task.is_last = false;
        }
        if reply == Reply::Arrives {
            self.tasks[free] = Some(Task::new(worker, self.database.epoch, self.database.fold));
        }
    }

    fn decided(&mut self, guards: Guards, place: usize, decision: Decision) {
        let Some(mut task) = self.tasks[place] else { return };
        match decision {
            Decision::Learn(evidence) => task.evidence = evidence,
            Decision::TakeForLost => {
                task.evidence = Evidence::NeverAccepted;
                task.is_entitled = false;
                if guards.stand(Guard::ValidityWaitedOut) {
                    let epoch = task.epoch;
                    let is_stale = |t: &Task| t.epoch <= epoch && guards.stand(Guard::ValidFromTheProof);
                    self.end_validity(|e, _| e <= epoch, is_stale);
                }
            }
            Decision::Write(entry) => {
                // The right to send is known before the commit that proves it.
                task.is_entitled = matches!(entry, Entry::Intent(_) | Entry::Confirm);
                task.doing = Doing::Writing {
                    entry,
                    in_doubt: false,
                };
                if let (Entry::Intent(key), false) = (entry, guards.stand(Guard::IntentBeforeSubmit)) {
                    self.launch(Flying {
                        key,
                        epoch: task.epoch,
                    });
                }
            }
            Decision::Resend => {
                task.is_entitled = true;
                task.doing = Doing::Sending;
            }
        }
        self.tasks[place] = Some(task);
    }

    /// Time passes until requests are not valid any more.
    fn end_validity(&mut self, of_flying: impl Fn(u8, Key) -> bool, of_tasks: impl Fn(&Task) -> bool) {
        for flying in &mut self.flying {
            if flying.is_some_and(|f| of_flying(f.epoch, f.key)) {
                *flying = None;
            }
        }
        for task in self.tasks.iter_mut().flatten() {
            if of_tasks(task) {
                task.is_entitled = false;
            }
        }
    }

    fn launch(&mut self, request: Flying) {
        if let Some(free) = self.flying.iter_mut().find(|f| f.is_none()) {
            *free = Some(request);
        }
    }

    fn commit(&mut self, guards: Guards, place: usize, reply: Reply) {
        let Some(mut task) = self.tasks[place] else { return };
        let Doing::Writing { entry, .. } = task.doing else {
            return;
        };
        match self.database.judge(guards, &task, entry) {
            Verdict::LeaseLost | Verdict::OutOfOrder => {
                self.tasks[place] = None;
                return;
            }
            Verdict::Unheard => {
                task.decide_with(task.evidence);
                self.tasks[place] = Some(task);
                return;
            }
            Verdict::Stored => task.behind = 0,
            Verdict::Written => {
                self.write(guards, place, &task, entry);
                if reply == Reply::Lost {
                    task.behind = 1;
                    task.doing = Doing::Writing {
                        entry,
                        in_doubt: true,
                    };
                    self.tasks[place] = Some(task);
                    return;
                }
            }
        }
        task.fold.apply(guards, entry);
        self.tasks[place] = (!entry.is_final()).then(|| after(guards, task, entry));
    }

    /// Writes an entry to the journal.
    fn write(&mut self, guards: Guards, place: usize, task: &Task, entry: Entry) {
        self.wrongs.fenced_out_task_wrote |= !task.is_last;
        if entry == Entry::Confirm {
            return;
        }
        self.wrongs.journal_broken |= task.behind != 0;
        self.wrongs.done_unseen |= matches!(entry, Entry::Done { seen: false, .. });
        self.database.fold.apply(guards, entry);
        if entry.is_final() {
            self.database.owner = None;
        }
        for (other, task) in self.tasks.iter_mut().enumerate() {
            if let Some(task) = task.as_mut().filter(|_| other != place) {
                task.behind = (task.behind + 1).min(2);
            }
        }
    }

    fn hear(&mut self, guards: Guards, place: usize, request: Request) {
        let Some(mut task) = self.tasks[place] else { return };
        let entry = Entry::Heard(request);
        if self.database.judge(guards, &task, entry) != Verdict::Written {
            self.tasks[place] = None;
            return;
        }
        self.write(guards, place, &task, entry);
        task.fold.apply(guards, entry);
        let ends = matches!(task.doing, Doing::Writing { entry, .. } if entry.is_final());
        if ends && guards.stand(Guard::EndDecidedOnWhatWasHeard) {
            task.decide_with(task.evidence);
        }
        self.tasks[place] = Some(task);
    }

    fn send(&mut self, place: usize) {
        let Some(mut task) = self.tasks[place] else { return };
        let Some(key) = task.open_key() else { return };
        if task.is_entitled {
            self.launch(Flying {
                key,
                epoch: task.epoch,
            });
            task.doing = Doing::Awaiting;
            task.is_entitled = false;
        } else {
            // The client knows that the time is over: nothing was sent.
            task.decide_with(Evidence::NeverAccepted);
        }
        self.tasks[place] = Some(task);
    }

    /// The task that waits for the reply to a request.
    pub fn sender_of(&self, request: Flying) -> Option<usize> {
        let waits = |t: &Task| t.doing == Doing::Awaiting && t.open_key() == Some(request.key);
        self.live_tasks()
            .find(|(_, t)| t.epoch == request.epoch && waits(t))
            .map(|(place, _)| place)
    }

    fn arrive(&mut self, guards: Guards, flying: usize, reply: Reply) {
        let Some(request) = self.flying[flying].take() else {
            return;
        };
        let answer = self.cloud.receive(guards, request.key, &mut self.wrongs.mischief);
        let Some(place) = self.sender_of(request).filter(|_| reply == Reply::Arrives) else {
            return;
        };
        self.with_task(place, |task| match answer {
            Answer::Accepted => {
                task.doing = Doing::Writing {
                    entry: Entry::Submitted,
                    in_doubt: false,
                }
            }
            Answer::KeyKnown => task.decide_with(Evidence::None),
        });
    }

    fn work(&mut self, key: Key, ending: Ending) {
        match ending {
            Ending::Done | Ending::Vanished => {}
            Ending::Lied
            | Ending::CutOffAfter
            | Ending::CutOffBefore
            | Ending::CutOffHalfway
            | Ending::CutOffWorking => self.faults -= 1,
        }
        let ledger = self.database.fold.ledger;
        self.cloud.end(key, ending, ledger, &mut self.wrongs.mischief);
    }
}

/// What a task does after its entry was committed.
fn after(guards: Guards, mut task: Task, entry: Entry) -> Task {
    match entry {
        Entry::Intent(_) if !guards.stand(Guard::IntentBeforeSubmit) => {
            task.evidence = Evidence::None;
            task.doing = Doing::Awaiting;
        }
        Entry::Intent(_) | Entry::Confirm => {
            task.evidence = Evidence::None;
            task.doing = Doing::Sending;
        }
        Entry::TakenUp
        | Entry::Submitted
        | Entry::Done { .. }
        | Entry::Renounced
        | Entry::Heard(_)
        | Entry::ReturnBegan
        | Entry::Marked
        | Entry::Completed
        | Entry::Failed => task.decide_with(Evidence::None),
    }
    task
}
