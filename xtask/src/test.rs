//! `cargo xtask test`: everything that must hold before a change lands.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use tempfile::TempDir;

use crate::interrupt::Interrupt;
use crate::python::{Environment, Purpose};
use crate::workspace::Workspace;
use crate::{check, foreground, postgres, prove};

/// Arguments of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Arguments for `cargo test`, such as a filter.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// The variable that tells tests where a PostgreSQL server is on which they may create databases.
pub(crate) const POSTGRES_URL: &str = "FAILOVER_TEST_POSTGRES_URL";

/// Checks the cheap rules, builds the binaries that the whole-system tests start, and runs all tests, the proof that nothing
/// is lost among them.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &TestArgs) -> anyhow::Result<()> {
    let began = Instant::now();
    check::rules(workspace)?;
    let postgres = postgres::start(interrupt)?;
    println!("PostgreSQL: {}", postgres.description());
    let mut pythons = Vec::new();
    for purpose in Purpose::ALL {
        let environment = Environment::ready(purpose, workspace, interrupt)?;
        pythons.push((purpose.variable(), environment.python().to_owned()));
    }

    foreground::succeed(
        &mut workspace.cargo(["build", "--workspace", "--bins"]),
        interrupt,
    )?;
    let scratch = scratch_directory().context("cannot make a temporary directory")?;
    let mut test = workspace.cargo(["test"]);
    // Beside `--workspace` cargo passes over the packages that somebody names.
    if !names_packages(&args.arguments) {
        test.arg("--workspace");
    }
    test.args(&args.arguments)
        .env(POSTGRES_URL, postgres.url())
        .envs(pythons)
        .env("TMPDIR", scratch.path());
    foreground::succeed(&mut test, interrupt)?;
    // Somebody who names the tests wants those alone.
    if args.arguments.is_empty() {
        prove::matrix_and_storms(workspace, interrupt, &postgres.url())?;
    }
    println!("all tests passed, {} s", began.elapsed().as_secs());
    Ok(())
}

/// Whether arguments for `cargo test` say which packages are meant.
fn names_packages(arguments: &[String]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

/// Where tests make their temporary directories: what interrupted ones leave behind goes with it. Others may pass
/// through, because a test's own PostgreSQL server does not run as root; they cannot list what is in it.
fn scratch_directory() -> std::io::Result<TempDir> {
    let scratch = tempfile::Builder::new().prefix("failover-tests-").tempdir()?;
    // Afterwards, because the umask would have a say in how it is made.
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o711))?;
    Ok(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_before_the_arguments_of_the_tests() {
        let named = |arguments: &[&str]| {
            names_packages(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(named(&["-p", "ossea"]) && named(&["--package=ossea"]) && named(&["-possea"]));
        assert!(!named(&[]) && !named(&["--test", "storm"]) && !named(&["--", "-p"]));
    }

    #[test]
    fn others_pass_through_the_directory_of_the_tests_and_see_nothing() {
        let scratch = scratch_directory().unwrap();
        let mode = scratch.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o711);
    }
}
