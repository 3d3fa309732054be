//! The administrator's door: what really is in the cloud, what really happened, and what shall go wrong.
//!
//! `GET /admin` lists what there is. A body is JSON, whatever its content type says; one that is not understood is
//! answered with 400 and what is wrong with it.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SimServer;
use crate::cloud::inventory::CloudInventory;
use crate::cloud::log::LogEntry;
use crate::cloud::{Agent, Cloud, Conditions, ServerMode};
use crate::faults::{FaultRule, FaultState, RuleId, Work};

/// Tens of thousands of volumes with their history.
const LARGEST_CLOUD: usize = 1 << 30;

/// What there is, as `GET /admin` tells it.
const INDEX: [(&str, &str, &str); 14] = [
    ("GET", "/admin", "this list"),
    ("GET", "/admin/health", "the release that is played"),
    (
        "GET",
        "/admin/state",
        "VMs, disks with their contents, networks, snapshots",
    ),
    (
        "GET",
        "/admin/cloud",
        "the whole cloud as text, for PUT and for --load-state",
    ),
    ("PUT", "/admin/cloud", "goes on with a cloud that was saved"),
    (
        "GET",
        "/admin/calls",
        "requests that arrived, and effects; from=SEQUENCE leaves out earlier ones",
    ),
    (
        "GET",
        "/admin/faults",
        "fault rules, and how often each has struck",
    ),
    ("POST", "/admin/faults", "adds a fault rule, answers its number"),
    ("DELETE", "/admin/faults", "forgets all fault rules"),
    ("GET", "/admin/conditions", "what is wrong with the whole cloud"),
    (
        "PUT",
        "/admin/conditions",
        "{\"server\": \"up\" or \"maintenance\", \"agent\": \"connected\" or \"unreachable\"}",
    ),
    (
        "POST",
        "/admin/restart",
        "restarts the management server; {\"work\": \"done\"} lets the agents complete what was under way",
    ),
    (
        "POST",
        "/admin/jobs/purge",
        "forgets all ended jobs, answers how many",
    ),
    (
        "GET",
        "/admin/jobs",
        "the unfinished jobs in the order of their acceptance",
    ),
];

pub(super) fn router(server: SimServer) -> Router {
    let whole = get(save).put(load).layer(DefaultBodyLimit::max(LARGEST_CLOUD));
    Router::new()
        .route("/admin", get(index))
        .route("/admin/health", get(health))
        .route("/admin/state", get(state))
        .route("/admin/cloud", whole)
        .route("/admin/calls", get(calls))
        .route("/admin/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/admin/conditions", get(conditions).put(set_conditions))
        .route("/admin/restart", post(restart))
        .route("/admin/jobs", get(jobs))
        .route("/admin/jobs/purge", post(purge))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .with_state(server)
}

/// An error of this door.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    error: String,
}

impl Refused {
    fn bad_request(error: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}

/// Understands a body.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| Refused::bad_request(format!("the body is not understood: {error}")))
}

async fn no_such_route(method: Method, uri: Uri) -> Refused {
    Refused {
        status: StatusCode::NOT_FOUND,
        error: format!(
            "there is no {method} {}, GET /admin lists what there is",
            uri.path()
        ),
    }
}

async fn index() -> Json<Vec<Value>> {
    let entry = |(method, path, what)| json!({ "method": method, "path": path, "what": what });
    Json(INDEX.into_iter().map(entry).collect())
}

async fn health(State(server): State<SimServer>) -> Json<Value> {
    let settings = *server.lock().settings();
    Json(json!({ "status": "ok", "profile": settings.profile, "version": settings.profile.version() }))
}

async fn state(State(server): State<SimServer>) -> Json<CloudInventory> {
    Json(server.current().inventory())
}

async fn save(State(server): State<SimServer>) -> Response {
    let saved = server.current().save();
    ([(header::CONTENT_TYPE, "application/json")], saved).into_response()
}

