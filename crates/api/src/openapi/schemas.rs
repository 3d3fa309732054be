//! What serde does and derived schemas do not say.

use serde_json::{Value, json};

/// Tagged choices whose type refuses unknown fields. Schemas are derived variant by variant, which does not see that.
const CLOSED_CHOICES: &[&str] = &["CommitPolicyView"];

/// Says of each variant of those choices that it has no further fields.
pub(super) fn close_choices(document: &mut Value) {
    for name in CLOSED_CHOICES {
        let variants = document["components"]["schemas"][name]["oneOf"]
            .as_array_mut()
            .expect("the names in this file are those of choices");
        for variant in variants {
            variant["additionalProperties"] = json!(false);
        }
    }
}

/// Says of an extension that it is either by a time or until an instant.
pub(super) fn choose_one(document: &mut Value) {
    let only = |field: &str| json!({"required": [field], "properties": {field: {"type": "string"}}});
    document["components"]["schemas"]["ExtendRequest"]["oneOf"] = json!([only("by"), only("until")]);
}

/// Says of each whole number how large it can be: what does not fit is refused, however it is written. The formats get the
/// names that the registry of OpenAPI has for them.
pub(super) fn bound_numbers(value: &mut Value) {
    let known = match value.get("format").and_then(Value::as_str) {
        Some("u-int16") => Some(("uint16", u64::from(u16::MAX))),
        Some("u-int32") => Some(("uint32", u64::from(u32::MAX))),
        Some("u-int64") => Some(("uint64", u64::MAX)),
        Some(_) | None => None,
    };
    if let (Some((format, most)), Some(schema)) = (known, value.as_object_mut()) {
        schema.insert("format".to_owned(), json!(format));
        schema.entry("maximum").or_insert_with(|| json!(most));
    }
    each_part(value, bound_numbers);
}

/// Says of each address that it is one of version 4 or 6: there is no format for both.
pub(super) fn tell_addresses(value: &mut Value) {
    if value.get("format").and_then(Value::as_str) == Some("ip")
        && let Some(schema) = value.as_object_mut()
    {
        schema.remove("format");
        schema.insert(
            "anyOf".to_owned(),
            json!([{"format": "ipv4"}, {"format": "ipv6"}]),
        );
    }
    each_part(value, tell_addresses);
}

fn each_part(value: &mut Value, visit: fn(&mut Value)) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(visit),
        Value::Array(items) => items.iter_mut().for_each(visit),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the marks of links out of descriptions: what is a link in the code's own documentation leads nowhere here.
pub(super) fn read_well(value: &mut Value) {
    for name in ["description", "summary"] {
        if let Some(Value::String(text)) = value.get_mut(name) {
            *text = text.replace("[`", "`").replace("`]", "`");
        }
    }
    each_part(value, read_well);
}
