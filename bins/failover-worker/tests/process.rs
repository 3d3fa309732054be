//! The worker as a process: what it says, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A command with a complete configuration in `dir`, on a fresh SQLite file, for a cloud that is not there.
fn worker(dir: &Path, database: &str) -> Command {
    let file = |name: &str, content: &str| {
        let path = dir.join(name);
        std::fs::write(&path, content).expect("the directory is ours");
        path.display().to_string()
    };
    let (api_key, secret_key) = (
        file("api-key", "key-in-the-clear\n"),
        file("secret-key", "secret-in-the-clear\n"),
    );
    let config = file(
        "worker.toml",
        &format!(
            "[database]\nurl = \"{database}\"\n[ossea]\nendpoint = \"http://127.0.0.1:9/client/api\"\napi_key_file = \
             \"{api_key}\"\nsecret_key_file = \"{secret_key}\"\n[target]\noma_vm_id = \"oma\"\nzone_id = \
             \"zone\"\nservice_offering_id = \"offering\"\ntemplate_id = \"template\"\n"
        ),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_failover-worker"));
    // Settings of whoever runs the tests must not reach the program.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FAILOVER") {
            command.env_remove(name);
        }
    }
    command
        .args(["--config", &config])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn sqlite(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("failover.sqlite").display())
}

fn text(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}

/// Kills the process if the test fails before it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_announces_itself_and_stops_when_asked() {
    for asked in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Running(worker(dir.path(), &sqlite(dir.path())).spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(said["worker"].as_str().is_some_and(|id| id.len() > 32), "{line}");
        let pid = running.0.id().to_string();
        assert!(
            Command::new("sh")
                .args(["-c", "kill -$0 $1", asked, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "standard output has one line");
    }
}

#[test]
fn an_unreachable_database_is_69() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let dir = tempfile::tempdir().unwrap();
    let output = worker(dir.path(), &format!("postgres://me@127.0.0.1:{port}/failover"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    assert!(
        text(&output).contains(&format!("127.0.0.1:{port}")),
        "{}",
        text(&output)
    );
}

#[test]
fn a_directory_that_is_not_there_is_69() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("missing").join("failover.sqlite");
    let output = worker(dir.path(), &format!("sqlite:{}", nowhere.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    assert!(text(&output).contains("missing"), "{}", text(&output));
}

#[test]
fn a_check_reports_every_mistake_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let output = worker(dir.path(), &sqlite(dir.path()))
        .arg("--check-config")
        .env("FAILOVER__WORKER__LEASE", "soon")
        .env("FAILOVER__TARGET__ZONE_ID", "not an id")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    for path in ["worker.lease", "target.zone_id"] {
        assert!(text(&output).contains(path), "{}", text(&output));
    }
    let output = worker(dir.path(), &sqlite(dir.path()))
        .arg("--check-config")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(!text(&output).contains("in-the-clear"));
}

#[test]
fn a_mistake_that_only_the_cloud_client_sees_is_reported_too() {
    let dir = tempfile::tempdir().unwrap();
    let output = worker(dir.path(), &sqlite(dir.path()))
        .arg("--check-config")
        .env("FAILOVER__OSSEA__CA_FILE", dir.path().join("api-key"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output).contains("ca_file"), "{}", text(&output));
}

#[test]
fn a_request_must_not_be_taken_for_lost_while_it_may_be_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let check = |lost_after: &str| {
        worker(dir.path(), &sqlite(dir.path()))
            .arg("--check-config")
            .env("FAILOVER__OSSEA__SIGNATURE_TTL", "30s")
            .env("FAILOVER__WORKER__LOST_AFTER", lost_after)
            .output()
            .unwrap()
    };
    let short = check("31s");
    assert_eq!(short.status.code(), Some(78));
    for part in ["worker.lost_after", "31s", "signature_ttl", "32s"] {
        assert!(text(&short).contains(part), "{}", text(&short));
    }
    assert_eq!(check("32s").status.code(), Some(0));
}

#[test]
fn the_help_documents_the_exit_codes() {
    let output = Command::new(env!("CARGO_BIN_EXE_failover-worker"))
        .arg("--help")
        .output()
        .unwrap();
    for code in [
        "65  the database's schema",
        "69  the database cannot",
        "78  the configuration",
    ] {
        assert!(text(&output).contains(code), "{}", text(&output));
    }
}
