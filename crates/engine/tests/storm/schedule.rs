//! One storm: a seed decides who is struck by what and when, and what operators do meanwhile. Then the faults stop, and
//! everything must come to rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{JobId, JobStatus};
use failover_engine::ports::{JobFilter, JobRecord};
use ossea_sim::faults::{FaultEffect, Work};
use ossea_sim::{BootFailure, FaultRule, WayFault, WorkFault};
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::fleet::{FleetVm, NETWORKS, bring_to_an_end, fleet, operate};
use crate::lab::{Lab, losses};
use crate::oracle;
use crate::process::{Ambush, Database, Moment, Process, Slot};
use crate::tally::Tally;

/// How long after the last fault everything must be at rest.
const REST_WITHIN: Duration = Duration::from_secs(12 * 3600);

/// How long jobs may take by themselves, before operators look after them again and again.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// What is due at an instant.
#[derive(Debug)]
enum Due {
    Blow,
    Operation,
    Start(usize),
    Resume(usize),
    DatabaseBack,
    AnswersArrive,
}

/// A storm under way, and what it leaves for people to read.
pub(crate) struct Storm {
    pub(crate) lab: Lab,
    dice: ChaCha8Rng,
    database: Arc<Database>,
    operator: Process,
    fleet: Vec<FleetVm>,
    slots: Vec<Slot>,
    agenda: BTreeMap<(DateTime<Utc>, u64), Due>,
    placed: u64,
    ends_at: DateTime<Utc>,
    /// The longest pause between two blows, and between two operations, in seconds.
    pauses: (u64, u64),
    accepted: Vec<JobId>,
    pub(crate) tally: Tally,
    /// What happened, in order.
    pub(crate) story: Vec<(DateTime<Utc>, String)>,
}

impl Storm {
    /// A storm over the sample cloud.
    pub(crate) async fn brewing(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut lab = Lab::new().await;
        lab.parts.target.test_networks = lab
            .networks()
            .into_iter()
            .filter(|(_, name)| NETWORKS.iter().any(|(.., test)| test == name))
            .map(|(id, _)| id)
            .collect();
        let database = Database::new(seed);
        let all = fleet(&lab).await;
        let vms = dice.random_range(2..=3);
        let fleet = all.choose_multiple(&mut dice, vms).cloned().collect();
        let operator = Process::new(&lab, &database);
        let workers = dice.random_range(2..=4);
        let slots = (0..workers)
            .map(|number| Slot::new(number, &lab, &database))
            .collect();
        let pauses = [(4, 12), (10, 30), (25, 50)];
        let pauses = *pauses.choose(&mut dice).expect("there are three");
        let ends_at = lab.parts.clock.now() + TimeDelta::seconds(dice.random_range(60..=360));
        Self {
            lab,
            dice,
            database,
            operator,
            fleet,
            slots,
            agenda: BTreeMap::new(),
            placed: 0,
            ends_at,
            pauses,
            accepted: Vec::new(),
            tally: Tally::default(),
            story: Vec::new(),
        }
    }

    /// Goes through the storm and waits until everything is at rest.
    ///
    /// # Errors
    /// What did not hold.
    pub(crate) async fn rage(&mut self) -> Result<(), String> {
        self.place(Duration::ZERO, Due::Operation);
        self.place(Duration::from_millis(1), Due::Operation);
        self.place(Duration::from_secs(1), Due::Blow);
        while let Some(((at, _), due)) = self.agenda.pop_first() {
            if at > self.ends_at {
                break;
            }
            self.sleep_until(at).await;
            self.handle(due).await;
            oracle::always(&self.lab).await?;
        }
        self.calm_down();
        self.come_to_rest().await?;
        let accepted = std::mem::take(&mut self.accepted);
        oracle::at_rest(&self.lab, &accepted)
            .await
            .map_err(|wrong| wrong.join("\n"))?;
        self.tally.jobs(&oracle::all_jobs(&self.lab).await);
        self.tally.database(&self.database);
        self.tally.marked = oracle::flagged(&self.lab).await.len() as u64;
        for slot in &self.slots {
            self.tally.ambushes_met += slot.ambushes_met();
        }
        for slot in &mut self.slots {
            slot.end();
        }
        Ok(())
    }

    fn now(&self) -> DateTime<Utc> {
        self.lab.parts.clock.now()
    }

    fn tell(&mut self, what: impl Into<String>) {
        let now = self.now();
        self.story.push((now, what.into()));
    }

    fn place(&mut self, after: Duration, due: Due) {
        let at = self.now() + TimeDelta::from_std(after).unwrap_or_default();
        self.placed += 1;
        self.agenda.insert((at, self.placed), due);
    }

