//! `GET /api/v1/failover/{vm_id}/readiness`: the verdict over a source VM.

use axum::Json;
use axum::extract::State;
use failover_domain::{FailoverType, Readiness, VmId};
use serde::Deserialize;

use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery, parameter};
use crate::routes::vms::known_vm;
use crate::state::ApiState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct ReadinessQuery {
    #[serde(rename = "type")]
    failover: Option<String>,
}

pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<Readiness>, ApiError> {
    let failover = query
        .failover
        .as_deref()
        .map(|text| parameter("type", text))
        .transpose()?;
    known_vm(&state, &vm_id).await?;
    Ok(Json(
        state
            .service
            .readiness(&vm_id, failover.unwrap_or(FailoverType::Live))
            .await?,
    ))
}
