//! `POST /api/v1/failover/jobs/{job_id}/decide`: a person decides about an attention.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::{Attention, Decision, JobId};
use failover_engine::ports::JobRecord;
use failover_engine::request::JobRequest;
use failover_engine::verbs::Verb;

use super::asking::{Consent, answered, asked_before, permitted, refused, submit};
use super::jobs::record_of;
use crate::access::Caller;
use crate::dto::{DecideRequest, RequestAnswer};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, reason};
use crate::openapi::problems;
use crate::state::ApiState;

/// Decides about an open attention of a job.
///
/// The attention says which decisions it has. A decision that was heard already succeeds when it is repeated.
#[utoipa::path(
    post,
    path = "/failover/jobs/{job_id}/decide",
    tag = "failover",
    operation_id = "decide",
    params(("job_id" = JobId, Path, description = "The job.")),
    request_body = DecideRequest,
    responses(
        (status = 202, description = "The worker will hear it.", body = RequestAnswer),
        (status = 404, response = problems::UnknownJob),
        (status = 409, response = problems::NotAllowedNow),
    )
)]
pub(in crate::routes) async fn decide(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiJson(body): ApiJson<DecideRequest>,
) -> Result<(StatusCode, Json<RequestAnswer>), ApiError> {
    let why = match body.decision {
        Decision::Retry => body.reason.clone().unwrap_or_default(),
        Decision::Keep | Decision::Force => reason(body.reason.as_deref().unwrap_or_default())?,
    };
    let record = record_of(&state, &job_id).await?;
    let candidates = meant(&record, &body);
    // A decision that was heard has closed its attention: repeated after a lost answer, it succeeds.
    if candidates.is_empty()
        && let Some(first) = asked_before(&state, &record, |request| is_same(request, &body)).await?
    {
        return Ok(answered(record, first.by, first.request));
    }
    permitted(&state, &record, Verb::Decide, Consent::NotGiven).await?;
    let attention = the_one(&record, &body, &candidates)?;
    if !attention.decisions.contains(&body.decision) {
        let offered: Vec<&str> = attention.decisions.iter().map(|d| d.as_str()).collect();
        let offered = if offered.is_empty() {
            "none: it is mended in the cloud".to_owned()
        } else {
            offered.join(", ")
        };
        let why = format!("{} has the decisions {offered}", named(attention));
        return Err(refused(&record, Verb::Decide, &why));
    }
    let request = JobRequest::Decide {
        code: attention.code,
        // Always named, so that an attention that is raised meanwhile is not decided along with it.
        object: attention.object().map(ToOwned::to_owned),
        decision: body.decision,
        reason: why,
    };
    submit(&state, caller, record, request).await
}

/// The open attentions that the body may mean.
fn meant(record: &JobRecord, body: &DecideRequest) -> Vec<Attention> {
    let of_code = record
        .projection
        .attention
        .iter()
        .filter(|a| a.code == body.attention);
    let of_object = of_code.filter(|a| body.object.is_none() || a.object() == body.object.as_deref());
    of_object.cloned().collect()
}

fn is_same(request: &JobRequest, body: &DecideRequest) -> bool {
    match request {
        JobRequest::Decide {
            code,
            object,
            decision,
            ..
        } => {
            *code == body.attention
                && *decision == body.decision
                && (body.object.is_none() || *object == body.object)
        }
        JobRequest::Cancel | JobRequest::EndTest | JobRequest::Extend { .. } | JobRequest::Retry => false,
    }
}

fn the_one<'a>(
    record: &JobRecord,
    body: &DecideRequest,
    candidates: &'a [Attention],
) -> Result<&'a Attention, ApiError> {
    match candidates {
        [attention] => Ok(attention),
        [] => {
            let open: Vec<String> = record.projection.attention.iter().map(named).collect();
            let wanted = match &body.object {
                Some(object) => format!("{} about {object:?}", code(body.attention)),
                None => code(body.attention),
            };
            let why = format!("no attention {wanted} is open; open are {}", open.join(", "));
            Err(refused(record, Verb::Decide, &why))
        }
        [_, ..] => {
            let objects: Vec<&str> = candidates.iter().filter_map(Attention::object).collect();
            Err(ApiError::invalid(
                format!(
                    "object is missing: {} attentions {} are open, about {}",
                    candidates.len(),
                    code(body.attention),
                    objects.join(", ")
                ),
                "Give the object that is meant.",
            ))
        }
    }
}

/// An attention by code and object.
fn named(attention: &Attention) -> String {
    match attention.object() {
        Some(object) => format!("{} about {object:?}", code(attention.code)),
        None => code(attention.code),
    }
}

/// The code as it is written.
fn code(code: failover_domain::AttentionCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => format!("{code:?}"),
    }
}
