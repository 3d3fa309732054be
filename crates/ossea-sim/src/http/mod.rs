//! The cloud over HTTP: the real wire format under `/client/api`, and an administrator's door for tests and demos
//! that belongs on a port of its own.
//!
//! ```text
//! request ─▶ parameters ─▶ signature ─▶ command or list ─▶ Cloud ─▶ envelope (JSON or XML)
//! ```
//! Both routers are to be served by `http_edge::serve`, which can break a connection without an answer; that is
//! how lost requests and lost replies look on the wire.

pub mod admin;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

mod account;
mod answer;
mod candidates;
mod commands;
mod damage;
mod deployment;
mod filters;
mod infrastructure;
mod jobs;
mod lists;
mod parameters;
mod rows;
mod signature;
mod vm_list;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use self::answer::Form;
use self::parameters::Parameters;
pub use self::signature::Credentials;
use crate::clock::SimClock;
use crate::cloud::command::Accepted;
use crate::cloud::error::ApiError;
use crate::cloud::{Cloud, Delivery, Reply};
use crate::faults::FaultEffect;

/// The header in which a request brings its fault along, in the form of the effect of a fault rule.
pub const FAULT_HEADER: &str = "x-ossea-sim-fault";

/// Often enough that little happens in between.
const KEEP_UP_EVERY: Duration = Duration::from_secs(1);

/// CloudStack takes no larger forms.
const LARGEST_BODY: usize = 1 << 20;

/// A cloud to be served.
#[derive(Debug, Clone)]
pub struct SimServer {
    cloud: Arc<Mutex<Cloud>>,
    clock: SimClock,
    credentials: Arc<Credentials>,
    faults_by_request: FaultsByRequest,
}

/// Whether requests may bring their faults along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultsByRequest {
    Refused,
    Accepted,
}

impl SimServer {
    /// Serves `cloud` to whoever signs with `credentials`. The clock must show the time of the world where clients
    /// send `expires`.
    pub fn new(cloud: Arc<Mutex<Cloud>>, clock: SimClock, credentials: Credentials) -> Self {
        Self {
            cloud,
            clock,
            credentials: Arc::new(credentials),
            faults_by_request: FaultsByRequest::Refused,
        }
    }

    /// The same server for requests that bring their faults along in the header [`FAULT_HEADER`].
    pub fn accepting_faults_by_request(self) -> Self {
        Self {
            faults_by_request: FaultsByRequest::Accepted,
            ..self
        }
    }

    /// Plays on while nobody calls, for ever: what thousands of guests do in a quiet night is not left to the first
    /// call of the morning.
    pub async fn keep_up(&self) {
        loop {
            tokio::time::sleep(KEEP_UP_EVERY).await;
            drop(self.current());
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
        return damage::nothing();
    };
    let parameters = Parameters::read(head.uri.query().unwrap_or(""), &body);
    let form = Form::wanted(&parameters);
    let settings = *server.lock().settings();
    let version = settings.profile.version();
    let command = parameters.plain("command");
    let envelope = answer::envelope(command, &parameters);
    let credentials = &server.credentials;
    let reply = signature::verify(&parameters, credentials, &settings, server.clock.now())
        .and_then(|()| signature::check_method(&head.method, command.unwrap_or(""), &settings))
        .and_then(|()| fault_of(&head.headers, server.faults_by_request))
        .and_then(|fault| dispatch(&server, command.unwrap_or(""), &parameters, fault));
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return answer::error(&envelope, &error, form, version),
    };
    // Even a sleep of no time lasts until the timer's next millisecond.
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    let written = |answer: Result<_, ApiError>| match answer {
        Ok(content) => answer::success(&envelope, content, form, version),
        Err(error) => answer::error(&envelope, &error, form, version),
    };
    match reply.delivery {
        Delivery::Answer(answer) => written(answer),
        Delivery::Damaged(answer, damage) => damage::damaged(written(answer), damage).await,
        Delivery::Garbage(body) => damage::garbage(body),
        Delivery::Nothing => damage::nothing(),
    }
}

/// The fault that a request brings along. Where none is accepted it is refused: whoever asks for a fault must not take
/// an ordinary answer for its effect.
fn fault_of(headers: &HeaderMap, accepted: FaultsByRequest) -> Result<Option<FaultEffect>, ApiError> {
    let Some(text) = headers.get(FAULT_HEADER) else {
        return Ok(None);
    };
    let refused = |why: String| ApiError::of_command(400, format!("header {FAULT_HEADER}: {why}"));
    match accepted {
        FaultsByRequest::Refused => Err(refused(
            "faults by request are not accepted, start the simulator with --faults-by-request".to_owned(),
        )),
        FaultsByRequest::Accepted => serde_json::from_slice(text.as_bytes())
            .map(Some)
            .map_err(|error| refused(error.to_string())),
    }
}

/// Hands a request to the cloud; an error here is one of parameters.
fn dispatch(
    server: &SimServer,
    command: &str,
    parameters: &Parameters,
    fault: Option<FaultEffect>,
) -> Result<Reply<serde_json::Value>, ApiError> {
    parameters.check()?;
    let now = server.clock.now();
    if let Some(list) = lists::find(command) {
        let objects = parameters.objects();
        let look = |cloud: &Cloud| (list.answer)(cloud, parameters);
        return Ok(server.lock().read_with(now, command, &objects, fault, look));
    }
    let mut cloud = server.lock();
    let submitted = commands::read(command, parameters, &cloud)?;
    let reply = cloud.submit_with(now, parameters.get("customjobid"), submitted, fault);
    let delivery = match reply.delivery {
        Delivery::Answer(answer) => Delivery::Answer(answer.map(|accepted| self::accepted(&cloud, accepted))),
        Delivery::Damaged(answer, damage) => {
            Delivery::Damaged(answer.map(|accepted| self::accepted(&cloud, accepted)), damage)
        }
        Delivery::Garbage(body) => Delivery::Garbage(body),
        Delivery::Nothing => Delivery::Nothing,
    };
    Ok(Reply {
        after: reply.after,
        delivery,
    })
}

fn accepted(cloud: &Cloud, accepted: Accepted) -> serde_json::Value {
    match accepted {
        Accepted::Job {
            job,
            created: Some(created),
        } => {
            serde_json::json!({ "id": created, "jobid": job.as_str() })
        }
        Accepted::Job { job, created: None } => serde_json::json!({ "jobid": job.as_str() }),
        Accepted::Done(result) => jobs::result_of(cloud, &result),
    }
}
