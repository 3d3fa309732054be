//! `GET /api/v1/debug/health`: this process, and what it needs. It answers even where nothing else does.

use axum::Json;
use axum::extract::State;
use failover_engine::ports::{LivingWorker, StoreError};

use crate::cloud_view::{age_of, age_without};
use crate::dto::debug::{DebugHealth, ProcessView, Standing, WorkerView};
use crate::dto::ossea::ProbeAge;
use crate::state::ApiState;

/// Shows this process and what it needs; answers even where the database is away.
#[utoipa::path(
    get,
    path = "/debug/health",
    tag = "debug",
    operation_id = "debug_health",
    responses(
        (status = 200, description = "How they are.", body = DebugHealth),
    )
)]
pub(in crate::routes) async fn show(State(state): State<ApiState>) -> Json<DebugHealth> {
    let now = state.service.clock.now();
    let living = state.ports.workers.living_workers().await;
    let (database, schema) = standings(&living);
    let (cloud, probe) = cloud(&state);
    Json(DebugHealth {
        process: ProcessView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: state.started_at,
            // A clock that was set back makes the process young, not unborn.
            uptime_seconds: u64::try_from((now - state.started_at).num_seconds()).unwrap_or(0),
            now,
        },
        database,
        schema,
        cloud,
        probe,
        workers: living.unwrap_or_default().into_iter().map(worker).collect(),
    })
}

/// What a look at the database says of it and of its schema.
fn standings(looked: &Result<Vec<LivingWorker>, StoreError>) -> (Standing, Standing) {
    let trouble = |reason: &str| Standing::Trouble {
        reason: reason.to_owned(),
    };
    match looked {
        Ok(_) => (Standing::Well, Standing::Well),
        // The driver's own text may hold a secret; it is in the log of whoever meets it.
        Err(StoreError::Unavailable(_)) => (trouble("it does not answer"), Standing::Unknown),
        Err(StoreError::Schema(what)) => (Standing::Well, trouble(what)),
        Err(error @ StoreError::Corrupt { .. }) => (trouble(&error.to_string()), Standing::Well),
    }
}

/// What is known of the cloud without asking it.
fn cloud(state: &ApiState) -> (Standing, ProbeAge) {
    match state.probes.last() {
        None => (Standing::Unknown, ProbeAge::default()),
        Some(Err(failed)) => {
            let reason = failed.error.to_string();
            (Standing::Trouble { reason }, age_without(&failed))
        }
        Some(Ok(reading)) => {
            let standing = match &reading.failed_refresh {
                None => Standing::Well,
                Some(failed) => Standing::Trouble {
                    reason: failed.error.to_string(),
                },
            };
            (standing, age_of(&reading))
        }
    }
}

fn worker(living: LivingWorker) -> WorkerView {
    WorkerView {
        worker: living.worker.to_string(),
        lease_left_ms: u64::try_from(living.lease_left.as_millis()).unwrap_or(u64::MAX),
        jobs: living.jobs,
    }
}
