//! The routes, in files that mirror their paths.

mod attention;
mod audit;
mod debug;
mod failover;
mod health;
mod inventory;
mod metrics;
mod network_mappings;
mod ossea;
mod tokens;
mod vms;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::routing::{delete, get, post, put};

use crate::access::admit;
use crate::dto::ErrorCode;
use crate::error::ApiError;
use crate::idempotency::carry_out_once;
use crate::lanes::in_its_lane;
use crate::rate_limit::limit_rate;
use crate::state::{ApiSettings, ApiState};
use crate::unchanged::leave_out_unchanged;

pub(crate) use failover::created;

/// All routes.
pub(crate) fn all(state: &ApiState) -> Router<ApiState> {
    let limit = state.settings.body_limit;
    let api = Router::new()
        .route("/failover/live", post(failover::live::start))
        .route("/failover/test", post(failover::test::start))
        .route("/failover/test/{job_id}", delete(failover::test::end))
        .route("/failover/jobs", get(failover::jobs::list))
        .route("/failover/jobs/{job_id}", get(failover::jobs::show))
        .route("/failover/jobs/{job_id}/events", get(failover::events::list))
        .route("/failover/jobs/{job_id}/cancel", post(failover::cancel::cancel))
        .route("/failover/jobs/{job_id}/retry", post(failover::retry::retry))
        .route("/failover/jobs/{job_id}/extend", post(failover::extend::extend))
        .route("/failover/jobs/{job_id}/decide", post(failover::decide::decide))
        .route("/failover/jobs/{job_id}/commit", post(failover::settle::commit))
        .route(
            "/failover/jobs/{job_id}/rollback",
            post(failover::settle::rollback),
        )
        .route("/failover/{job_id}/status", get(failover::jobs::status))
        .route("/failover/readiness", get(failover::readiness::show_many))
        .route("/failover/{vm_id}/readiness", get(failover::readiness::show))
        .route("/attention", get(attention::list))
        .route("/audit", get(audit::list))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{token_id}", delete(tokens::revoke))
        .route("/vms", get(vms::list))
        .route("/vms/{vm_id}", get(vms::show))
        .route("/vms/{vm_id}/replica", put(vms::report_replica))
        .route("/vms/{vm_id}/failover-readiness", get(failover::readiness::show))
        .route("/vms/{vm_id}/sync-status", get(vms::parts::sync))
        .route("/vms/{vm_id}/network-mapping-status", get(vms::parts::networks))
        .route("/vms/{vm_id}/volume-status", get(vms::parts::volumes))
        .route("/vms/{vm_id}/active-jobs", get(vms::parts::active_jobs))
        .route("/vms/{vm_id}/configuration-check", get(vms::parts::configuration))
        .route("/vms/{vm_id}/quarantine", get(vms::quarantine::show))
        .route(
            "/vms/{vm_id}/quarantine/{volume_id}",
            delete(vms::quarantine::clear),
        )
        .route("/network-mappings", post(network_mappings::create))
        .route("/network-mappings/{vm_id}", get(network_mappings::list))
        .route(
            "/network-mappings/{vm_id}/{source_network}",
            put(network_mappings::replace).delete(network_mappings::remove),
        )
        .route("/ossea/capabilities", get(ossea::capabilities::show))
        .route("/ossea/check", post(ossea::check::run))
        .route("/ossea/zones", get(ossea::lists::zones))
        .route("/ossea/networks", get(ossea::lists::networks))
        .route("/ossea/service-offerings", get(ossea::lists::service_offerings))
        .route("/ossea/templates", get(ossea::lists::templates))
        .route("/ossea/vms", get(ossea::vms::search))
        .route("/debug/health", get(debug::health::show))
        .route("/debug/failover-jobs", get(debug::failover_jobs::list))
        .route("/debug/endpoints", get(debug::endpoints::list))
        .route("/debug/logs", get(debug::logs::list))
        .layer(middleware::from_fn_with_state(state.clone(), in_its_lane))
        .layer(middleware::from_fn_with_state(state.clone(), carry_out_once))
        .layer(DefaultBodyLimit::max(limit))
        .merge(
            Router::new()
                .route("/inventory/import", post(inventory::import))
                .layer(middleware::from_fn_with_state(state.clone(), in_its_lane))
                .layer(middleware::from_fn_with_state(state.clone(), carry_out_once))
                .layer(DefaultBodyLimit::max(
                    limit.saturating_mul(ApiSettings::IMPORT_FACTOR),
                )),
        )
        .fallback(unknown_route)
        .layer(middleware::from_fn(leave_out_unchanged))
        .layer(middleware::from_fn_with_state(state.clone(), limit_rate))
        .layer(middleware::from_fn_with_state(state.clone(), admit));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .nest("/api/v1", api)
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
}

async fn unknown_route(method: Method, uri: Uri) -> ApiError {
    let detail = format!("there is no route {method} {}", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, ErrorCode::RouteNotFound, detail)
        .action("Check the path; the API's routes begin with /api/v1.")
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{} does not take {method}", uri.path());
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::MethodNotAllowed,
        detail,
    )
    .action("Use a method that the header Allow names.")
}
