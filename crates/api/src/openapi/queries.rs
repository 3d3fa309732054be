//! Refuses query parameters that the description does not have: a misspelt filter that is passed over shows everything, and
//! a misspelt `dry_run` starts a failover.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::error::ApiError;
use crate::extract::shown;

/// The query parameters of each operation, by method and path.
#[derive(Debug, Default)]
pub(crate) struct KnownQueries(HashMap<(String, String), BTreeSet<String>>);

impl KnownQueries {
    /// Those of a description.
    pub(crate) fn of(document: &Value) -> Self {
        let mut known = Self::default();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let of_query = parameters.filter(|parameter| parameter["in"] == "query");
                let names = of_query.filter_map(|parameter| parameter["name"].as_str());
                known.0.insert(
                    (method.to_uppercase(), path.clone()),
                    names.map(ToOwned::to_owned).collect(),
                );
            }
        }
        known
    }

    /// The first parameter that an operation does not take, with those that it takes.
    fn unknown<'a>(&self, method: &Method, path: &str, query: &'a str) -> Option<(&'a str, Vec<&str>)> {
        // A HEAD is a GET whose body stays away.
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let known = self.0.get(&(method.to_string(), path.to_owned()))?;
        let names = query.split('&').filter(|pair| !pair.is_empty());
        let unknown = names
            .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
            .find(|name| !known.contains(*name))?;
        Some((unknown, known.iter().map(String::as_str).collect()))
    }
}

/// The layer.
pub(crate) async fn refuse_unknown(
    State(known): State<Arc<KnownQueries>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match known.unknown(request.method(), path.as_str(), query) {
        None => next.run(request).await,
        Some((name, allowed)) => refused(name, &allowed).into_response(),
    }
}

fn refused(name: &str, allowed: &[&str]) -> ApiError {
    let allowed = if allowed.is_empty() {
        "none is allowed here".to_owned()
    } else {
        format!("allowed are {}", allowed.join(", "))
    };
    ApiError::invalid(
        format!(
            "the query cannot be read: unknown field `{}`, {allowed}",
            shown(name)
        ),
        "Correct the query parameters; unknown ones are refused.",
    )
}
