//! The processes of a storm: workers that are killed, stopped, cut off from renewing their lease and given a wrong clock,
//! and the database that all of them share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use failover_engine::ports::{StoreError, WorkerId};
use failover_engine::{EngineParts, Event, SharedClock, StoredEvent};
use ossea_sim::CallingProcess;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::lab::clock::ProcessClock;
use crate::lab::gate::{Call, Gate, Gated};
use crate::lab::{Lab, RunningWorker};

/// The condition of the database, the same for everybody.
pub(crate) struct Database {
    is_away: AtomicBool,
    loses_answers: AtomicBool,
    seed: u64,
    processes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) answers_lost: AtomicU64,
}

/// How many of a hundred answers are lost while they are lost at all.
const LOST_OF_HUNDRED: u32 = 30;

impl Database {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            is_away: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            seed,
            processes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            answers_lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn go_away(&self) {
        self.is_away.store(true, Ordering::Relaxed);
    }

    pub(crate) fn come_back(&self) {
        self.is_away.store(false, Ordering::Relaxed);
    }

    pub(crate) fn lose_answers(&self) {
        self.loses_answers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn deliver_answers(&self) {
        self.loses_answers.store(false, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<(), StoreError> {
        if !self.is_away.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::Unavailable("the database is away".to_owned()))
    }

    /// The dice of the next process: what one loses does not hang on what others do in the same millisecond.
    fn dice(&self) -> Mutex<ChaCha8Rng> {
        let number = self.processes.fetch_add(1, Ordering::Relaxed);
        let mut dice = ChaCha8Rng::seed_from_u64(self.seed);
        dice.set_stream(number);
        Mutex::new(dice)
    }

    /// The way of an answer. It is lost sometimes, and never arrives from a database that went away meanwhile.
    fn answer(&self, dice: &Mutex<ChaCha8Rng>) -> Result<(), StoreError> {
        self.reach()?;
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        if self.loses_answers.load(Ordering::Relaxed) && dice.random_range(0..100) < LOST_OF_HUNDRED {
            self.answers_lost.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Unavailable("the answer was lost".to_owned()));
        }
        Ok(())
    }
}

/// Where a process is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeCommit,
    AfterCommit,
    /// It has made sure of its lease, most often with an intent, and is about to send a command.
    BeforeSending,
}

/// A process is stopped at its next entry of a journal, and goes on after so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ambush {
    pub(crate) moment: Moment,
    pub(crate) length: Duration,
}

/// What is laid in a process's way.
#[derive(Default)]
pub(crate) struct Way {
    /// Whether its renewals are lost.
    pub(crate) renewals_are_lost: AtomicBool,
    ambush: Mutex<Option<Ambush>>,
    pub(crate) ambushes_met: AtomicU64,
}

impl Way {
    pub(crate) fn lay(&self, ambush: Ambush) {
        *self.ambush.lock().unwrap_or_else(PoisonError::into_inner) = Some(ambush);
    }

    fn meets(&self, moment: Moment, process: &CallingProcess, clock: &SharedClock) {
        let mut laid = self.ambush.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ambush) = laid.take_if(|ambush| ambush.moment == moment) else {
            return;
        };
        self.ambushes_met.fetch_add(1, Ordering::Relaxed);
        process.stop();
        let (process, clock) = (process.clone(), Arc::clone(clock));
        tokio::spawn(async move {
            clock.sleep(ambush.length).await;
            process.resume();
        });
    }
}

/// The gate of one process to the database.
pub(crate) struct ProcessGate {
    process: CallingProcess,
    database: Arc<Database>,
    way: Arc<Way>,
    dice: Mutex<ChaCha8Rng>,
    right_clock: SharedClock,
}

#[async_trait]
impl Gate for ProcessGate {
    type Pass = ();

    async fn enter(&self, call: Call<'_>) -> Result<(), StoreError> {
        if matches!(call, Call::Append(_, batch) if !batch.events.is_empty()) {
            self.way
                .meets(Moment::BeforeCommit, &self.process, &self.right_clock);
        }
        self.process.goes_on().await;
        self.database.reach()?;
        match call {
            Call::Renew(_) if self.way.renewals_are_lost.load(Ordering::Relaxed) => {
                Err(StoreError::Unavailable("the renewal was lost".to_owned()))
            }
            Call::Renew(_) | Call::Append(..) | Call::Claim(_) | Call::Write | Call::Read => Ok(()),
        }
    }

