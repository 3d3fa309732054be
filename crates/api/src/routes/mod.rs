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

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::admit;
use crate::dto::ErrorCode;
use crate::error::ApiError;
use crate::idempotency::carry_out_once;
use crate::lanes::in_its_lane;
use crate::openapi::{self, KnownQueries, refuse_unknown};
use crate::rate_limit::limit_rate;
use crate::state::{ApiSettings, ApiState};
use crate::unchanged::leave_out_unchanged;

pub(crate) use failover::created;

/// Where the API's own routes are.
const API: &str = "/api/v1";

/// All routes.
pub(crate) fn all(state: &ApiState) -> Router<ApiState> {
    let document = description();
    let queries = Arc::new(KnownQueries::of(&document));
    let limit = state.settings.body_limit;
    let large = limit.saturating_mul(ApiSettings::IMPORT_FACTOR);
    let api = limited(with_token(), limit, state)
        .merge(limited(with_large_body(), large, state))
        .route_layer(middleware::from_fn_with_state(queries, refuse_unknown))
        .fallback(unknown_route)
        .layer(middleware::from_fn(leave_out_unchanged))
        .layer(middleware::from_fn_with_state(state.clone(), limit_rate))
        .layer(middleware::from_fn_with_state(state.clone(), admit));
    Router::from(without_token())
        .nest(API, api)
        .merge(openapi::routes(document))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
}

/// Routes whose bodies have at most so many bytes, in their lanes.
fn limited(routes: OpenApiRouter<ApiState>, body_limit: usize, state: &ApiState) -> Router<ApiState> {
    Router::from(routes)
        .layer(middleware::from_fn_with_state(state.clone(), in_its_lane))
        .layer(middleware::from_fn_with_state(state.clone(), carry_out_once))
        .layer(DefaultBodyLimit::max(body_limit))
}

/// The API's description (OpenAPI 3.1), as it is served.
pub fn description() -> serde_json::Value {
    let api = with_token().merge(with_large_body());
    openapi::finished(without_token().nest(API, api).into_openapi())
}

fn without_token() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::show))
}

fn with_large_body() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(inventory::import))
        .routes(routes!(network_mappings::bulk::store))
}

fn with_token() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(failover::live::start))
        .routes(routes!(failover::test::start))
        .routes(routes!(failover::test::end))
        .routes(routes!(failover::jobs::list))
        .routes(routes!(failover::jobs::show))
        .routes(routes!(failover::events::list))
        .routes(routes!(failover::cancel::cancel))
        .routes(routes!(failover::retry::retry))
        .routes(routes!(failover::extend::extend))
        .routes(routes!(failover::decide::decide))
        .routes(routes!(failover::settle::commit))
        .routes(routes!(failover::settle::rollback))
        .routes(routes!(failover::jobs::status))
        .routes(routes!(failover::readiness::show_many))
        .routes(routes!(failover::readiness::show))
        .routes(routes!(attention::list))
        .routes(routes!(audit::list))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(vms::list))
        .routes(routes!(vms::show))
        .routes(routes!(vms::report_replica))
        .routes(routes!(failover::readiness::show_of_vm))
        .routes(routes!(vms::parts::sync))
        .routes(routes!(vms::parts::networks))
        .routes(routes!(vms::parts::volumes))
        .routes(routes!(vms::parts::active_jobs))
        .routes(routes!(vms::parts::configuration))
        .routes(routes!(vms::quarantine::show))
        .routes(routes!(vms::quarantine::clear))
        .routes(routes!(inventory::export))
        .routes(routes!(network_mappings::all::list, network_mappings::create))
        .routes(routes!(network_mappings::list))
        .routes(routes!(
            network_mappings::show,
            network_mappings::replace,
            network_mappings::remove
        ))
        .routes(routes!(network_mappings::suggestions::show))
        .routes(routes!(network_mappings::copy::copy))
        .routes(routes!(ossea::capabilities::show))
        .routes(routes!(ossea::check::run))
        .routes(routes!(ossea::lists::zones))
        .routes(routes!(ossea::lists::networks))
        .routes(routes!(ossea::lists::service_offerings))
        .routes(routes!(ossea::lists::templates))
        .routes(routes!(ossea::vms::search))
        .routes(routes!(debug::health::show))
        .routes(routes!(debug::failover_jobs::list))
        .routes(routes!(debug::endpoints::list))
        .routes(routes!(debug::logs::list))
}

async fn unknown_route(method: Method, uri: Uri) -> ApiError {
    no_route(&method, &uri)
}

/// The problem that there is no such route.
pub(crate) fn no_route(method: &Method, uri: &Uri) -> ApiError {
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
