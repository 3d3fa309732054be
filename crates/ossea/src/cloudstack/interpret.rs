//! What an exchange means: the envelope is opened and everything that went wrong gets its place in
//! [`OsseaError`].
//!
//! Only two things prove that a change was not processed: no connection came about, or CloudStack (or a proxy,
//! by 401, 429 or 503) refused it. Whatever else is not a readable answer leaves the outcome unknown.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Map, Value};
use tower::timeout::error::Elapsed;
use tower::{BoxError, Layer, Service};

use super::call::{Answer, Call, Effect, Failure, Reply};
use super::row::{code, text};
use crate::error::{OsseaError, Refusal};

/// CloudStack counts requests per second, so this is its own rhythm.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// A longer hint than this is taken for a mistake.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Makes [`Interpret`] services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterpretLayer;

impl<S> Layer<S> for InterpretLayer {
    type Service = Interpret<S>;

    fn layer(&self, inner: S) -> Interpret<S> {
        Interpret { inner }
    }
}

/// Turns replies and failures into answers and [`OsseaError`]s.
#[derive(Debug, Clone)]
pub(crate) struct Interpret<S> {
    inner: S,
}

impl<S> Service<Arc<Call>> for Interpret<S>
where
    S: Service<Arc<Call>, Response = Reply, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = OsseaError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, OsseaError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), OsseaError>> {
        // Nothing has been sent while a service is only getting ready.
        self.inner
            .poll_ready(cx)
            .map_err(|error| OsseaError::Unreachable(error.to_string()))
    }

    fn call(&mut self, call: Arc<Call>) -> Self::Future {
        let reply = self.inner.call(Arc::clone(&call));
        Box::pin(async move {
            match reply.await {
                Ok(reply) => answer(&call, &reply),
                Err(error) => Err(no_reply(call.effect, &error)),
            }
        })
    }
}

/// What it means that there is no whole reply.
fn no_reply(effect: Effect, error: &BoxError) -> OsseaError {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return match (failure, effect) {
            (Failure::NotSent(why), Effect::Read | Effect::Change) => OsseaError::Unreachable(why.clone()),
            (Failure::Lost(_), Effect::Read) => OsseaError::Unreachable(failure.to_string()),
            (Failure::TooLong { .. }, Effect::Read) => OsseaError::Malformed(failure.to_string()),
            (Failure::Lost(_) | Failure::TooLong { .. }, Effect::Change) => {
                OsseaError::OutcomeUnknown(failure.to_string())
            }
        };
    }
    let why = if error.is::<Elapsed>() {
        "no answer in time".to_owned()
    } else {
        error.to_string()
    };
    match effect {
        Effect::Read => OsseaError::Unreachable(why),
        Effect::Change => OsseaError::OutcomeUnknown(why),
    }
}

/// What a whole reply means.
pub(crate) fn answer(call: &Call, reply: &Reply) -> Result<Answer, OsseaError> {
    let envelope = open(call.command, &reply.body);
    let status = u32::from(reply.status);
    if let Some(Envelope::Refusal(refusal)) = envelope {
        let code = if refusal.code == 0 { status } else { refusal.code };
        return Err(refused(Refusal { code, ..refusal }, reply.retry_after));
    }
    match (status, envelope) {
        (200..=299, Some(Envelope::Content(content))) => Ok(Answer(content)),
        // A proxy may say these as well. Each says that the request was not processed.
        (401 | 429 | 503, _) => {
            let text = "not in CloudStack's form, perhaps from a proxy".to_owned();
            Err(refused(Refusal { code: status, text }, reply.retry_after))
        }
        (_, Some(Envelope::Refusal(_) | Envelope::Content(_)) | None) => Err(unreadable(call, reply)),
    }
}

/// The words of a refusal are for people; its code decides.
fn refused(refusal: Refusal, retry_after: Option<Duration>) -> OsseaError {
    match refusal.code {
        401 => OsseaError::Unauthorized(refusal.text),
        429 => {
            let hint = pause_in_text(&refusal.text)
                .or(retry_after)
                .unwrap_or(USUAL_PAUSE);
            OsseaError::Throttled {
                retry_after: hint.min(LONGEST_PAUSE),
            }
        }
        503 => OsseaError::Busy(refusal.text),
        _ => OsseaError::Refused(refusal),
    }
}

/// An answer that CloudStack did not write, or not to its end. Its text is not repeated: error pages echo the
/// request, and with it the API key.
fn unreadable(call: &Call, reply: &Reply) -> OsseaError {
    let Reply { status, body, .. } = reply;
    let looks = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "empty",
        Some(b'<') => "HTML or XML",
        Some(b'{') => "JSON that is cut or not CloudStack's",
        Some(_) => "neither JSON nor HTML",
    };
    let what = format!(
        "HTTP {status} to {} with {} bytes: {looks}",
        call.command,
        body.len()
    );
    match call.effect {
        Effect::Read => OsseaError::Malformed(what),
        Effect::Change => OsseaError::OutcomeUnknown(what),
    }
}

/// What an envelope holds.
#[derive(Debug, PartialEq)]
enum Envelope {
    /// The answer to the command.
    Content(Map<String, Value>),
    /// An error; its code is 0 where the envelope names none.
    Refusal(Refusal),
}

/// Opens the envelope of an answer to `command`; `None` when it is not one.
fn open(command: &str, body: &[u8]) -> Option<Envelope> {
    let Value::Object(outer) = json(body)? else {
        return None;
    };
    let expected = format!("{}response", command.to_ascii_lowercase());
    let mut content = None;
    for (name, value) in outer {
        let Value::Object(inner) = value else { continue };
        if inner.contains_key("errorcode") || inner.contains_key("errortext") {
            let refusal = Refusal {
                code: code(inner.get("errorcode")).unwrap_or(0),
                text: text(inner.get("errortext")).unwrap_or_else(|| "no reason given".to_owned()),
            };
            return Some(Envelope::Refusal(refusal));
        }
        if name.eq_ignore_ascii_case(&expected) {
            content = Some(inner);
        }
    }
    content.map(Envelope::Content)
}

/// Reads JSON as CloudStack writes it: its serialiser un-escapes `\u` sequences after the fact, so control
/// characters may stand inside strings, where JSON forbids them.
fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().or_else(|| {
        let text: String = String::from_utf8_lossy(body)
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        serde_json::from_str(&text).ok()
    })
}

/// The milliseconds in "please retry after [N] ms.". Only a hint; without it the usual pause is made.
fn pause_in_text(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let before = lower[..lower.rfind("ms")?].trim_end_matches([' ', ']']);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
#[path = "interpret_tests.rs"]
mod tests;
