//! `ETag` and `If-None-Match`: whoever polls is told in a few bytes that nothing has changed.
//!
//! The tag is made of the answer as it would be sent, so it needs no care in the handlers and cannot be forgotten in one
//! of them: what it saves is the way to the caller, not the work. It is a weak one, because fields in which two looks at
//! the same thing differ ([`NOT_COMPARED`]) are left out of it.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// Fields that tell of the look and not of what was looked at.
const NOT_COMPARED: [&str; 3] = ["age_seconds", "execution_time_ms", "last_look_at"];

/// How many bytes of the digest make the tag: enough that two answers of one address never meet by chance.
const TAG_BYTES: usize = 16;

/// Tags answers of JSON to GET, and leaves out the body of one that the caller has.
pub(crate) async fn leave_out_unchanged(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    let known: Vec<HeaderValue> = known.into_iter().cloned().collect();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK || !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // An answer of JSON is in memory as a whole already.
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => {
            return ApiError::internal(format!("an answer cannot be read: {error}")).into_response();
        }
    };
    let tag = tag_of(&body);
    let is_known = known.iter().any(|value| names(value, &tag));
    parts.headers.insert(
        header::ETAG,
        HeaderValue::try_from(tag).expect("a tag is of hexadecimal digits"),
    );
    parts.headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if !is_known {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().starts_with(b"application/json"))
}

fn tag_of(body: &[u8]) -> String {
    let digest = match without_what_is_not_compared(body) {
        Some(rest) => Sha256::digest(rest.to_string()),
        None => Sha256::digest(body),
    };
    let digits: String = digest
        .iter()
        .take(TAG_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("W/\"{digits}\"")
}

/// The answer without the fields that are not compared, where it has any.
fn without_what_is_not_compared(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    NOT_COMPARED.iter().find(|field| text.contains(**field))?;
    let mut value = serde_json::from_str(text).ok()?;
    strip(&mut value);
    Some(value)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a value of `If-None-Match` names the tag. The comparison is the weak one, which GET asks for.
fn names(value: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let Ok(text) = value.to_str() else { return false };
    text.split(',')
        .map(str::trim)
        .any(|named| named == "*" || opaque(named) == opaque(tag))
}
