//! `GET /api/v1/audit`: who changed what, and why.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use failover_domain::VmId;
use failover_engine::ports::{AuditFilter, AuditOrder};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dto::AuditPage;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, parameter, shown};
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Only what this caller did.
    actor: Option<String>,
    /// Only this kind of change, such as `start_live`.
    action: Option<String>,
    /// Only what was about this source VM.
    #[param(value_type = Option<VmId>)]
    vm_id: Option<String>,
    /// Only what was done at or after this instant.
    #[param(value_type = Option<DateTime<Utc>>)]
    since: Option<String>,
    /// Only what was done before this instant.
    #[param(value_type = Option<DateTime<Utc>>)]
    until: Option<String>,
    /// Which rows come first; `newest_first` when left out.
    #[param(pattern = "^(newest_first|oldest_first)$", default = "newest_first")]
    order: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    #[param(value_type = Option<u64>)]
    cursor: Option<String>,
}

/// Lists who changed what, and why.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    operation_id = "list_audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "A page of rows, and the last row of the whole audit.", body = AuditPage),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let page_size = limit(query.limit.as_deref(), 50, 500)?;
    let vm_id = query.vm_id.as_deref().map(|text| parameter("vm_id", text));
    let cursor = query.cursor.as_deref().map(|text| parameter("cursor", text));
    let filter = AuditFilter {
        vm_id: vm_id.transpose()?,
        since: instant("since", query.since.as_deref())?,
        until: instant("until", query.until.as_deref())?,
        order: query.order.as_deref().map(order).transpose()?.unwrap_or_default(),
        after: cursor.transpose()?,
        // One more than asked for tells whether there is a next page.
        limit: page_size + 1,
        actor: query.actor,
        action: query.action,
    };
    let audit = &state.ports.audit;
    // The head first: whoever has read every row from the first one on has read at least so far.
    let head = audit.audit_head().await?;
    let mut entries = audit.audit(&filter).await?;
    let has_more = entries.len() > page_size;
    entries.truncate(page_size);
    Ok(Json(AuditPage {
        next_cursor: entries.last().filter(|_| has_more).map(|row| row.seq),
        entries,
        head,
    }))
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let instant = DateTime::parse_from_rfc3339(text);
    instant.map(|instant| Some(instant.to_utc())).map_err(|_| {
        ApiError::invalid(
            format!(
                "query parameter {name} is {:?}, allowed is an instant such as 2026-01-31T18:00:00Z",
                shown(text)
            ),
            format!("Correct {name}, or leave it out."),
        )
    })
}

fn order(text: &str) -> Result<AuditOrder, ApiError> {
    match text {
        "newest_first" => Ok(AuditOrder::NewestFirst),
        "oldest_first" => Ok(AuditOrder::OldestFirst),
        _ => Err(ApiError::invalid(
            format!(
                "query parameter order is {:?}, allowed are newest_first and oldest_first",
                shown(text)
            ),
            "Correct order, or leave it out.",
        )),
    }
}
