//! The HTTP API of OSSEA failover: a thin skin over [`failover_engine::service::FailoverService`].
//!
//! [`router`] gives a tower service that a binary serves and tests call in process. Routes live in files that
//! mirror their paths; what goes over the wire is in [`dto`]; every error, whoever noticed it, becomes problem
//! details in [`error`] and nowhere else.

mod access;
mod cloud_view;
pub mod dto;
mod edge_headers;
pub mod error;
mod event_stream;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
mod journal_feed;
mod lanes;
mod layers;
mod openapi;
mod rate_limit;
mod routes;
mod state;
mod unchanged;
mod view;

use axum::Router;

pub use access::{ACCESS_RULES, AccessRule, Reach};
pub use idempotency::forget_old_keys;
pub use routes::description;
pub use state::{ApiPorts, ApiSettings, ApiState};

/// The API's routes with all their layers.
pub fn router(state: ApiState) -> Router {
    layers::around(routes::all(&state), &state).with_state(state)
}
