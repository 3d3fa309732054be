//! `Idempotency-Key`: a POST or DELETE that is sent again, because its answer was lost, is answered and not repeated.
//!
//! What is promised, and what becomes of a request whose process died, is told in [`failover_engine::idempotency`]. Here
//! the request is read and compared, and its answer is kept.
//!
//! A request with a key is carried out by a task of its own: a caller who hangs up does not cut it off halfway, and finds
//! its answer when they come back. Answers of the server's own failing (5xx) and those that say "later" are not kept, so
//! that trying again is trying again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use failover_domain::{JobId, JobStatus};
use failover_engine::idempotency::{
    Claimed, IdempotencyKey, IdempotencyKeys, KeyClaim, KeyTerms, KeyedRequest, StoredAnswer,
};
use futures::FutureExt;
use sha2::{Digest, Sha256};
use tracing::Instrument;
use uuid::Uuid;

use crate::access::Caller;
use crate::dto::problem::MEDIA_TYPE;
use crate::dto::{ErrorCode, Problem};
use crate::error::ApiError;
use crate::extract::{shown, wrong_body};
use crate::layers::{panicked, timed_out};
use crate::routes::created;
use crate::state::ApiState;

/// The header with the key.
const KEY: &str = "idempotency-key";

/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How much longer than a request may take its claim lasts: what its answer takes to be kept on a slow day.
const LAPSE_MARGIN: Duration = Duration::from_secs(30);

/// The longest that a caller is told to wait: what is under way is mostly over in a moment.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The headers that belong to an answer and not to the way it took.
const OF_THE_ANSWER: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::RETRY_AFTER];

/// Answers requests with a key that were answered before, and keeps the answers of the others.
pub(crate) async fn carry_out_once(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::POST | Method::DELETE) {
        return next.run(request).await;
    }
    match key_of(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => with_key(state, key, request, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Err(error) => error.into_response(),
    }
}

async fn with_key(
    state: ApiState,
    key: IdempotencyKey,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (keyed, mut request) = read(key, request).await?;
    let limit = state.settings.request_timeout;
    let terms = KeyTerms {
        lapse_after: limit + LAPSE_MARGIN,
        keep_for: state.settings.idempotency_kept_for,
    };
    match state.ports.keys.claim_key(&keyed, Uuid::new_v4(), terms).await? {
        Claimed::Granted(claim) => {
            request.extensions_mut().insert(claim.clone());
            let task = carry_out(Arc::clone(&state.ports.keys), claim, request, next, limit);
            // The task catches panics, so it ends in another way only when the runtime does.
            tokio::spawn(task.in_current_span())
                .await
                .map_err(|error| ApiError::internal(format!("a request was cut off: {error}")))
        }
        Claimed::UnderWay { lapses_in } => Err(under_way(&keyed.key, lapses_in)),
        Claimed::Started(job_id) => started(&state, &job_id).await,
        Claimed::Answered(answer) => replayed(answer),
        Claimed::Reused { method, path } => Err(reused(&keyed, &method, &path)),
    }
}

/// Carries a request out and keeps its answer, or gives the claim back.
async fn carry_out(
    keys: Arc<dyn IdempotencyKeys>,
    claim: KeyClaim,
    request: Request,
    next: Next,
    limit: Duration,
) -> Response {
    let running = AssertUnwindSafe(tokio::time::timeout(limit, next.run(request))).catch_unwind();
    let response = match running.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => timed_out(limit).into_response(),
        Err(panic) => panicked(panic),
    };
    let is_kept = !response.status().is_server_error()
        && !matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    let (response, done) = if is_kept {
        let (response, answer) = match stored(response).await {
            Ok(both) => both,
            Err(error) => return error.into_response(),
        };
        (response, keys.keep_answer(&claim, &answer).await.map(drop))
    } else {
        (response, keys.give_back_key(&claim).await)
    };
    if let Err(error) = done {
        // The answer is true all the same. Without it, a repetition waits until the claim has lapsed.
        tracing::warn!(key = %claim.key, %error, "What became of an idempotency key cannot be stored.");
    }
    response
}

fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(KEY).into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |what: String| {
        ApiError::invalid(
            format!("the header Idempotency-Key {what}"),
            "Make up a new key for each request, such as a UUID, and send it again only with the same request.",
        )
    };
    if values.next().is_some() {
        return Err(wrong("is given more than once, allowed is one key".to_owned()));
    }
    let text = value.to_str().unwrap_or_default();
    let key = text.parse::<IdempotencyKey>();
    key.map(Some)
        .map_err(|allowed| wrong(format!("is {:?}, {allowed}", shown(text))))
}

/// Reads a request as what it is compared by, and puts it together again.
async fn read(key: IdempotencyKey, request: Request) -> Result<(KeyedRequest, Request), ApiError> {
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &())
        .await
        .map_err(|rejection| wrong_body(&rejection.into()))?;
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |uri| &uri.0);
    let caller = parts.extensions.get::<Caller>().map_or("anonymous", Caller::name);
    let keyed = KeyedRequest {
        caller: caller.to_owned(),
        key,
        method: parts.method.to_string(),
        path: uri.path_and_query().map_or("", |path| path.as_str()).to_owned(),
        body_sha256: Sha256::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    Ok((keyed, Request::from_parts(parts, Body::from(body))))
}

