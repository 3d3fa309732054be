//! Reads requests; what cannot be read becomes a problem that names the field.

use std::error::Error;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::dto::ErrorCode;
use crate::error::ApiError;

/// A body of JSON.
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(value) = Json::<T>::from_request(request, state)
            .await
            .map_err(|r| wrong_body(&r))?;
        Ok(Self(value))
    }
}

/// Parameters of the query.
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
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

fn wrong_body(rejection: &JsonRejection) -> ApiError {
    let detail = innermost(rejection);
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

/// Reads a page size.
pub(crate) fn limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, ApiError> {
    let Some(text) = text else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            ApiError::invalid(
                format!("query parameter limit is {shown:?}, allowed is a whole number from 1 to {most}"),
                "Correct limit, or leave it out.",
            )
        })
}