    async fn leave(&self, call: Call<'_>, (): ()) -> Result<(), StoreError> {
        let answer = match call {
            Call::Append(..) | Call::Renew(_) | Call::Claim(_) | Call::Write => {
                self.database.answer(&self.dice)
            }
            Call::Read => self.database.reach(),
        };
        if let Call::Append(_, batch) = call {
            let is_intent = |stored: &StoredEvent| matches!(stored.event, Event::StepIntended { .. });
            let moment = if batch.events.is_empty() || batch.events.iter().any(is_intent) {
                Moment::BeforeSending
            } else {
                Moment::AfterCommit
            };
            self.way.meets(moment, &self.process, &self.right_clock);
        }
        self.process.goes_on().await;
        answer
    }
}

/// A process and its doors to the rest of the world.
pub(crate) struct Process {
    pub(crate) process: CallingProcess,
    pub(crate) parts: EngineParts,
    pub(crate) way: Arc<Way>,
}

impl Process {
    pub(crate) fn new(lab: &Lab, database: &Arc<Database>) -> Self {
        let process = CallingProcess::default();
        let way = Arc::new(Way::default());
        let gated: Arc<Gated<ProcessGate>> = Arc::new(Gated {
            store: Arc::clone(&lab.store),
            gate: ProcessGate {
                process: process.clone(),
                database: Arc::clone(database),
                way: Arc::clone(&way),
                dice: database.dice(),
                right_clock: Arc::clone(&lab.parts.clock),
            },
        });
        let mut parts = lab.parts.clone();
        parts.jobs = Arc::clone(&gated) as _;
        parts.inventory = Arc::clone(&gated) as _;
        parts.mappings = gated;
        parts.cloud = Arc::new(lab.cloud.clone().called_by(process.clone()));
        parts.clock = Arc::new(ProcessClock {
            right: Arc::clone(&lab.parts.clock),
            process: process.clone(),
        });
        Self { process, parts, way }
    }
}

/// The place of a worker; a new process takes it when the last one is gone.
pub(crate) struct Slot {
    number: usize,
    generation: u32,
    met_before: u64,
    pub(crate) process: Process,
    pub(crate) id: WorkerId,
    pub(crate) worker: Option<RunningWorker>,
    /// Those that were told to stop and may not have come to their end.
    leaving: Vec<(Process, RunningWorker)>,
}

impl Slot {
    pub(crate) fn new(number: usize, lab: &Lab, database: &Arc<Database>) -> Self {
        let mut slot = Self {
            number,
            generation: 0,
            met_before: 0,
            process: Process::new(lab, database),
            id: WorkerId::from_stored(format!("worker-{number}")),
            worker: None,
            leaving: Vec::new(),
        };
        slot.start(lab, database);
        slot
    }

    /// Starts a worker here, if there is none.
    pub(crate) fn start(&mut self, lab: &Lab, database: &Arc<Database>) {
        if self.worker.is_some() {
            return;
        }
        self.generation += 1;
        self.id = WorkerId::from_stored(format!("worker-{}-{}", self.number, self.generation));
        self.replace_process(lab, database);
        self.worker = Some(lab.worker_named(self.id.clone(), self.process.parts.clone()));
    }

    fn replace_process(&mut self, lab: &Lab, database: &Arc<Database>) -> Process {
        self.met_before = self.ambushes_met();
        std::mem::replace(&mut self.process, Process::new(lab, database))
    }

    /// How often a worker here was stopped at an entry of its journal.
    pub(crate) fn ambushes_met(&self) -> u64 {
        self.met_before + self.process.way.ambushes_met.load(Ordering::Relaxed)
    }

    /// Kills what is running here; `false` when nothing is.
    pub(crate) fn kill(&mut self) -> bool {
        let Some(worker) = self.worker.take() else {
            return false;
        };
        worker.kill();
        true
    }

    /// Tells the worker to stop; `false` when none is running.
    pub(crate) fn terminate(&mut self, lab: &Lab, database: &Arc<Database>) -> bool {
        let Some(worker) = self.worker.take() else {
            return false;
        };
        worker.shutdown.cancel();
        let process = self.replace_process(lab, database);
        self.leaving.push((process, worker));
        true
    }

    /// Lets everything here go on.
    pub(crate) fn resume(&self) {
        self.process.process.resume();
        self.process.way.renewals_are_lost.store(false, Ordering::Relaxed);
        for (process, _) in &self.leaving {
            process.process.resume();
        }
    }

    /// Ends everything here.
    pub(crate) fn end(&mut self) {
        self.kill();
        for (_, worker) in self.leaving.drain(..) {
            worker.kill();
        }
    }
}
