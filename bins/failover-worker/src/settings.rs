//! Turns the section `[worker]` into the engine's settings.

use failover_config::WorkerSettings;
use failover_engine::EngineSettings;

pub(crate) fn engine(settings: &WorkerSettings) -> EngineSettings {
    EngineSettings {
        max_jobs: settings.max_jobs,
        lease: settings.lease,
        poll_interval: settings.poll_interval,
        cloud_poll_min: settings.cloud_poll_min,
        cloud_poll_max: settings.cloud_poll_max,
        retry_min: settings.retry_min,
        retry_max: settings.retry_max,
        lost_after: settings.lost_after,
        forward_attempts: settings.forward_attempts,
        unavailable_budget: settings.unavailable_budget,
        settle_budget: settings.settle_budget,
        stop_grace: settings.stop_grace,
        boot_steady: settings.boot_steady,
        health_interval: settings.health_interval,
        drain: settings.drain_timeout,
    }
}
