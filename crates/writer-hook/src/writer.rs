//! [`HttpWriter`]: one signed request per call, and its answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_domain::{CloudVmId, JobId, VmId, VolumeId};
use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterCall, WriterWish};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response};
use secrecy::SecretString;
use serde::Serialize;

use crate::answer::{Asked, BodyEnd, Received};
use crate::settings::{HttpWriterSettings, SettingsError, Target};
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// More than any sentence needs. What sends more is no migration tool.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// Tells the time of requests.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The migration tool, reached over HTTP. Printing it shows no secret.
pub struct HttpWriter {
    client: Client,
    quiesce: Option<Target>,
    resume: Option<Target>,
    secret: SecretString,
    clock: Clock,
}

impl HttpWriter {
    /// A writer that asks as `settings` say. A TLS provider must be installed in the process.
    ///
    /// # Errors
    /// The first thing that is wrong with the settings.
    pub fn new(settings: &HttpWriterSettings, clock: Clock) -> Result<Self, SettingsError> {
        if let Some(problem) = settings.problems().into_iter().next() {
            return Err(problem);
        }
        let quiesce = settings.target(WriterWish::Quiesce)?;
        let resume = settings.target(WriterWish::Resume)?;
        let needs_tls = [&quiesce, &resume]
            .into_iter()
            .flatten()
            .any(|target| target.url.scheme() == "https");
        Ok(Self {
            client: client(settings, needs_tls)?,
            quiesce,
            resume,
            secret: settings.secret.clone(),
            clock,
        })
    }

    fn target(&self, wish: WriterWish) -> Option<&Target> {
        match wish {
            WriterWish::Quiesce => self.quiesce.as_ref(),
            WriterWish::Resume => self.resume.as_ref(),
        }
    }

    async fn exchange(&self, target: &Target, call: &WriterCall) -> Result<Received, reqwest::Error> {
        let body = body_of(call);
        let key = call.key.to_string();
        let timestamp = (self.clock)().timestamp().to_string();
        let response = self
            .client
            .post(target.url.clone())
            .timeout(target.timeout)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/plain")
            .header(SIGNATURE_HEADER, sign(&self.secret, &timestamp, &key, &body))
            .header(KEY_HEADER, key)
            .header(TIMESTAMP_HEADER, timestamp)
            .body(body)
            .send()
            .await?;
        Ok(received(response, target.timeout).await)
    }
}

impl fmt::Debug for HttpWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWriter")
            .field("quiesce", &self.quiesce)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ReplicaWriter for HttpWriter {
    fn hears(&self, wish: WriterWish) -> bool {
        self.target(wish).is_some()
    }

    async fn ask(&self, call: &WriterCall) -> WriterAnswer {
        let Some(target) = self.target(call.wish) else {
            // Callers look at `hears` first. One that does not is never told that something was done.
            return WriterAnswer::Refused(format!("no address is configured for {}", call.wish.as_str()));
        };
        let asked = Asked {
            origin: &target.url.origin().ascii_serialization(),
            secret: &self.secret,
        };
        match self.exchange(target, call).await {
            Ok(received) => asked.meaning(&received),
            Err(error) => asked.silence(&words(&error, target.timeout)),
        }
    }
}

/// The body of a request. The order of its fields is that of the documentation.
#[derive(Debug, Serialize)]
struct RequestBody<'a> {
    wish: &'static str,
    job_id: &'a JobId,
    vm_id: &'a VmId,
    oma_vm_id: &'a CloudVmId,
    volumes: &'a [VolumeId],
}

fn body_of(call: &WriterCall) -> Vec<u8> {
    let body = RequestBody {
        wish: call.wish.as_str(),
        job_id: &call.job_id,
        vm_id: &call.vm_id,
        oma_vm_id: &call.oma,
        volumes: &call.replicas,
    };
    serde_json::to_vec(&body).expect("texts and lists of texts are always JSON")
}

fn client(settings: &HttpWriterSettings, needs_tls: bool) -> Result<Client, SettingsError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(SettingsError::NoTlsProvider);
    }
    let builder = Client::builder()
        .user_agent(concat!("ossea-failover/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        // A signed request goes where it was meant to go and nowhere else.
        .redirect(reqwest::redirect::Policy::none())
        // The engine decides whether a call is repeated.
        .retry(reqwest::retry::never())
        // Calls are hours apart: a kept connection would only be one that the other side has closed meanwhile.
        .pool_max_idle_per_host(0);
    let builder = match settings.ca_certificates()? {
        Some(own) => builder.tls_certs_only(own),
        // Nothing is verified over plain HTTP; this keeps machines without CA certificates working.
        None if !needs_tls => builder.tls_certs_only([]),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| SettingsError::HttpClient(causes(&error)))
}

/// Reads the body up to the limit. Whether an incomplete one matters depends on the status.
async fn received(mut response: Response, timeout: Duration) -> Received {
    let status = response.status();
    let mut body = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(None) => break BodyEnd::Whole,
            Ok(Some(chunk)) => {
                let room = LONGEST_BODY_BYTES - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break BodyEnd::TooLong;
                }
            }
            Err(error) => break BodyEnd::Broken(words(&error, timeout)),
        }
    };
    Received { status, body, end }
}

fn words(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        format!("the time of {timeout:?} is over")
    } else {
        causes(error)
    }
}

/// The causes of an error in one line. reqwest's own sentences are left out: they print the whole URL, whose path
/// some people put tokens into.
fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        if !cause.is::<reqwest::Error>() {
            causes.push(cause.to_string());
        }
        source = cause.source();
    }
    if causes.is_empty() {
        "the HTTP exchange failed".to_owned()
    } else {
        causes.join(": ")
    }
}
