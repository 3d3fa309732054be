//! How long the jobs of a worker wait for another one when it is killed, and when it is told to stop: real processes on
//! PostgreSQL, with the settings that a worker has when nobody changes them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use failover_system_tests::api::Api;
use failover_system_tests::process::Group;
use failover_system_tests::sample::{SampleVm, VMS_FOR_TESTS};
use failover_system_tests::server::{Binaries, Server};
use failover_system_tests::stack::{Database, Pace, Settings, Stack};
use rustix::process::Signal;
use serde::Serialize;
use serde_json::{Value, json};

use super::measure::percentile;
use crate::interrupt::Interrupt;
use crate::postgres;
use crate::workspace::Workspace;

/// How often a worker goes in each way.
const TIMES: u32 = 30;

/// The time between two renewals of a lease of 10 s: the moments of the kills are spread over it.
const RENEWAL: Duration = Duration::from_millis(3334);

/// How long a takeover may take before something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// How often the journals are looked at: the takeover may have been so much earlier.
const LOOK: Duration = Duration::from_millis(5);

/// How a worker goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    Killed,
    ToldToStop,
}

impl Going {
    const fn as_str(self) -> &'static str {
        match self {
            Going::Killed => "kill -9",
            Going::ToldToStop => "graceful stop",
        }
    }

    /// What `durability.md` asks for, at 99 of 100.
    const fn goal(self) -> Duration {
        match self {
            Going::Killed => Duration::from_secs(12),
            Going::ToldToStop => Duration::from_secs(1),
        }
    }
}

/// How long jobs waited.
#[derive(Debug, Serialize)]
pub(super) struct Takeover {
    way: &'static str,
    /// How often a worker went. The jobs of one of them are taken over together, so their times hang together.
    workers: u32,
    jobs: usize,
    p50_ms: u128,
    p90_ms: u128,
    p99_ms: u128,
    most_ms: u128,
    goal_p99_ms: u128,
}

pub(super) fn measure(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<Vec<Takeover>> {
    workspace.build_binaries(interrupt)?;
    let postgres = postgres::start(interrupt)?;
    let directory = tempfile::Builder::new().prefix("failover-takeover-").tempdir();
    let directory = directory.context("cannot make a temporary directory")?;
    let stack = Stack::start_without_worker(Settings {
        binaries: Binaries::in_directory(workspace.debug_directory()),
        directory: directory.path().to_owned(),
        database: Database::Url(postgres.url()),
        pace: Pace::AsShipped,
        group: Group::Shared,
        log_filter: "info",
    })?;
    let mut scene = Scene::set(&stack, interrupt)?;
    let mut rows = Vec::new();
    for going in [Going::Killed, Going::ToldToStop] {
        let mut times = Vec::new();
        for turn in 0..TIMES {
            times.extend(scene.one_goes(going, turn)?);
        }
        rows.push(row(going, times));
    }
    Ok(rows)
}

fn row(going: Going, mut times: Vec<Duration>) -> Takeover {
    times.sort_unstable();
    let at = |percent: usize| percentile(&times, percent).as_millis();
    Takeover {
        way: going.as_str(),
        workers: TIMES,
        jobs: times.len(),
        p50_ms: at(50),
        p90_ms: at(90),
        p99_ms: at(99),
        most_ms: at(100),
        goal_p99_ms: going.goal().as_millis(),
    }
}

/// Open tests, one worker that holds all of them, and one that waits.
struct Scene<'a> {
    stack: &'a Stack,
    interrupt: &'a Interrupt,
    api: Api,
    /// The last entry of each job's journal that was seen.
    jobs: BTreeMap<String, u64>,
    holds: Server,
    waits: Server,
    /// How many workers were started.
    started: u32,
}

