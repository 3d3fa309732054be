//! `GET /api/v1/ossea/capabilities`: version, settings and permissions.

use ::ossea::probe::Wanted;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::cloud_view::{age_of, capabilities};
use crate::dto::CapabilitiesAnswer;
use crate::error::ApiError;
use crate::extract::{ApiQuery, parameter};
use crate::state::ApiState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct CapabilitiesQuery {
    refresh: Option<String>,
}

/// Answers from what is known, however old, as long as there is something; the answer tells its age.
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
