//! The form of the layers above `interpret`: each says what it does around the layers below it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::call::{Answer, Asked};
use crate::error::OsseaError;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The cloud said so, or did not answer.
    Cloud(OsseaError),
    /// We did not send it, so it tells nothing about the cloud.
    Withheld(OsseaError),
}

impl Setback {
    /// A call that we did not send: certainly not processed.
    pub(crate) fn withheld(why: String) -> Self {
        Setback::Withheld(OsseaError::Unreachable(why))
    }

    /// What the caller learns.
    pub(crate) fn into_error(self) -> OsseaError {
        match self {
            Setback::Cloud(error) | Setback::Withheld(error) => error,
        }
    }
}

/// The layers below one. They are always ready: whatever waits does so while it serves.
pub(crate) trait Below:
    Service<Asked, Response = Answer, Error = Setback, Future: Send + 'static> + Clone + Send + Sync + 'static
{
}

impl<S> Below for S where
    S: Service<Asked, Response = Answer, Error = Setback, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What a layer does.
pub(crate) trait Concern: Clone + Send + Sync + 'static {
    /// Serves a call, by the layers below where it lets it through.
    fn serve<S: Below>(self, asked: Asked, below: S) -> impl Future<Output = Result<Answer, Setback>> + Send;
}

/// Puts a concern around the layers below.
#[derive(Debug, Clone)]
pub(crate) struct Around<C>(pub(crate) C);

impl<C: Concern, S> Layer<S> for Around<C> {
    type Service = Surrounded<C, S>;

    fn layer(&self, below: S) -> Surrounded<C, S> {
        Surrounded {
            concern: self.0.clone(),
            below,
        }
    }
}

/// Layers with a concern around them.
#[derive(Debug, Clone)]
pub(crate) struct Surrounded<C, S> {
    concern: C,
    below: S,
}

impl<C: Concern, S: Below> Service<Asked> for Surrounded<C, S> {
    type Response = Answer;
    type Error = Setback;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Setback>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Setback>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, asked: Asked) -> Self::Future {
        Box::pin(self.concern.clone().serve(asked, self.below.clone()))
    }
}
