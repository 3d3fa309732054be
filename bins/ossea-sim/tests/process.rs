//! The simulator as a process: what it says, and what it leaves behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A running simulator. Dropping it ends it.
struct Simulator {
    child: Child,
    admin: String,
}

impl Simulator {
    fn start(arguments: &[&str]) -> Self {
        let mut child = simulator(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let up: Value = serde_json::from_str(&line).unwrap();
        let admin = up["admin_url"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://")
            .to_owned();
        Self { child, admin }
    }

    /// An exchange with the administrator's door.
    fn admin(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{head}");
        serde_json::from_str(body).unwrap()
    }

    /// Asks it to end, and waits until it has.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn simulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ossea-sim"));
    command
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("FAILOVER_CONFIG");
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_cloud_that_was_saved_at_the_end_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cloud.json");
    let first = Simulator::start(&["--save-state", text(&file), "--seed", "7", "--profile", "4.18"]);
    let rule = json!({ "command": "*", "probability": 0.5, "effect": { "kind": "lost_reply" } });
    first.admin("POST", "/admin/faults", &rule.to_string());
    let seen =
        ["/admin/state", "/admin/faults", "/admin/health"].map(|path| (path, first.admin("GET", path, "")));
    first.stop();
    let second = Simulator::start(&["--load-state", text(&file)]);
    for (path, before) in seen {
        assert_eq!(second.admin("GET", path, ""), before, "{path}");
    }
    second.stop();
}

#[test]
fn what_cannot_be_loaded_ends_the_simulator_at_once_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cloud.json");
    std::fs::write(&file, r#"{"format":0}"#).unwrap();
    let Output { status, stderr, .. } = simulator(&["--load-state", text(&file)]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(
        !status.success() && stderr.contains("cloud.json") && stderr.contains("format 0"),
        "{stderr}"
    );
    let nowhere = directory.path().join("missing").join("cloud.json");
    let Output { status, stderr, .. } = simulator(&["--save-state", text(&nowhere)]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!status.success() && stderr.contains("missing"), "{stderr}");
    let Output { status, stderr, .. } = simulator(&["--populate", "vms=none"]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(
        !status.success() && stderr.contains("vms is from 1 to 60000"),
        "{stderr}"
    );
}