/// An answer as it is kept, and as it goes out.
async fn stored(response: Response) -> Result<(Response, StoredAnswer), ApiError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| ApiError::internal(format!("an answer cannot be read: {error}")))?;
    let text = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    };
    let mut answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: OF_THE_ANSWER.iter().filter_map(text).collect(),
        body: body.to_vec(),
    };
    let withheld = must_not_be_kept(&parts.headers).then(not_kept);
    // A problem is written further out, with the id of the request that is told it.
    if let Some(error) = withheld.as_ref().or(parts.extensions.get::<ApiError>()) {
        answer.headers = vec![(header::CONTENT_TYPE.to_string(), MEDIA_TYPE.to_owned())];
        let wait = error.retry_after.map(|wait| wait.as_secs().to_string());
        answer
            .headers
            .extend(wait.map(|seconds| (header::RETRY_AFTER.to_string(), seconds)));
        answer.body = serde_json::to_vec(&error.problem)
            .map_err(|error| ApiError::internal(format!("a problem cannot be written: {error}")))?;
    }
    Ok((Response::from_parts(parts, Body::from(body)), answer))
}

/// Whether an answer holds a secret: whoever makes one says so with `Cache-Control: no-store`.
fn must_not_be_kept(headers: &HeaderMap) -> bool {
    headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|control| control.as_bytes().windows(8).any(|word| word == b"no-store"))
}

/// What is kept instead of an answer that holds a secret.
fn not_kept() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        ErrorCode::IdempotencyAnswerNotKept,
        "the request with this idempotency key was carried out; its answer held a secret, which is not kept",
    )
    .action("If the answer was lost, take back what was made, and ask for it again with a new key.")
}

/// A kept answer, as it was given the first time.
fn replayed(answer: StoredAnswer) -> Result<Response, ApiError> {
    let broken = |what: String| ApiError::internal(format!("a kept answer is broken: {what}"));
    let header = |name: &HeaderName| {
        let mut named = answer
            .headers
            .iter()
            .filter(|(stored, _)| stored == name.as_str());
        named.next().map(|(_, value)| value.as_str())
    };
    let mut response = if header(&header::CONTENT_TYPE) == Some(MEDIA_TYPE) {
        let problem: Problem =
            serde_json::from_slice(&answer.body).map_err(|error| broken(error.to_string()))?;
        let wait = header(&header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let error = ApiError {
            problem: Box::new(problem),
            retry_after: wait.map(Duration::from_secs),
            cause: None,
        };
        error.into_response()
    } else {
        let status = StatusCode::from_u16(answer.status).map_err(|error| broken(error.to_string()))?;
        let mut response = status.into_response();
        for name in OF_THE_ANSWER {
            if let Some(value) = header(&name) {
                let value = HeaderValue::from_str(value).map_err(|error| broken(error.to_string()))?;
                response.headers_mut().insert(name, value);
            }
        }
        *response.body_mut() = Body::from(answer.body);
        response
    };
    mark_replayed(&mut response);
    Ok(response)
}

/// The answer to a start whose own answer was not kept: its process died, or is about to give it.
async fn started(state: &ApiState, job_id: &JobId) -> Result<Response, ApiError> {
    let record = state.service.jobs.job(job_id).await?;
    let record = record.ok_or_else(|| ApiError::unknown_job(job_id))?;
    let job_id = job_id.clone();
    let mut response = created(state, job_id, record.vm_id, record.job_type, JobStatus::Pending).await;
    mark_replayed(&mut response);
    Ok(response)
}

fn mark_replayed(response: &mut Response) {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
}

/// Another request with the key is being carried out, or its process has died a moment ago.
pub(crate) fn under_way(key: &IdempotencyKey, lapses_in: Duration) -> ApiError {
    let mut error = ApiError::new(
        StatusCode::CONFLICT,
        ErrorCode::IdempotencyInProgress,
        format!("the request with the idempotency key {key} is being carried out"),
    )
    .action("Send the same request with the same key again after the time that Retry-After tells.");
    error.retry_after = Some(lapses_in.min(LONGEST_WAIT));
    error
}

fn reused(keyed: &KeyedRequest, method: &str, path: &str) -> ApiError {
    let difference = if (method, path) == (keyed.method.as_str(), keyed.path.as_str()) {
        "with another body".to_owned()
    } else {
        format!("for {method} {path}")
    };
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::IdempotencyKeyReused,
        format!("the idempotency key {} was used before, {difference}", keyed.key),
    )
    .action("Make up a new key for each request, and use one again only to repeat the same request.")
}

/// Forgets old keys until the process is told to stop: a piece at a time, so that nobody waits for it.
pub async fn forget_old_keys(state: ApiState) {
    /// How often old keys are looked for, and how many go at once.
    const INTERVAL: Duration = Duration::from_secs(600);
    const PIECE: usize = 500;
    let clock = Arc::clone(&state.service.clock);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = clock.sleep(INTERVAL) => {}
        }
        loop {
            match state.ports.keys.forget_old_keys(PIECE).await {
                Ok(forgotten) if forgotten == PIECE => tokio::task::yield_now().await,
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "Old idempotency keys cannot be removed; trying again later.");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_holds_a_secret_is_not_kept() {
        let no_store = [(header::CACHE_CONTROL, "private, no-store")];
        let secret = (StatusCode::CREATED, no_store, "hunter2").into_response();
        let (response, answer) = stored(secret).await.unwrap();
        let body = to_bytes(response.into_body(), 100).await.unwrap();
        assert_eq!(&body[..], b"hunter2", "the first one is told");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
        let again = replayed(answer).unwrap();
        assert_eq!(again.status(), StatusCode::CONFLICT);
        let problem = &again.extensions().get::<ApiError>().unwrap().problem;
        assert_eq!(problem.error_code, ErrorCode::IdempotencyAnswerNotKept);
    }
}
