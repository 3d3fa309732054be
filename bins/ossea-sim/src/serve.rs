//! Serves a cloud until the process is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use failover_config::{SimProfile, SimScope, SimSettings, SimStorage};
use http_edge::{Drain, EdgeSettings};
use ossea_sim::contents::{StorageKind, StorageScope};
use ossea_sim::http::{Credentials, SimServer};
use ossea_sim::{Cloud, Profile, SimClock};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::OnlyHere;
use crate::{contents, state};

/// Answers in flight wait for nothing longer than a slow deletion.
const EDGE: EdgeSettings = EdgeSettings {
    first_byte_timeout: Duration::from_secs(10),
    head_timeout: Duration::from_secs(10),
    body_idle_timeout: Duration::from_secs(15),
    idle_timeout: Duration::from_secs(75),
    max_connections: 1024,
    drain_deadline: Duration::from_secs(5),
};

#[tokio::main]
pub(crate) async fn run(settings: SimSettings, only_here: OnlyHere) -> anyhow::Result<()> {
    let clock = SimClock::of_system();
    let cloud = Arc::new(Mutex::new(cloud(&settings, &only_here, clock)?));
    let server = SimServer::new(Arc::clone(&cloud), clock, credentials(&settings));
    let server = match only_here.faults_by_request {
        true => server.accepting_faults_by_request(),
        false => server,
    };
    let api = listen(settings.listen).await?;
    let admin = match settings.admin_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    if let Some(file) = &only_here.save_state {
        // Now, when nothing is lost yet, rather than at the end.
        state::save(&cloud.lock().unwrap_or_else(PoisonError::into_inner), file)?;
    }
    let shutdown = stop_on_signal()?;
    announce(
        api.local_addr()?,
        admin.as_ref().map(TcpListener::local_addr).transpose()?,
    )?;
    let switches = async {
        match admin {
            Some(listener) => http_edge::serve(listener, server.admin(), EDGE, shutdown.clone()).await,
            None => Drain::Complete,
        }
    };
    let keep_up = async {
        tokio::select! {
            () = server.keep_up() => {}
            () = shutdown.cancelled() => {}
        }
    };
    let served = tokio::join!(
        http_edge::serve(api, server.api(), EDGE, shutdown.clone()),
        switches,
        keep_up
    );
    tracing::info!(api = ?served.0, admin = ?served.1, "stopped");
    match &only_here.save_state {
        Some(file) => {
            let mut cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
            cloud.advance(clock.now());
            state::save(&cloud, file)
        }
        None => Ok(()),
    }
}

fn cloud(settings: &SimSettings, only_here: &OnlyHere, clock: SimClock) -> anyhow::Result<Cloud> {
    if let Some(file) = &only_here.load_state {
        return state::load(file);
    }
    let storage = settings.storage.map(|storage| match storage {
        SimStorage::Nfs => StorageKind::Nfs,
        SimStorage::Rbd => StorageKind::Rbd,
        SimStorage::Managed => StorageKind::Managed,
    });
    let scope = settings.scope.map(|scope| match scope {
        SimScope::Zone => StorageScope::Zone,
        SimScope::Cluster => StorageScope::Cluster,
    });
    let contents = contents::read(settings.contents.as_deref())?.with_storage(storage, scope);
    let profile = match settings.profile {
        SimProfile::V4_18 => Profile::V4_18,
        SimProfile::V4_21 => Profile::V4_21,
        SimProfile::V4_22 => Profile::V4_22,
    };
    let cloud_settings = ossea_sim::SimSettings {
        role: only_here.role,
        throttling: only_here.throttle,
        post_enforcement: only_here.post_enforcement(),
        seed: settings.seed,
        latency_scale: settings.latency_scale,
        ..ossea_sim::SimSettings::of(profile)
    };
    let cloud_settings = only_here.switches.on_top_of(cloud_settings);
    let mut cloud = Cloud::new(&contents, cloud_settings, clock.now());
    if let Some(population) = only_here.populate {
        cloud.populate(population);
    }
    Ok(cloud)
}

fn credentials(settings: &SimSettings) -> Credentials {
    match &settings.credentials {
        Some(pair) => Credentials::new(pair.api_key.expose_secret(), pair.secret_key.expose_secret()),
        None => Credentials::development(),
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// Tells programs where the cloud is, in one line on stdout.
fn announce(api: SocketAddr, admin: Option<SocketAddr>) -> anyhow::Result<()> {
    let mut line = serde_json::json!({ "api_url": format!("http://{api}/client/api") });
    if let Some(admin) = admin {
        line["admin_url"] = format!("http://{admin}").into();
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}

/// A token that SIGTERM and SIGINT cancel.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        told.cancel();
    });
    Ok(shutdown)
}
