//! `/api/v1/failover`.

mod asking;
pub(super) mod cancel;
pub(super) mod decide;
pub(super) mod events;
pub(super) mod extend;
pub(super) mod jobs;
pub(super) mod live;
pub(super) mod readiness;
pub(super) mod retry;
pub(super) mod settle;
mod start;
pub(super) mod test;

pub(crate) use start::created;
