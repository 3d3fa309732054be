//! `GET /api/v1/debug/logs`: the newest records of this process.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tracing::Level;
use utoipa::IntoParams;

use crate::dto::ErrorCode;
use crate::dto::debug::LogPage;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, shown};
use crate::openapi::problems;
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct LogsQuery {
    /// Only records that matter at least so much.
    #[param(pattern = "^(error|warn|info|debug|trace)$", default = "trace")]
    level: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 200)]
    limit: Option<String>,
}

/// Shows the newest log records of this process.
#[utoipa::path(
    get,
    path = "/debug/logs",
    tag = "debug",
    operation_id = "debug_logs",
    params(LogsQuery),
    responses(
        (status = 200, description = "The records, oldest first.", body = LogPage),
        (status = 404, response = problems::NoLogs),
    )
)]
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
