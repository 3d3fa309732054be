//! The storm: what is struck when, and how everything is brought back before the oracle looks.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use failover_system_tests::api::Api;
use failover_system_tests::cloud::{Cloud, Inventory};
use failover_system_tests::postgres::{Postgres, Programs};
use failover_system_tests::process::Group;
use failover_system_tests::proxy::{Proxy, Weather};
use failover_system_tests::sample::{SampleVm, VMS_FOR_TESTS};
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, Pace, Settings, Stack, Starter};
use failover_system_tests::wait::until;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tempfile::TempDir;

use crate::database::{exhaust_connections, terminate_connections};
use crate::fleet::Place;
use crate::operator::{Address, Operators};
use crate::oracle;
use crate::tally::Tally;

const WORKERS: usize = 3;

/// How long a lease lasts at this pace.
const LEASE: Duration = Duration::from_secs(2);

/// A request of a process that was stopped may be valid for 3 s when it goes on, and its job takes a moment.
const HARM_WITHIN: Duration = Duration::from_secs(10);

/// Long enough for a server to start while the database is slow.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// Between two kills there are a few blows of other kinds, some of which take seconds.
const LONGEST_FOR_A_KILL: Duration = Duration::from_secs(20);

/// The commands at whose arrival all workers are killed at once.
const FAIL_POINTS: [&str; 10] = [
    "createSnapshot",
    "createVMSnapshot",
    "detachVolume",
    "deployVirtualMachine",
    "attachVolume",
    "startVirtualMachine",
    "stopVirtualMachine",
    "revertSnapshot",
    "deleteSnapshot",
    "destroyVirtualMachine",
];

/// What is due at an instant.
enum Due {
    /// The process of this generation at the place of this worker goes on; it was stopped then.
    Continue {
        worker: usize,
        generation: u32,
        since: Instant,
    },
    DatabaseClear,
    CloudClear,
    PostgresUp,
}

/// All workers are killed when the rule of this number has met its call.
struct FailPoint {
    command: &'static str,
    rule: usize,
}

/// A storm and all that it rages over.
pub(crate) struct Storm {
    // The order matters: processes end before what they stand on.
    workers: Vec<Place>,
    api: Place,
    stack: Stack,
    starter: Starter,
    to_database: Proxy,
    to_cloud: Proxy,
    postgres: Postgres,
    directory: Option<TempDir>,
    cloud: Cloud,
    address: Address,
    vms: Vec<SampleVm>,
    before: Inventory,
    dice: ChaCha8Rng,
    seed: u64,
    agenda: Vec<(Instant, Due)>,
    fail_point: Option<FailPoint>,
    rules: usize,
    exhausting: Vec<JoinHandle<bool>>,
    postgres_is_up: bool,
    pub(crate) tally: Tally,
}

impl Storm {
    /// Everything is up, the inventory is imported, the networks are mapped.
    pub(crate) fn brewing(seed: u64) -> anyhow::Result<Self> {
        let programs = Programs::find().with_context(|| format!("the test needs {}", Programs::NEEDED))?;
        let postgres = Postgres::start(programs, Group::Shared)?;
        let (before_at, address) = postgres
            .url()
            .split_once('@')
            .map(split)
            .context("a URL has a host")?;
        let (host, database) = address.split_once('/').context("a URL names a database")?;
        let to_database = Proxy::start(host.parse()?)?;
        let url = format!("{before_at}@{}/{database}", to_database.address());
        // Not where `cargo xtask test` has its scratch files: those go with the run, and the logs of a failure must not.
        let directory = tempfile::Builder::new()
            .prefix("failover-storm-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let settings = Settings {
            binaries: Binaries::beside_test()?,
            directory: directory.path().to_owned(),
            database: Database::Url(url),
            pace: Pace::Hurried,
            group: Group::Shared,
            log_filter: "info",
        };
        let mut to_cloud = None;
        let mut stack = Stack::start_before(settings, |endpoint| {
            let rest = endpoint
                .strip_prefix("http://")
                .context("the simulator speaks HTTP")?;
            let (host, path) = rest.split_once('/').context("an endpoint has a path")?;
            let proxy = Proxy::start(host.parse()?)?;
            let door = format!("http://{}/{path}", proxy.address());
            to_cloud = Some(proxy);
            Ok(door)
        })?;
        let cloud = stack.cloud()?;
        let vms = VMS_FOR_TESTS
            .map(SampleVm::named)
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()?;
        let api = stack.api()?;
        api.import_sample()?;
        for vm in &vms {
            api.map_networks(vm)?;
        }
        stack.kill_api()?;
        let before = cloud.inventory()?;
        Ok(Self {
            workers: (0..WORKERS)
                .map(|n| Place::new(&format!("worker-{n}"), "failover-worker"))
                .collect(),
            api: Place::new("api", "failover-api"),
            starter: stack.starter(),
            stack,
            to_database,
            to_cloud: to_cloud.context("the simulator was started")?,
            postgres,
            directory: Some(directory),
            cloud,
            address: Address::default(),
            vms,
            before,
            dice: ChaCha8Rng::seed_from_u64(seed),
            seed,
            agenda: Vec::new(),
            fail_point: None,
            rules: 0,
            exhausting: Vec::new(),
            postgres_is_up: true,
            tally: Tally::default(),
        })
    }