    fn seconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.dice.random_range(from * 1000..=to * 1000))
    }

    async fn sleep_until(&self, at: DateTime<Utc>) {
        let pause = (at - self.now()).to_std().unwrap_or_default();
        if !pause.is_zero() {
            self.lab.parts.clock.sleep(pause).await;
        }
    }

    async fn handle(&mut self, due: Due) {
        match due {
            Due::Blow => {
                self.blow().await;
                let next = self.seconds(0, self.pauses.0);
                self.place(next, Due::Blow);
            }
            Due::Operation => {
                let vm = self
                    .fleet
                    .choose(&mut self.dice)
                    .expect("a storm has VMs")
                    .clone();
                let done = operate(&self.operator.parts, &vm, &mut self.dice).await;
                self.tell(format!("operator: {} {}: {}", done.what, vm.name, done.answer));
                if let Some(job) = done.accepted {
                    self.accepted.push(job);
                }
                let next = self.seconds(0, self.pauses.1);
                self.place(next, Due::Operation);
            }
            Due::Start(slot) => self.slots[slot].start(&self.lab, &self.database),
            Due::Resume(slot) => {
                self.tell(format!("worker {slot} goes on"));
                self.slots[slot].resume();
            }
            Due::DatabaseBack => self.database.come_back(),
            Due::AnswersArrive => self.database.deliver_answers(),
        }
    }

    async fn active(&self) -> Vec<JobRecord> {
        let filter = JobFilter {
            statuses: JobStatus::ACTIVE.to_vec(),
            limit: 100,
            ..JobFilter::default()
        };
        self.lab.store.jobs(&filter).await.expect("memory answers")
    }

    /// How many jobs the worker of a slot drives.
    async fn drives(&self, slot: usize) -> usize {
        let id = &self.slots[slot].id;
        self.active()
            .await
            .iter()
            .filter(|job| job.owner.as_ref() == Some(id))
            .count()
    }

    async fn blow(&mut self) {
        let slot = self.dice.random_range(0..self.slots.len());
        let driven = self.drives(slot).await;
        let kind = self.dice.random_range(0..100);
        let what = match kind {
            0..18 => {
                let hit = self.slots[slot].kill();
                let back = self.seconds(0, 25);
                self.place(back, Due::Start(slot));
                self.tally.blow("kill -9", hit, driven);
                format!("worker {slot} is killed, driving {driven}")
            }
            18..25 => {
                let hit = self.slots[slot].terminate(&self.lab, &self.database);
                let back = self.seconds(0, 5);
                self.place(back, Due::Start(slot));
                self.tally.blow("graceful stop", hit, driven);
                format!("worker {slot} is told to stop, driving {driven}")
            }
            25..40 => {
                self.slots[slot].process.process.stop();
                let back = self.seconds(1, 90);
                self.place(back, Due::Resume(slot));
                self.tally
                    .blow("stopped and resumed", self.slots[slot].worker.is_some(), driven);
                format!("worker {slot} is stopped for {back:?}, driving {driven}")
            }
            40..50 => {
                self.slots[slot]
                    .process
                    .way
                    .renewals_are_lost
                    .store(true, Ordering::Relaxed);
                let back = self.seconds(5, 40);
                self.place(back, Due::Resume(slot));
                self.tally
                    .blow("lease stolen", self.slots[slot].worker.is_some(), driven);
                format!("worker {slot} cannot renew its lease for {back:?}, driving {driven}")
            }
            50..56 => {
                let by = TimeDelta::milliseconds(self.dice.random_range(-5_000..=5_000));
                self.slots[slot].process.process.set_clock_ahead(by);
                self.tally.blow(
                    "clock of a worker jumps",
                    self.slots[slot].worker.is_some(),
                    driven,
                );
                format!("the clock of worker {slot} is {by} ahead")
            }
            56..59 => {
                let by = TimeDelta::milliseconds(self.dice.random_range(-5_000..=15_000));
                self.lab.database.set_clock_ahead(by);
                self.tally.blow("clock of the database jumps", true, driven);
                format!("the database's clock is {by} ahead")
            }
            59..67 => {
                self.database.go_away();
                let back = self.seconds(1, 45);
                self.place(back, Due::DatabaseBack);
                self.tally.blow("database away", true, driven);
                format!("the database is away for {back:?}")
            }
            67..73 => {
                self.database.lose_answers();
                let back = self.seconds(1, 20);
                self.place(back, Due::AnswersArrive);
                self.tally.blow("database loses answers", true, driven);
                format!("the database loses answers for {back:?}")
            }
            73..78 => {
                let work = self.work();
                self.lab.cloud.restart(work);
                self.tally.blow("management server restarted", true, driven);
                format!("the management server is restarted, work {work:?}")
            }
            78..80 => {
                let now = self.lab.cloud.clock().now();
                let purged = self.lab.cloud.cloud().purge_jobs(now);
                self.tally.blow("cloud forgets its jobs", purged > 0, driven);
                format!("the cloud forgets {purged} jobs")
            }
            80..90 => {
                let moments = [Moment::BeforeCommit, Moment::AfterCommit, Moment::BeforeSending];
                let moment = *moments.choose(&mut self.dice).expect("there are three");
                let length = self.seconds(12, 400);
                self.slots[slot].process.way.lay(Ambush { moment, length });
                self.tally.blow(
                    "to be stopped at an entry",
                    self.slots[slot].worker.is_some(),
                    driven,
                );
                format!("worker {slot} is to be stopped {moment:?} for {length:?}, driving {driven}")
            }
            _ => self.cloud_goes_wrong(),
        };
        self.tell(what);
    }

    fn work(&mut self) -> Work {
        if self.dice.random_bool(0.5) {
            Work::Done
        } else {
            Work::NotDone
        }
    }

    fn cloud_goes_wrong(&mut self) -> String {
        let mut effects: Vec<(&'static str, FaultEffect)> = losses().into();
        effects.extend(troubles());
        let (name, effect) = effects.choose(&mut self.dice).expect("there are some").clone();
        let command = *COMMANDS.choose(&mut self.dice).expect("there are some");
        let times = self.dice.random_range(1..=4);
        self.lab.fault(FaultRule::on(command, effect).times(times));
        self.tally.rules_made += 1;
        format!("{command} goes wrong up to {times} times: {name}")
    }

    /// The faults stop: what was killed is started again, what was stopped goes on.
    fn calm_down(&mut self) {
        for state in self.lab.cloud.cloud().faults().to_vec() {
            self.tally.rule(&state);
        }
        self.lab.clear_faults();
        self.database.come_back();
        self.database.deliver_answers();
        for slot in 0..self.slots.len() {
            self.slots[slot].resume();
            self.slots[slot].start(&self.lab, &self.database);
        }
        self.tell("the storm is over");
    }

    async fn come_to_rest(&mut self) -> Result<(), String> {
        let (began, mut patience) = (self.now(), 0);
        let mut look_after = PATIENCE;
        loop {
            oracle::always(&self.lab).await?;
            let active = self.active().await;
            let due = self.lab.store.due_settlements(100).await.expect("memory answers");
            let waits = self.waits_for_its_policy().await;
            if active.is_empty() && due.is_empty() && !waits {
                // Whoever was stopped has the time to do harm.
                self.lab.parts.clock.sleep(Duration::from_secs(120)).await;
                let waits = self.waits_for_its_policy().await;
                if self.active().await.is_empty() && !waits {
                    return oracle::always(&self.lab).await;
                }
            }
            let passed = (self.now() - began).to_std().unwrap_or_default();
            if passed > REST_WITHIN {
                return Err(format!(
                    "not at rest {REST_WITHIN:?} after the storm: {active:#?}"
                ));
            }
            if passed > look_after {
                look_after += PATIENCE;
                patience += 1;
                // What is stuck in the cloud for good ends when somebody restarts the management server.
                let work = self.work();
                self.lab.cloud.restart(work);
                for job in active {
                    let done = bring_to_an_end(&self.operator.parts, &job, patience).await;
                    self.tally.looked_after += 1;
                    self.tell(format!("operator: {} {}", done.what, done.answer));
                }
            }
            self.lab.parts.clock.sleep(Duration::from_secs(5)).await;
        }
    }

    /// Whether a completed live failover will be settled by its policy.
    async fn waits_for_its_policy(&self) -> bool {
        let all = self
            .lab
            .store
            .jobs(&JobFilter {
                limit: 1000,
                ..JobFilter::default()
            })
            .await;
        let all = all.expect("memory answers");
        all.iter()
            .any(|job| job.settled_by.is_none() && job.projection.settle_at.is_some())
    }
}

