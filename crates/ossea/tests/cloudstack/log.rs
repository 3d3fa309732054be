//! What the client writes into the log.

use std::io;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use ossea::{Command, OsseaClient};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{API_KEY, Act, SECRET_KEY, ScriptedCloud, dated, json, now};

const KEY: &str = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";
const EMPTY: &str = r#"{"listvirtualmachinesresponse":{}}"#;

/// A log that a test can read.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// The lines of this crate; those below it belong to others.
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .filter(|line| line.contains(" ossea::"))
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Page;

    fn make_writer(&'a self) -> Page {
        self.clone()
    }
}

/// Logs everything of this thread until the guard is dropped.
fn log() -> (Page, tracing::subscriber::DefaultGuard) {
    let page = Page::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(page.clone())
        .finish();
    (page, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_call_leaves_one_line_with_command_key_duration_and_outcome() {
    let (page, _guard) = log();
    let cloud = ScriptedCloud::start(vec![Act::HangUp, json(EMPTY)]).await;
    let client = cloud.client();
    let command = Command::DetachVolume {
        volume: "volume-1".parse().unwrap(),
    };
    client.submit(&KEY.parse().unwrap(), &command).await.unwrap_err();
    client.vms().await.unwrap();
    let lines = page.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in [
        "DEBUG",
        "command=\"detachVolume\"",
        KEY,
        "duration_ms=",
        "outcome=\"outcome_unknown\"",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(
        lines[1].contains("outcome=\"ok\"") && !lines[1].contains("request_key"),
        "{}",
        lines[1]
    );
}

#[tokio::test]
async fn the_log_holds_no_secret_at_any_level() {
    let (page, _guard) = log();
    let cloud = ScriptedCloud::start(vec![json(EMPTY), Act::HangUp, Act::FallSilent]).await;
    let client = cloud.client_with(|settings| settings.request_timeout /= 100, now);
    client.vms().await.unwrap();
    client.vms().await.unwrap_err();
    client.vms().await.unwrap_err();
    let text = page.lines().join("\n");
    assert!(
        !text.is_empty() && !text.contains(API_KEY) && !text.contains(SECRET_KEY),
        "{text}"
    );
}

#[tokio::test]
async fn a_notable_clock_difference_is_warned_of_once() {
    let (page, _guard) = log();
    let clouds = now() - TimeDelta::minutes(5);
    let cloud = ScriptedCloud::start(vec![dated(200, EMPTY, clouds), dated(200, EMPTY, clouds)]).await;
    let client = cloud.client();
    client.vms().await.unwrap();
    client.vms().await.unwrap();
    let warnings: Vec<String> = page
        .lines()
        .into_iter()
        .filter(|line| line.contains("WARN"))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("skew_seconds=-300"), "{}", warnings[0]);
}
