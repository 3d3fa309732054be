//! Other people's CloudStack clients against the simulated cloud: they list, deploy, start, stop, attach, detach,
//! snapshot and destroy, and check what they get (`tests/foreign`).
//!
//! They need `FAILOVER_TEST_FOREIGN_PYTHON`, a Python interpreter with what `tests/foreign/requirements.txt` lists;
//! `cargo xtask test` sets it. Without it the tests say that they were left out.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::path::{Path, PathBuf};
use std::process::Command;

use failover_system_tests::process::Group;
use failover_system_tests::server::{Binaries, Server};
use tempfile::TempDir;

/// The variable with the interpreter.
const PYTHON: &str = "FAILOVER_TEST_FOREIGN_PYTHON";
/// The simulator's documented pair for development.
const KEYS: [&str; 2] = [
    "ossea-sim-development-api-key",
    "ossea-sim-development-secret-key",
];

fn foreign(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(file)
}

/// A simulator with contents of its own and `more` arguments, whose work takes a hundredth of its time.
fn simulator(outputs: &TempDir, more: &[&str]) -> Server {
    let mut command = Binaries::beside_test().unwrap().command("ossea-sim").unwrap();
    command
        .args(["--listen", "127.0.0.1:0", "--latency-scale", "0.01", "--contents"])
        .arg(foreign("cloud.toml"))
        .args(more);
    Server::start("ossea-sim", command, outputs.path(), Group::Shared).unwrap()
}

fn run(script: &str, more: &[&str]) {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("left out: {PYTHON} is not set");
        return;
    };
    let outputs = tempfile::tempdir().unwrap();
    let server = simulator(&outputs, more);
    let output = Command::new(python)
        // Nothing is written beside the script, and no settings of the user are read.
        .args(["-I", "-B"])
        .arg(foreign(script))
        .arg(server.said("api_url").unwrap())
        .args(KEYS)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script} ended with {}:\n{}{}\nthe simulator wrote:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        server.end_of_output()
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("done"), "{script} did not come to its end: {said}");
}

#[test]
fn the_python_client_cs_works_with_the_cloud() {
    run("with_cs.py", &[]);
}

#[test]
fn apache_libcloud_works_with_the_cloud() {
    run("with_libcloud.py", &[]);
}

#[test]
fn the_cloud_has_the_storage_that_the_command_line_asks_for() {
    run("storage_with_cs.py", &["--storage", "rbd", "--scope", "cluster"]);
}