/// The commands that go wrong; `*` is every call, reads included.
const COMMANDS: [&str; 14] = [
    "*",
    "createSnapshot",
    "deleteSnapshot",
    "revertSnapshot",
    "createVMSnapshot",
    "revertToVMSnapshot",
    "deleteVMSnapshot",
    "detachVolume",
    "attachVolume",
    "deployVirtualMachine",
    "startVirtualMachine",
    "stopVirtualMachine",
    "destroyVirtualMachine",
    "deleteVolume",
];

/// What goes wrong beside what a cloud may lose.
fn troubles() -> Vec<(&'static str, FaultEffect)> {
    let fails = |work| WorkFault::JobFails {
        code: 530,
        text: "the cloud says no".to_owned(),
        work,
    };
    vec![
        ("refused", fails(Work::NotDone).into()),
        ("refused, and done nevertheless", fails(Work::Done).into()),
        (
            "cancelled, not done",
            WorkFault::JobCancelled { work: Work::NotDone }.into(),
        ),
        (
            "purged, not done",
            WorkFault::JobPurged { work: Work::NotDone }.into(),
        ),
        ("slow", WorkFault::Delay { seconds: 100 }.into()),
        ("late answer", WayFault::SlowAnswer { seconds: 40 }.into()),
        ("cut answer", WayFault::CutAnswer.into()),
        ("stuck", WorkFault::JobStuck.into()),
        (
            "does not boot",
            WorkFault::GuestDoesNotBoot {
                how: BootFailure::PowersOff,
            }
            .into(),
        ),
        ("detach timeout", WorkFault::DetachTimeout.into()),
        ("device busy", WorkFault::DeviceBusy.into()),
        ("unattachable", WorkFault::Unattachable.into()),
        ("no capacity", WorkFault::NoCapacity.into()),
        ("guest does not stop", WorkFault::GuestDoesNotStop.into()),
        ("unrevertable", WorkFault::Unrevertable.into()),
        ("expunge fails", WorkFault::ExpungeFails.into()),
    ]
}
