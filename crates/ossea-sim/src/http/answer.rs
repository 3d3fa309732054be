//! Envelopes: success, errors, and what is no answer at all.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::{commands, lists};
use crate::cloud::error::ApiError;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// What a client gets that forgets `response=json`.
    Xml,
}

impl Form {
    pub(crate) fn wanted(parameters: &Parameters) -> Self {
        match parameters.plain("response") {
            Some(form) if form.eq_ignore_ascii_case("json") => Form::Json,
            Some(_) | None => Form::Xml,
        }
    }
}

/// The outer key of the answer.
pub(crate) fn envelope(command: Option<&str>, parameters: &Parameters) -> String {
    match command {
        None if parameters.is_empty() => "errorresponse".to_owned(),
        None => "null".to_owned(),
        Some(command) if lists::find(command).is_some() || commands::is_known(command) => {
            format!("{}response", command.to_lowercase())
        }
        Some(_) => "errorresponse".to_owned(),
    }
}

pub(crate) fn success(envelope: &str, content: Value, form: Form, version: &str) -> Response {
    written(StatusCode::OK, envelope, content, form, version)
}

pub(crate) fn error(envelope: &str, error: &ApiError, form: Form, version: &str) -> Response {
    let mut content = json!({ "uuidList": [], "errorcode": error.code, "errortext": error.text });
    if let Some(code) = error.cs_code {
        content["cserrorcode"] = code.into();
    }
    let envelope = if error.code == 432 {
        "errorresponse"
    } else {
        envelope
    };
    let status = u16::try_from(error.code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let mut response = written(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        envelope,
        content,
        form,
        version,
    );
    if let Ok(description) = HeaderValue::from_str(&error.text) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-description"), description);
    }
    response
}

fn written(status: StatusCode, envelope: &str, content: Value, form: Form, version: &str) -> Response {
    let (kind, body) = match form {
        Form::Json => (
            "application/json; charset=UTF-8",
            json!({ envelope: content }).to_string(),
        ),
        Form::Xml => {
            let mut body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
            body.push_str(&format!("<{envelope} cloud-stack-version=\"{version}\">"));
            write_xml(&mut body, &content);
            body.push_str(&format!("</{envelope}>"));
            ("text/xml; charset=UTF-8", body)
        }
    };
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

fn write_xml(body: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let many = match value {
                    Value::Array(items) => items.as_slice(),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                        std::slice::from_ref(value)
                    }
                };
                for item in many {
                    body.push_str(&format!("<{name}>"));
                    write_xml(body, item);
                    body.push_str(&format!("</{name}>"));
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| write_xml(body, item)),
        Value::String(text) => {
            body.push_str(
                &text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;"),
            );
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => body.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_repeats_the_name_of_a_list_for_each_item() {
        let mut body = String::new();
        write_xml(
            &mut body,
            &json!({ "count": 2, "zone": [{ "name": "a<b" }, { "name": "c" }] }),
        );
        assert_eq!(
            body,
            "<count>2</count><zone><name>a&lt;b</name></zone><zone><name>c</name></zone>"
        );
    }
}
