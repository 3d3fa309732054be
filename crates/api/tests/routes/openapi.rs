//! The API's description: fresh, complete, and served with a page that loads nothing from elsewhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use axum::http::{StatusCode, header};
use failover_api::{ApiSettings, description};
use serde_json::{Value, json};

use crate::described::{escaped, is_valid, validate};
use crate::fixture::TestApi;

/// The document in the repository.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

fn with_token() -> TestApi {
    TestApi::with_settings(ApiSettings {
        token: Some("hunter2".into()),
        ..ApiSettings::default()
    })
}

/// Every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((format!("{method} {path}"), operation));
        }
    }
    all
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let now = description();
    if env::var("OPENAPI").is_ok_and(|wish| wish == "write") {
        let text = serde_json::to_string_pretty(&now).unwrap();
        fs::write(Path::new(COMMITTED), text + "\n").unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(COMMITTED).unwrap()).unwrap();
    assert!(
        committed == now,
        "docs/openapi.json is not what the code says; refresh it with `cargo xtask openapi --write`"
    );
}

#[test]
fn every_operation_is_named_once_and_explained() {
    let document = description();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    let operations = operations(&document);
    assert!(operations.len() >= 34, "{} operations", operations.len());
    for (name, operation) in operations {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} has no id"));
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        assert!(
            !operation["tags"].as_array().unwrap().is_empty(),
            "{name} has no tag"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = match parameter["$ref"].as_str() {
                Some(place) => document.pointer(place.trim_start_matches('#')).unwrap(),
                None => parameter,
            };
            let described = parameter["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            assert!(described, "{name}: {parameter}");
        }
    }
}

#[test]
fn a_token_is_asked_for_everywhere_but_where_load_balancers_look() {
    let document = description();
    for (name, operation) in operations(&document) {
        let security = operation["security"].as_array().unwrap();
        let is_open = ["get /healthz", "get /readyz", "get /metrics"].contains(&name.as_str());
        assert_eq!(security.is_empty(), is_open, "{name}");
        assert_eq!(operation["responses"]["401"].is_null(), is_open, "{name}");
    }
}