impl<'a> Scene<'a> {
    fn set(stack: &'a Stack, interrupt: &'a Interrupt) -> anyhow::Result<Self> {
        let api = stack.api()?;
        api.import_sample()?;
        let holds = stack.further_worker("worker-1")?;
        let mut jobs = BTreeMap::new();
        for name in VMS_FOR_TESTS {
            let vm = SampleVm::named(name)?;
            api.map_networks(&vm)?;
            let job = api.start_test(&vm, &json!({"test_duration": "8h", "auto_cleanup": false}))?;
            jobs.insert(job, 0);
        }
        for job in jobs.keys() {
            api.wait_for(job, LIMIT, "its window is open", |job| {
                job["window"].is_object() && job["status"] == "executing"
            })?;
        }
        let waits = stack.further_worker("worker-2")?;
        let mut scene = Self {
            stack,
            interrupt,
            api,
            jobs,
            holds,
            waits,
            started: 2,
        };
        scene.read_to_the_end()?;
        Ok(scene)
    }

    /// Lets the worker with the jobs go, and takes the time until the other one has each of them.
    fn one_goes(&mut self, going: Going, turn: u32) -> anyhow::Result<Vec<Duration>> {
        // Evenly spread moments, however many there are: the fractions of the multiples of the golden ratio.
        let share = (f64::from(turn) * 0.618_033_988_75).fract();
        self.interrupt.wait(RENEWAL + RENEWAL.mul_f64(share))?;
        self.read_to_the_end()?;
        let began = Instant::now();
        match going {
            Going::Killed => {
                self.holds.process().kill()?;
            }
            Going::ToldToStop => self.holds.process().signal(Signal::TERM)?,
        }
        let mut times = Vec::new();
        let mut open: Vec<String> = self.jobs.keys().cloned().collect();
        while !open.is_empty() {
            if began.elapsed() > LIMIT {
                bail!("after {LIMIT:?} nobody has taken over {open:?}");
            }
            let mut left = Vec::new();
            for job in open {
                if self.was_taken_up(&job)? {
                    times.push(began.elapsed());
                } else {
                    left.push(job);
                }
            }
            open = left;
            self.interrupt.wait(LOOK)?;
        }
        self.holds.process().wait(LIMIT)?;
        self.started += 1;
        let next = self.stack.further_worker(&format!("worker-{}", self.started))?;
        self.holds = std::mem::replace(&mut self.waits, next);
        Ok(times)
    }

    fn read_to_the_end(&mut self) -> anyhow::Result<()> {
        for job in self.jobs.keys().cloned().collect::<Vec<_>>() {
            while self.next_entries(&job)?.is_some() {}
        }
        Ok(())
    }

    /// Whether a worker has taken the job up since the last look.
    fn was_taken_up(&mut self, job: &str) -> anyhow::Result<bool> {
        let entries = self.next_entries(job)?.unwrap_or_default();
        Ok(entries.iter().any(|entry| entry["event"] == "taken_up"))
    }

    /// The entries of a journal since the last look, if there are any.
    fn next_entries(&mut self, job: &str) -> anyhow::Result<Option<Vec<Value>>> {
        let after = self.jobs.get(job).copied().unwrap_or_default();
        let path = format!("/api/v1/failover/jobs/{job}/events?after={after}");
        let page = self.api.client().get(&path)?.expect_success()?;
        let entries = page["events"]
            .as_array()
            .context("a page of a journal has events")?;
        if entries.is_empty() {
            return Ok(None);
        }
        let next = page["next_after"]
            .as_u64()
            .context("a page of a journal has a next one")?;
        self.jobs.insert(job.to_owned(), next);
        Ok(Some(entries.clone()))
    }
}

pub(super) fn print(rows: &[Takeover]) {
    println!("\nFrom the end of a worker until another one has its jobs: lease of 10 s, PostgreSQL");
    println!(
        "{:<14} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>13}",
        "", "workers", "jobs", "p50, ms", "p90, ms", "p99, ms", "most, ms", "goal p99, ms"
    );
    for row in rows {
        println!(
            "{:<14} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>13}",
            row.way, row.workers, row.jobs, row.p50_ms, row.p90_ms, row.p99_ms, row.most_ms, row.goal_p99_ms
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_the_last_of_the_distribution() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let row = row(Going::Killed, times);
        assert_eq!(
            (row.p50_ms, row.p90_ms, row.p99_ms, row.most_ms),
            (100, 180, 198, 200)
        );
        assert_eq!((row.jobs, row.goal_p99_ms), (200, 12_000));
    }
}
