//! Opens the database, wires the parts together, and works until told to stop.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use failover_config::{EXIT_CONFIG, WorkerConfig};
use failover_engine::ports::WorkerId;
use failover_engine::{Clock, EngineParts, SystemClock, Worker};
use failover_store::{OpenError, Store};
use guest_probe::NetworkProbe;
use ossea::cloudstack::{CloudStackClient, install_tls_provider};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::settings;

/// The database's schema does not fit (`EX_DATAERR` of sysexits).
const EXIT_SCHEMA: u8 = 65;

/// The database cannot be reached (`EX_UNAVAILABLE` of sysexits).
const EXIT_UNAVAILABLE: u8 = 69;

/// Works until SIGTERM or SIGINT. A database or a cloud that goes away meanwhile is waited for.
#[tokio::main]
pub(crate) async fn run(config: &WorkerConfig) -> anyhow::Result<()> {
    // Before anything slow, so that a process that has just started can be stopped too.
    let shutdown = stop_on_signal()?;
    let opened = tokio::select! {
        opened = parts(config) => opened?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let worker = Worker::new(opened, WorkerId::fresh(&host()));
    announce(worker.id())?;
    worker.run(shutdown).await;
    Ok(())
}

/// The exit code that tells what kind of failure it was.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(OpenError::BadUrl { .. }) => ExitCode::from(EXIT_CONFIG),
        Some(OpenError::NewerSchema { .. } | OpenError::OlderSchema { .. }) => ExitCode::from(EXIT_SCHEMA),
        Some(OpenError::File { .. } | OpenError::Unreachable { .. } | OpenError::Migration { .. }) => {
            ExitCode::from(EXIT_UNAVAILABLE)
        }
        None => ExitCode::FAILURE,
    }
}

async fn parts(config: &WorkerConfig) -> anyhow::Result<EngineParts> {
    let store = Store::open(&settings::store(config)).await?;
    tracing::info!(database = store.database(), "The database is open.");
    install_tls_provider();
    let clock = Arc::new(|| SystemClock.now());
    let cloud =
        CloudStackClient::new(&settings::cloud(&config.ossea), clock).context("the cloud's settings")?;
    Ok(EngineParts {
        jobs: Arc::new(store.clone()),
        inventory: Arc::new(store.clone()),
        mappings: Arc::new(store),
        cloud: Arc::new(cloud),
        probe: Arc::new(NetworkProbe),
        target: settings::target(&config.target).context("the section [target]")?,
        clock: Arc::new(SystemClock),
        settings: settings::engine(&config.worker),
    })
}

/// Cancelled by SIGTERM and SIGINT.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Stopping: steps under way come to a safe point, then the jobs are handed back.");
        token.cancel();
    });
    Ok(shutdown)
}

/// The host's name, a part of the worker's id: people see in a job where it runs.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Tells programs that the worker runs.
fn announce(worker: &WorkerId) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::json!({ "worker": worker.as_str() }))?;
    Ok(stdout.flush()?)
}
