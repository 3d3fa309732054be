//! `/api/v1/failover`.

mod cancel;
mod events;
mod jobs;
mod live;
mod live_refused;
mod readiness;
