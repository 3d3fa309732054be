//! The API in process, over the memory store and the simulated cloud. Files mirror the routes.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod access;
mod attention;
mod audit;
mod debug;
mod described;
mod failover;
mod fixture;
mod health;
mod idempotency;
mod inventory;
mod jobs_at_hand;
mod load;
mod many_mappings;
mod matrix;
mod metrics;
mod network_mappings;
mod openapi;
mod ossea;
mod protocol;
mod quarantine;
mod readiness_parts;
mod restricted;
mod tokens;
mod unchanged;
mod vms;
