//! `cargo xtask dev`: a local stack for developing, up until Ctrl-C. Its state stays in `target/dev`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use failover_system_tests::process::Group;
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, Pace, Settings, Stack};

use crate::demo::where_it_is;
use crate::interrupt::{self, Interrupt};
use crate::workspace::Workspace;

/// Arguments of `cargo xtask dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// How many times faster than a real cloud the simulated one is.
    #[arg(long, value_name = "X", default_value_t = 3.0)]
    speed: f64,
    /// Keep the jobs in this database instead of target/dev/failover.sqlite.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// How often the servers are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Keeps the stack up until the user stops it or one of its servers ends.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &DevArgs) -> anyhow::Result<()> {
    workspace.build_binaries(interrupt)?;
    let directory = workspace.target.join("dev");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut stack = Stack::start(Settings {
        binaries: Binaries::in_directory(workspace.debug_directory()),
        directory,
        database: args.database_url.clone().map_or(Database::Sqlite, Database::Url),
        pace: Pace::Watched { faster: args.speed },
        group: Group::Shared,
        log_filter: "info",
    })?;
    stack.api()?.import_sample()?;
    println!("{}", where_it_is(&stack)?);
    println!(
        "after a change:   Ctrl-C and `cargo xtask dev` again; the database stays, the cloud begins anew"
    );
    loop {
        match interrupt.wait(LOOK) {
            Ok(()) => {}
            Err(error) if interrupt::is_interruption(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Some((name, end)) = stack.ended()? {
            bail!("{name} has ended:\n{end}");
        }
    }
}
