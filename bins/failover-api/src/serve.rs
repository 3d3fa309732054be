//! Opens the database, wires the parts together, and serves until told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context;
use failover_access::{TokenStanding, Tokens};
use failover_api::{ApiPorts, ApiSettings, ApiState};
use failover_assembly::{NobodyMayAsk, cloud_for_questions, open_store, stop_on_signal, target};
use failover_config::{ApiConfig, ServerSettings, TlsFiles};
use failover_engine::ports::{Inventory, JobStore, Mappings};
use failover_engine::{Clock, FailoverService, SystemClock};
use http_edge::{Drain, EdgeSettings, TlsError, TlsIdentity};
use log_ring::LogRing;

/// Serves until SIGTERM or SIGINT. A database or a cloud that goes away meanwhile is told to the callers.
#[tokio::main]
pub(crate) async fn run(config: &ApiConfig, ring: LogRing) -> anyhow::Result<()> {
    let shutdown = stop_on_signal()?;
    let store = tokio::select! {
        store = open_store(&config.database) => store?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let server = &config.server;
    somebody_may_ask(server, &store).await?;
    let settings = ApiSettings {
        token: server.token.clone(),
        allow_anonymous: server.allow_anonymous,
        boot_within: config.failover.boot_within,
        request_timeout: server.request_timeout,
        retention_warn_after: config.failover.retention_warn_after,
        max_event_streams: server.max_event_streams,
        idempotency_kept_for: server.idempotency_kept_for,
        heavy_requests: server.heavy_requests,
        light_requests: server.light_requests,
        requests_per_second: NonZeroU32::new(server.requests_per_second).unwrap_or(NonZeroU32::MIN),
        allowed_origins: server.allowed_origins.clone(),
        ..ApiSettings::default()
    };
    let edge = EdgeSettings {
        first_byte_timeout: server.first_byte_timeout,
        head_timeout: server.header_timeout,
        body_idle_timeout: server.body_idle_timeout,
        idle_timeout: server.idle_timeout,
        max_connections: server.max_connections,
        drain_deadline: server.drain_timeout,
    };
    check_descriptors(server.max_connections);
    let listener = http_edge::listen(server.listen).with_context(|| {
        format!(
            "server.listen is {}, which cannot be listened on; choose another address or port",
            server.listen
        )
    })?;
    let tls = identity(server)?;
    announce(listener.local_addr()?, tls.is_some())?;
    let ports = ApiPorts::of(Arc::new(store.clone()));
    let state = ApiState::new(service(config, store)?, ports, settings)
        .with_log_ring(ring)
        .until(shutdown.clone());
    tokio::spawn(failover_api::forget_old_keys(state.clone()));
    let router = failover_api::router(state);
    let drain = match tls {
        None => http_edge::serve(listener, router, edge, shutdown).await,
        Some(tls) => http_edge::serve_over_tls(listener, tls, router, edge, shutdown).await,
    };
    match drain {
        Drain::Complete => tracing::info!("Stopped; every request was finished."),
        Drain::Cut { connections } => {
            tracing::warn!(
                connections,
                "Stopped; some requests did not finish in time and were cut off."
            );
        }
    }
    Ok(())
}

fn service<S>(config: &ApiConfig, store: S) -> anyhow::Result<FailoverService>
where
    S: JobStore + Inventory + Mappings + Clone + 'static,
{
    Ok(FailoverService {
        jobs: Arc::new(store.clone()),
        inventory: Arc::new(store.clone()),
        mappings: Arc::new(store),
        cloud: cloud_for_questions(&config.ossea)?,
        target: target(&config.target).context("the section [target]")?,
        clock: Arc::new(SystemClock),
    })
}

/// How many files the process needs beside its connections: the database, the cloud, logs.
const OTHER_FILES: u64 = 128;

/// Sees to it that so many connections can be open, or says that they cannot.
fn check_descriptors(connections: usize) {
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHER_FILES);
    if let Some(allowed) = http_edge::allow_many_connections().filter(|allowed| *allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "The system lets this process open fewer files than server.max_connections needs: raise its limit (LimitNOFILE \
             in systemd), or lower server.max_connections."
        );
    }
}

/// An API that nobody could use does not start.
async fn somebody_may_ask(server: &ServerSettings, tokens: &dyn Tokens) -> anyhow::Result<()> {
    if server.allow_anonymous {
        tracing::warn!("Everybody on this machine may do everything: server.allow_anonymous is true.");
        return Ok(());
    }
    if server.token.is_some() {
        return Ok(());
    }
    let tokens = tokens.tokens().await.context("the tokens cannot be read")?;
    let now = SystemClock.now();
    if tokens
        .iter()
        .any(|token| token.standing(now) == TokenStanding::Valid)
    {
        return Ok(());
    }
    Err(NobodyMayAsk.into())
}

/// Who the server says it is, where it is served over TLS.
pub(crate) fn identity(server: &ServerSettings) -> Result<Option<TlsIdentity>, TlsError> {
    let read = |tls: &TlsFiles| TlsIdentity::from_files(&tls.cert_file, &tls.key_file);
    server.tls.as_ref().map(read).transpose()
}

/// Tells programs where the API is.
fn announce(address: SocketAddr, is_tls: bool) -> anyhow::Result<()> {
    let scheme = if is_tls { "https" } else { "http" };
    tracing::info!(%address, scheme, "Serving.");
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "{}",
        serde_json::json!({ "listening": format!("{scheme}://{address}") })
    )?;
    Ok(stdout.flush()?)
}
