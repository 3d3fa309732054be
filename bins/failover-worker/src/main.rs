//! `failover-worker`: takes jobs up and drives them. Reads its configuration, opens the database, works until it
//! is told to stop, and hands its jobs back.

mod settings;
mod work;

use std::process::ExitCode;

use clap::Parser;
use failover_config::{CommonArgs, Outcome, WorkerConfig, init_logging};

/// Shown at the end of `--help`.
const AFTER_HELP: &str = "\
On standard output there is one line, once the worker runs: {\"worker\":\"<id>\"}. Logs go to standard error.
SIGTERM and Ctrl-C let the steps under way come to a safe point and hand the jobs back to other workers.

Exit codes:
   0  stopped as asked
   1  failed otherwise
   2  the command line is wrong
  65  the database's schema does not fit this version
  69  the database cannot be reached at the start (later the worker waits for it to come back)
  78  the configuration is wrong";

/// Takes failover jobs from the database and drives them. Any number of workers may share one database.
#[derive(Debug, Parser)]
#[command(name = "failover-worker", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let loaded = match cli
        .common
        .load::<WorkerConfig>(failover_assembly::worker_mistakes)
    {
        Outcome::Run(loaded) => loaded,
        Outcome::Exit(code) => return code,
    };
    init_logging(&loaded.config.log);
    loaded.log_warnings();
    match work::run(&loaded.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failover-worker: {error:#}");
            failover_assembly::exit_code(&error)
        }
    }
}
