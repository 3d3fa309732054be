//! What the API does is what its description says: every answer of every test is held against it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::http::{Method, StatusCode, header};
use jsonschema::Validator;
use serde_json::Value;

use crate::fixture::Answer;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(failover_api::description);
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The paths that show the description itself.
const UNDESCRIBED: &[&str] = &["/api/v1/openapi.json", "/api/v1/docs"];

/// Panics unless the description has this answer to this request.
pub(crate) fn check(method: &Method, path: &str, body: Option<&[u8]>, answer: &Answer) {
    // What browsers ask on their own is told by the layer that answers it.
    let is_of_browsers = matches!(*method, Method::OPTIONS | Method::HEAD);
    if is_of_browsers
        || UNDESCRIBED
            .iter()
            .any(|undescribed| path.starts_with(undescribed))
    {
        return;
    }
    let asked = format!("{method} {path} answered {}: {}", answer.status, answer.text);
    let Some(template) = template_of(path) else {
        let elsewhere = [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED];
        assert!(elsewhere.contains(&answer.status), "no described path: {asked}");
        return;
    };
    let method = method.as_str().to_lowercase();
    let operation = &DESCRIPTION["paths"][&template][&method];
    if operation.is_null() {
        let refused = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::UNAUTHORIZED];
        assert!(
            refused.contains(&answer.status),
            "not a described method: {asked}"
        );
        return;
    }
    let at = format!("/paths/{}/{method}", escaped(&template));
    let response = format!("{at}/responses/{}", answer.status.as_str());
    check_answer(&response, answer, &asked);
    if let Some(body) = body.filter(|_| answer.status.is_success()) {
        check_body(&at, operation, body, &asked);
    }
}

fn check_answer(response: &str, answer: &Answer, asked: &str) {
    let response = followed(response);
    let described = DESCRIPTION
        .pointer(&response)
        .unwrap_or_else(|| panic!("not a described status: {asked}"));
    let Some(content) = described["content"].as_object() else {
        assert_eq!(answer.text, "", "a body where none is described: {asked}");
        return;
    };
    let sent = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
    let media_type = content.keys().find(|media_type| sent.starts_with(*media_type));
    let media_type = media_type.unwrap_or_else(|| panic!("not of a described type: {asked}"));
    if media_type.ends_with("json") {
        let schema = format!("{response}/content/{}/schema", escaped(media_type));
        validate(&schema, &answer.json(), asked);
    }
}

/// What was accepted is what the description allows.
fn check_body(at: &str, operation: &Value, body: &[u8], asked: &str) {
    let described = &operation["requestBody"];
    if body.is_empty() {
        assert_ne!(described["required"], true, "the body was left out: {asked}");
        return;
    }
    if described.is_null() {
        // It was not looked at.
        return;
    }
    let schema = format!("{at}/requestBody/content/application~1json/schema");
    validate(&schema, &serde_json::from_slice(body).unwrap(), asked);
}

/// Panics unless a value is what the schema at a place of the description asks for.
pub(crate) fn validate(schema: &str, value: &Value, asked: &str) {
    let faults: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{schema}\n{}\n{asked}", faults.join("\n"));
}

/// Whether a value is what the schema at a place of the description asks for.
pub(crate) fn is_valid(schema: &str, value: &Value) -> bool {
    validator(schema).is_valid(value)
}

/// The validator of a schema, made once.
fn validator(schema: &str) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators
        .entry(schema.to_owned())
        .or_insert_with(|| Arc::new(compiled(schema)));
    Arc::clone(validator)
}

/// A validator of the schema at a place of the description.
fn compiled(place: &str) -> Validator {
    assert!(DESCRIPTION.pointer(place).is_some(), "{place} is not described");
    let mut document = DESCRIPTION.clone();
    let fragment = place.replace('{', "%7B").replace('}', "%7D");
    document["$ref"] = format!("#{fragment}").into();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&document)
        .unwrap_or_else(|error| panic!("{place}: {error}"))
}

/// A place of the description, or the one that it refers to.
fn followed(place: &str) -> String {
    let reference = DESCRIPTION
        .pointer(place)
        .and_then(|found| found["$ref"].as_str());
    match reference {
        Some(reference) => reference.trim_start_matches('#').to_owned(),
        None => place.to_owned(),
    }
}

/// The described path that a path is one of; where several fit, the one with the most fixed parts.
fn template_of(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let templates = DESCRIPTION["paths"]
        .as_object()
        .expect("the description has paths");
    let fits = |template: &&String| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(wanted, part)| wanted == part || (wanted.starts_with('{') && !part.is_empty()))
    };
    let fixed = |template: &&String| template.split('/').filter(|part| !part.starts_with('{')).count();
    templates.keys().filter(fits).max_by_key(fixed).cloned()
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
