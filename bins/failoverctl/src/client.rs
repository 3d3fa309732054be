//! The API over HTTP. Every command has a key of its own, so one whose answer is lost is sent again: the API carries it
//! out once and gives its answer again.

use std::path::Path;
use std::time::Duration;

use failover_api::dto::{ErrorCode, Problem};
use failover_config::ClientSettings;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::exit::CtlError;

/// How long it may take to connect: long enough for a lost packet, short enough for a person.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The API.
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
}

/// An answer, as it came and as a value.
pub(crate) struct Answer<T> {
    /// The body as it came.
    pub(crate) body: String,
    /// The value.
    pub(crate) value: T,
}

impl Api {
    /// A client; nothing is sent.
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, CtlError> {
        let usage = |what: String| CtlError::Usage(what);
        let base = Url::parse(&settings.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                usage(format!(
                    "the API's address is {:?}, allowed is an address such as https://failover.example.org",
                    settings.url
                ))
            })?;
        // The only possible error is that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .timeout(settings.request_timeout)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("failoverctl/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_file {
            builder = builder.tls_certs_only(certificates(path)?);
        }
        let http = builder
            .build()
            .map_err(|e| usage(format!("no HTTP client can be built: {}", chain(&e))))?;
        Ok(Self {
            http,
            base,
            token: settings.token.clone(),
        })
    }

    /// The API's address, for messages.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str()
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Answer<T>, CtlError> {
        let request = self.request(Method::GET, path).query(query);
        let body = self
            .exchange(request)
            .await
            .map_err(|failed| self.told(failed, ""))?;
        self.answer(body)
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: &impl Serialize,
    ) -> Result<Answer<T>, CtlError> {
        let request = self.request(method, path).query(query).json(body);
        self.answer(self.carry_out(request).await?)
    }

    /// Sends a body that is JSON already.
    pub(crate) async fn send_file<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Vec<u8>,
    ) -> Result<Answer<T>, CtlError> {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body);
        self.answer(self.carry_out(request).await?)
    }

    pub(crate) async fn delete(&self, path: &[&str], query: &[(&str, String)]) -> Result<String, CtlError> {
        self.carry_out(self.request(Method::DELETE, path).query(query))
            .await
    }

    /// Deletes something for which the answer has a value.
    pub(crate) async fn remove<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Answer<T>, CtlError> {
        let request = self.request(Method::DELETE, path);
        self.answer(self.carry_out(request).await?)
    }

    /// Deletes something with more to say than its path.
    pub(crate) async fn delete_with(&self, path: &[&str], body: &impl Serialize) -> Result<String, CtlError> {
        self.carry_out(self.request(Method::DELETE, path).json(body))
            .await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let request = self
            .http
            .request(method, url)
            .header("accept", "application/json");
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    fn answer<T: DeserializeOwned>(&self, body: String) -> Result<Answer<T>, CtlError> {
        let value = serde_json::from_str(&body).map_err(|error| {
            CtlError::Unreachable(format!(
                "the answer of {} cannot be read ({error}); is it the failover API, and of this version?",
                self.address()
            ))
        })?;
        Ok(Answer { body, value })
    }

    /// Sends a command under a key of its own, again where its answer is lost, until there is one.
    async fn carry_out(&self, request: RequestBuilder) -> Result<String, CtlError> {
        let request = request.header("idempotency-key", Uuid::new_v4().to_string());
        let mut patience = Patience::new();
        let mut doubt = "";
        loop {
            let copy = request.try_clone().expect("bodies are in memory");
            let failed = match self.exchange(copy).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            if failed.may_have_arrived() {
                doubt = MAY_HAVE_ARRIVED;
            }
            if doubt.is_empty() || !patience.is_left(&failed) {
                return Err(self.told(failed, doubt));
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// One exchange: the body of a success, or what became of it.
    async fn exchange(&self, request: RequestBuilder) -> Result<String, Failed> {
        let lost = |error: reqwest::Error| {
            if error.is_connect() {
                Failed::NotSent(chain(&error))
            } else {
                Failed::Lost(chain(&error))
            }
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let body = response.text().await.map_err(lost)?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) => Err(Failed::Problem(Box::new(problem), body)),
            Err(_) => Err(Failed::NoProblem(status)),
        }
    }

    /// What a failed exchange means to whoever waits for it.
    fn told(&self, failed: Failed, doubt: &str) -> CtlError {
        match failed {
            Failed::NotSent(why) | Failed::Lost(why) => CtlError::Unreachable(format!(
                "the API at {} does not answer: {why}{doubt}",
                self.address()
            )),
            Failed::NoProblem(status) => CtlError::Unreachable(format!(
                "{} answers with HTTP status {status} and no problem document; is it the failover API, or a proxy \
                 before it?{doubt}",
                self.address()
            )),
            Failed::Problem(problem, body) => CtlError::Problem { problem, body },
        }
    }
}

/// Why an exchange has no success.
enum Failed {
    /// No connection was made, so nothing was carried.
    NotSent(String),
    /// The connection broke, or the time was over.
    Lost(String),
    /// Something else than the API answered.
    NoProblem(StatusCode),
    /// The API said no.
    Problem(Box<Problem>, String),
}

impl Failed {
    /// Whether the request may have been carried out, or is being carried out.
    fn may_have_arrived(&self) -> bool {
        match self {
            Failed::NotSent(_) => false,
            Failed::Lost(_) => true,
            // A proxy that lost its server does not know either; one that refuses does.
            Failed::NoProblem(status) => status.is_server_error(),
            Failed::Problem(problem, _) => problem.error_code == ErrorCode::IdempotencyInProgress,
        }
    }
}

/// How long an answer is waited for.
struct Patience {
    lost: u32,
    waited: u32,
}

impl Patience {
    fn new() -> Self {
        Self { lost: 0, waited: 0 }
    }

    /// Whether the command is sent once more.
    fn is_left(&mut self, failed: &Failed) -> bool {
        match failed {
            Failed::NotSent(_) | Failed::Lost(_) | Failed::NoProblem(_) => {
                self.lost += 1;
                self.lost <= LOST_AT_MOST
            }
            // Only a server that is at it says so; anything else that it says is the answer.
            Failed::Problem(problem, _) => {
                self.waited += 1;
                problem.error_code == ErrorCode::IdempotencyInProgress && self.waited <= WAITED_AT_MOST
            }
        }
    }
}

/// The time between two attempts at one command.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How often a command is repeated whose answer was lost.
const LOST_AT_MOST: u32 = 3;

/// How often a command is asked for that is being carried out: longer than the claim of a server that died lasts by its
/// default settings.
const WAITED_AT_MOST: u32 = 120;

/// What is said when the reply to a command is lost.
const MAY_HAVE_ARRIVED: &str =
    "\nThe request may have been carried out all the same: look before you repeat it.";

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, CtlError> {
    let unusable = |why: String| CtlError::Usage(format!("client.ca_file {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(chain(&e)))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(certificates)
}

/// An error with its causes, without the URL, which the caller names.
fn chain(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() {
        format!("no answer in time ({deepest})")
    } else {
        deepest.to_string()
    }
}
