//! The last strokes: what all operations share, and what the derived schemas cannot say.

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, Ref};

use super::{BEARER, examples, headers, problems, schemas};

/// The path below which a token is needed.
const WITH_TOKEN: &str = "/api/v1/";

/// The whole description, from what the routes have said of themselves.
pub(crate) fn finished(mut openapi: OpenApi) -> Value {
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations(item) {
            complete(operation);
            if path.starts_with(WITH_TOKEN) {
                complete_with_token(method, operation);
            } else {
                operation.security = Some(Vec::new());
            }
        }
    }
    let mut document = serde_json::to_value(openapi).expect("a description has no keys that are not texts");
    headers::add(&mut document);
    schemas::close_choices(&mut document);
    schemas::choose_one(&mut document);
    schemas::bound_numbers(&mut document);
    schemas::tell_addresses(&mut document);
    schemas::read_well(&mut document);
    // Last, because examples are no schemas.
    examples::add(&mut document);
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        ..
    } = item;
    let all = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what any request can meet.
fn complete(operation: &mut Operation) {
    if operation.request_body.is_some() {
        answer(operation, "408", problems::BodyStopped::NAME);
        answer(operation, "413", problems::BodyTooLarge::NAME);
        answer(operation, "415", problems::NotJson::NAME);
    }
    answer(operation, "500", problems::InternalError::NAME);
    answer(operation, "504", problems::RequestTimeout::NAME);
}

/// Adds what a request can meet below the path where a token is needed.
fn complete_with_token(method: Method, operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new::<_, _, String>(BEARER, [])]);
    if method == Method::GET {
        answer(operation, "304", problems::UNCHANGED);
    }
    if headers::takes_idempotency_key(method.as_str()) {
        answer(operation, "409", problems::KeyInUse::NAME);
        answer(operation, "422", problems::KeyReused::NAME);
    }
    answer(operation, "400", problems::InvalidRequest::NAME);
    answer(operation, "401", problems::Unauthorized::NAME);
    answer(operation, "403", problems::Forbidden::NAME);
    answer(operation, "429", problems::RateLimited::NAME);
    answer(operation, "503", problems::Unavailable::NAME);
}

/// Adds an answer, unless the handler has described it.
fn answer(operation: &mut Operation, status: &str, name: &str) {
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| Ref::from_response_name(name).into());
}
