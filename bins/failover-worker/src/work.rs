//! Opens the database, wires the parts together, and works until told to stop.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use failover_assembly::{cloud, open_store, stop_on_signal, target, writer};
use failover_config::WorkerConfig;
use failover_engine::ports::WorkerId;
use failover_engine::{EngineParts, SystemClock, Worker};
use guest_probe::NetworkProbe;

use crate::settings;

/// Works until SIGTERM or SIGINT. A database or a cloud that goes away meanwhile is waited for.
#[tokio::main]
pub(crate) async fn run(config: &WorkerConfig) -> anyhow::Result<()> {
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

async fn parts(config: &WorkerConfig) -> anyhow::Result<EngineParts> {
    let store = open_store(&config.database).await?;
    Ok(EngineParts {
        jobs: Arc::new(store.clone()),
        inventory: Arc::new(store.clone()),
        mappings: Arc::new(store),
        cloud: Arc::new(cloud(&config.ossea)?),
        probe: Arc::new(NetworkProbe),
        writer: writer(&config.oma).context("the section [oma]")?,
        target: target(&config.target).context("the section [target]")?,
        clock: Arc::new(SystemClock),
        settings: settings::engine(&config.worker),
    })
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
