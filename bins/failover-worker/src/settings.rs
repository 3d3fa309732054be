//! Turns the configuration into the settings of each part.

use failover_config::{MigratePolicy, Mistake, OsseaSettings, TargetSettings, WorkerConfig, WorkerSettings};
use failover_domain::IdError;
use failover_engine::EngineSettings;
use failover_store::{Migrations, StoreSettings};
use failover_validation::Target;
use ossea::cloudstack::CloudStackSettings;
use secrecy::ExposeSecret;

/// What is wrong with a configuration beyond the form of its values: for `--check-config`.
pub(crate) fn mistakes(config: &WorkerConfig) -> Vec<Mistake> {
    let mistake = |path: &str, message: String| Mistake {
        path: path.to_owned(),
        message,
        origin: None,
    };
    let cloud = cloud(&config.ossea).problems();
    let mut mistakes: Vec<Mistake> = cloud
        .iter()
        .map(|p| mistake("ossea", format!("is wrong: {p}")))
        .collect();
    mistakes.extend(
        target(&config.target)
            .err()
            .map(|e| mistake("target", format!("is wrong: {e}"))),
    );
    mistakes
}

pub(crate) fn cloud(settings: &OsseaSettings) -> CloudStackSettings {
    let (api_key, secret_key) = (settings.api_key.clone(), settings.secret_key.clone());
    let mut cloud = CloudStackSettings::new(&settings.endpoint, api_key, secret_key);
    cloud.ca_file.clone_from(&settings.ca_file);
    cloud.request_timeout = settings.request_timeout;
    cloud.max_in_flight = settings.max_concurrent;
    cloud
}

pub(crate) fn target(settings: &TargetSettings) -> Result<Target, IdError> {
    Ok(Target {
        oma_vm: settings.oma_vm_id.parse()?,
        zone: settings.zone_id.parse()?,
        offering: settings.service_offering_id.parse()?,
        template: settings.template_id.parse()?,
        cpu_speed_mhz: settings.cpu_speed_mhz,
    })
}

pub(crate) fn store(config: &WorkerConfig) -> StoreSettings {
    let mut store = StoreSettings::new(store_url(config.database.url.expose_secret()));
    store.migrations = match config.database.migrate {
        MigratePolicy::OnStart => Migrations::Run,
        MigratePolicy::Never => Migrations::Check,
    };
    store.connections = config.database.pool_size.try_into().unwrap_or(store.connections);
    store
}

/// The configuration writes SQLite files as `sqlite:PATH`, the store as `sqlite://PATH`; both are accepted.
fn store_url(url: &str) -> String {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.starts_with("//") && !path.starts_with(':') => format!("sqlite://{path}"),
        Some(_) | None => url.to_owned(),
    }
}

pub(crate) fn engine(settings: &WorkerSettings) -> EngineSettings {
    EngineSettings {
        max_jobs: settings.max_jobs,
        lease: settings.lease,
        poll_interval: settings.poll_interval,
        cloud_poll_min: settings.cloud_poll_min,
        cloud_poll_max: settings.cloud_poll_max,
        retry_min: settings.retry_min,
        retry_max: settings.retry_max,
        forward_attempts: settings.forward_attempts,
        unavailable_budget: settings.unavailable_budget,
        settle_budget: settings.settle_budget,
        stop_grace: settings.stop_grace,
        drain: settings.drain_timeout,
        ..EngineSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_sqlite_url_are_accepted() {
        for (given, expected) in [
            ("sqlite:/var/lib/f.db", "sqlite:///var/lib/f.db"),
            ("sqlite:f.db", "sqlite://f.db"),
            ("sqlite:///var/lib/f.db", "sqlite:///var/lib/f.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://me@db/failover", "postgres://me@db/failover"),
        ] {
            assert_eq!(store_url(given), expected);
        }
    }
}
