//! What a storm has shown, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Every kind of blow; a storm of the usual length has each of them.
pub(crate) const KINDS: [&str; 14] = [
    "kill -9 of a worker",
    "kill -9 of the API",
    "kill -9 of PostgreSQL",
    "kill -9 of all workers at a command",
    "stopped, and went on",
    "stopped past its lease, and went on",
    "graceful stop",
    "connections terminated",
    "PostgreSQL stopped",
    "connections exhausted",
    "database connections cut",
    "database connections slowed or stalled",
    "cloud connections cut",
    "cloud connections slowed or stalled",
];

/// Counts of a storm.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    struck: BTreeMap<String, u64>,
    pub(crate) kills: u64,
    pub(crate) jobs: BTreeMap<String, u64>,
    pub(crate) takeovers: u64,
    pub(crate) accepted: usize,
    pub(crate) not_started: u64,
    pub(crate) seconds: u64,
    pub(crate) rest_seconds: u64,
}

impl Tally {
    pub(crate) fn struck(&mut self, what: &str) {
        *self.struck.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn killed(&mut self, what: &str) {
        self.kills += 1;
        self.struck(what);
    }

    pub(crate) fn kinds_that_never_struck(&self) -> Vec<&'static str> {
        let silent = KINDS
            .into_iter()
            .filter(|kind| !self.struck.keys().any(|k| k.starts_with(kind)));
        silent.collect()
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for (what, count) in &self.struck {
            let _ = writeln!(text, "{what:<58} {count:>6}");
        }
        for (what, count) in &self.jobs {
            let _ = writeln!(text, "job: {what:<53} {count:>6}");
        }
        let _ = writeln!(
            text,
            "{} processes killed in {} s, at rest {} s later; {} jobs accepted with an answer, {} takeovers; {} starts failed, \
             and were tried again",
            self.kills, self.seconds, self.rest_seconds, self.accepted, self.takeovers, self.not_started
        );
        text
    }
}
