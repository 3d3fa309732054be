//! The headers of requests that layers read, whatever the route.

use serde_json::{Value, json};

/// Adds them to every operation that is below the path of the API and of their methods.
pub(super) fn add(document: &mut Value) {
    document["components"]["parameters"] = json!({
        "IdempotencyKey": {
            "name": "idempotency-key",
            "in": "header",
            "required": false,
            "description": "A key that the caller makes up for this one request, such as a UUID. Sent again with the same \
                key, the request is answered and not repeated.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        },
        "IfNoneMatch": {
            "name": "if-none-match",
            "in": "header",
            "required": false,
            "description": "The `ETag` of an answer that the caller has: 304 without a body as long as nothing has changed.",
            "schema": {"type": "string"},
        },
    });
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        if !path.starts_with("/api/v1/") {
            continue;
        }
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if takes_idempotency_key(&method.to_uppercase()) {
                refer(operation, "IdempotencyKey");
            }
            if method == "get" {
                refer(operation, "IfNoneMatch");
            }
        }
    }
}

/// Whether requests with this method take the header `Idempotency-Key`.
pub(super) fn takes_idempotency_key(method: &str) -> bool {
    matches!(method, "POST" | "DELETE")
}

fn refer(operation: &mut Value, parameter: &str) {
    let reference = json!({"$ref": format!("#/components/parameters/{parameter}")});
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(reference),
        None => operation["parameters"] = json!([reference]),
    }
}
