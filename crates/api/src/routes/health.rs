//! `/healthz` and `/readyz`: for load balancers.

use axum::Json;
use axum::extract::State;
use failover_engine::ports::JobFilter;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::ApiState;

/// The process answers.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// The database answers, and its schema fits. The cloud is not asked: an API that can show jobs is of use even
/// while the cloud is away.
pub(super) async fn ready(State(state): State<ApiState>) -> Result<Json<Value>, ApiError> {
    let one_job = JobFilter {
        limit: 1,
        ..JobFilter::default()
    };
    state.service.jobs.jobs(&one_job).await?;
    Ok(Json(json!({ "status": "ready" })))
}
