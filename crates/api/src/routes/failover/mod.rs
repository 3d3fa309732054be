//! `/api/v1/failover`.

pub(super) mod cancel;
pub(super) mod events;
pub(super) mod jobs;
pub(super) mod live;
pub(super) mod readiness;
