//! `cargo xtask openapi`: the API's description, as the code says it, and as it is in the repository.

use clap::Args;

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask openapi`.
#[derive(Debug, Args)]
pub(crate) struct OpenapiArgs {
    /// Write what the code says into docs/openapi.json instead of comparing it.
    #[arg(long)]
    write: bool,
}

/// Runs the API's test that compares the two.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &OpenapiArgs) -> anyhow::Result<()> {
    let mut test = workspace.cargo([
        "test",
        "-p",
        "failover-api",
        "--test",
        "routes",
        "--",
        "openapi::",
        "matrix::",
    ]);
    if args.write {
        test.env("OPENAPI", "write");
    }
    foreground::succeed(&mut test, interrupt)?;
    println!(
        "docs/openapi.json {}",
        if args.write {
            "is written"
        } else {
            "is what the code says"
        }
    );
    Ok(())
}
