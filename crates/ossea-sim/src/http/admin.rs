//! The administrator's door: what really is in the cloud, what really happened, and what shall go wrong.
//!
//! | route | |
//! |---|---|
//! | `GET /admin/health` | the release that is played |
//! | `GET /admin/state` | [`crate::CloudInventory`]: VMs, disks with their contents, networks, snapshots |
//! | `GET /admin/calls` | [`crate::cloud::log::LogEntry`]s: requests that arrived, and effects |
//! | `GET /admin/faults` | [`crate::FaultState`]s: rules and how often each has struck |
//! | `POST /admin/faults` | adds a [`FaultRule`]; answers its number |
//! | `DELETE /admin/faults` | forgets all rules |
//! | `POST /admin/restart` | restarts the management server; `{"work": "done"}` lets the agents complete what was under way |

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SimServer;
use crate::cloud::inventory::CloudInventory;
use crate::cloud::log::LogEntry;
use crate::faults::{FaultRule, FaultState, RuleId, Work};

pub(super) fn router(server: SimServer) -> Router {
    Router::new()
        .route("/admin/health", get(health))
        .route("/admin/state", get(state))
        .route("/admin/calls", get(calls))
        .route("/admin/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/admin/restart", post(restart))
        .with_state(server)
}

async fn health(State(server): State<SimServer>) -> Json<Value> {
    let settings = *server.lock().settings();
    Json(json!({ "status": "ok", "profile": settings.profile, "version": settings.profile.version() }))
}

async fn state(State(server): State<SimServer>) -> Json<CloudInventory> {
    Json(server.current().inventory())
}

async fn calls(State(server): State<SimServer>) -> Json<Vec<LogEntry>> {
    Json(server.current().log().to_vec())
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

/// An error of this door.
#[derive(Debug, Serialize)]
struct Refused {
    error: String,
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self {
            error: rejection.body_text(),
        }
    }
}

async fn add_fault(
    State(server): State<SimServer>,
    rule: Result<Json<FaultRule>, JsonRejection>,
) -> Result<(StatusCode, Json<Added>), (StatusCode, Json<Refused>)> {
    let Json(rule) = rule.map_err(|rejection| (StatusCode::BAD_REQUEST, Json(rejection.into())))?;
    let id = server.current().add_fault(rule);
    Ok((StatusCode::CREATED, Json(Added { id })))
}

async fn clear_faults(State(server): State<SimServer>) -> StatusCode {
    server.current().clear_faults();
    StatusCode::NO_CONTENT
}

/// How the management server is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Whether the agents complete what was under way.
    pub work: Work,
}

async fn restart(State(server): State<SimServer>, restart: Option<Json<Restart>>) -> StatusCode {
    let Json(Restart { work }) = restart.unwrap_or(Json(Restart { work: Work::NotDone }));
    let now = server.clock.now();
    server.lock().restart(now, work);
    StatusCode::NO_CONTENT
}