#[test]
fn what_a_body_refuses_its_schema_refuses_too() {
    let document = description();
    let schemas = &document["components"]["schemas"];
    for (name, operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let text = schema.to_string();
        let Some((_, referred)) = text.split_once("#/components/schemas/") else {
            continue;
        };
        let referred = referred.split('"').next().unwrap();
        assert_eq!(
            schemas[referred]["additionalProperties"], false,
            "{name}: {referred}"
        );
    }
    for variant in schemas["CommitPolicyView"]["oneOf"].as_array().unwrap() {
        assert_eq!(variant["additionalProperties"], false, "{variant}");
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    let document = description();
    let text = document.to_string();
    let references: BTreeSet<&str> = text
        .split("\"$ref\":\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(references.len() > 100, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn a_number_that_no_field_holds_is_refused() {
    let disk = |bus: u32, size: u64| json!({"label": "Hard disk 1", "controller": "scsi", "bus": bus, "unit": 0, "size_bytes": size});
    let schema = "/components/schemas/DiskReport";
    validate(schema, &disk(65_535, 1), "the largest bus");
    assert!(!is_valid(schema, &disk(65_536, 1)) && !is_valid(schema, &disk(0, u64::MAX)));
    let text = description().to_string();
    assert!(text.contains(r#""format":"uint64""#) && !text.contains("u-int"));
}

#[test]
fn an_extension_is_by_a_time_or_until_an_instant() {
    let schema = "/components/schemas/ExtendRequest";
    for one in [
        json!({"by": "30m"}),
        json!({"by": null, "until": "2026-01-31T18:00:00Z"}),
    ] {
        validate(schema, &one, "one of both");
    }
    for other in [
        json!({}),
        json!({"by": "30m", "until": "2026-01-31T18:00:00Z"}),
        json!({"by": null}),
    ] {
        assert!(!is_valid(schema, &other), "{other}");
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_its_schema_allows() {
    let document = description();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("/paths/{}/{method}", escaped(path));
            if operation["requestBody"].is_object() {
                exemplified(&document, &format!("{at}/requestBody"));
            }
            let answers = operation["responses"].as_object().unwrap().keys();
            for status in answers.filter(|status| status.starts_with('2')) {
                exemplified(&document, &format!("{at}/responses/{status}"));
            }
        }
    }
    let problems = document["components"]["responses"].as_object().unwrap();
    for (name, _) in problems.iter().filter(|(_, problem)| has_example(problem)) {
        exemplified(&document, &format!("/components/responses/{name}"));
    }
}

#[test]
fn no_example_is_of_something_that_is_not_there() {
    let document = description();
    let examples: Value = serde_json::from_str(include_str!("../../src/openapi/examples.json")).unwrap();
    let operations = operations(&document);
    for (id, example) in examples["operations"].as_object().unwrap() {
        let found = operations
            .iter()
            .find(|(_, operation)| operation["operationId"] == **id);
        let (_, operation) = found.unwrap_or_else(|| panic!("there is no operation {id}"));
        assert!(
            operation["requestBody"].is_object() || example.get("request").is_none(),
            "{id}"
        );
        for status in example["answers"]
            .as_object()
            .into_iter()
            .flat_map(|answers| answers.keys())
        {
            assert!(
                operation["responses"][status].is_object(),
                "{id} does not answer {status}"
            );
        }
    }
    for name in examples["problems"].as_object().unwrap().keys() {
        assert!(
            document["components"]["responses"][name].is_object(),
            "there is no problem {name}"
        );
    }
}

/// The JSON content at a place has an example, and that is valid. Dry runs of tests look like those of live failovers.
fn exemplified(document: &Value, place: &str) {
    let content = document.pointer(place).unwrap()["content"].as_object();
    for (media_type, content) in content.into_iter().flatten() {
        let is_told_elsewhere = place.ends_with("failover~1test/post/responses/200");
        if !media_type.ends_with("json") || is_told_elsewhere {
            continue;
        }
        let example = content
            .get("example")
            .unwrap_or_else(|| panic!("{place} has no example"));
        let schema = format!("{place}/content/{}/schema", escaped(media_type));
        validate(&schema, example, "an example");
    }
}

fn has_example(answer: &Value) -> bool {
    let content = answer["content"].as_object().into_iter().flatten();
    content
        .into_iter()
        .any(|(_, content)| content.get("example").is_some())
}

#[test]
fn every_status_can_be_asked_for() {
    let document = description();
    let parameters = document["paths"]["/api/v1/failover/jobs"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let status = parameters
        .iter()
        .find(|parameter| parameter["name"] == "status")
        .unwrap();
    let allowed = jsonschema::validator_for(&status["schema"]).unwrap();
    let statuses = document["components"]["schemas"]["JobStatus"]["enum"]
        .as_array()
        .unwrap();
    for status in statuses {
        assert!(allowed.is_valid(status), "{status}");
    }
    assert!(allowed.is_valid(&"active,failed".into()) && !allowed.is_valid(&"done".into()));
}

#[tokio::test(start_paused = true)]
async fn the_description_is_served_without_a_token() {
    let answer = with_token().get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(answer.json(), description());
}

#[tokio::test(start_paused = true)]
async fn the_page_over_it_loads_nothing_from_elsewhere() {
    let api = with_token();
    let moved = api.get("/api/v1/docs").await;
    assert_eq!(moved.headers[header::LOCATION], "/api/v1/docs/");
    let page = api.get("/api/v1/docs/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        let answer = api.get(&format!("/api/v1/docs/{file}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
    }
    let start = api.get("/api/v1/docs/swagger-initializer.js").await.text;
    assert!(start.contains("/api/v1/openapi.json"), "{start}");
    assert!(start.contains(r#""validatorUrl": "none""#), "{start}");
    let unknown = api.get("/api/v1/docs/secrets.js").await;
    unknown.problem(StatusCode::NOT_FOUND, failover_api::dto::ErrorCode::RouteNotFound);
}
