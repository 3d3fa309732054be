//! `GET /api/v1/ossea/capabilities`: version, settings and permissions.

use ::ossea::probe::Wanted;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::cloud_view::{age_of, capabilities};
use crate::dto::CapabilitiesAnswer;
use crate::error::ApiError;
use crate::extract::{ApiQuery, parameter};
use crate::openapi::problems;
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct CapabilitiesQuery {
    /// Whether the cloud is asked anew.
    #[param(value_type = Option<bool>, default = false)]
    refresh: Option<String>,
}

/// Shows the cloud's version, settings and permissions.
///
/// Answers from what is known, however old, as long as there is something; the answer tells its age.
#[utoipa::path(
    get,
    path = "/ossea/capabilities",
    tag = "ossea",
    operation_id = "show_capabilities",
    params(CapabilitiesQuery),
    responses(
        (status = 200, description = "What the cloud told, and how long ago.", body = CapabilitiesAnswer),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<CapabilitiesQuery>,
) -> Result<Json<CapabilitiesAnswer>, ApiError> {
    let refresh: Option<bool> = query
        .refresh
        .as_deref()
        .map(|text| parameter("refresh", text))
        .transpose()?;
    let wanted = if refresh == Some(true) {
        Wanted::New
    } else {
        Wanted::Recent
    };
    let reading = state
        .probes
        .read(wanted)
        .await
        .map_err(|failed| ApiError::from(failed.error))?;
    Ok(Json(CapabilitiesAnswer {
        capabilities: capabilities(&reading.probe),
        probe: age_of(&reading),
    }))
}
