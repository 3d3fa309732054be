//! The simulated cloud as a process: reads its configuration, serves until it is told to stop, drains.

mod args;
mod contents;
mod serve;
mod state;
mod switches;

use std::process::ExitCode;

use clap::Parser;
use failover_config::{Outcome, init_logging};

use self::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    match args.load() {
        Outcome::Exit(code) => code,
        Outcome::Run(loaded) => {
            init_logging(&loaded.config.log);
            loaded.log_warnings();
            match serve::run(loaded.config.sim, args.only_here().clone()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("ossea-sim: {error:#}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}
