//! `cargo xtask check`: the rules of the workspace, formatting, lints and documentation.

mod direction;
mod embedding;
mod manifests;
mod sources;

use anyhow::bail;

pub(crate) use sources::rust_files;

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Everything.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<()> {
    rules(workspace)?;
    foreground::succeed(&mut workspace.cargo(["fmt", "--all", "--check"]), interrupt)?;
    println!("formatting: as rustfmt.toml says");
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    foreground::succeed(&mut workspace.cargo(clippy), interrupt)?;
    println!("lints: no warnings");
    // Alone, because the features that others ask for would be on as well.
    for alone in embedding::ALONE {
        let clippy = ["clippy", "--quiet"].into_iter().chain(alone.iter().copied());
        foreground::succeed(
            &mut workspace.cargo(clippy.chain(["--", "-D", "warnings"])),
            interrupt,
        )?;
    }
    println!("embedding: the crates compile without what only servers need");
    let documentation = ["doc", "--workspace", "--no-deps", "--quiet"];
    foreground::succeed(&mut workspace.cargo(documentation), interrupt)?;
    println!("documentation: every public item has some, every link leads somewhere");
    foreign_crates(workspace, interrupt)
}

/// Licences, bans and sources of other people's crates, where cargo-deny is installed.
fn foreign_crates(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<()> {
    let known = workspace
        .cargo(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !known {
        println!("foreign crates: not looked at, `cargo install cargo-deny` brings the tool");
        return Ok(());
    }
    let deny = [
        "deny",
        "--offline",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ];
    foreground::succeed(&mut workspace.cargo(deny), interrupt)
}

/// The rules that need no compiler. All violations are told together.
pub(crate) fn rules(workspace: &Workspace) -> anyhow::Result<()> {
    let mut violations = direction::violations(workspace);
    violations.extend(embedding::violations(workspace)?);
    violations.extend(manifests::violations(workspace)?);
    let sources = sources::inspect(workspace)?;
    violations.extend(sources.violations);
    if violations.is_empty() {
        let packages = workspace.packages.len();
        println!(
            "rules: {packages} packages and {} source files keep them",
            sources.files
        );
        return Ok(());
    }
    for violation in &violations {
        eprintln!("- {violation}");
    }
    bail!("{} rules of the workspace are broken", violations.len())
}
