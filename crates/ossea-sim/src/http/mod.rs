//! The cloud over HTTP: the real wire format under `/client/api`, and an administrator's door for tests and demos
//! that belongs on a port of its own.
//!
//! ```text
//! request ─▶ parameters ─▶ signature ─▶ command or list ─▶ Cloud ─▶ envelope (JSON or XML)
//! ```
//! Both routers are to be served by `http_edge::serve`, which can break a connection without an answer; that is
//! how lost requests and lost replies look on the wire.

pub mod admin;

mod answer;
mod candidates;
mod commands;
mod jobs;
mod lists;
mod parameters;
mod rows;
mod signature;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_edge::CloseWithoutAnswer;

use self::answer::Form;
use self::parameters::Parameters;
pub use self::signature::Credentials;
use crate::clock::SimClock;
use crate::cloud::command::Accepted;
use crate::cloud::error::ApiError;
use crate::cloud::{Cloud, Delivery, Reply};

/// CloudStack takes no larger forms.
const LARGEST_BODY: usize = 1 << 20;

/// A cloud to be served.
#[derive(Debug, Clone)]
pub struct SimServer {
    cloud: Arc<Mutex<Cloud>>,
    clock: SimClock,
    credentials: Arc<Credentials>,
}

impl SimServer {
    /// Serves `cloud` to whoever signs with `credentials`. The clock must show the time of the world where clients
    /// send `expires`.
    pub fn new(cloud: Arc<Mutex<Cloud>>, clock: SimClock, credentials: Credentials) -> Self {
        Self {
            cloud,
            clock,
            credentials: Arc::new(credentials),
        }
    }

    /// The router of the API.
    pub fn api(&self) -> Router {
        Router::new()
            .route("/client/api", get(api).post(api))
            .with_state(self.clone())
    }

    /// The router of the administrator's door. It asks for no credentials: keep it on a loopback port.
    pub fn admin(&self) -> Router {
        admin::router(self.clone())
    }

    /// The cloud, up to date.
    fn current(&self) -> MutexGuard<'_, Cloud> {
        let mut cloud = self.lock();
        cloud.advance(self.clock.now());
        cloud
    }

    fn lock(&self) -> MutexGuard<'_, Cloud> {
        // A handler that failed while it held the cloud has said so already.
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn api(State(server): State<SimServer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), LARGEST_BODY).await else {
        return answer::unreadable();
    };
    let parameters = Parameters::read(head.uri.query().unwrap_or(""), &body);
    let form = Form::wanted(&parameters);
    let version = server.lock().settings().profile.version();
    let command = parameters.plain("command");
    let envelope = answer::envelope(command, &parameters);
    let reply = match signature::verify(&parameters, &server.credentials, server.clock.now()) {
        Ok(()) => dispatch(&server, command.unwrap_or(""), &parameters),
        Err(error) => Err(error),
    };
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return answer::error(&envelope, &error, form, version),
    };
    tokio::time::sleep(reply.after).await;
    match reply.delivery {
        Delivery::Answer(Ok(content)) => answer::success(&envelope, content, form, version),
        Delivery::Answer(Err(error)) => answer::error(&envelope, &error, form, version),
        Delivery::Unreadable => answer::unreadable(),
        Delivery::Nothing => {
            let mut nothing = ().into_response();
            nothing.extensions_mut().insert(CloseWithoutAnswer);
            nothing
        }
    }
}

/// Hands a request to the cloud; an error here is one of parameters.
fn dispatch(
    server: &SimServer,
    command: &str,
    parameters: &Parameters,
) -> Result<Reply<serde_json::Value>, ApiError> {
    parameters.check()?;
    let now = server.clock.now();
    if let Some(list) = lists::find(command) {
        let objects = parameters.objects();
        let look = |cloud: &Cloud| (list.answer)(cloud, parameters);
        return Ok(server.lock().read(now, command, &objects, look));
    }
    let mut cloud = server.lock();
    let submitted = commands::read(command, parameters, &cloud)?;
    let reply = cloud.submit(now, parameters.get("customjobid"), submitted);
    let delivery = match reply.delivery {
        Delivery::Answer(answer) => Delivery::Answer(answer.map(accepted)),
        Delivery::Unreadable => Delivery::Unreadable,
        Delivery::Nothing => Delivery::Nothing,
    };
    Ok(Reply {
        after: reply.after,
        delivery,
    })
}

fn accepted(accepted: Accepted) -> serde_json::Value {
    match accepted {
        Accepted::Job {
            job,
            created: Some(created),
        } => {
            serde_json::json!({ "id": created, "jobid": job.as_str() })
        }
        Accepted::Job { job, created: None } => serde_json::json!({ "jobid": job.as_str() }),
        Accepted::Done => serde_json::json!({ "success": true }),
    }
}
