//! `GET /api/v1/debug/endpoints`: the routes.

use axum::Json;

use crate::dto::debug::{EndpointList, EndpointView};
use crate::routes::description;

/// Lists the routes with their methods.
#[utoipa::path(
    get,
    path = "/debug/endpoints",
    tag = "debug",
    operation_id = "debug_endpoints",
    responses(
        (status = 200, description = "The routes.", body = EndpointList),
    )
)]
pub(in crate::routes) async fn list() -> Json<EndpointList> {
    let document = description();
    let paths = document["paths"].as_object().into_iter().flatten();
    let endpoints = paths.map(|(path, item)| EndpointView {
        path: path.clone(),
        methods: item
            .as_object()
            .into_iter()
            .flatten()
            .map(|(method, _)| method.to_uppercase())
            .collect(),
    });
    let mut endpoints: Vec<EndpointView> = endpoints.collect();
    endpoints.sort();
    Json(EndpointList { endpoints })
}