    /// Leaves the directory with all logs, and says where.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.directory.take().map(TempDir::keep).unwrap_or_default()
    }

    /// Strikes until so many processes were killed, then brings everything back and looks.
    pub(crate) fn rage(&mut self, kills: u64) -> anyhow::Result<()> {
        self.bring_up()?;
        let operators = Operators::start(self.seed, self.address.clone(), self.vms.clone());
        let began = Instant::now();
        let raged = self.strike_until(kills);
        self.tally.seconds = began.elapsed().as_secs();
        let accepted = operators.stop();
        raged?;
        self.tally.accepted = accepted.len();
        let began = Instant::now();
        self.clear_up()?;
        let api = self.address.api().context("the API is up")?;
        oracle::come_to_rest(&api, &self.vms)?;
        let rested = Instant::now();
        // Whoever went on just now has the time to do harm.
        until(HARM_WITHIN * 2, "harm was possible", || {
            Ok((rested.elapsed() > HARM_WITHIN).then_some(()))
        })?;
        self.tally.rest_seconds = began.elapsed().as_secs();
        oracle::nothing_is_lost(
            &api,
            &self.cloud,
            &self.before,
            &self.vms,
            &accepted,
            &mut self.tally,
        )
    }

    fn strike_until(&mut self, kills: u64) -> anyhow::Result<()> {
        let mut next_blow = Instant::now();
        // A short storm need not have every kind of blow, a whole one goes on until it has.
        let is_whole = kills >= crate::KILLS;
        let limit = LONGEST_FOR_A_KILL * u32::try_from(kills).unwrap_or(u32::MAX);
        until(limit, "so many processes were killed", || {
            let is_missing = is_whole && !self.tally.kinds_that_never_struck().is_empty();
            if self.tally.kills >= kills && !is_missing {
                return Ok(Some(()));
            }
            ensure!(
                self.tally.kills < kills * 3,
                "after {} kills these have never struck: {:?}",
                self.tally.kills,
                self.tally.kinds_that_never_struck()
            );
            self.look_around()?;
            if Instant::now() >= next_blow {
                self.blow()?;
                next_blow = Instant::now() + Duration::from_millis(self.dice.random_range(20..400));
            }
            Ok(None)
        })
    }

    /// Starts what is missing, does what is due, and kills where a fail point was come to.
    fn look_around(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.agenda)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.agenda = later;
        for (_, due) in due {
            self.handle(due)?;
        }
        for place in self.workers.iter_mut().chain([&mut self.api]) {
            if place.look_after(&self.starter)? {
                self.tally.not_started += 1;
            }
        }
        self.tell_where_the_api_is()?;
        if let Some(point) = &self.fail_point
            && self.cloud.met()?.get(point.rule).is_some_and(|met| *met > 0)
        {
            let command = point.command;
            self.fail_point = None;
            for worker in &mut self.workers {
                if !worker.is_stopped && worker.kill(Duration::from_millis(self.dice.random_range(0..800)))? {
                    self.tally
                        .killed(&format!("kill -9 of all workers at a command: {command}"));
                }
            }
        }
        Ok(())
    }

    fn tell_where_the_api_is(&self) -> anyhow::Result<()> {
        let token = &self.stack.secrets().token;
        let api = match self.api.server() {
            Some(server) => Some(Api::new(server.said("listening")?, token)),
            None => None,
        };
        self.address.set(api);
        Ok(())
    }

    fn handle(&mut self, due: Due) -> anyhow::Result<()> {
        match due {
            Due::Continue {
                worker,
                generation,
                since,
            } => {
                // Whoever was killed meanwhile does not go on.
                let place = &mut self.workers[worker];
                if place.is_stopped && place.generation == generation {
                    place.resume()?;
                    self.tally.struck(if since.elapsed() > LEASE {
                        "stopped past its lease, and went on"
                    } else {
                        "stopped, and went on"
                    });
                }
            }
            Due::DatabaseClear => self.to_database.set(Weather::Clear),
            Due::CloudClear => self.to_cloud.set(Weather::Clear),
            Due::PostgresUp => {
                self.postgres.start_again()?;
                self.postgres_is_up = true;
            }
        }
        Ok(())
    }

    fn later(&mut self, milliseconds: std::ops::Range<u64>, due: Due) {
        let after = Duration::from_millis(self.dice.random_range(milliseconds));
        self.agenda.push((Instant::now() + after, due));
    }

    fn blow(&mut self) -> anyhow::Result<()> {
        let worker = self.dice.random_range(0..WORKERS);
        let empty_for = Duration::from_millis(self.dice.random_range(0..600));
        match self.dice.random_range(0..100) {
            0..40 => {
                // One that is stopped is spared most of the time, because it is to go on when its jobs are another one's.
                let is_spared = self.workers[worker].is_stopped && self.dice.random_bool(0.9);
                if !is_spared && self.workers[worker].kill(empty_for)? {
                    self.tally.killed("kill -9 of a worker");
                }
            }
            40..46 => {
                if self.api.kill(empty_for)? {
                    self.tally.killed("kill -9 of the API");
                }
            }
            46..56 => self.arm_fail_point()?,
            56..64 => self.stop_worker(worker)?,
            64..70 => {
                if self.workers[worker].terminate(empty_for)? {
                    self.tally.struck("graceful stop");
                }
            }
            70..76 => {
                if let Some(1..) = terminate_connections(&self.postgres.url()) {
                    self.tally.struck("connections terminated");
                }
            }
            76..80 => self.database_goes()?,
            80..82 => {
                if self.postgres_is_up {
                    let length = Duration::from_millis(self.dice.random_range(200..2000));
                    self.exhausting
                        .push(exhaust_connections(&self.postgres.url(), length));
                }
            }
            82..88 => {
                if self.to_database.cut() > 0 {
                    self.tally.struck("database connections cut");
                }
            }
            88..91 => {
                let weather = self.bad_weather();
                self.to_database.set(weather);
                self.tally.struck("database connections slowed or stalled");
                self.later(200..3000, Due::DatabaseClear);
            }
            91..97 => {
                if self.to_cloud.cut() > 0 {
                    self.tally.struck("cloud connections cut");
                }
            }
            _ => {
                let weather = self.bad_weather();
                self.to_cloud.set(weather);
                self.tally.struck("cloud connections slowed or stalled");
                self.later(200..3000, Due::CloudClear);
            }
        }
        self.count_exhausted();
        Ok(())
    }

    fn bad_weather(&mut self) -> Weather {
        if self.dice.random_bool(0.5) {
            Weather::Stalled
        } else {
            Weather::Slow(Duration::from_millis(self.dice.random_range(20..300)))
        }
    }

    fn arm_fail_point(&mut self) -> anyhow::Result<()> {
        if self.fail_point.is_some() {
            return Ok(());
        }
        let command = *FAIL_POINTS.choose(&mut self.dice).expect("there are some");
        // The work takes longer, so that its job is under way when everybody is gone.
        let rule = json!({"command": command, "times": 1, "effect": {"kind": "delay", "seconds": 1}});
        self.cloud.add_fault(&rule)?;
        let rule = self.rules;
        self.rules += 1;
        self.fail_point = Some(FailPoint { command, rule });
        Ok(())
    }

    fn stop_worker(&mut self, worker: usize) -> anyhow::Result<()> {
        if self.workers[worker].is_stopped || !self.workers[worker].stop()? {
            return Ok(());
        }
        let due = Due::Continue {
            worker,
            generation: self.workers[worker].generation,
            since: Instant::now(),
        };
        self.later(300..6000, due);
        Ok(())
    }

    fn database_goes(&mut self) -> anyhow::Result<()> {
        if !self.postgres_is_up {
            return Ok(());
        }
        self.count_all_exhausted();
        if self.dice.random_bool(0.5) {
            self.postgres.stop()?;
            self.tally.struck("PostgreSQL stopped");
        } else {
            self.postgres.kill()?;
            self.tally.killed("kill -9 of PostgreSQL");
        }
        self.postgres_is_up = false;
        self.later(100..3000, Due::PostgresUp);
        Ok(())
    }

    /// Counts the times that the server's last connection was taken.
    fn count_exhausted(&mut self) {
        let (done, going): (Vec<_>, Vec<_>) = std::mem::take(&mut self.exhausting)
            .into_iter()
            .partition(JoinHandle::is_finished);
        self.count_those(done);
        self.exhausting = going;
    }

    /// The same, and waits for those that are still at it.
    fn count_all_exhausted(&mut self) {
        let all = std::mem::take(&mut self.exhausting);
        self.count_those(all);
    }

    fn count_those(&mut self, threads: Vec<JoinHandle<bool>>) {
        for thread in threads {
            if thread.join().expect("it does not panic") {
                self.tally.struck("connections exhausted");
            }
        }
    }

    fn bring_up(&mut self) -> anyhow::Result<()> {
        until(UP_WITHIN, "workers and API are up", || {
            self.look_around()?;
            let is_up = self
                .workers
                .iter()
                .chain([&self.api])
                .all(|place| place.server().is_some());
            Ok(is_up.then_some(()))
        })
    }

    /// The faults stop: what was stopped goes on, what is down comes up.
    fn clear_up(&mut self) -> anyhow::Result<()> {
        self.count_all_exhausted();
        self.to_database.set(Weather::Clear);
        self.to_cloud.set(Weather::Clear);
        self.fail_point = None;
        self.cloud.clear_faults()?;
        self.agenda.clear();
        self.postgres.start_again()?;
        self.postgres_is_up = true;
        for worker in &mut self.workers {
            if worker.is_stopped {
                worker.resume()?;
            }
        }
        self.bring_up()?;
        ensure!(self.address.api().is_some(), "the API is up");
        Ok(())
    }
}

fn split((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}
