//! A log that cannot be written, as on a full disk, keeps no process from its work or from ending in order.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use failover_system_tests::process::{Group, Process};
use failover_system_tests::server::Binaries;
use rustix::process::Signal;

#[test]
fn a_process_whose_log_cannot_be_written_works_and_ends_in_order() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Binaries::beside_test().unwrap().command("ossea-sim").unwrap();
    command
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(full);
    let mut process = Process::start("ossea-sim", &mut command, Group::Shared).unwrap();
    let stdout = process.child().stdout.take().unwrap();
    let up = BufReader::new(stdout).lines().map_while(Result::ok);
    let up = up.into_iter().find(|line| line.starts_with('{'));
    assert!(up.is_some_and(|line| line.contains("api_url")));
    process.signal(Signal::TERM).unwrap();
    assert!(process.wait(Duration::from_secs(30)).unwrap().success());
}
