//! `cargo xtask demo`: a test failover and then a live failover of a sample VM on this machine, from the inventory to the
//! proof.

use std::process::{Command, ExitStatus};

use anyhow::{Context as _, ensure};
use clap::Args;
use failover_system_tests::api::{Api, failed_step};
use failover_system_tests::cloud::{Cloud, Inventory};
use failover_system_tests::fault::{self, Fault};
use failover_system_tests::process::Group;
use failover_system_tests::sample::{self, SampleVm};
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, FORWARD_ATTEMPTS, Pace, Settings, Stack};
use serde_json::Value;

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::side_by_side::side_by_side;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The sample VM that moves; `samples/inventory.json` has them all. The default has three disks.
    #[arg(long, value_name = "NAME", default_value = "PGWINTESTBIOS")]
    vm: String,
    /// Let the cloud fail at this step, and watch the way back.
    #[arg(long, value_name = "STEP", value_parser = clap::builder::PossibleValuesParser::new(fault::STEPS))]
    fault: Option<String>,
    /// Leave everything running at the end, and say where.
    #[arg(long)]
    keep: bool,
    /// How many times faster than a real cloud the simulated one is.
    #[arg(long, value_name = "X", default_value_t = 3.0, value_parser = parse_speed)]
    speed: f64,
    /// Keep the jobs in this database, such as postgres://USER:PASSWORD@HOST/DATABASE, instead of a fresh SQLite file.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text
        .parse()
        .map_err(|_| "a number such as 3 or 0.5 is needed".to_owned())?;
    if (0.01..=1000.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("allowed is 0.01 to 1000".to_owned())
    }
}

/// The whole demo. Succeeds only when the cloud is in the end as it should be.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &DemoArgs) -> anyhow::Result<()> {
    let vm = SampleVm::named(&args.vm)?;
    workspace.build_binaries(interrupt)?;
    let directory = tempfile::Builder::new().prefix("failover-demo-").tempdir();
    let directory = directory.context("cannot make a temporary directory")?;
    let stack = Stack::start(Settings {
        binaries: Binaries::in_directory(workspace.debug_directory()),
        directory: directory.path().to_owned(),
        database: args.database_url.clone().map_or(Database::Sqlite, Database::Url),
        pace: Pace::Watched { faster: args.speed },
        group: if args.keep { Group::Own } else { Group::Shared },
        log_filter: "info",
    })?;
    let demo = Demo {
        stack: &stack,
        api: stack.api()?,
        cloud: stack.cloud()?,
        vm,
        interrupt,
    };
    let outcome = demo.play(args.fault.as_deref());
    if args.keep && !outcome.as_ref().is_err_and(crate::interrupt::is_interruption) {
        demo.say_where()?;
        stack.leave_running();
        let _ = directory.keep();
    }
    outcome
}

/// How long the window of the demo's test is open.
const WINDOW: &str = "20s";

/// The stack, and whom the demo is about.
struct Demo<'a> {
    stack: &'a Stack,
    api: Api,
    cloud: Cloud,
    vm: SampleVm,
    interrupt: &'a Interrupt,
}

