//! The quick start of the README: one file for everything, and the simulated cloud's keys for development.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use failover_system_tests::api::Api;
use failover_system_tests::process::Group;
use failover_system_tests::sample::SampleVm;
use failover_system_tests::server::{Binaries, Server};
use serde_json::json;

use crate::site::LIMIT;

/// A command on the shared file with the keys for development.
fn command(name: &str) -> Command {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../samples/local.toml");
    let mut command = Binaries::beside_test().unwrap().command(name).unwrap();
    command
        .env("FAILOVER_CONFIG", file)
        .env("FAILOVER__OSSEA__API_KEY", "ossea-sim-development-api-key")
        .env("FAILOVER__OSSEA__SECRET_KEY", "ossea-sim-development-secret-key")
        .stdin(Stdio::null());
    command
}

#[test]
fn every_binary_takes_the_shared_file() {
    for name in ["ossea-sim", "failover-api", "failover-worker", "failoverctl"] {
        let output = command(name).arg("--check-config").output().unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            output.stderr.is_empty(),
            "{name} warns: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_shared_file_moves_a_vm() {
    let directory = tempfile::tempdir().unwrap();
    // Other ports and another pace than the file says: tests run side by side.
    let sim = command("ossea-sim");
    let sim = start(
        sim,
        "ossea-sim",
        &directory,
        &[("SIM__LISTEN", "127.0.0.1:0"), ("SIM__LATENCY_SCALE", "0.01")],
    );
    let cloud = [
        ("OSSEA__ENDPOINT", sim.said("api_url").unwrap()),
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("WORKER__CLOUD_POLL_MIN", "50ms"),
        ("WORKER__CLOUD_POLL_MAX", "200ms"),
    ];
    let api = start(command("failover-api"), "failover-api", &directory, &cloud);
    let _worker = start(command("failover-worker"), "failover-worker", &directory, &cloud);

    let api = Api::without_token(api.said("listening").unwrap());
    let vm = SampleVm::named("web-01").unwrap();
    api.import_sample().unwrap();
    let networks: serde_json::Map<_, _> = vm
        .networks
        .iter()
        .zip(vm.production_networks())
        .map(|(source, network)| (source.clone(), json!(network)))
        .collect();
    let job = api
        .start_live(&vm, &json!({"network_mappings": networks}))
        .unwrap();
    let job = api.wait_for_end(&job, LIMIT).unwrap();
    assert_eq!(job["status"], "completed", "{:#}", job["failure"]);
}

/// Starts a server whose files go into `directory`, with overrides of the file.
fn start(
    mut command: Command,
    name: &str,
    directory: &tempfile::TempDir,
    overrides: &[(&str, &str)],
) -> Server {
    for (key, value) in overrides.iter().chain(&[("SIM__ADMIN_LISTEN", "127.0.0.1:0")]) {
        command.env(format!("FAILOVER__{key}"), value);
    }
    command.current_dir(directory);
    Server::start(name, command, directory.path(), Group::Shared).unwrap()
}
