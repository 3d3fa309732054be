//! The layer that dates and signs a request each time it is sent.
//!
//! A read expires `signature_ttl` after it is sent. **A change expires `signature_ttl` after the caller asked for
//! it**: waiting for a turn and repeating it use that time up, they never extend it. So whoever takes over from a
//! caller that has vanished knows that the cloud accepts nothing of it any more once `signature_ttl` (and what the
//! clocks may be off: the difference to the cloud's clock is known to what the quickest of the latest answers took)
//! has passed; the engine's `lost_after` builds on this. The moment is the same for all sendings of a change; it is
//! written in the cloud's time, so a new measurement of the clocks' difference changes the digits. When too little of
//! the time is left, a change is not sent at all.
//!
//! A cloud that does not check expiry (`cloudstack-api.md` section 1.3 names the rule) is outside of this promise:
//! every release checks it for `signatureversion=3`, which is always sent.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::{ExposeSecret, SecretString};
use tower::{Layer, Service};

use super::call::{Asked, Effect, Failure, Reply, SignedRequest, parameter};
use super::settings::CloudStackSettings;
use super::sign;
use super::skew::ClockSkew;
use crate::clock::Clock;

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
    fn sign(&self, asked: &Asked) -> Result<SignedRequest, Failure> {
        let (call, now) = (&asked.call, (self.clock)());
        let valid_from = match call.effect {
            Effect::Read => now,
            // The clock is asked as well as the timers, because those stand still in a suspended machine.
            Effect::Change if now > asked.at + self.ttl - in_transit(self.ttl) => {
                return Err(Failure::TooLate(self.ttl));
            }
            Effect::Change => asked.at,
        };
        let expires = valid_from + self.skew.get() + self.ttl;
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
        Ok(SignedRequest {
            effect: call.effect,
            form,
        })
    }

    /// Learns the cloud's time from an answer; says whether it turned out notably different from what we believed.
    fn learn(&self, sent: DateTime<Utc>, reply: &Reply) -> bool {
        reply
            .date
            .is_some_and(|clouds| self.skew.measure(sent, (self.clock)(), clouds))
    }
}

/// How much of its time a change keeps for the way to the cloud: one that arrives too late is refused as if the
/// credentials were wrong.
pub(crate) fn in_transit(ttl: Duration) -> Duration {
    Duration::from_secs(2).min(ttl / 5)
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

impl<S> Service<Asked> for Signing<S>
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

    fn call(&mut self, asked: Asked) -> Self::Future {
        let signer = Arc::clone(&self.signer);
        let spare = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, spare);
        Box::pin(async move {
            let sent = (signer.clock)();
            let reply = inner.call(signer.sign(&asked)?).await?;
            let our_date_was_wrong = signer.learn(sent, &reply);
            // The very first request is dated by our own clock. When that clock is wrong the cloud says 401 and,
            // in the same answer, its time. Only a read is sent again here: a change is never repeated, and by
            // the time one is sent a read has long told the cloud's time.
            if reply.status == 401 && our_date_was_wrong && asked.call.effect == Effect::Read {
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
                return inner.call(signer.sign(&asked)?).await;
            }
            Ok(reply)
        })
    }
}
