//! Examples of what is asked and answered, as the tests of the routes have seen them. They lie in `examples.json`, by
//! operation; a test holds each against its schema and misses none.

use serde_json::Value;

/// The examples.
const EXAMPLES: &str = include_str!("examples.json");

/// Puts the examples where they belong.
pub(super) fn add(document: &mut Value) {
    let examples: Value = serde_json::from_str(EXAMPLES).expect("examples.json is JSON, which a test reads");
    let paths = document["paths"].as_object_mut().into_iter();
    let items = paths.flat_map(|paths| paths.values_mut());
    for operation in items
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut())
    {
        let Some(examples) = operation["operationId"]
            .as_str()
            .and_then(|id| examples["operations"].get(id))
        else {
            continue;
        };
        put(&mut operation["requestBody"], examples.get("request"));
        for (status, answer) in examples["answers"].as_object().into_iter().flatten() {
            put(&mut operation["responses"][status], Some(answer));
        }
    }
    for (name, problem) in examples["problems"].as_object().into_iter().flatten() {
        put(&mut document["components"]["responses"][name], Some(problem));
    }
}

/// Adds an example to the only content of a body or an answer.
fn put(place: &mut Value, example: Option<&Value>) {
    let content = place.get_mut("content").and_then(Value::as_object_mut);
    let media = content.and_then(|content| content.values_mut().next());
    if let (Some(media), Some(example)) = (media, example) {
        media["example"] = example.clone();
    }
}
