//! The bottom of the stack: one HTTP exchange, whose answer is read to its end.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Url};
use tower::Service;

use super::call::{Effect, Failure, Reply, SignedRequest};
use super::settings::{CloudStackSettings, SettingsError};

/// 500 VMs with all their details are about 3 MiB.
const LONGEST_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Jetty closes idle connections after 30 s, proxies often after 10. Staying well below avoids sending a
/// change into a connection that is just being closed, which would be an unknown outcome.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);

/// Longer than any healthy connection takes.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// Sends signed requests.
#[derive(Debug, Clone)]
pub(crate) struct HttpSend {
    client: Client,
    endpoint: Url,
}

impl HttpSend {
    /// Builds the connection pool.
    pub(crate) fn new(settings: &CloudStackSettings) -> Result<Self, SettingsError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoTlsProvider);
        }
        let endpoint = settings.endpoint_url()?;
        let builder = Client::builder()
            .user_agent(concat!("ossea/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Whether a request may be repeated is decided above, where its meaning is known.
            .retry(reqwest::retry::never())
            // Shorter than the deadline of the exchange, so that an expired deadline means "connected".
            .connect_timeout(LONGEST_CONNECT.min(settings.request_timeout / 2))
            .pool_idle_timeout(IDLE_CONNECTION);
        let builder = match settings.ca_certificates()? {
            Some(own) => builder.tls_certs_only(own),
            // Nothing is verified over plain HTTP; this keeps machines without CA certificates working.
            None if endpoint.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let client = builder
            .build()
            .map_err(|error| SettingsError::HttpClient(words(&error)))?;
        Ok(Self { client, endpoint })
    }

    async fn exchange(self, request: SignedRequest) -> Result<Reply, Failure> {
        let request = match request.effect {
            Effect::Read => {
                let mut url = self.endpoint;
                url.set_query(Some(&request.form));
                self.client.get(url)
            }
            Effect::Change => self
                .client
                .post(self.endpoint)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
                .body(request.form),
        };
        let mut response = request
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(failure)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > LONGEST_ANSWER_BYTES {
                return Err(Failure::TooLong {
                    limit_bytes: LONGEST_ANSWER_BYTES,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            date: date(response.headers()),
            retry_after: retry_after(response.headers()),
            body,
        })
    }
}

impl Service<SignedRequest> for HttpSend {
    type Response = Reply;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: SignedRequest) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(text).ok().map(DateTime::from)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// Only a failure to connect (DNS, TCP, TLS) proves that nothing was sent.
fn failure(error: reqwest::Error) -> Failure {
    if error.is_connect() || error.is_builder() {
        Failure::NotSent(words(&error))
    } else {
        Failure::Lost(words(&error))
    }
}

/// The causes of an error in one line. reqwest prints the whole URL, and the URL of a read carries the API key
/// and the signature, so reqwest's own sentence is left out where a cause tells more.
fn words(error: &reqwest::Error) -> String {
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
