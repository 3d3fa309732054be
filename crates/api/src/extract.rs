//! Reads requests; what cannot be read becomes a problem that names the field.

use std::error::Error;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;

use crate::dto::ErrorCode;
use crate::error::ApiError;

/// A body of JSON.
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, bytes) = whole(request, state).await?;
        if has_nul(&bytes) {
            return Err(nul("the body"));
        }
        let again = Request::from_parts(parts, Body::from(bytes));
        let Json(value) = Json::<T>::from_request(again, state)
            .await
            .map_err(|r| wrong_body(&r))?;
        Ok(Self(value))
    }
}

/// A body of JSON that may be left out: an empty one is the default, and so is `null`.
pub(crate) struct ApiOptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for ApiOptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, bytes) = whole(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let again = Request::from_parts(parts, Body::from(bytes));
        let ApiJson(value) = ApiJson::<Option<T>>::from_request(again, state).await?;
        Ok(Self(value.unwrap_or_default()))
    }
}

/// A request with its whole body.
async fn whole<S: Send + Sync>(request: Request, state: &S) -> Result<(Parts, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let bytes = Bytes::from_request(whole, state)
        .await
        .map_err(|rejection| wrong_body(&rejection.into()))?;
    Ok((parts, bytes))
}

/// Whether a text in this JSON has the character NUL, which JSON can only write as an escape.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at..].starts_with(br"\u0000") {
            return true;
        }
        // What comes after a backslash belongs to it, another backslash too.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

/// PostgreSQL keeps no text with the character NUL, and nobody needs one.
fn nul(place: &str) -> ApiError {
    ApiError::invalid(
        format!("{place} has a text with the character NUL, which is not allowed"),
        "Leave the character out.",
    )
}

/// Parameters of the query.
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(nul("the query"));
        }
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(value) = query.map_err(|rejection: QueryRejection| {
            ApiError::invalid(
                format!("the query cannot be read: {}", innermost(&rejection)),
                "Correct the query parameters; unknown ones are refused.",
            )
        })?;
        Ok(Self(value))
    }
}

/// Parameters of the path.
pub(crate) struct ApiPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(value) = path.map_err(|rejection: PathRejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
            ApiError::invalid(
                format!("the path cannot be read: {text}"),
                "Correct the id in the path.",
            )
        })?;
        Ok(Self(value))
    }
}

/// A body could not be read.
pub(crate) fn wrong_body(rejection: &JsonRejection) -> ApiError {
    let detail = innermost(rejection);
    if stopped_coming(rejection) {
        return ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::RequestTimeout,
            "the body stopped coming for longer than this server waits; nothing was done",
        )
        .action("Send the request again, without pauses.");
    }
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::UnsupportedMediaType,
            "the body is not declared as JSON",
        )
        .action("Send JSON with the header Content-Type: application/json."),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::BodyTooLarge,
            "the body is larger than this route takes",
        )
        .action("Send less at once."),
        StatusCode::UNPROCESSABLE_ENTITY => ApiError::invalid(
            format!("the body is not as expected: {detail}"),
            "Correct the field that is named; unknown fields are refused.",
        ),
        _ => ApiError::invalid(
            format!("the body is not JSON: {detail}"),
            "Send well-formed JSON.",
        ),
    }
}

/// Whether the edge gave up waiting for the rest of a body.
fn stopped_coming(rejection: &JsonRejection) -> bool {
    let mut error: Option<&dyn Error> = Some(rejection);
    while let Some(cause) = error {
        if cause.is::<TimeoutError>() {
            return true;
        }
        error = cause.source();
    }
    false
}

/// The last error of the chain: the ones before it only say that reading failed.
fn innermost(error: &dyn Error) -> String {
    // Of axum's rejections the first source already says where and why; deeper ones lose the field's path.
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// Reads a value of a query parameter that the query's type keeps as text, so that the message names it.
pub(crate) fn parameter<T>(name: &str, text: &str) -> Result<T, ApiError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        ApiError::invalid(
            format!("query parameter {name}: {error}"),
            format!("Correct {name}, or leave it out."),
        )
    })
}

/// Reads a time such as `30m` out of a body, where `field` has it.
pub(crate) fn time(
    field: &str,
    text: &str,
    bounds: RangeInclusive<Duration>,
    otherwise: &str,
) -> Result<Duration, ApiError> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| bounds.contains(time))
        .ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            ApiError::invalid(
                format!(
                    "{field} is {:?}, allowed is a time such as \"1h30m\", from {} to {}",
                    shown(text),
                    humantime::format_duration(*least),
                    humantime::format_duration(*most)
                ),
                format!("Correct {field}{otherwise}."),
            )
        })
}

/// The longest reason that is taken; it is meant for a sentence or two.
const LONGEST_REASON: usize = 1000;

/// Reads the reason that somebody gives for a change.
pub(crate) fn reason(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=LONGEST_REASON).contains(&length) {
        return Ok(text.to_owned());
    }
    Err(ApiError::invalid(
        format!("reason has {length} characters, allowed are 1 to {LONGEST_REASON}"),
        "Say in reason why, for those who read it later.",
    ))
}

/// A text of a caller, cut to what is worth repeating.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Reads a page size.
pub(crate) fn limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, ApiError> {
    let Some(text) = text else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| {
            let shown = shown(text);
            ApiError::invalid(
                format!("query parameter limit is {shown:?}, allowed is a whole number from 1 to {most}"),
                "Correct limit, or leave it out.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_escape_of_nul_is_one() {
        for with in [
            r#"{"a": "\u0000"}"#,
            r#"{"a": "b\n\u0000"}"#,
            r#"{"\\\u0000": 1}"#,
        ] {
            assert!(has_nul(with.as_bytes()), "{with}");
        }
        for without in [
            "",
            r#"{"a": "u0000"}"#,
            r#"{"a": "\\u0000"}"#,
            r#"{"a": "\u0001"}"#,
            "\\",
        ] {
            assert!(!has_nul(without.as_bytes()), "{without}");
        }
    }
}
