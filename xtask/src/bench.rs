//! `cargo xtask bench`: how fast things are on this machine, by named benches.
//!
//! Each bench measures its own floor in the same run, so that its figures can be compared between machines.

mod measure;
mod sim;
mod takeover;
mod waiting;

use std::fs;
use std::process::Command;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::measure::Figures;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure; everything when left out.
    benches: Vec<Bench>,
    /// Print one line of JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// The simulator's answers, with sample contents and with 10,000 VMs of three volumes each.
    Sim,
    /// Calls that waiting for the cloud's jobs costs, over the jobs in flight. Takes 7 minutes.
    Waiting,
    /// How long the jobs of a worker that is killed, or told to stop, wait for another one. Takes 10 minutes.
    Takeover,
}

/// What was measured where.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    benches: Vec<Measured>,
}

/// The machine and the versions.
#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    rustc: String,
    commit: String,
}

/// One bench with its figures.
#[derive(Debug, Serialize)]
#[serde(tag = "bench", rename_all = "snake_case")]
enum Measured {
    Sim { tables: Vec<Table> },
    Waiting { rows: Vec<waiting::Waiting> },
    Takeover { rows: Vec<takeover::Takeover> },
}

/// Figures that were taken under the same circumstances.
#[derive(Debug, Serialize)]
struct Table {
    circumstances: String,
    /// The resident memory of the measured process at the end.
    resident_kilobytes: u64,
    figures: Vec<Figures>,
}

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &BenchArgs) -> anyhow::Result<()> {
    let benches = match args.benches.as_slice() {
        [] => Bench::value_variants(),
        chosen => chosen,
    };
    let mut report = Report {
        machine: Machine::ours(workspace),
        benches: Vec::new(),
    };
    for bench in benches {
        report.benches.push(match bench {
            Bench::Sim => Measured::Sim {
                tables: sim::measure(workspace, interrupt)?,
            },
            Bench::Waiting => Measured::Waiting {
                rows: waiting::measure(workspace, interrupt)?,
            },
            Bench::Takeover => Measured::Takeover {
                rows: takeover::measure(workspace, interrupt)?,
            },
        });
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn print(report: &Report) {
    let machine = &report.machine;
    println!("{} x {}, {}", machine.cores, machine.processor, machine.kernel);
    println!("{}, commit {}", machine.rustc, machine.commit);
    for bench in &report.benches {
        match bench {
            Measured::Sim { tables } => print_tables(tables),
            Measured::Waiting { rows } => waiting::print(rows),
            Measured::Takeover { rows } => takeover::print(rows),
        }
    }
}

fn print_tables(tables: &[Table]) {
    for table in tables {
        let megabytes = table.resident_kilobytes / 1000;
        println!("\n{}, {megabytes} MB resident", table.circumstances);
        println!(
            "{:<44} {:>6} {:>10} {:>10} {:>10} {:>8}",
            "", "times", "per s", "p50, us", "p99, us", "x floor"
        );
        let floor = table
            .figures
            .first()
            .map_or(1, |floor| floor.p50_microseconds.max(1));
        for figures in &table.figures {
            println!(
                "{:<44} {:>6} {:>10} {:>10} {:>10} {:>8}",
                figures.what,
                figures.times,
                figures.per_second,
                figures.p50_microseconds,
                figures.p99_microseconds,
                figures.p50_microseconds.div_ceil(floor)
            );
        }
    }
}

impl Machine {
    /// What the system tells; "unknown" where it does not.
    fn ours(workspace: &Workspace) -> Self {
        let unknown = || "unknown".to_owned();
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        Self {
            processor: processor.map_or_else(unknown, |rest| {
                rest.trim_start_matches([' ', '\t', ':']).to_owned()
            }),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line(Command::new("uname").arg("-sr")).unwrap_or_else(unknown),
            rustc: first_line(Command::new("rustc").arg("--version")).unwrap_or_else(unknown),
            commit: first_line(
                Command::new("git")
                    .current_dir(&workspace.root)
                    .args(["describe", "--always", "--dirty"]),
            )
            .unwrap_or_else(unknown),
        }
    }
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}
