//! The API over HTTP. Nothing is repeated here: a command that may have been carried out is not sent twice.

use std::path::Path;
use std::time::Duration;

use failover_api::dto::Problem;
use failover_config::ClientSettings;
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        self.value_of(request, "").await
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: &impl Serialize,
    ) -> Result<Answer<T>, CtlError> {
        let request = self.request(method, path).query(query).json(body);
        self.value_of(request, MAY_HAVE_ARRIVED).await
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
        self.value_of(request, MAY_HAVE_ARRIVED).await
    }

    pub(crate) async fn delete(&self, path: &[&str], query: &[(&str, String)]) -> Result<String, CtlError> {
        let request = self.request(Method::DELETE, path).query(query);
        self.exchange(request, MAY_HAVE_ARRIVED).await
    }

    /// Deletes something for which the answer has a value.
    pub(crate) async fn remove<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Answer<T>, CtlError> {
        self.value_of(self.request(Method::DELETE, path), MAY_HAVE_ARRIVED)
            .await
    }

    /// Deletes something with more to say than its path.
    pub(crate) async fn delete_with(&self, path: &[&str], body: &impl Serialize) -> Result<String, CtlError> {
        let request = self.request(Method::DELETE, path).json(body);
        self.exchange(request, MAY_HAVE_ARRIVED).await
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

    async fn value_of<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        doubt: &str,
    ) -> Result<Answer<T>, CtlError> {
        let body = self.exchange(request, doubt).await?;
        let value = serde_json::from_str(&body).map_err(|error| {
            CtlError::Unreachable(format!(
                "the answer of {} cannot be read ({error}); is it the failover API, and of this version?",
                self.address()
            ))
        })?;
        Ok(Answer { body, value })
    }

    /// One exchange: the body of a success, or the problem.
    async fn exchange(&self, request: RequestBuilder, doubt: &str) -> Result<String, CtlError> {
        let unreachable = |error: reqwest::Error| {
            // A connection that was never made has carried nothing.
            let doubt = if error.is_connect() { "" } else { doubt };
            CtlError::Unreachable(format!(
                "the API at {} does not answer: {}{doubt}",
                self.address(),
                chain(&error)
            ))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) => Err(CtlError::Problem {
                problem: Box::new(problem),
                body,
            }),
            Err(_) => Err(CtlError::Unreachable(format!(
                "{} answers with HTTP status {status} and no problem document; is it the failover API, or a proxy \
                 before it?{doubt}",
                self.address()
            ))),
        }
    }
}

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
