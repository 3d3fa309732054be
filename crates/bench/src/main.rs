//! Measures what the crates promise. Each bench has a peer or a floor in the same run and prints JSON; `cargo xtask bench`
//! builds this program with optimisation, runs it, and makes a table for people.

mod cloud;
mod waiting;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benches of the crates.
#[derive(Debug, Parser)]
#[command(name = "failover-bench", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Calls per second that waiting for jobs costs, over the jobs in flight: all together, and each by itself.
    Waiting(waiting::WaitingArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.bench {
        Bench::Waiting(args) => waiting::run(&args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failover-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
