//! What the storms have shown, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use failover_engine::Plan;
use failover_engine::ports::JobRecord;
use ossea_sim::faults::FaultState;

use crate::process::Database;

/// Every kind of blow.
const KINDS: [&str; 11] = [
    "kill -9",
    "graceful stop",
    "stopped and resumed",
    "lease stolen",
    "clock of a worker jumps",
    "clock of the database jumps",
    "database away",
    "database loses answers",
    "management server restarted",
    "cloud forgets its jobs",
    "to be stopped at an entry",
];

#[derive(Debug, Default, Clone, Copy)]
struct Struck {
    thrown: u64,
    /// Those that met something alive.
    hit: u64,
    /// Those that met a worker with jobs.
    with_jobs: u64,
}

/// Counts over storms.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) storms: u64,
    blows: BTreeMap<&'static str, Struck>,
    jobs: BTreeMap<String, u64>,
    takeovers: u64,
    /// Replicas that came back marked for a full synchronisation.
    pub(crate) marked: u64,
    pub(crate) rules_made: u64,
    faults_fired: u64,
    pub(crate) ambushes_met: u64,
    pub(crate) looked_after: u64,
    refused: u64,
    answers_lost: u64,
}

impl Tally {
    pub(crate) fn blow(&mut self, what: &'static str, hit: bool, driven: usize) {
        let struck = self.blows.entry(what).or_default();
        struck.thrown += 1;
        struck.hit += u64::from(hit);
        struck.with_jobs += u64::from(hit && driven > 0);
    }

    pub(crate) fn rule(&mut self, state: &FaultState) {
        self.faults_fired += u64::from(state.fired);
    }

    pub(crate) fn jobs(&mut self, jobs: &[(JobRecord, Plan)]) {
        self.storms += 1;
        for (record, _) in jobs {
            let what = format!("{} {}", record.job_type, record.projection.status);
            *self.jobs.entry(what).or_default() += 1;
            self.takeovers += record.epoch.saturating_sub(1);
        }
    }

    pub(crate) fn database(&mut self, database: &Database) {
        self.refused += database.refused.load(Ordering::Relaxed);
        self.answers_lost += database.answers_lost.load(Ordering::Relaxed);
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        self.storms += other.storms;
        for (what, struck) in &other.blows {
            let sum = self.blows.entry(what).or_default();
            sum.thrown += struck.thrown;
            sum.hit += struck.hit;
            sum.with_jobs += struck.with_jobs;
        }
        for (what, count) in &other.jobs {
            *self.jobs.entry(what.clone()).or_default() += count;
        }
        self.takeovers += other.takeovers;
        self.marked += other.marked;
        self.rules_made += other.rules_made;
        self.faults_fired += other.faults_fired;
        self.ambushes_met += other.ambushes_met;
        self.looked_after += other.looked_after;
        self.refused += other.refused;
        self.answers_lost += other.answers_lost;
    }

    /// What has never happened to a worker with jobs, or not at all.
    pub(crate) fn kinds_that_never_struck(&self) -> Vec<&'static str> {
        let has_struck = |kind: &&str| self.blows.get(*kind).is_some_and(|struck| struck.with_jobs > 0);
        let silent = KINDS.into_iter().filter(|kind| !has_struck(kind));
        let counted = [
            ("workers stopped at an entry", self.ambushes_met),
            ("faults of the cloud", self.faults_fired),
            ("calls refused by the database", self.refused),
            ("answers lost by the database", self.answers_lost),
            ("takeovers", self.takeovers),
        ];
        let nothing = counted.into_iter().filter(|(_, count)| *count == 0);
        silent.chain(nothing.map(|(what, _)| what)).collect()
    }

    pub(crate) fn render(&self) -> String {
        let mut text = format!("{} storms\n", self.storms);
        let _ = writeln!(
            text,
            "{:<32} {:>9} {:>9} {:>9}",
            "blow", "thrown", "hit", "with jobs"
        );
        for (what, s) in &self.blows {
            let _ = writeln!(text, "{what:<32} {:>9} {:>9} {:>9}", s.thrown, s.hit, s.with_jobs);
        }
        let _ = writeln!(
            text,
            "{:<32} {:>9} {:>9}",
            "faults of the cloud", self.rules_made, self.faults_fired
        );
        for (what, count) in &self.jobs {
            let _ = writeln!(text, "job: {what:<27} {count:>9}");
        }
        let _ = writeln!(
            text,
            "{} takeovers; {} replicas marked for a full synchronisation; {} workers stopped at an entry; {} calls refused and {} answers lost by the database; operators looked after {} jobs",
            self.takeovers,
            self.marked,
            self.ambushes_met,
            self.refused,
            self.answers_lost,
            self.looked_after
        );
        text
    }
}
