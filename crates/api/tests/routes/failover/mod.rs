//! `/api/v1/failover`.

mod cancel;
mod decide;
mod event_stream;
mod events;
mod extend;
mod fleet_readiness;
mod jobs;
mod live;
mod live_refused;
mod readiness;
mod readiness_changes;
mod retry;
mod settle;
mod test;
mod test_refused;
mod views;
