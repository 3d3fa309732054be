//! A small HTTP client for JSON on the loopback interface.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::RequestBuilder;
use ureq::http::Response;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(60);

/// One server, and how to speak to it.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    token: Option<String>,
    agent: Agent,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; `null` when it is empty.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// When the status is not 2xx: what the server said.
    pub fn expect_success(self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("the server answered {}: {:#}", self.status, self.body);
        }
        Ok(self.body)
    }
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT))
            // The loopback interface is never behind a proxy.
            .proxy(None)
            .build();
        Self {
            base: base.into(),
            token: None,
            agent: config.into(),
        }
    }

    /// The same with a bearer token.
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON. Like all the other methods.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        answer(path, self.shown(self.agent.get(self.url(path))).call())
    }

    /// GET of something that is no JSON.
    ///
    /// # Errors
    /// When there is no answer, or one that is no success.
    pub fn text(&self, path: &str) -> anyhow::Result<String> {
        let request = self.shown(self.agent.get(self.url(path)));
        let mut response = request.call().with_context(|| format!("no answer to {path}"))?;
        if !response.status().is_success() {
            bail!("the server answered {} to {path}", response.status());
        }
        let text = response.body_mut().read_to_string();
        text.with_context(|| format!("half an answer to {path}"))
    }

    /// DELETE.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        answer(path, self.shown(self.agent.delete(self.url(path))).call())
    }

    /// POST.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        answer(path, self.shown(self.agent.post(self.url(path))).send_json(body))
    }

    /// POST with an idempotency key.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.shown(self.agent.post(self.url(path)));
        answer(path, request.header("idempotency-key", key).send_json(body))
    }

    /// PUT.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        answer(path, self.shown(self.agent.put(self.url(path))).send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request that shows the token, where there is one.
    fn shown<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

fn answer(path: &str, outcome: Result<Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Answer> {
    let mut response = outcome.with_context(|| format!("no answer to {path}"))?;
    let text = response
        .body_mut()
        .read_to_string()
        .with_context(|| format!("half an answer to {path}"))?;
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text)
            .with_context(|| format!("the answer to {path} is not JSON: {text:.200}"))?
    };
    Ok(Answer {
        status: response.status().as_u16(),
        body,
    })
}
