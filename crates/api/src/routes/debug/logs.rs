//! `GET /api/v1/debug/logs`: the newest records of this process.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tracing::Level;

use crate::dto::ErrorCode;
use crate::dto::debug::LogPage;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, shown};
use crate::state::ApiState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct LogsQuery {
    level: Option<String>,
    limit: Option<String>,
}

pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<LogsQuery>,
) -> Result<Json<LogPage>, ApiError> {
    let least = level(query.level.as_deref())?;
    let limit = limit(query.limit.as_deref(), 200, 1000)?;
    let ring = state.log_ring.as_ref().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            ErrorCode::RouteNotFound,
            "this process keeps no log records in memory",
        )
        .action("Read its log where it writes it: standard error.")
    })?;
    Ok(Json(LogPage {
        records: ring.newest(least, limit),
        made: ring.made(),
    }))
}

/// The names of the levels, as `log.filter` has them.
fn level(text: Option<&str>) -> Result<Level, ApiError> {
    let Some(text) = text else {
        return Ok(Level::TRACE);
    };
    match text {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        "trace" => Ok(Level::TRACE),
        _ => Err(ApiError::invalid(
            format!(
                "query parameter level is {:?}, allowed is error, warn, info, debug or trace",
                shown(text)
            ),
            "Correct level, or leave it out.",
        )),
    }
}
