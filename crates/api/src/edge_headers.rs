//! Headers for browsers: who else's pages may call the API, and what a browser must not do with its answers.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what it is allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What pages of these origins may do; without any, no page of another origin can read an answer, and none may send more
/// than a form could.
pub(crate) fn other_origins(allowed: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = allowed.iter().filter_map(|origin| header_of(origin)).collect();
    if origins.is_empty() {
        return None;
    }
    let own = HeaderName::from_static;
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            own("idempotency-key"),
            own("last-event-id"),
            own("x-request-id"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            own("idempotency-replayed"),
            own("x-request-id"),
        ])
        .max_age(REMEMBERED);
    Some(layer)
}

fn header_of(origin: &str) -> Option<HeaderValue> {
    let header = HeaderValue::from_str(origin).ok();
    if header.is_none() {
        tracing::warn!(origin, "An allowed origin is none, and stays out.");
    }
    header
}

/// What every answer tells a browser. An answer that says it itself, such as a page for people, is left alone.
const FOR_BROWSERS: [(HeaderName, &str); 4] = [
    // Data is never a page, a script or a style, whatever is in it.
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    // Answers that can be compared say otherwise.
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds the headers for browsers.
pub(crate) async fn guard_browsers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in FOR_BROWSERS {
        let headers = response.headers_mut();
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
