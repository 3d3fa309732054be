//! Two lanes for requests, so that much of the one kind does not keep the other from being served.
//!
//! What asks the cloud or works through an inventory is heavy: it takes seconds, and a script can ask for a thousand at
//! once. What looks at a job, or asks something of one, is light, and is what an operator needs most when everything
//! else is slow. Each lane has a number of places; a request that finds none is told so at once, and never waits for one
//! of the other lane.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::dto::ErrorCode;
use crate::error::ApiError;
use crate::state::{ApiSettings, ApiState};

/// After which time a caller who found no place may ask again.
const UNTIL_A_PLACE_IS_FREE: Duration = Duration::from_secs(2);

/// The places of both lanes.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    heavy: Arc<Semaphore>,
    light: Arc<Semaphore>,
}

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// It asks the cloud, or works through an inventory.
    Heavy,
    /// It looks at the database, or notes something there.
    Light,
}

impl Lanes {
    pub(crate) fn new(settings: &ApiSettings) -> Self {
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self {
            heavy: places(settings.heavy_requests),
            light: places(settings.light_requests),
        }
    }

    fn places(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Heavy => &self.heavy,
            Lane::Light => &self.light,
        }
    }
}

impl Lane {
    /// Where a request belongs. A start is light though it asks the cloud: it is what the product is for.
    fn of(method: &Method, path: &str, query: &str) -> Self {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        let is_dry_run = || query.split('&').any(|parameter| parameter == "dry_run=true");
        let asks_cloud = path.starts_with("/ossea/")
            || path.contains("readiness")
            || [
                "/configuration-check",
                "/network-mapping-status",
                "/volume-status",
            ]
            .iter()
            .any(|part| path.ends_with(part))
            || path.starts_with("/inventory/")
            || path == "/network-mappings/bulk"
            || (path.starts_with("/network-mappings/") && path.ends_with("/suggestions"));
        let is_start = *method == Method::POST && matches!(path, "/failover/live" | "/failover/test");
        if asks_cloud || (is_start && is_dry_run()) {
            Lane::Heavy
        } else {
            Lane::Light
        }
    }
}

/// Gives a request its place, or tells that there is none.
pub(crate) async fn in_its_lane(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let uri = request.extensions().get::<OriginalUri>().map(|uri| uri.0.clone());
    let uri = uri.unwrap_or_else(|| request.uri().clone());
    let lane = Lane::of(request.method(), uri.path(), uri.query().unwrap_or_default());
    match state.lanes.places(lane).try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => full(lane, &state.settings).into_response(),
    }
}

fn full(lane: Lane, settings: &ApiSettings) -> ApiError {
    let (what, most, setting) = match lane {
        Lane::Heavy => (
            "requests that ask the cloud or import an inventory",
            settings.heavy_requests,
            "server.heavy_requests",
        ),
        Lane::Light => ("requests", settings.light_requests, "server.light_requests"),
    };
    let detail = format!("this server is at {most} {what}, which are as many as it does at once");
    let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServerBusy, detail)
        .action("Try again in a moment, or ask another server. Nothing was done.")
        .action(format!("Raise {setting} if it happens often."));
    error.retry_after = Some(UNTIL_A_PLACE_IS_FREE);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_the_cloud_is_heavy_and_what_an_operator_needs_is_light() {
        let vm = "4205a841-0265-f4bd-39a6-39fd92196f53";
        for (method, path, query, lane) in [
            (
                Method::GET,
                format!("/api/v1/failover/{vm}/readiness"),
                "type=test",
                Lane::Heavy,
            ),
            (
                Method::GET,
                "/api/v1/failover/readiness".to_owned(),
                "",
                Lane::Heavy,
            ),
            (
                Method::GET,
                format!("/api/v1/vms/{vm}/failover-readiness"),
                "",
                Lane::Heavy,
            ),
            (
                Method::GET,
                format!("/api/v1/vms/{vm}/volume-status"),
                "type=test",
                Lane::Heavy,
            ),
            (
                Method::GET,
                format!("/api/v1/vms/{vm}/sync-status"),
                "",
                Lane::Light,
            ),
            (
                Method::POST,
                "/api/v1/failover/live".to_owned(),
                "dry_run=true",
                Lane::Heavy,
            ),
            (
                Method::POST,
                "/api/v1/inventory/import".to_owned(),
                "",
                Lane::Heavy,
            ),
            (Method::POST, "/api/v1/ossea/check".to_owned(), "", Lane::Heavy),
            (
                Method::POST,
                "/api/v1/failover/live".to_owned(),
                "dry_run=false",
                Lane::Light,
            ),
            (Method::POST, "/api/v1/failover/test".to_owned(), "", Lane::Light),
            (
                Method::GET,
                "/api/v1/failover/jobs/x/events".to_owned(),
                "",
                Lane::Light,
            ),
            (
                Method::GET,
                "/api/v1/failover/x/status".to_owned(),
                "",
                Lane::Light,
            ),
            (
                Method::POST,
                "/api/v1/failover/jobs/x/cancel".to_owned(),
                "",
                Lane::Light,
            ),
        ] {
            assert_eq!(Lane::of(&method, &path, query), lane, "{method} {path}?{query}");
        }
    }
}
