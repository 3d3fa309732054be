//! `/metrics`: what monitoring needs to wake a person, in Prometheus' text form.
//!
//! The figures are those of the database at the moment of asking, so every API process tells the same and none has to
//! remember anything.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use failover_domain::JobStatus;
use failover_engine::ports::{JobFilter, JobRecord, StoreError};
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::error::ApiError;
use crate::openapi::problems;
use crate::state::ApiState;
use crate::view::{needs_person, open_attentions};

/// The version of the text form that Prometheus asks for.
const TEXT_FORM: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many jobs are read at once.
const PAGE: usize = 500;

/// Gives the figures that monitoring needs.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    operation_id = "metrics",
    responses(
        (status = 200, description = "Gauges in Prometheus' text form.", body = String, content_type = "text/plain"),
        (status = 503, response = problems::Unavailable),
    )
)]
pub(super) async fn show(State(state): State<ApiState>) -> Result<impl IntoResponse, ApiError> {
    let attentions = attentions(&state).await?;
    let active = active_jobs(&state).await?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe_gauge!(
            "failover_attentions",
            "Open attentions: what people are needed for, by code and severity."
        );
        describe_gauge!(
            "failover_jobs_active",
            "Jobs that have not ended, by type and status."
        );
        for ((code, severity), count) in attentions {
            gauge!("failover_attentions", "code" => code, "severity" => severity).set(figure(count));
        }
        for ((job_type, status), count) in active {
            gauge!("failover_jobs_active", "job_type" => job_type, "status" => status).set(figure(count));
        }
    });
    Ok(([(header::CONTENT_TYPE, TEXT_FORM)], handle.render()))
}

async fn attentions(state: &ApiState) -> Result<BTreeMap<(String, String), u32>, ApiError> {
    let now = state.service.clock.now();
    let filter = JobFilter {
        needs_person: Some(needs_person(state, now)),
        ..JobFilter::default()
    };
    let mut counts = BTreeMap::new();
    for record in all_jobs(state, filter).await? {
        for attention in open_attentions(state, &record, now).await? {
            let key = (word(&attention.code), word(&attention.severity));
            *counts.entry(key).or_default() += 1;
        }
    }
    Ok(counts)
}

async fn active_jobs(state: &ApiState) -> Result<BTreeMap<(String, String), u32>, ApiError> {
    let filter = JobFilter {
        statuses: JobStatus::ACTIVE.to_vec(),
        ..JobFilter::default()
    };
    let mut counts = BTreeMap::new();
    for record in all_jobs(state, filter).await? {
        let status = record.projection.status.as_str().to_owned();
        *counts
            .entry((record.job_type.as_str().to_owned(), status))
            .or_default() += 1;
    }
    Ok(counts)
}

async fn all_jobs(state: &ApiState, mut filter: JobFilter) -> Result<Vec<JobRecord>, StoreError> {
    filter.limit = PAGE;
    let mut all = Vec::new();
    loop {
        let page = state.service.jobs.jobs(&filter).await?;
        let is_last = page.len() < PAGE;
        filter.after = page.last().map(|record| record.job_id.clone());
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// The word under which a value goes in JSON.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).ok();
    json.as_ref()
        .and_then(serde_json::Value::as_str)
        .unwrap_or("unknown")
        .to_owned()
}

fn figure(count: u32) -> f64 {
    f64::from(count)
}
