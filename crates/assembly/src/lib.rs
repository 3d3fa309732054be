//! Turns a configuration into the parts that API and worker run, and an error at the start into an exit code.
//!
//! This is the one place below the binaries that sees every crate; it holds wiring and nothing else.

mod writer;

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use failover_config::{
    DatabaseSettings, EXIT_CONFIG, MigratePolicy, Mistake, OsseaSettings, TargetSettings, WorkerConfig,
};
use failover_domain::IdError;
use failover_engine::{Clock, SystemClock};
use failover_store::{Migrations, OpenError, Store, StoreSettings};
use failover_validation::Target;
use ossea::cloudstack::{CloudStackClient, CloudStackSettings, install_tls_provider};
use ossea::{OsseaClient, Priority};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub use writer::writer;

/// The database's schema does not fit (`EX_DATAERR` of sysexits).
pub const EXIT_SCHEMA: u8 = 65;

/// The database cannot be reached (`EX_UNAVAILABLE` of sysexits).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// A request may be on its way for this much longer than it is valid before it is taken for lost: what clocks are off, and
/// what an answer takes.
const LOST_MARGIN: Duration = Duration::from_secs(2);

/// What is wrong with the sections that both servers have, beyond the form of their values: for
/// `--check-config`.
pub fn mistakes(ossea: &OsseaSettings, target_section: &TargetSettings) -> Vec<Mistake> {
    let mistake = |path: &str, message: String| Mistake {
        path: path.to_owned(),
        message,
        origin: None,
    };
    let mut mistakes: Vec<Mistake> = cloud_settings(ossea)
        .problems()
        .iter()
        .map(|p| mistake("ossea", format!("is wrong: {p}")))
        .collect();
    mistakes.extend(
        target(target_section)
            .err()
            .map(|e| mistake("target", format!("is wrong: {e}"))),
    );
    mistakes
}

/// The same for the worker, which also depends on how its sections fit together.
pub fn worker_mistakes(config: &WorkerConfig) -> Vec<Mistake> {
    let mut mistakes = mistakes(&config.ossea, &config.target);
    mistakes.extend(writer::mistakes(&config.oma));
    let (lost_after, valid) = (config.worker.lost_after, config.ossea.signature_ttl);
    if lost_after < valid + LOST_MARGIN {
        let message = format!(
            "is {lost_after:?}, which is too short: a request is valid for {valid:?} (ossea.signature_ttl), and one that is \
             taken for lost while it may still be accepted could make a second VM; allowed is {:?} or more",
            valid + LOST_MARGIN
        );
        mistakes.push(Mistake {
            path: "worker.lost_after".to_owned(),
            message,
            origin: None,
        });
    }
    mistakes
}

/// Opens the database.
///
/// # Errors
/// [`OpenError`], for which [`exit_code`] has a code.
pub async fn open_store(settings: &DatabaseSettings) -> Result<Store, OpenError> {
    let store = Store::open(&store_settings(settings)).await?;
    tracing::info!(database = store.database(), "The database is open.");
    Ok(store)
}

/// The client of the cloud. Installs the TLS provider first.
///
/// # Errors
/// When the settings cannot be used.
pub fn cloud(settings: &OsseaSettings) -> anyhow::Result<CloudStackClient> {
    install_tls_provider();
    let clock = Arc::new(|| SystemClock.now());
    CloudStackClient::new(&cloud_settings(settings), clock).context("the section [ossea]")
}

/// The client of a process that answers people's questions: its calls leave the others' alone.
///
/// # Errors
/// When the settings cannot be used.
pub fn cloud_for_questions(settings: &OsseaSettings) -> anyhow::Result<Arc<dyn OsseaClient>> {
    Ok(cloud(settings)?.with_priority(Priority::Background))
}

/// Where to.
///
/// # Errors
/// The first value that is no id.
pub fn target(settings: &TargetSettings) -> Result<Target, IdError> {
    Ok(Target {
        oma_vm: settings.oma_vm_id.parse()?,
        zone: settings.zone_id.parse()?,
        offering: settings.service_offering_id.parse()?,
        template: settings.template_id.parse()?,
        cpu_speed_mhz: settings.cpu_speed_mhz,
        test_networks: settings
            .test_network_ids
            .iter()
            .map(|id| id.parse())
            .collect::<Result<_, _>>()?,
    })
}

/// An API that nobody could use is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NobodyMayAsk;

impl fmt::Display for NobodyMayAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nobody could use this API: server.token_file names no token, the database has no valid one, and \
             server.allow_anonymous is not true. Set server.token_file and make tokens with it (failoverctl token create \
             NAME --role admin), or set server.allow_anonymous = true to serve everybody on this machine",
        )
    }
}
impl std::error::Error for NobodyMayAsk {}

/// The exit code that tells what kind of failure ended a server.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<NobodyMayAsk>().is_some() {
        return ExitCode::from(EXIT_CONFIG);
    }
    match error.downcast_ref::<OpenError>() {
        Some(OpenError::BadUrl { .. }) => ExitCode::from(EXIT_CONFIG),
        Some(OpenError::NewerSchema { .. } | OpenError::OlderSchema { .. }) => ExitCode::from(EXIT_SCHEMA),
        Some(OpenError::File { .. } | OpenError::Unreachable { .. } | OpenError::Migration { .. }) => {
            ExitCode::from(EXIT_UNAVAILABLE)
        }
        None => ExitCode::FAILURE,
    }
}

/// A token that SIGTERM and SIGINT cancel. To be called before anything slow, so that a process that has just
/// started can be stopped too.
///
/// # Errors
/// When the system takes no signal handlers.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Stopping.");
        token.cancel();
    });
    Ok(shutdown)
}

fn cloud_settings(settings: &OsseaSettings) -> CloudStackSettings {
    let (api_key, secret_key) = (settings.api_key.clone(), settings.secret_key.clone());
    let mut cloud = CloudStackSettings::new(&settings.endpoint, api_key, secret_key);
    cloud.ca_file.clone_from(&settings.ca_file);
    cloud.request_timeout = settings.request_timeout;
    cloud.max_in_flight = settings.max_concurrent;
    cloud.requests_per_second = settings.requests_per_second;
    cloud.breaker_failures = settings.breaker_failures;
    cloud.breaker_failure_percent = settings.breaker_failure_percent;
    cloud.breaker_rest = settings.breaker_rest;
    cloud.signature_ttl = settings.signature_ttl;
    cloud
}

fn store_settings(settings: &DatabaseSettings) -> StoreSettings {
    let mut store = StoreSettings::new(settings.url.expose_secret());
    store.migrations = match settings.migrate {
        MigratePolicy::OnStart => Migrations::Run,
        MigratePolicy::Never => Migrations::Check,
    };
    store.connections = settings.pool_size.try_into().unwrap_or(store.connections);
    store
}
