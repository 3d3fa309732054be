//! `cargo xtask sizes`: how large the code, the binaries and the idle processes are.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use failover_system_tests::process::Group;
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, Pace, Settings, Stack};

use crate::check::rust_files;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// The binaries that are shipped.
const BINARIES: [&str; 4] = ["failover-api", "failover-worker", "failoverctl", "ossea-sim"];

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<()> {
    print_code(workspace)?;
    workspace.build_binaries(interrupt)?;
    let profile = print_binaries(workspace);
    print_memory(workspace, profile)
}

/// Lines of a package: production, and tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    production: usize,
    tests: usize,
}

fn print_code(workspace: &Workspace) -> anyhow::Result<()> {
    println!(
        "{:<24} {:>6} {:>10} {:>6}",
        "package", "files", "production", "tests"
    );
    let (mut files, mut sum) = (0, Lines::default());
    for package in &workspace.packages {
        let (count, lines) = package_lines(package.directory())?;
        println!(
            "{:<24} {count:>6} {:>10} {:>6}",
            package.name, lines.production, lines.tests
        );
        files += count;
        sum.production += lines.production;
        sum.tests += lines.tests;
    }
    println!(
        "{:<24} {files:>6} {:>10} {:>6}",
        "together", sum.production, sum.tests
    );
    Ok(())
}

fn package_lines(directory: &Path) -> anyhow::Result<(usize, Lines)> {
    let (mut files, mut sum) = (0, Lines::default());
    for part in ["src", "tests", "examples", "benches"] {
        for file in rust_files(&directory.join(part))? {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let lines = split(&text);
            files += 1;
            if part == "src" {
                sum.production += lines.production;
                sum.tests += lines.tests;
            } else {
                sum.tests += lines.production + lines.tests;
            }
        }
    }
    Ok((files, sum))
}

/// The tests of a file stand at its end.
fn split(text: &str) -> Lines {
    let all = text.lines().count();
    let production = text
        .lines()
        .position(|line| line == "#[cfg(test)]")
        .unwrap_or(all);
    Lines {
        production,
        tests: all - production,
    }
}

/// Prints the sizes of the release binaries, or else of the debug ones, and says which directory it was.
fn print_binaries(workspace: &Workspace) -> &'static str {
    let is_built = |profile: &str| {
        BINARIES
            .iter()
            .all(|name| workspace.target.join(profile).join(name).is_file())
    };
    let profile = if is_built("release") { "release" } else { "debug" };
    println!("\n{:<24} {:>10}", format!("binary ({profile})"), "MB");
    for name in BINARIES {
        let size = fs::metadata(workspace.target.join(profile).join(name)).map_or(0, |file| file.len());
        println!("{name:<24} {:>10}.{}", size / 1_000_000, size / 100_000 % 10);
    }
    profile
}

fn print_memory(workspace: &Workspace, profile: &str) -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let stack = Stack::start(Settings {
        binaries: Binaries::in_directory(workspace.target.join(profile)),
        directory: directory.path().to_owned(),
        database: Database::Sqlite,
        pace: Pace::Watched { faster: 1.0 },
        group: Group::Shared,
        log_filter: "info",
    })?;
    println!("\n{:<24} {:>10}", format!("idle process ({profile})"), "RSS, kB");
    for server in stack.servers() {
        println!("{:<24} {:>10}", server.name(), resident_kilobytes(server.id())?);
    }
    Ok(())
}

pub(crate) fn resident_kilobytes(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the kernel does not tell")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok());
    number.context("the kernel does not tell the resident memory of a process")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_of_a_file_are_not_production() {
        let text = "//! It.\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(
            split(text),
            Lines {
                production: 3,
                tests: 3
            }
        );
        assert_eq!(
            split("fn f() {}\n"),
            Lines {
                production: 1,
                tests: 0
            }
        );
    }

    #[test]
    fn the_kernel_tells_our_own_memory() {
        assert!(resident_kilobytes(std::process::id()).unwrap() > 100);
    }
}
