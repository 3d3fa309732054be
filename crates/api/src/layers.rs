//! The layers around the routes, outermost first:
//!
//! ```text
//! request id    taken from x-request-id, or made up; sent back
//! trace         one span per request, which carries the id
//! browsers      what a browser must not do with an answer
//! origins       whose pages may call the API
//! finish        writes problems: adds path and id, logs those of our own making once
//! panics        become a problem like any other error
//! time limit    of the whole request
//! access        of everything under /api/v1: who asks, and whether they may (in [`crate::access`])
//! rate          of one caller
//! unchanged     leaves out a body that the caller has
//! once          answers a repeated request with the kept answer
//! lane          a place among the requests of its kind
//! ```

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::{Span, info_span};

use crate::dto::ErrorCode;
use crate::dto::problem::MEDIA_TYPE;
use crate::edge_headers::{guard_browsers, other_origins};
use crate::error::ApiError;
use crate::state::ApiState;

/// Puts the layers around the routes.
pub(crate) fn around(routes: Router<ApiState>, state: &ApiState) -> Router<ApiState> {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(span_of))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(middleware::from_fn(guard_browsers))
        .option_layer(other_origins(&state.settings.allowed_origins))
        .layer(middleware::from_fn(finish))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), limit_time));
    routes.layer(layers)
}

async fn limit_time(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let limit = state.settings.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => timed_out(limit).into_response(),
    }
}

/// A request took too long.
pub(crate) fn timed_out(limit: Duration) -> ApiError {
    let detail = format!(
        "the request took longer than {}",
        humantime::format_duration(limit)
    );
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, ErrorCode::RequestTimeout, detail)
        .action("Look at the state before trying again: what was asked for may have been done.")
}

/// A handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::internal(format!("a handler panicked: {text}")).into_response()
}

fn span_of(request: &Request) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        route,
        request_id = request_id(request).unwrap_or_default(),
    )
}

fn request_id(request: &Request) -> Option<&str> {
    request
        .extensions()
        .get::<RequestId>()?
        .header_value()
        .to_str()
        .ok()
}

/// Writes the body of a problem, and logs it when the caller is not to blame.
async fn finish(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let id = request_id(&request).map(ToOwned::to_owned);
    let mut response = next.run(request).await;
    let Some(ApiError {
        mut problem,
        retry_after,
        cause,
    }) = response.extensions_mut().remove::<ApiError>()
    else {
        return response;
    };
    if response.status().is_server_error() {
        let cause = cause.unwrap_or_default();
        tracing::error!(
            error_code = problem.error_code.as_str(),
            cause,
            "request failed: {}",
            problem.detail
        );
    }
    problem.instance = Some(path);
    problem.request_id = id;
    let body = serde_json::to_vec(&problem).expect("a problem has no map with keys that are not texts");
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(wait) = retry_after {
        parts
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if parts.status == StatusCode::UNAUTHORIZED {
        parts
            .headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Response::from_parts(parts, body.into())
}