async fn load(State(server): State<SimServer>, body: Bytes) -> Result<StatusCode, Refused> {
    let text =
        std::str::from_utf8(&body).map_err(|error| Refused::bad_request(format!("no text: {error}")))?;
    let cloud = Cloud::load(text).map_err(|error| Refused::bad_request(error.to_string()))?;
    *server.lock() = cloud;
    Ok(StatusCode::NO_CONTENT)
}

/// Which calls are shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    /// The first sequence.
    #[serde(default)]
    from: u64,
}

async fn calls(
    State(server): State<SimServer>,
    calls: Result<Query<Calls>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<LogEntry>>, Refused> {
    let Query(Calls { from }) = calls.map_err(|error| Refused::bad_request(error.body_text()))?;
    let cloud = server.current();
    let first = cloud.log().partition_point(|entry| entry.sequence < from);
    Ok(Json(cloud.log().iter().skip(first).cloned().collect()))
}

async fn faults(State(server): State<SimServer>) -> Json<Vec<FaultState>> {
    Json(server.current().faults().to_vec())
}

/// The answer to a new rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The rule's number.
    pub id: RuleId,
}

async fn add_fault(
    State(server): State<SimServer>,
    body: Bytes,
) -> Result<(StatusCode, Json<Added>), Refused> {
    let rule: FaultRule = read(&body)?;
    check(&rule)?;
    let id = server.current().add_fault(rule);
    Ok((StatusCode::CREATED, Json(Added { id })))
}

/// A rule that can never strike is a mistake: whoever made it would take the silence for success.
fn check(rule: &FaultRule) -> Result<(), Refused> {
    let command = rule.command.as_str();
    let refused = |what: String| Err(Refused::bad_request(what));
    if command != "*" && super::lists::find(command).is_none() && !super::commands::is_known(command) {
        return refused(format!(
            "command is {command:?}, allowed are * and the commands of this cloud, spelled like createSnapshot"
        ));
    }
    if rule.nth == 0 {
        return refused("nth is 0, allowed is 1 or more: the first matching call is 1".to_owned());
    }
    if rule.times == Some(0) {
        return refused("times is 0, allowed is 1 or more, or null for every matching call".to_owned());
    }
    Ok(())
}

async fn clear_faults(State(server): State<SimServer>) -> StatusCode {
    server.current().clear_faults();
    StatusCode::NO_CONTENT
}

/// A change of what is wrong with the whole cloud. What is left out stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewConditions {
    /// Whether the management server takes new jobs.
    pub server: Option<ServerMode>,
    /// Whether the agent of the host answers.
    pub agent: Option<Agent>,
}

async fn conditions(State(server): State<SimServer>) -> Json<Conditions> {
    Json(server.current().conditions())
}

async fn set_conditions(State(server): State<SimServer>, body: Bytes) -> Result<Json<Conditions>, Refused> {
    let new: NewConditions = read(&body)?;
    let mut cloud = server.current();
    let now = cloud.conditions();
    cloud.set_conditions(Conditions {
        server: new.server.unwrap_or(now.server),
        agent: new.agent.unwrap_or(now.agent),
    });
    Ok(Json(cloud.conditions()))
}

/// How the management server is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Whether the agents complete what was under way.
    pub work: Work,
}

async fn restart(State(server): State<SimServer>, body: Bytes) -> Result<StatusCode, Refused> {
    let Restart { work } = match body.is_empty() {
        true => Restart { work: Work::NotDone },
        false => read(&body)?,
    };
    let now = server.clock.now();
    server.lock().restart(now, work);
    Ok(StatusCode::NO_CONTENT)
}

async fn jobs(State(server): State<SimServer>) -> Json<Vec<Value>> {
    let cloud = server.current();
    let jobs = cloud.unfinished_jobs().map(|job| {
        json!({ "job": job.id, "command": job.command.api_name(), "created": job.created, "phase": job.phase })
    });
    Json(jobs.collect())
}

/// How many jobs were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Their number.
    pub jobs: usize,
}

async fn purge(State(server): State<SimServer>) -> Json<Purged> {
    let now = server.clock.now();
    Json(Purged {
        jobs: server.lock().purge_jobs(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_names_each_route_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (method, path, _) in INDEX {
            assert!(seen.insert((method, path)), "{method} {path}");
        }
    }
}
