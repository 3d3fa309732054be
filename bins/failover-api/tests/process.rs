//! The API as a process: what it says, and how it ends.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A command with a complete configuration in `dir`, for a cloud that is not there.
fn api(dir: &Path, database: &str) -> Command {
    let file = |name: &str, content: &str| {
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (api_key, secret_key) = (
        file("api-key", "key-in-the-clear\n"),
        file("secret-key", "secret-in-the-clear\n"),
    );
    let config = file(
        "api.toml",
        &format!(
            "[database]\nurl = \"{database}\"\n[server]\nlisten = \"127.0.0.1:0\"\nallow_anonymous = true\n[ossea]\nendpoint = \
             \"http://127.0.0.1:9/client/api\"\napi_key_file = \"{api_key}\"\nsecret_key_file = \
             \"{secret_key}\"\n[target]\noma_vm_id = \"oma\"\nzone_id = \"zone\"\nservice_offering_id = \
             \"offering\"\ntemplate_id = \"template\"\n"
        ),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_failover-api"));
    // Settings of whoever runs the tests must not reach the program.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FAILOVER") {
            command.env_remove(name);
        }
    }
    command.args(["--config", &config]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn sqlite(dir: &Path) -> String {
    format!("sqlite:{}", dir.join("failover.sqlite").display())
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Kills the process if the test fails before it ends.
struct Running(Child);

impl Running {
    /// Asks the process to stop.
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -$0 $1", name, &pid])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One GET request on a connection of its own.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_listens_serves_and_stops_when_asked() {
    for asked in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Running(api(dir.path(), &sqlite(dir.path())).spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = said["listening"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap();
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"), "{address}");
        assert!(get(address, "/api/v1/nowhere").contains("ROUTE_NOT_FOUND"));
        running.signal(asked);
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "standard output has one line");
    }
}

#[test]
fn an_unreachable_database_is_69() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let dir = tempfile::tempdir().unwrap();
    let url = format!("postgres://me@127.0.0.1:{port}/failover");
    let output = api(dir.path(), &url).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    assert!(
        text(&output).contains(&format!("127.0.0.1:{port}")),
        "{}",
        text(&output)
    );
    assert!(!text(&output).contains("panicked"), "{}", text(&output));
}

#[test]
fn an_address_that_is_taken_is_told_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let mut command = api(dir.path(), &sqlite(dir.path()));
    let output = command
        .env("FAILOVER__SERVER__LISTEN", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("server.listen") && text(&output).contains(&address),
        "{}",
        text(&output)
    );
}

#[test]
fn a_check_reports_every_mistake_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = api(dir.path(), &sqlite(dir.path()));
    command
        .arg("--check-config")
        .env("FAILOVER__SERVER__LISTEN", "0.0.0.0:80");
    let output = command
        .env("FAILOVER__TARGET__ZONE_ID", "not an id")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    for path in ["server.listen", "target.zone_id"] {
        assert!(text(&output).contains(path), "{}", text(&output));
    }
    for option in ["--check-config", "--print-config"] {
        let output = api(dir.path(), &sqlite(dir.path())).arg(option).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(!text(&output).contains("in-the-clear"), "{}", text(&output));
    }
}

#[test]
fn the_help_documents_the_exit_codes() {
    let output = Command::new(env!("CARGO_BIN_EXE_failover-api"))
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

#[test]
fn an_api_that_nobody_could_use_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let output = api(dir.path(), &sqlite(dir.path()))
        .env("FAILOVER__SERVER__ALLOW_ANONYMOUS", "false")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    for part in ["server.token_file", "server.allow_anonymous", "token create"] {
        assert!(text(&output).contains(part), "{}", text(&output));
    }
}
