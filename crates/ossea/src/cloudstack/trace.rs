//! The outermost layer: what is known of a call from outside. Never its parameters, which are long and tell
//! more than a log should.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tower::{Layer, Service};
use tracing::{Instrument, debug, debug_span, field};

use super::call::{Answer, Call};
use crate::error::OsseaError;

/// Makes [`Trace`] services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// Traces calls.
#[derive(Debug, Clone)]
pub(crate) struct Trace<S> {
    inner: S,
}

impl<S> Service<Arc<Call>> for Trace<S>
where
    S: Service<Arc<Call>, Response = Answer, Error = OsseaError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = OsseaError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, OsseaError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), OsseaError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Arc<Call>) -> Self::Future {
        let span = debug_span!("ossea_call", command = call.command, request_key = field::Empty);
        if let Some(key) = &call.key {
            span.record("request_key", field::display(key));
        }
        let begun = Instant::now();
        let answer = self.inner.call(Arc::clone(&call));
        Box::pin(
            async move {
                let result = answer.await;
                let request_key = call.key.as_ref().map(field::display);
                let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let outcome = outcome(&result);
                debug!(
                    command = call.command,
                    request_key, duration_ms, outcome, "asked the cloud"
                );
                result
            }
            .instrument(span),
        )
    }
}

/// The class of an outcome, short enough for a metric's label.
fn outcome(result: &Result<Answer, OsseaError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(OsseaError::Unreachable(_)) => "unreachable",
        Err(OsseaError::Throttled { .. }) => "throttled",
        Err(OsseaError::Busy(_)) => "busy",
        Err(OsseaError::Refused(_)) => "refused",
        Err(OsseaError::Unauthorized(_)) => "unauthorized",
        Err(OsseaError::NotFound(_)) => "not_found",
        Err(OsseaError::Malformed(_)) => "malformed",
        Err(OsseaError::OutcomeUnknown(_)) => "outcome_unknown",
    }
}
