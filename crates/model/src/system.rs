//! Everything together: up to three tasks of up to three workers, the network, the database, the cloud and an operator.

use crate::cloud::{Answer, Cloud, Ending, Job, Mischief, Place};
use crate::database::{Database, Owner, Verdict};
use crate::decide::{Decision, decide};
use crate::fold::{Command, Entry, Key, Phase, Request};
use crate::guard::{Guard, Guards};
use crate::worker::{Doing, Evidence, Task};

/// How many tasks, and how many workers.
pub const TASKS: usize = 3;

/// How many requests can be on their way at once.
pub const FLYING: usize = 2;

/// How many faults the cloud and the network commit at most: a job cut off, forgotten or lied about, a request that
/// arrives twice, a guest that stops by itself. Crashes, pauses, lost replies and lost requests are not counted.
pub const FAULTS: u8 = 1;

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
    },
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

impl System {
    /// The state after the job was created.
    pub const fn new() -> Self {
        Self {
            tasks: [None; TASKS],
            database: Database::new(),
            cloud: Cloud::new(),
            flying: [None; FLYING],
            faults: FAULTS,
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
            Action::Claim { worker } => self.claim(guards, worker),
            Action::LeaseEnds => self.set_lease_ended(true),
            Action::Renew => self.set_lease_ended(false),
            Action::Free => self.database.owner = None,
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

    fn claim(&mut self, guards: Guards, worker: u8) {
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
        self.tasks[free] = Some(Task::new(worker, self.database.epoch, self.database.fold));
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
        let Doing::Writing { entry, .. } = task.doing else { return };
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
        let answer = self
            .cloud
            .receive(guards, request.key, &mut self.wrongs.mischief);
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
        let is_held = self.database.fold.ledger == crate::fold::LedgerRow::Held;
        self.cloud.end(key, ending, is_held, &mut self.wrongs.mischief);
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

/// All that may happen in a state.
pub fn possible(guards: Guards, system: &System, actions: &mut Vec<Action>) {
    of_leases(guards, system, actions);
    for (place, task) in system.live_tasks() {
        of_task(guards, system, place, task, actions);
    }
    of_network(system, actions);
    of_cloud(system, actions);
    let fold = &system.database.fold;
    let asked = system.database.asked;
    if fold.phase == Phase::Forward && !asked.cancel {
        actions.push(Action::Ask {
            request: Request::Cancel,
        });
    }
    if fold.phase == Phase::Returning && fold.needs_revert() && !asked.give_up {
        actions.push(Action::Ask {
            request: Request::GiveUp,
        });
    }
}

fn of_leases(guards: Guards, system: &System, actions: &mut Vec<Action>) {
    let database = &system.database;
    let mut workers: Vec<u8> = system.live_tasks().map(|(_, task)| task.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    for worker in workers.iter().copied() {
        actions.push(Action::Crash { worker });
        actions.push(Action::HandBack { worker });
    }
    if let Some(owner) = database.owner {
        match (owner.lease_ended, owner.is_dead) {
            (false, _) => actions.push(Action::LeaseEnds),
            (true, is_dead) => {
                actions.push(Action::Free);
                if !is_dead {
                    actions.push(Action::Renew);
                }
            }
        }
    }
    if system.tasks.iter().all(Option::is_some) {
        return;
    }
    let is_new = |w: &u8| !workers.contains(w) && !database.is_owned_by(*w);
    let new = (0..=u8::MAX).find(is_new);
    let claimers = workers.iter().copied().chain(new);
    actions.extend(
        claimers
            .filter(|worker| database.may_claim(guards, *worker))
            .map(|worker| Action::Claim { worker }),
    );
}

fn of_task(guards: Guards, system: &System, place: usize, task: &Task, actions: &mut Vec<Action>) {
    match task.doing {
        Doing::Deciding => {
            let decisions = decide(guards, &system.cloud, task);
            actions.extend(
                decisions
                    .into_iter()
                    .map(|decision| Action::Decide { task: place, decision }),
            );
        }
        Doing::Writing { entry, .. } => {
            actions.push(Action::Commit {
                task: place,
                reply: Reply::Arrives,
            });
            let verdict = system.database.judge(guards, task, entry);
            if entry != Entry::Confirm && verdict == Verdict::Written && !task.is_in_doubt() {
                actions.push(Action::Commit {
                    task: place,
                    reply: Reply::Lost,
                });
            }
        }
        Doing::Sending => {
            if !task.is_entitled || system.flying.iter().any(Option::is_none) {
                actions.push(Action::Send { task: place });
            }
        }
        Doing::Awaiting => actions.push(Action::TimeOut { task: place }),
    }
    // The worker brings the requests of the jobs that the database shows as its own.
    if system.database.is_owned_by(task.worker) && !task.is_in_doubt() {
        for request in [Request::Cancel, Request::GiveUp] {
            if system.database.asked.has(request) && !task.fold.heard.has(request) {
                actions.push(Action::Hear { task: place, request });
            }
        }
    }
}

fn of_network(system: &System, actions: &mut Vec<Action>) {
    let has_room = system.flying.iter().any(Option::is_none);
    for (flying, request) in system.flying.iter().enumerate() {
        let Some(request) = request else { continue };
        actions.push(Action::Lose { flying });
        actions.push(Action::Arrive {
            flying,
            reply: Reply::Lost,
        });
        if system.sender_of(*request).is_some() {
            actions.push(Action::Arrive {
                flying,
                reply: Reply::Arrives,
            });
        }
        // Of a create command that arrives twice nothing could be undone; see the crate's documentation.
        if system.faults > 0 && has_room && request.key.command != Command::Create {
            actions.push(Action::Duplicate { flying });
        }
    }
}

fn of_cloud(system: &System, actions: &mut Vec<Action>) {
    let has_faults = system.faults > 0;
    if has_faults && system.cloud.place == Place::Running {
        actions.push(Action::GuestStops);
    }
    for key in Cloud::keys() {
        let mut may_end = |ending| actions.push(Action::Work { key, ending });
        match system.cloud.job(key) {
            Job::Unknown | Job::Forgotten => {}
            Job::Pending => {
                may_end(Ending::Done);
                if has_faults {
                    may_end(Ending::CutOffAfter);
                    may_end(Ending::CutOffBefore);
                    may_end(Ending::CutOffWorking);
                    if key.command == Command::Create {
                        may_end(Ending::CutOffHalfway);
                    }
                    if key.command != Command::Revert {
                        may_end(Ending::Lied);
                    }
                }
            }
            Job::Working => {
                may_end(Ending::Done);
                may_end(Ending::Vanished);
            }
            Job::Succeeded | Job::Refused | Job::CutOff => {
                if has_faults {
                    actions.push(Action::Forget { key });
                }
            }
        }
    }
}
