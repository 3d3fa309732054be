//! The layer that dates and signs a request each time it is sent.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::SecondsFormat;
use secrecy::{ExposeSecret, SecretString};
use tower::{Layer, Service};

use super::call::{Call, Effect, Failure, Reply, SignedRequest, parameter};
use super::settings::CloudStackSettings;
use super::sign;
use super::skew::{Clock, ClockSkew};

/// What a signature needs.
pub(crate) struct Signer {
    api_key: SecretString,
    secret_key: SecretString,
    ttl: Duration,
    clock: Clock,
    skew: Arc<ClockSkew>,
}

impl Signer {
    pub(crate) fn new(settings: &CloudStackSettings, clock: Clock, skew: Arc<ClockSkew>) -> Arc<Self> {
        Arc::new(Self {
            api_key: settings.api_key.clone(),
            secret_key: settings.secret_key.clone(),
            ttl: settings.signature_ttl,
            clock,
            skew,
        })
    }

    /// Dates a call by the cloud's clock and signs it.
    fn sign(&self, call: &Call) -> SignedRequest {
        let expires = (self.clock)() + self.skew.get() + self.ttl;
        let mut parameters = call.parameters.clone();
        parameters.push(parameter("command", call.command));
        parameters.push(parameter("response", "json"));
        parameters.push(parameter("apikey", self.api_key.expose_secret()));
        parameters.push(parameter("signatureversion", 3));
        parameters.push(parameter(
            "expires",
            expires.to_rfc3339_opts(SecondsFormat::Secs, true),
        ));
        let signature = sign::signature(&parameters, self.secret_key.expose_secret());
        parameters.push(parameter("signature", signature));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        SignedRequest {
            effect: call.effect,
            form,
        }
    }

    /// Learns the cloud's time from an answer; says whether it turned out notably different from what we believed.
    fn learn(&self, reply: &Reply) -> bool {
        reply
            .date
            .is_some_and(|clouds| self.skew.measure((self.clock)(), clouds))
    }
}

/// Makes [`Signing`] services.
#[derive(Clone)]
pub(crate) struct SigningLayer(pub(crate) Arc<Signer>);

impl<S> Layer<S> for SigningLayer {
    type Service = Signing<S>;

    fn layer(&self, inner: S) -> Signing<S> {
        Signing {
            signer: Arc::clone(&self.0),
            inner,
        }
    }
}

/// Signs calls.
#[derive(Clone)]
pub(crate) struct Signing<S> {
    signer: Arc<Signer>,
    inner: S,
}

impl<S> Service<Arc<Call>> for Signing<S>
where
    S: Service<SignedRequest, Response = Reply, Error = Failure> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Arc<Call>) -> Self::Future {
        let signer = Arc::clone(&self.signer);
        let spare = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, spare);
        Box::pin(async move {
            let reply = inner.call(signer.sign(&call)).await?;
            let our_date_was_wrong = signer.learn(&reply);
            // The very first request is dated by our own clock. When that clock is wrong the cloud says 401 and,
            // in the same answer, its time. Only a read is sent again here: a change is never repeated, and by
            // the time one is sent a read has long told the cloud's time.
            if reply.status == 401 && our_date_was_wrong && call.effect == Effect::Read {
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
                return inner.call(signer.sign(&call)).await;
            }
            Ok(reply)
        })
    }
}