impl Demo<'_> {
    fn play(&self, fault: Option<&str>) -> anyhow::Result<()> {
        title("The migration tool reports its source VMs, and networks are mapped");
        let file = self.stack.directory().join("inventory.json");
        std::fs::write(&file, sample::INVENTORY).context("cannot write the inventory")?;
        self.failoverctl(&["inventory", "import", &file.to_string_lossy()])?;
        self.map("production", &self.vm.production_networks())?;
        self.map("test", &self.vm.test_networks())?;

        title("The cloud before");
        let before = self.cloud.inventory()?;
        println!("{}", before.lines().join("\n"));

        if fault.is_none() {
            self.test(&before)?;
        }
        title("Is the VM ready to move, and what would be done?");
        self.failoverctl(&["readiness", &self.vm.name])?;
        self.failoverctl(&["plan", "live", &self.vm.name])?;
        match fault {
            None => self.succeed(&before),
            Some(step) => self.fail_at(step, &before),
        }
    }

    fn map(&self, purpose: &str, networks: &[&str]) -> anyhow::Result<()> {
        let mut set: Vec<String> = ["mappings", "set", &self.vm.name, "--purpose", purpose]
            .map(str::to_owned)
            .into();
        let pairs = self.vm.networks.iter().zip(networks);
        set.extend(pairs.map(|(source, network)| format!("{source}={network}")));
        self.failoverctl(&set.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A test on isolated networks, of which nothing remains.
    fn test(&self, before: &Inventory) -> anyhow::Result<()> {
        title(&format!(
            "Would it work? {} runs on a test network for {WINDOW}, and nothing of it remains",
            self.vm.name
        ));
        self.failoverctl(&["readiness", &self.vm.name, "--type", "test"])?;
        self.failoverctl(&["plan", "test", &self.vm.name, "--duration", WINDOW])?;
        let arguments = ["failover", "test", &self.vm.name, "--duration", WINDOW];
        let watched = ["--boot-grade", "address", "--watch"];
        let ended = self.watch(&[&arguments[..], &watched].concat())?;
        let after = self.compare(before)?;
        let job = self.job()?;
        ensure!(
            job["status"] == "completed" && ended.success(),
            "the test is {} instead of completed, failoverctl ended with {ended}",
            job["status"]
        );
        let differences = &job["comparison"]["differences"];
        ensure!(
            differences.as_array().is_some_and(Vec::is_empty),
            "the job found differences: {differences}"
        );
        ensure!(*before == after, "the cloud is not as it was before");
        println!(
            "\nSeen in the cloud: it is as it was before, the contents of the replicas included. The test VM, its scratch root \
             and its rollback point are gone. The job's own comparison of {} objects found no difference.",
            job["comparison"]["compared"]
        );
        Ok(())
    }

    /// The way there.
    fn succeed(&self, before: &Inventory) -> anyhow::Result<()> {
        title(&format!("{} moves", self.vm.name));
        let ended = self.failover(&["--watch"])?;
        let after = self.compare(before)?;
        let job = self.job()?;
        ensure!(
            job["status"] == "completed",
            "the job is {} instead of completed",
            job["status"]
        );
        ensure!(
            ended.success(),
            "failoverctl ended with {ended} although the job completed"
        );
        let id = job["destination_vm_id"]
            .as_str()
            .context("the job names no destination VM")?;
        after.expect_moved(id, &self.vm)?;
        println!(
            "\nSeen in the cloud: the destination VM {id} is Running with exactly the disks of {} at their devices, \
             on {}.",
            self.vm.name,
            self.vm.production_networks().join(", ")
        );
        Ok(())
    }

    /// The way back.
    fn fail_at(&self, step: &str, before: &Inventory) -> anyhow::Result<()> {
        let name = self.api.destination_name(&self.vm)?;
        let fault = Fault::new(step, &self.vm, &name, FORWARD_ATTEMPTS);
        fault.before_start(&self.cloud)?;
        title(&format!("{} moves, and the cloud fails at {step}", self.vm.name));
        let started = self.failover(&["--boot-within", fault::BOOT_WITHIN])?;
        ensure!(
            started.success(),
            "the failover did not start: failoverctl ended with {started}"
        );
        fault.once_started(&self.cloud)?;
        let id = self.job_id()?;
        self.watch(&["jobs", "show", &id, "--watch"])?;
        let after = self.compare(before)?;
        let job = self.job()?;
        ensure!(
            job["status"] == "failed",
            "the job is {} instead of failed",
            job["status"]
        );
        let failed = failed_step(&job)?;
        ensure!(failed == step, "the job failed at {failed} instead of {step}");
        let struck = self.cloud.struck()?;
        ensure!(
            struck.iter().all(|times| *times > 0),
            "the fault never struck: {struck:?}"
        );
        ensure!(*before == after, "the cloud is not as it was before");
        println!(
            "\nSeen in the cloud: it is as it was before. The replicas of {} are on the OMA at their devices; VM, \
             scratch root and snapshots are gone.",
            self.vm.name
        );
        Ok(())
    }

    /// Starts the failover.
    fn failover(&self, further: &[&str]) -> anyhow::Result<ExitStatus> {
        // An address is asked for, so that a guest that runs without one is noticed.
        let arguments = ["failover", "live", &self.vm.name, "--boot-grade", "address"];
        self.watch(&[&arguments, further].concat())
    }

    /// Runs `failoverctl` to its end. What a watched job came to is judged by the cloud, not by the exit code.
    fn watch(&self, arguments: &[&str]) -> anyhow::Result<ExitStatus> {
        foreground::finish(&mut self.announce(arguments)?, self.interrupt)
    }

    fn failoverctl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        foreground::succeed(&mut self.announce(arguments)?, self.interrupt)
    }

    /// Prints a command of `failoverctl` as a person would type it.
    fn announce(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let quoted = |word: &&str| {
            if word.contains(' ') {
                format!("{word:?}")
            } else {
                (*word).to_owned()
            }
        };
        println!(
            "\n$ failoverctl {}",
            arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
        );
        let mut command = self.stack.failoverctl()?;
        command.args(arguments);
        Ok(command)
    }

    /// The newest job of the VM, in full.
    fn job(&self) -> anyhow::Result<Value> {
        self.api.job(&self.job_id()?)
    }

    fn job_id(&self) -> anyhow::Result<String> {
        let jobs = self.api.jobs_of(&self.vm)?;
        let id = jobs.first().and_then(|job| job["job_id"].as_str());
        id.map(str::to_owned).context("no job was started")
    }

    fn compare(&self, before: &Inventory) -> anyhow::Result<Inventory> {
        title("The cloud before, and after");
        let after = self.cloud.inventory()?;
        print!("{}", side_by_side(&before.lines(), &after.lines()));
        Ok(after)
    }

    fn say_where(&self) -> anyhow::Result<()> {
        title("Everything goes on running");
        println!("{}", where_it_is(self.stack)?);
        let ids: Vec<String> = self
            .stack
            .servers()
            .map(|server| server.id().to_string())
            .collect();
        println!(
            "stop it:          kill {}; rm -r {}",
            ids.join(" "),
            self.stack.directory().display()
        );
        Ok(())
    }
}

/// The addresses and files of a stack, for people.
pub(crate) fn where_it_is(stack: &Stack) -> anyhow::Result<String> {
    let config = stack.config();
    let api = stack.api_url()?;
    Ok(format!(
        "API:              {api}/api/v1\nsimulated cloud:  {}\nits switches:     {}/admin/state\n\
         directory:        {} (configuration, secrets, outputs)\n\
         talk to it:       {} --config {} --api {api} jobs list",
        stack.cloud_url()?,
        stack.cloud()?.url(),
        stack.directory().display(),
        stack.failoverctl()?.get_program().display(),
        config.display(),
    ))
}

fn title(text: &str) {
    println!("\n== {text}");
}
