//! The cloud as a pure state machine.
//!
//! Nothing here knows tokio, sockets or a clock: every entry takes `now`, does what has become due until then in
//! the order in which it became due, and answers. The same requests at the same instants give the same cloud.
//!
//! [`Cloud::submit`] takes commands, [`Cloud::read`] guards reads; both let fault rules strike and say in a
//! [`Reply`] what the caller gets to see, which is not always what happened.

pub(crate) mod chance;
pub mod command;
pub mod content;
pub mod error;
pub mod inventory;
pub mod jobs;
pub mod limits;
pub mod log;
pub mod objects;
pub mod tags;

mod accept;
pub(crate) mod account;
mod at_once;
mod attach;
mod conditions;
mod deploy;
mod deploy_root;
mod destroy;
mod exchange;
mod guest;
mod initial;
mod job_end;
mod limit;
mod named;
mod nics;
mod populate;
mod power;
mod protection;
mod rows;
mod saved;
mod snapshots;
mod storage;
mod strategy;
mod table;
mod unlucky;
mod vm_snapshot_end;
mod vm_snapshots;
mod volumes;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, DiskOfferingId, NetworkId, OfferingId, TemplateId, VmSnapshotId, VolumeId, ZoneId,
};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use self::chance::Chance;
pub use self::conditions::{Agent, Conditions, ServerMode};
use self::content::Content;
pub use self::exchange::{Damage, Delivery, Reply};
use self::jobs::{Due, Job, JobOutcome, Phase};
use self::log::{Effect, Log, LogEntry, LogEvent};
use self::objects::{NetworkState, Snapshot, Vm, VmSnapshot, Volume};
pub use self::saved::NotASavedCloud;
use self::table::Table;
use self::tags::ObjectTags;
use self::unlucky::StrayGuest;
use crate::contents::{
    ClusterContents, DiskOfferingContents, LimitContents, NetworkContents, OfferingContents, PoolContents,
    TemplateContents, ZoneContents,
};
use crate::faults::{FaultRule, FaultState, Faults, RuleId, Work};
use crate::settings::SimSettings;

/// A simulated cloud.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    settings: SimSettings,
    time: DateTime<Utc>,
    rng: Chance,
    zones: BTreeMap<ZoneId, ZoneContents>,
    clusters: Vec<ClusterContents>,
    pools: Vec<PoolContents>,
    networks: BTreeMap<NetworkId, NetworkContents>,
    network_states: BTreeMap<NetworkId, NetworkState>,
    offerings: BTreeMap<OfferingId, OfferingContents>,
    disk_offerings: BTreeMap<DiskOfferingId, DiskOfferingContents>,
    templates: BTreeMap<TemplateId, TemplateContents>,
    limits: LimitContents,
    vms: Table<Vm>,
    /// Guests that run on although their VM is marked stopped.
    strays: BTreeMap<CloudVmId, StrayGuest>,
    volumes: Table<Volume>,
    snapshots: Table<Snapshot>,
    vm_snapshots: BTreeMap<VmSnapshotId, VmSnapshot>,
    /// The tags of each object that has some.
    tags: BTreeMap<String, ObjectTags>,
    /// Ids of rows that are gone. Such an id is still understood as a parameter.
    removed: BTreeSet<String>,
    jobs: BTreeMap<AsyncJobId, Job>,
    job_sequence: u64,
    unfinished: BTreeMap<u64, AsyncJobId>,
    /// The unfinished jobs of each object, oldest first.
    pending: BTreeMap<String, Vec<AsyncJobId>>,
    queues: BTreeMap<CloudVmId, VecDeque<AsyncJobId>>,
    #[serde(with = "saved::pairs")]
    agenda: BTreeMap<(DateTime<Utc>, u64), Due>,
    agenda_sequence: u64,
    faults: Faults,
    conditions: Conditions,
    calls: limit::Calls,
    log: Log,
    /// The number of the last write to any volume.
    writes: u64,
    vms_made: u64,
    vm_snapshots_made: u64,
}

pub(crate) const GIB: u64 = 1 << 30;

