//! `cargo xtask ways-back`: a failure at each step of each plan, and a second one at each step of the way back.

use clap::Args;

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask ways-back`.
#[derive(Debug, Args)]
pub(crate) struct WaysBackArgs {
    /// Write what the runs show into docs/ways-back.md instead of comparing it.
    #[arg(long)]
    write: bool,
}

/// Runs the engine's test that makes the table.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &WaysBackArgs) -> anyhow::Result<()> {
    let mut test = workspace.cargo(["test", "-p", "failover-engine", "--test", "ways_back_table"]);
    if args.write {
        test.env("WAYS_BACK", "write");
    }
    foreground::succeed(&mut test, interrupt)?;
    println!(
        "docs/ways-back.md {}",
        if args.write {
            "is written"
        } else {
            "is what the runs show"
        }
    );
    Ok(())
}
