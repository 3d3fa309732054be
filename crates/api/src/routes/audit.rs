//! `GET /api/v1/audit`: who changed what, and why.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::dto::AuditList;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit};
use crate::state::ApiState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    limit: Option<String>,
}

pub(super) async fn list(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<Json<AuditList>, ApiError> {
    let limit = limit(query.limit.as_deref(), 50, 500)?;
    let entries = state.service.inventory.audit(limit).await?;
    Ok(Json(AuditList { entries }))
}
