//! `cargo xtask`: the checks, the tests, the demo and the local stack of this workspace.

mod bench;
mod check;
mod debian;
mod demo;
mod dev;
mod foreground;
mod fuzz;
mod interrupt;
mod mutants;
mod openapi;
mod postgres;
mod prove;
mod python;
mod side_by_side;
mod sizes;
mod test;
mod ways_back;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Tasks of this workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check formatting, lints and the rules of the workspace: who may depend on whom, lints, licence, module docs.
    Check,
    /// Run all tests, on SQLite and on a private PostgreSQL server, with the foreign CloudStack clients and schemathesis.
    Test(test::TestArgs),
    /// Watch a test failover and then a live failover of a sample VM: simulated cloud, API and worker on this machine.
    Demo(demo::DemoArgs),
    /// Keep a local stack up for developing, until Ctrl-C.
    Dev(dev::DevArgs),
    /// Measure how fast things are, such as the simulator with 10,000 VMs.
    Bench(bench::BenchArgs),
    /// Feed a parser with made-up input until it fails or its time is over.
    Fuzz(fuzz::FuzzArgs),
    /// Make the Python environments of the foreign CloudStack clients and of schemathesis, and print how to run the tests
    /// with them.
    Python,
    /// Fail every step of every plan and of every way back once, and compare the outcome with docs/ways-back.md.
    WaysBack(ways_back::WaysBackArgs),
    /// Prove that nothing is lost: a fault at every moment of every course of a job, pairs of faults, storms, killed
    /// processes, the model.
    Prove(prove::ProveArgs),
    /// Compare the API's description with docs/openapi.json.
    Openapi(openapi::OpenapiArgs),
    /// Print the sizes of code, binaries and idle processes.
    Sizes,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if interrupt::is_interruption(&error) => {
            eprintln!("xtask: interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let interrupt = Interrupt::install()?;
    let workspace = Workspace::load()?;
    match task {
        Task::Check => check::run(&workspace, &interrupt),
        Task::Test(args) => test::run(&workspace, &interrupt, &args),
        Task::Demo(args) => demo::run(&workspace, &interrupt, &args),
        Task::Dev(args) => dev::run(&workspace, &interrupt, &args),
        Task::Bench(args) => bench::run(&workspace, &interrupt, &args),
        Task::Fuzz(args) => fuzz::run(&workspace, &interrupt, &args),
        Task::Python => {
            for purpose in python::Purpose::ALL {
                let environment = python::Environment::ready(purpose, &workspace, &interrupt)?;
                println!("{}={}", purpose.variable(), environment.python().display());
            }
            Ok(())
        }
        Task::Prove(args) => prove::run(&workspace, &interrupt, &args),
        Task::WaysBack(args) => ways_back::run(&workspace, &interrupt, &args),
        Task::Openapi(args) => openapi::run(&workspace, &interrupt, &args),
        Task::Sizes => sizes::run(&workspace, &interrupt),
    }
}
