//! `cargo xtask prove --mutants`: breaks lease, journal, state machine and return planner in every way that cargo-mutants
//! knows, one at a time, and asks of each whether a test fails.
//!
//! Most mutants die in a second, a few need the fault matrix. So the tests come in rounds, the quickest first, and a
//! round gets what survived the one before. A mutant that survives the last round is a survivor.

mod guards;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use self::table::{Fate, Table};
use crate::foreground;
use crate::interrupt::Interrupt;
use crate::test::POSTGRES_URL;
use crate::workspace::Workspace;

/// What is mutated together: files of one package, and the tests that are to notice.
struct Target {
    /// Its name, for the logs.
    name: &'static str,
    /// The package of the files and of the tests.
    package: &'static str,
    /// The files, as globs of cargo-mutants.
    files: &'static [&'static str],
    /// What belongs to something else in these files, as a pattern.
    left_out: Option<&'static str>,
    /// Test binaries, as arguments of `cargo test`; the quickest round first.
    rounds: &'static [&'static [&'static str]],
}

/// Whole jobs on virtual time, without crashes at every entry.
const JOBS: &[&str] = &[
    "--test=database_away",
    "--test=live_failover",
    "--test=previous_release",
    "--test=stopped_worker",
    "--test=test_failover",
    "--test=test_networks",
    "--test=urgency",
    "--test=ways_back",
    "--test=writer",
];

/// A crash at every entry, and a lasting failure at every step.
const CRASHES: &[&str] = &[
    "--test=crash_recovery",
    "--test=test_recovery",
    "--test=ways_back_table",
];

/// Every fault at every moment.
const MATRIX: &[&str] = &["--test=fault_matrix"];

const TARGETS: &[Target] = &[
    Target {
        name: "planner-and-memory",
        package: "failover-engine",
        files: &[
            "crates/engine/src/return_planner.rs",
            "crates/engine/src/memory.rs",
            "crates/engine/src/memory/jobs.rs",
            "crates/engine/src/ports.rs",
        ],
        // Of the ports only what decides whether a batch may be written.
        left_out: Some(
            "engine/src/(ports.rs.* (WorkerId|Custody|Resource|NeedsPerson|JobRecord|disks_differ|reported_vm)|.*fmt::Debug)",
        ),
        rounds: &[&["--lib", "--test=return_planner"], JOBS, CRASHES, MATRIX],
    },
    Target {
        name: "journal-and-state",
        package: "failover-engine",
        files: &[
            "crates/engine/src/journal.rs",
            "crates/engine/src/state.rs",
            "crates/engine/src/state/**/*.rs",
        ],
        left_out: None,
        rounds: &[&["--lib", "--test=state_machine"], JOBS, CRASHES, MATRIX],
    },
    // The shared files are compiled against both databases; cargo-mutants finds them where SQLite's modules name them.
    Target {
        name: "store",
        package: "failover-store",
        files: &[
            "crates/store/src/lite/../shared/leases.rs",
            "crates/store/src/lite/../shared/journal.rs",
            "crates/store/src/lite/../shared/requests.rs",
        ],
        left_out: None,
        rounds: &[guards::TESTS],
    },
];

/// How many of a hundred mutants of a module must be killed.
const REQUIRED: f64 = 90.0;

/// The results that cargo-mutants writes, as far as they matter here.
#[derive(Debug, Deserialize)]
struct Results {
    outcomes: Vec<Outcome>,
    cargo_mutants_version: String,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String, file: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Summary {
    Success,
    CaughtMutant,
    MissedMutant,
    Unviable,
    Failure,
    Timeout,
}

/// Runs all mutants, prints the table, writes it with the survivors to `target/mutants`, and fails when too many survive.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<()> {
    demand_cargo_mutants(workspace)?;
    let directory = workspace.target.join("mutants");
    let mut table = Table::default();
    let mut version = String::new();
    for target in TARGETS {
        let mut left: Option<Vec<String>> = None;
        for (number, tests) in (1..).zip(target.rounds) {
            if left.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
            let output = directory.join(format!("{}-{number}", target.name));
            let results = round(workspace, interrupt, target, tests, left.as_deref(), &output)?;
            let mut survived = Vec::new();
            for Outcome { scenario, summary } in results.outcomes {
                let Scenario::Mutant { name, file } = scenario else {
                    continue;
                };
                let fate = fate(summary, &name)?;
                table.note(&file, &name, fate);
                survived.extend((fate == Fate::Survived).then_some(name));
            }
            version = results.cargo_mutants_version;
            left = Some(survived);
        }
    }
    guards::run(workspace, interrupt, &mut table)?;
    let report = format!("cargo-mutants {version}\n\n{table}");
    println!("\n{report}");
    let path = directory.join("report.md");
    fs::write(&path, &report).with_context(|| format!("cannot write {}", path.display()))?;
    println!("The report is in {}, the logs are beside it.", path.display());
    let weak = table.below(REQUIRED);
    ensure!(
        weak.is_empty(),
        "too many mutants survive in: {}",
        weak.join(", ")
    );
    Ok(())
}

