//! `failover-api`: serves the HTTP API. Reads its configuration, opens the database, serves until it is told to
//! stop, and lets requests in flight finish.

mod serve;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use failover_config::{ApiConfig, CommonArgs, Mistake, Outcome, init_logging_with_ring};
use failover_engine::{Clock, SystemClock};
use log_ring::LogRing;

/// How many log records are kept to be shown: those of a few minutes, in a few megabytes.
const RECORDS_KEPT: usize = 2000;

/// Shown at the end of `--help`.
const AFTER_HELP: &str = "\
On standard output there is one line, once the API is served: {\"listening\":\"http://ADDRESS\"}. Logs go to
standard error. SIGTERM and Ctrl-C end it; requests in flight are finished first.

What the API offers is described at /api/v1/docs/ for people and at /api/v1/openapi.json for programs; neither needs
a token.

Exit codes:
   0  stopped as asked
   1  failed otherwise, such as an address that is taken
   2  the command line is wrong
  65  the database's schema does not fit this version
  69  the database cannot be reached at the start (later requests are answered with 503 until it is back)
  78  the configuration is wrong, or nobody could use the API: no token, and anonymous callers are not allowed";

/// Serves the HTTP API of OSSEA failover. Any number of processes may share one database.
#[derive(Debug, Parser)]
#[command(name = "failover-api", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let check = |config: &ApiConfig| {
        let mut mistakes = failover_assembly::mistakes(&config.ossea, &config.target);
        mistakes.extend(serve::identity(&config.server).err().map(|error| Mistake {
            path: "server.tls".to_owned(),
            message: format!("cannot be used: {error}"),
            origin: None,
        }));
        mistakes
    };
    let loaded = match cli.common.load::<ApiConfig>(check) {
        Outcome::Run(loaded) => loaded,
        Outcome::Exit(code) => return code,
    };
    let ring = LogRing::new(RECORDS_KEPT, Arc::new(|| SystemClock.now()));
    init_logging_with_ring(&loaded.config.log, &ring);
    loaded.log_warnings();
    match serve::run(&loaded.config, ring) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failover-api: {error:#}");
            failover_assembly::exit_code(&error)
        }
    }
}
