//! `GET /api/v1/debug/endpoints`: the routes.

use std::collections::BTreeMap;

use axum::Json;

use crate::access::ACCESS_RULES;
use crate::dto::debug::{EndpointList, EndpointView};

/// The routes that ask nobody who they are.
const OPEN: [&str; 3] = ["/healthz", "/metrics", "/readyz"];

/// All routes with their methods, in the order of their paths: those of the table of access, which a test holds against
/// the router, and the open ones.
fn endpoints() -> BTreeMap<String, Vec<String>> {
    let mut endpoints: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in ACCESS_RULES {
        let methods = endpoints.entry(format!("/api/v1{}", rule.path)).or_default();
        methods.push(rule.method.to_owned());
    }
    endpoints.extend(OPEN.map(|path| (path.to_owned(), vec!["GET".to_owned()])));
    endpoints
}

pub(in crate::routes) async fn list() -> Json<EndpointList> {
    let endpoints = endpoints().into_iter();
    Json(EndpointList {
        endpoints: endpoints
            .map(|(path, methods)| EndpointView { path, methods })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path and methods of every `.route("…", …)` in the source of the router.
    fn routed() -> BTreeMap<String, Vec<String>> {
        let source = include_str!("../mod.rs");
        let pieces = source.split(".route(").skip(1);
        let route = |piece: &str| {
            let (path, rest) = piece
                .trim_start()
                .trim_start_matches('"')
                .split_once('"')
                .unwrap();
            let own = rest.split(".route(").next().unwrap();
            let methods = ["get", "put", "post", "delete"];
            let named = methods
                .iter()
                .filter(|method| own.contains(&format!("{method}(")));
            let is_outside = ["/healthz", "/readyz", "/metrics"].contains(&path);
            let path = if is_outside {
                path.to_owned()
            } else {
                format!("/api/v1{path}")
            };
            (path, named.map(|method| method.to_uppercase()).collect())
        };
        pieces.map(route).collect()
    }

    #[tokio::test]
    async fn the_table_has_every_route_and_no_other() {
        let listed: BTreeMap<String, Vec<String>> = list()
            .await
            .0
            .endpoints
            .into_iter()
            .map(|endpoint| {
                let mut methods = endpoint.methods;
                methods.sort_by_key(|m| ["GET", "PUT", "POST", "DELETE"].iter().position(|n| n == m));
                (endpoint.path, methods)
            })
            .collect();
        assert_eq!(listed, routed());
    }
}
