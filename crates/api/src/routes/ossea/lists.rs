//! Zones, networks, service offerings and templates: what can be configured.

use axum::Json;
use axum::extract::State;
use failover_domain::ZoneId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{in_time, with_age};
use crate::cloud_view::{network, offering, template, zone};
use crate::dto::{NetworkList, OfferingList, TemplateList, ZoneList};
use crate::error::ApiError;
use crate::extract::{ApiQuery, parameter};
use crate::openapi::problems;
use crate::state::ApiState;

/// Of which zone; the configured one when left out.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct ZoneQuery {
    /// The zone; the configured one when left out.
    #[param(value_type = Option<ZoneId>)]
    zone: Option<String>,
}

/// For lists that take no parameter: unknown ones are refused here as well.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct NoQuery {}

/// Lists the cloud's zones.
#[utoipa::path(
    get,
    path = "/ossea/zones",
    tag = "ossea",
    operation_id = "list_zones",
    params(NoQuery),
    responses(
        (status = 200, description = "The zones.", body = ZoneList),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn zones(
    State(state): State<ApiState>,
    ApiQuery(NoQuery {}): ApiQuery<NoQuery>,
) -> Result<Json<ZoneList>, ApiError> {
    let (mut zones, probe) = with_age(&state, state.cloud.zones()).await?;
    zones.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let view = |found| zone(found, &state.service.target);
    Ok(Json(ZoneList {
        zones: zones.into_iter().map(view).collect(),
        probe,
    }))
}

/// Lists the networks of a zone.
#[utoipa::path(
    get,
    path = "/ossea/networks",
    tag = "ossea",
    operation_id = "list_networks",
    params(ZoneQuery),
    responses(
        (status = 200, description = "The networks.", body = NetworkList),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn networks(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<ZoneQuery>,
) -> Result<Json<NetworkList>, ApiError> {
    let zone = zone_of(&state, &query).await?;
    let (mut networks, probe) = with_age(&state, state.cloud.networks(&zone)).await?;
    networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(Json(NetworkList {
        networks: networks.into_iter().map(network).collect(),
        probe,
    }))
}

/// Lists the cloud's service offerings.
#[utoipa::path(
    get,
    path = "/ossea/service-offerings",
    tag = "ossea",
    operation_id = "list_service_offerings",
    params(NoQuery),
    responses(
        (status = 200, description = "The service offerings.", body = OfferingList),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn service_offerings(
    State(state): State<ApiState>,
    ApiQuery(NoQuery {}): ApiQuery<NoQuery>,
) -> Result<Json<OfferingList>, ApiError> {
    let (mut offerings, probe) = with_age(&state, state.cloud.service_offerings()).await?;
    offerings.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let view = |found| offering(found, &state.service.target);
    Ok(Json(OfferingList {
        service_offerings: offerings.into_iter().map(view).collect(),
        probe,
    }))
}

/// Lists the templates of a zone.
#[utoipa::path(
    get,
    path = "/ossea/templates",
    tag = "ossea",
    operation_id = "list_templates",
    params(ZoneQuery),
    responses(
        (status = 200, description = "The templates.", body = TemplateList),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn templates(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<ZoneQuery>,
) -> Result<Json<TemplateList>, ApiError> {
    let zone_id = zone_of(&state, &query).await?;
    let (mut templates, probe) = with_age(&state, state.cloud.templates(&zone_id)).await?;
    templates.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let view = |found| template(found, &state.service.target);
    Ok(Json(TemplateList {
        zone_id,
        templates: templates.into_iter().map(view).collect(),
        probe,
    }))
}

/// The zone that is asked for. One that the cloud does not show is a mistake of the caller, not an empty list.
async fn zone_of(state: &ApiState, query: &ZoneQuery) -> Result<ZoneId, ApiError> {
    let Some(text) = &query.zone else {
        return Ok(state.service.target.zone.clone());
    };
    let zone: ZoneId = parameter("zone", text)?;
    match in_time(state, state.cloud.zone(&zone)).await? {
        Some(_) => Ok(zone),
        None => Err(ApiError::invalid(
            format!("query parameter zone is {zone}: the cloud shows our account no zone of this id"),
            "Give the id of a zone that GET /api/v1/ossea/zones lists, or leave zone out for the configured one.",
        )),
    }
}
