//! `GET /api/v1/failover/jobs/{job_id}/events`: the journal, piece by piece, or as a stream that goes on as it grows.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use failover_domain::JobId;
use failover_engine::ports::JobRecord;
use serde::Deserialize;
use utoipa::IntoParams;

use super::jobs::record_of;
use crate::dto::{ErrorCode, EventPage};
use crate::error::ApiError;
use crate::event_stream::{self, EVENT_STREAM, LAST_EVENT_ID};
use crate::extract::{ApiPath, ApiQuery, limit, parameter, shown};
use crate::journal_feed::JournalStream;
use crate::openapi::problems;
use crate::state::ApiState;

/// After which time a caller who found no place for a stream may ask again.
const UNTIL_A_PLACE_IS_FREE: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct EventsQuery {
    /// The number of the last entry that is known; 0 or left out for all.
    #[param(value_type = Option<u64>, default = 0)]
    after: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 200)]
    limit: Option<String>,
}

/// Reads a job's journal: a page of it, or with `Accept: text/event-stream` all of it as server-sent events that go on as
/// it grows.
///
/// A stream begins after the entry that `Last-Event-ID` names, or else after `after`. Its last event is `end`, once the job
/// has ended.
#[utoipa::path(
    get,
    path = "/failover/jobs/{job_id}/events",
    tag = "failover",
    operation_id = "list_job_events",
    params(
        ("job_id" = JobId, Path, description = "The job."),
        ("last-event-id" = Option<String>, Header, description = "Of streams only: the number of the last entry that is known."),
        EventsQuery,
    ),
    responses(
        (
            status = 200,
            description = "A piece of the journal, or the stream.",
            content((EventPage = "application/json"), (String = "text/event-stream"))
        ),
        (status = 404, response = problems::UnknownJob),
    )
)]
pub(in crate::routes) async fn list(
    State(state): State<ApiState>,
    ApiPath(job_id): ApiPath<JobId>,
    ApiQuery(query): ApiQuery<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if accepts_stream(&headers) {
        return stream(&state, &job_id, &query, &headers).await;
    }
    Ok(Json(page(&state, job_id, &query).await?).into_response())
}

async fn page(state: &ApiState, job_id: JobId, query: &EventsQuery) -> Result<EventPage, ApiError> {
    let after = after(query)?;
    let limit = limit(query.limit.as_deref(), 200, 1000)?;
    // The row first: a job that ends in between is seen to have ended by the next request at the latest.
    let record = record_of(state, &job_id).await?;
    let events = state.service.jobs.events(&job_id, after, limit).await?;
    let next_after = events.last().map_or(after, |event| event.seq);
    let is_end = record.projection.status.is_final() && next_after >= record.last_seq;
    Ok(EventPage {
        job_id,
        events,
        next_after,
        is_end,
    })
}

async fn stream(
    state: &ApiState,
    job_id: &JobId,
    query: &EventsQuery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    if query.limit.is_some() {
        return Err(ApiError::invalid(
            "query parameter limit is given, and a stream has no pages",
            "Leave limit out, or ask for a page with the header Accept: application/json.",
        ));
    }
    // Whoever comes back asks for the same address again, so what the header says is newer than what the query says.
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => last_event_id(id.to_str().unwrap_or("what is not text"))?,
        None => after(query)?,
    };
    let record = record_of(state, job_id).await?;
    within_journal(&record, after)?;
    let place = state.journals.place().ok_or_else(|| {
        let most = state.settings.max_event_streams;
        let mut error = ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::ServerBusy,
            format!("this server has {most} event streams open, which are as many as it may have"),
        )
        .action("Try again in a moment, or ask another server; polling without Accept: text/event-stream always works.")
        .action("Raise server.max_event_streams if it happens often.");
        error.retry_after = Some(UNTIL_A_PLACE_IS_FREE);
        error
    })?;
    let stream = JournalStream::new(&state.journals, &record, after, place, state.shutdown.clone());
    Ok(event_stream::response(stream))
}

/// Whether a caller asks for a stream: by name, and not with the weight 0.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let mut ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_stream = parts
            .next()
            .is_some_and(|media_type| media_type.eq_ignore_ascii_case(EVENT_STREAM));
        let is_refused = parts
            .filter_map(|parameter| parameter.strip_prefix("q="))
            .any(|weight| weight.parse() == Ok(0.0));
        is_stream && !is_refused
    })
}

fn after(query: &EventsQuery) -> Result<u64, ApiError> {
    let after = query.after.as_deref();
    Ok(after
        .map(|text| parameter("after", text))
        .transpose()?
        .unwrap_or(0))
}

fn last_event_id(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid(
            format!(
                "the header Last-Event-ID is {:?}, allowed is the id of an entry of this journal, a whole number",
                shown(text)
            ),
            "Send the id of the last entry that you have, or leave the header out to begin with the first entry.",
        )
    })
}

/// Nobody has an entry that the journal does not have: a place behind its end is one of another job, or of a database
/// that is not this one, and waiting there would be waiting for ever.
fn within_journal(record: &JobRecord, after: u64) -> Result<(), ApiError> {
    if after <= record.last_seq {
        return Ok(());
    }
    Err(ApiError::invalid(
        format!(
            "the stream is to go on after entry {after}, but the last entry of the journal of job {} is {}",
            record.job_id, record.last_seq
        ),
        "Check that Last-Event-ID or after is of this job, or leave it out to begin with the first entry.",
    ))
}