impl Cloud {
    /// Does everything that has become due until `now`.
    pub fn advance(&mut self, now: DateTime<Utc>) {
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            self.time = self.time.max(entry.key().0);
            match entry.remove() {
                Due::JobEnds(id) => self.job_is_due(&id),
                Due::SnapshotLeavesPrimary(id) => self.snapshot_leaves_primary(&id),
                Due::SnapshotIsBackedUp(id) => self.snapshot_is_backed_up(&id),
                Due::QueueLosesPatience(id) => self.lose_patience(&id),
                Due::JobExpires(id) => self.expire_job(&id),
                Due::GuestPowersOff { vm, run } => self.guest_powers_off(&vm, run),
                Due::GuestWrites { vm, run } => self.guest_writes(&vm, run, now),
                Due::ExpungeDelayIsOver(vm) => self.expunge_delay_is_over(&vm),
            }
        }
        self.time = self.time.max(now);
    }

    /// When the next thing happens that a caller may be waiting for.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.agenda
            .iter()
            .find(|(_, due)| due.is_progress())
            .map(|((at, _), _)| *at)
    }

    /// The instant up to which everything is done.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// What kind of CloudStack it is.
    pub fn settings(&self) -> &SimSettings {
        &self.settings
    }

    /// Adds a fault rule.
    pub fn add_fault(&mut self, rule: FaultRule) -> RuleId {
        self.faults.add(rule)
    }

    /// All fault rules and how often each has struck.
    pub fn faults(&self) -> &[FaultState] {
        self.faults.states()
    }

    /// Forgets all fault rules. Faults that running jobs have caught already still strike.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The record of calls and effects.
    pub fn log(&self) -> &[LogEntry] {
        self.log.entries()
    }

    /// What is on a volume, while it exists.
    pub fn content_of(&self, volume: &VolumeId) -> Option<&Content> {
        self.volumes.get(volume).map(|volume| &volume.content)
    }

    /// Restarts the management server: every unfinished job is cut off with code 530 and no result. `work` says
    /// whether the agents complete what was under way; what was only queued never happens.
    pub fn restart(&mut self, now: DateTime<Utc>, work: Work) {
        self.advance(now);
        let cut: Vec<AsyncJobId> = self.unfinished.values().cloned().collect();
        // Without queues no job of the old server hands on to the next one.
        self.queues.clear();
        for id in &cut {
            let Some(job) = self.jobs.get(id) else { continue };
            let (command, phase) = (job.command.clone(), job.phase.clone());
            match (phase, work) {
                (Phase::Queued, Work::Done | Work::NotDone) => self.forget_queued(&command, id),
                (Phase::Running { .. }, Work::NotDone) => self.abandon(&command, id),
                (Phase::Running { .. }, Work::Done) => self.complete_unattended(&command, id),
                (Phase::Ended { .. }, Work::Done | Work::NotDone) => continue,
            }
            self.end_job(id, JobOutcome::CutOff { code: 530 });
        }
        self.log.record(
            self.time,
            LogEvent::Restarted {
                interrupted: cut.len(),
            },
        );
    }

    /// Forgets all ended jobs, as the server does with those of yesterday. Answers how many they were.
    pub fn purge_jobs(&mut self, now: DateTime<Utc>) -> usize {
        self.advance(now);
        let before = self.jobs.len();
        self.jobs
            .retain(|_, job| !matches!(job.phase, Phase::Ended { .. }));
        before - self.jobs.len()
    }

    fn plan(&mut self, at: DateTime<Utc>, due: Due) {
        self.agenda_sequence += 1;
        self.agenda.insert((at, self.agenda_sequence), due);
    }

    fn effect(&mut self, job: Option<&AsyncJobId>, effect: Effect) {
        self.log.record(
            self.time,
            LogEvent::Effect {
                job: job.cloned(),
                effect,
            },
        );
    }

    fn fresh_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn instance_name(&mut self) -> String {
        self.vms_made += 1;
        format!("i-2-{}-VM", self.vms_made)
    }

    /// Whether an id is understood as a parameter: of a row that is or was.
    fn is_known(&self, id: &str, exists: bool) -> bool {
        exists || self.removed.contains(id)
    }
}
