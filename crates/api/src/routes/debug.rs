//! `/api/v1/debug`: for whoever looks for a fault. Nothing here changes anything, and nothing asks the cloud.

pub(super) mod endpoints;
pub(super) mod failover_jobs;
pub(super) mod health;
pub(super) mod logs;
