//! `GET /api/v1/attention`: what people are needed for, over all jobs.

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{JobId, Severity};
use failover_engine::ports::JobFilter;
use serde::Deserialize;

use crate::access::Caller;
use crate::dto::AttentionPage;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, parameter, shown};
use crate::state::ApiState;
use crate::view::{attention_view, needs_person, open_attentions};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttentionQuery {
    severity: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Jobs are read until a page is full: of some, all attentions are over by now or of another severity.
pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<AttentionQuery>,
) -> Result<Json<AttentionPage>, ApiError> {
    let page_size = limit(query.limit.as_deref(), 50, 500)?;
    let severity = query.severity.as_deref().map(severity).transpose()?;
    let mut after: Option<JobId> = query
        .cursor
        .as_deref()
        .map(|text| parameter("cursor", text))
        .transpose()?;
    let now = state.service.clock.now();
    let mut attention = Vec::new();
    loop {
        let filter = JobFilter {
            vms: caller.only().cloned(),
            needs_person: Some(needs_person(&state, now)),
            after: after.clone(),
            limit: page_size,
            ..JobFilter::default()
        };
        let records = state.service.jobs.jobs(&filter).await?;
        let is_last = records.len() < page_size;
        for record in records {
            if attention.len() >= page_size {
                return Ok(Json(AttentionPage {
                    attention,
                    next_cursor: after,
                }));
            }
            let open = open_attentions(&state, &record, now).await?;
            let wanted = open
                .into_iter()
                .filter(|a| severity.is_none_or(|s| s == a.severity));
            attention.extend(wanted.map(|a| attention_view(&record, a)));
            after = Some(record.job_id);
        }
        if is_last {
            return Ok(Json(AttentionPage {
                attention,
                next_cursor: None,
            }));
        }
    }
}

fn severity(text: &str) -> Result<Severity, ApiError> {
    match text {
        "warning" => Ok(Severity::Warning),
        "error" => Ok(Severity::Error),
        "critical" => Ok(Severity::Critical),
        _ => Err(ApiError::invalid(
            format!(
                "query parameter severity is {:?}, allowed are warning, error and critical",
                shown(text)
            ),
            "Correct severity, or leave it out.",
        )),
    }
}
