//! `GET /api/v1/debug/endpoints`: the routes.

use axum::Json;

use crate::dto::debug::{EndpointList, EndpointView};

/// All routes with their methods, in the order of their paths. A test holds it against the router.
const ENDPOINTS: &[(&str, &[&str])] = &[
    ("/api/v1/attention", &["GET"]),
    ("/api/v1/audit", &["GET"]),
    ("/api/v1/debug/endpoints", &["GET"]),
    ("/api/v1/debug/failover-jobs", &["GET"]),
    ("/api/v1/debug/health", &["GET"]),
    ("/api/v1/debug/logs", &["GET"]),
    ("/api/v1/failover/jobs", &["GET"]),
    ("/api/v1/failover/jobs/{job_id}", &["GET"]),
    ("/api/v1/failover/jobs/{job_id}/cancel", &["POST"]),
    ("/api/v1/failover/jobs/{job_id}/commit", &["POST"]),
    ("/api/v1/failover/jobs/{job_id}/decide", &["POST"]),
    ("/api/v1/failover/jobs/{job_id}/events", &["GET"]),
    ("/api/v1/failover/jobs/{job_id}/extend", &["POST"]),
    ("/api/v1/failover/jobs/{job_id}/retry", &["POST"]),
    ("/api/v1/failover/jobs/{job_id}/rollback", &["POST"]),
    ("/api/v1/failover/live", &["POST"]),
    ("/api/v1/failover/test", &["POST"]),
    ("/api/v1/failover/test/{job_id}", &["DELETE"]),
    ("/api/v1/failover/{job_id}/status", &["GET"]),
    ("/api/v1/failover/{vm_id}/readiness", &["GET"]),
    ("/api/v1/inventory/import", &["POST"]),
    ("/api/v1/network-mappings", &["POST"]),
    ("/api/v1/network-mappings/{vm_id}", &["GET"]),
    (
        "/api/v1/network-mappings/{vm_id}/{source_network}",
        &["PUT", "DELETE"],
    ),
    ("/api/v1/ossea/capabilities", &["GET"]),
    ("/api/v1/ossea/check", &["POST"]),
    ("/api/v1/ossea/networks", &["GET"]),
    ("/api/v1/ossea/service-offerings", &["GET"]),
    ("/api/v1/ossea/templates", &["GET"]),
    ("/api/v1/ossea/vms", &["GET"]),
    ("/api/v1/ossea/zones", &["GET"]),
    ("/api/v1/vms", &["GET"]),
    ("/api/v1/vms/{vm_id}", &["GET"]),
    ("/api/v1/vms/{vm_id}/quarantine", &["GET"]),
    ("/api/v1/vms/{vm_id}/quarantine/{volume_id}", &["DELETE"]),
    ("/api/v1/vms/{vm_id}/replica", &["PUT"]),
    ("/healthz", &["GET"]),
    ("/metrics", &["GET"]),
    ("/readyz", &["GET"]),
];

pub(in crate::routes) async fn list() -> Json<EndpointList> {
    let view = |(path, methods): &(&str, &[&str])| EndpointView {
        path: (*path).to_owned(),
        methods: methods.iter().map(ToString::to_string).collect(),
    };
    Json(EndpointList {
        endpoints: ENDPOINTS.iter().map(view).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        assert!(ENDPOINTS.is_sorted_by_key(|(path, _)| *path));
    }
}