/// One run of cargo-mutants, in a copy of the workspace.
fn round(
    workspace: &Workspace,
    interrupt: &Interrupt,
    target: &Target,
    tests: &[&str],
    only: Option<&[String]>,
    output: &Path,
) -> anyhow::Result<Results> {
    fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    let mut mutants = workspace.cargo(["mutants", "--no-config", "--colors=never", "--profile=mutants"]);
    mutants.args(["--timeout-multiplier=3", "--package", target.package]);
    mutants.arg("--output").arg(output);
    mutants.args(target.files.iter().map(|file| format!("--file={file}")));
    mutants.args(tests.iter().map(|test| format!("--cargo-arg={test}")));
    match only {
        Some(names) => {
            mutants.args(names.iter().map(|name| format!("--re=^{}$", escaped(name))));
        }
        None => {
            mutants.args(
                target
                    .left_out
                    .map(|functions| format!("--exclude-re={functions}")),
            );
        }
    }
    mutants
        .env("CARGO_TARGET_DIR", build_directory(workspace))
        .env("FAULT_MATRIX_SINGLES", "all")
        .env("FAULT_MATRIX_PAIRS", "0")
        .env_remove(POSTGRES_URL);
    let status = foreground::finish(&mut mutants, interrupt)?;
    // Success, mutants that survive, mutants that never end: all of them are results.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        bail!(
            "cargo mutants ended with {status}; its logs are in {}",
            output.display()
        );
    }
    let path = output.join("mutants.out/outcomes.json");
    let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&json).with_context(|| format!("{} has an unknown form", path.display()))
}

/// Where mutants are built, apart from everything else.
fn build_directory(workspace: &Workspace) -> PathBuf {
    workspace.target.join("mutants/build")
}

fn fate(summary: Summary, name: &str) -> anyhow::Result<Fate> {
    Ok(match summary {
        Summary::CaughtMutant => Fate::Killed,
        Summary::Timeout => Fate::TimedOut,
        Summary::Unviable => Fate::Unviable,
        Summary::MissedMutant => Fate::Survived,
        Summary::Success | Summary::Failure => bail!("cargo mutants says {summary:?} of {name}"),
    })
}

/// A name as a pattern that matches it and nothing else.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

fn demand_cargo_mutants(workspace: &Workspace) -> anyhow::Result<()> {
    let mut version = workspace.cargo(["mutants", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null());
    ensure!(
        version.status().context("cannot start cargo")?.success(),
        "this needs cargo-mutants: install it with `cargo install cargo-mutants --locked`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_signs_of_patterns_matches_itself() {
        let name = "src/a.rs:1:2: replace <impl T for S>::f -> Option<u8> with Some(1)";
        let pattern = r"src/a\.rs:1:2: replace <impl T for S>::f -> Option<u8> with Some\(1\)";
        assert_eq!(escaped(name), pattern);
    }

    #[test]
    fn results_are_read() {
        let json = r#"{
            "outcomes": [
                {"scenario": "Baseline", "summary": "Success", "phase_results": []},
                {"scenario": {"Mutant": {"name": "n", "file": "f", "package": "p"}}, "summary": "MissedMutant"}
            ],
            "cargo_mutants_version": "27.1.0",
            "missed": 1
        }"#;
        let results: Results = serde_json::from_str(json).unwrap();
        assert!(matches!(results.outcomes[0].scenario, Scenario::Baseline));
        assert!(matches!(&results.outcomes[1].scenario, Scenario::Mutant { name, .. } if name == "n"));
        assert_eq!(fate(results.outcomes[1].summary, "n").unwrap(), Fate::Survived);
        assert!(fate(results.outcomes[0].summary, "n").is_err());
    }

    #[test]
    fn every_file_and_every_test_that_is_named_is_there() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        for target in TARGETS {
            for file in target.files.iter().filter(|file| !file.contains('*')) {
                assert!(root.join(file).is_file(), "{file}");
            }
            let tests = root
                .join("crates")
                .join(target.package.trim_start_matches("failover-"))
                .join("tests");
            for name in target
                .rounds
                .concat()
                .iter()
                .filter_map(|test| test.strip_prefix("--test="))
            {
                let is_there =
                    tests.join(format!("{name}.rs")).is_file() || tests.join(name).join("main.rs").is_file();
                assert!(is_there, "{name}");
            }
        }
    }
}
