//! The outermost layer: what is known of a call from outside. Never its parameters, which are long and tell
//! more than a log should.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tower::{Layer, Service};
use tracing::{Instrument, debug, debug_span, field};

use super::call::{Answer, Asked};
use super::concern::{Below, Setback};
use super::statistics::Outcome;
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

impl<S: Below> Service<Asked> for Trace<S> {
    type Response = Answer;
    type Error = OsseaError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, OsseaError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), OsseaError>> {
        self.inner.poll_ready(cx).map_err(Setback::into_error)
    }

    fn call(&mut self, asked: Asked) -> Self::Future {
        let call = Arc::clone(&asked.call);
        let span = debug_span!("ossea_call", command = call.command, request_key = field::Empty);
        if let Some(key) = &call.key {
            span.record("request_key", field::display(key));
        }
        let begun = Instant::now();
        let answer = self.inner.call(asked);
        Box::pin(
            async move {
                let result = answer.await;
                let request_key = call.key.as_ref().map(field::display);
                let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let outcome = Outcome::of(&result).word();
                debug!(
                    command = call.command,
                    request_key, duration_ms, outcome, "asked the cloud"
                );
                result.map_err(Setback::into_error)
            }
            .instrument(span),
        )
    }
}
