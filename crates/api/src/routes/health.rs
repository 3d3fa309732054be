//! `/healthz` and `/readyz`: for load balancers.

use axum::Json;
use axum::extract::State;
use failover_engine::ports::JobFilter;

use crate::dto::{Health, HealthAnswer};
use crate::error::ApiError;
use crate::openapi::problems;
use crate::state::ApiState;

/// Says whether the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    operation_id = "alive",
    responses(
        (status = 200, description = "The process answers.", body = HealthAnswer),
    )
)]
pub(super) async fn alive() -> Json<HealthAnswer> {
    Json(HealthAnswer {
        status: Health::Alive,
    })
}

/// Says whether the database answers and its schema fits.
///
/// The cloud is not asked: an API that can show jobs is of use even while the cloud is away.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    operation_id = "ready",
    responses(
        (status = 200, description = "The database answers.", body = HealthAnswer),
        (status = 503, response = problems::Unavailable),
    )
)]
pub(super) async fn ready(State(state): State<ApiState>) -> Result<Json<HealthAnswer>, ApiError> {
    let one_job = JobFilter {
        limit: 1,
        ..JobFilter::default()
    };
    state.service.jobs.jobs(&one_job).await?;
    Ok(Json(HealthAnswer {
        status: Health::Ready,
    }))
}
