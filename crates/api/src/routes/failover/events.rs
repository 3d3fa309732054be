//! `GET /api/v1/failover/jobs/{job_id}/events`: the journal, piece by piece.

use axum::Json;
use axum::extract::State;
use failover_domain::JobId;
use serde::Deserialize;

use super::jobs::record_of;
use crate::dto::EventPage;
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery, limit, parameter};
use crate::state::ApiState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct EventsQuery {
    after: Option<String>,
    limit: Option<String>,
}

pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiQuery(query): ApiQuery<EventsQuery>,
) -> Result<Json<EventPage>, ApiError> {
    let after: u64 = query
        .after
        .as_deref()
        .map(|text| parameter("after", text))
        .transpose()?
        .unwrap_or(0);
    let limit = limit(query.limit.as_deref(), 200, 1000)?;
    // The row first: a job that ends in between is seen to have ended by the next request at the latest.
    let record = record_of(&state, &job_id).await?;
    let events = state.service.jobs.events(&job_id, after, limit).await?;
    let next_after = events.last().map_or(after, |event| event.seq);
    let is_end = record.projection.status.is_final() && next_after >= record.last_seq;
    Ok(Json(EventPage {
        job_id,
        events,
        next_after,
        is_end,
    }))
}
