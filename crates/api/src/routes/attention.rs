//! `GET /api/v1/attention`: what people are needed for, over all jobs.

use axum::extract::State;
use axum::{Extension, Json};
use failover_domain::{JobId, Severity};
use failover_engine::ports::JobFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::AttentionPage;
use crate::error::ApiError;
use crate::extract::{ApiQuery, limit, parameter, shown};
use crate::state::ApiState;
use crate::view::{attention_view, needs_person, open_attentions};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AttentionQuery {
    /// Only attentions of this severity.
    #[param(value_type = Option<Severity>)]
    severity: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    #[param(value_type = Option<JobId>)]
    cursor: Option<String>,
}

/// Lists what people are needed for, over all jobs.
#[utoipa::path(
    get,
    path = "/attention",
    tag = "attention",
    operation_id = "list_attention",
    params(AttentionQuery),
    responses(
        (status = 200, description = "A page of open attentions.", body = AttentionPage),
    )
)]
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
    // Jobs are read until a page is full: of some, all attentions are over by now or of another severity.
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
