//! The simulator's HTTP server, asked without a socket.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response, header};
use http_body_util::BodyExt;
use ossea::cloudstack::sign;
use ossea_sim::http::{Credentials, FAULT_HEADER, SimServer};
use ossea_sim::{Cloud, SimClock, SimContents, SimSettings};
use serde_json::Value;
use tower::ServiceExt;

/// A server of the sample cloud.
pub(crate) struct Wire(pub(crate) SimServer);

impl Wire {
    /// Whose work takes no time.
    pub(crate) fn new() -> Self {
        Self::of(SimSettings::default())
    }

    /// Whose work takes no time, with other settings.
    pub(crate) fn of(settings: SimSettings) -> Self {
        Self::with(&SimContents::sample(), settings.scaled(0.0))
    }

    pub(crate) fn with(contents: &SimContents, settings: SimSettings) -> Self {
        let clock = SimClock::starting_at(chrono::DateTime::UNIX_EPOCH);
        let cloud = Cloud::new(contents, settings, clock.now());
        Self(SimServer::new(
            Arc::new(Mutex::new(cloud)),
            clock,
            Credentials::development(),
        ))
    }

    pub(crate) async fn send(&self, parameters: &[(&str, &str)]) -> Response<Body> {
        let request = Request::post("/client/api").body(Body::from(signed(parameters)));
        self.0.api().oneshot(request.unwrap()).await.unwrap()
    }

    /// Sends a request in the query of a GET.
    pub(crate) async fn get(&self, parameters: &[(&str, &str)]) -> Response<Body> {
        let request = Request::get(format!("/client/api?{}", signed(parameters))).body(Body::empty());
        self.0.api().oneshot(request.unwrap()).await.unwrap()
    }

    /// Sends a request that brings its fault along.
    pub(crate) async fn send_with_fault(&self, parameters: &[(&str, &str)], fault: &str) -> Response<Body> {
        let request = Request::post("/client/api").header(FAULT_HEADER, fault);
        let request = request.body(Body::from(signed(parameters)));
        self.0.api().oneshot(request.unwrap()).await.unwrap()
    }

    pub(crate) async fn ask(&self, parameters: &[(&str, &str)]) -> (u16, Value) {
        let response = self.send(parameters).await;
        (response.status().as_u16(), body(response).await)
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, content: Option<Value>) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = match content {
            Some(content) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(content.to_string())),
            None => request.body(Body::empty()),
        };
        self.0.admin().oneshot(request.unwrap()).await.unwrap()
    }
}

/// The form of a request, signed.
fn signed(parameters: &[(&str, &str)]) -> String {
    let mut all = vec![("apikey", Credentials::DEVELOPMENT_API_KEY), ("response", "json")];
    all.extend(parameters);
    let signature = sign::signature(&all, Credentials::DEVELOPMENT_SECRET_KEY);
    all.push(("signature", &signature));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&all)
        .finish()
}

pub(crate) async fn body(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}
