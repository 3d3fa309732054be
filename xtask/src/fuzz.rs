//! `cargo xtask fuzz`: a libFuzzer target of `fuzz/`, with the toolchain of the workspace.
//!
//! libFuzzer needs to see which branches an input takes. The compiler's coverage pass for that is there on stable
//! toolchains; the sanitizers, which are not, would only help code that is unsafe, and ours is not.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// What is fed.
    target: Target,
    /// For how long.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

/// A program of `fuzz/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The client's parser of answers.
    ClientResponse,
    /// The simulator's parser of requests, and the simulated cloud behind it.
    SimulatorRequest,
    /// The API's durations.
    Duration,
    /// The API's inventory files.
    Inventory,
    /// The API's mappings.
    Mapping,
}

impl Target {
    fn program(self) -> &'static str {
        match self {
            Target::ClientResponse => "client_response",
            Target::SimulatorRequest => "simulator_request",
            Target::Duration => "duration",
            Target::Inventory => "inventory",
            Target::Mapping => "mapping",
        }
    }
}

/// What cargo-fuzz passes as well, but for the sanitizers.
const COVERAGE_FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-stack-depth",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "--cfg=fuzzing",
];

/// No input of this size takes longer, whatever else the machine does.
const LONGEST_INPUT_SECONDS: u32 = 20;

/// Builds the target and runs it for its time. What it finds stays in `target/fuzz`, and the run fails.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &FuzzArgs) -> anyhow::Result<()> {
    check_compiler()?;
    let program = args.target.program();
    let host = host()?;
    let directory = workspace.root.join("fuzz");
    let target = workspace.target.join("fuzz");
    // The lock file of `fuzz/` is its own: nothing else notices when it is out of date.
    let mut build = workspace.cargo([
        "build",
        "--locked",
        "--release",
        "--target",
        &host,
        "--bin",
        program,
    ]);
    // With a target named, the flags do not reach build scripts and procedural macros.
    build
        .current_dir(&directory)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE_FLAGS.join("\x1f"))
        .env("CARGO_TARGET_DIR", &target);
    foreground::succeed(&mut build, interrupt)?;

    let [found, artifacts] = ["corpus", "artifacts"].map(|name| target.join(name).join(program));
    for directory in [&found, &artifacts] {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let binary: PathBuf = target.join(&host).join("release").join(program);
    let mut fuzz = Command::new(binary);
    // What is found goes into the first directory; the seeds stay as they are.
    fuzz.arg(found)
        .arg(directory.join("corpus").join(program))
        .arg(format!("-max_total_time={}", args.seconds))
        .arg(format!("-timeout={LONGEST_INPUT_SECONDS}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-max_len=16384"]);
    foreground::succeed(&mut fuzz, interrupt)
        .with_context(|| format!("an input in {} breaks {program}", artifacts.display()))
}

/// libFuzzer is C++ and compiled here.
fn check_compiler() -> anyhow::Result<()> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    match Command::new(&compiler).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) | Err(_) => {
            bail!("fuzzing needs a C++ compiler, and {compiler} does not run: install g++ or set CXX")
        }
    }
}

/// The machine for which rustc compiles unless told otherwise.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    ensure!(output.status.success(), "rustc does not tell its version");
    let text = String::from_utf8_lossy(&output.stdout);
    host_in(&text).context("rustc does not tell its host")
}

fn host_in(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_what_rustc_says() {
        let text = "rustc 1.95.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host_in(text).as_deref(), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host_in("rustc 1.95.0"), None);
    }

    #[test]
    fn every_target_is_a_program_with_seeds() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
        let manifest = fs::read_to_string(format!("{root}/Cargo.toml")).unwrap();
        for target in Target::value_variants() {
            let program = target.program();
            assert!(manifest.contains(&format!("name = \"{program}\"")), "{program}");
            assert!(fs::read_dir(format!("{root}/corpus/{program}")).unwrap().count() > 0);
        }
    }
}
