//! `GET /api/v1/failover/{vm_id}/readiness` and `GET /api/v1/failover/readiness`: the verdict over one source VM, and
//! over many.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use failover_domain::{FailoverType, VmId};
use failover_engine::looks::{ReadinessChanges, ReadinessLook};
use failover_engine::service::{FleetQuery, VmReadiness};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{FleetReadinessPage, ReadinessAnswer, ReadinessTotals, VmReadinessView};
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery, limit, parameter};
use crate::openapi::problems;
use crate::routes::vms::known_vm;
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct ReadinessQuery {
    /// Which failover is meant; `live` when left out.
    #[serde(rename = "type")]
    #[param(value_type = Option<FailoverType>)]
    failover: Option<String>,
}

impl ReadinessQuery {
    /// For which kind of failover; live where nothing is said.
    pub(in crate::routes) fn failover(&self) -> Result<FailoverType, ApiError> {
        failover_type(self.failover.as_deref())
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::routes) struct FleetReadinessQuery {
    /// Which failover is meant; `live` when left out.
    #[serde(rename = "type")]
    #[param(value_type = Option<FailoverType>)]
    failover: Option<String>,
    /// Only VMs that are ready, or only those that are not.
    #[param(value_type = Option<bool>)]
    ready: Option<String>,
    /// Whether all checks are shown with their details, not only the failed ones in short.
    #[param(value_type = Option<bool>, default = false)]
    full: Option<String>,
    /// How many VMs are looked at, at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    #[param(value_type = Option<VmId>)]
    cursor: Option<String>,
}

/// Says whether a source VM is ready for a failover, and what to do where it is not.
#[utoipa::path(
    get,
    path = "/failover/{vm_id}/readiness",
    tag = "readiness",
    operation_id = "show_readiness",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "The verdict, whatever it is.", body = ReadinessAnswer),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn show(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiQuery(query): ApiQuery<ReadinessQuery>,
) -> Result<Json<ReadinessAnswer>, ApiError> {
    let failover = query.failover()?;
    known_vm(&state, &vm_id).await?;
    let readiness = state.service.readiness(&vm_id, failover).await?;
    let look = ReadinessLook::of(&readiness, &vm_id, failover, state.service.clock.now());
    let (last_look_at, changes) = note_looks(&state, failover, vec![look])
        .await
        .remove(&vm_id)
        .unzip();
    Ok(Json(ReadinessAnswer {
        readiness,
        last_look_at,
        changes: changes.flatten(),
    }))
}

/// Says whether a source VM is ready for a failover, as `/failover/{vm_id}/readiness` does.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}/failover-readiness",
    tag = "readiness",
    operation_id = "show_failover_readiness",
    params(
        ("vm_id" = VmId, Path, description = "The source VM."),
        ReadinessQuery,
    ),
    responses(
        (status = 200, description = "The verdict, whatever it is.", body = ReadinessAnswer),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(in crate::routes) async fn show_of_vm(
    state: State<ApiState>,
    vm_id: ApiPath<VmId>,
    query: ApiQuery<ReadinessQuery>,
) -> Result<Json<ReadinessAnswer>, ApiError> {
    show(state, vm_id, query).await
}

/// Says of many source VMs at once whether they are ready, with few questions to the cloud.
#[utoipa::path(
    get,
    path = "/failover/readiness",
    tag = "readiness",
    operation_id = "list_readiness",
    params(FleetReadinessQuery),
    responses(
        (status = 200, description = "A page of verdicts, with sums over it.", body = FleetReadinessPage),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn show_many(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<FleetReadinessQuery>,
) -> Result<Json<FleetReadinessPage>, ApiError> {
    let failover = failover_type(query.failover.as_deref())?;
    let ready: Option<bool> = optional("ready", query.ready.as_deref())?;
    let full: Option<bool> = optional("full", query.full.as_deref())?;
    let fleet = FleetQuery {
        failover,
        after: optional("cursor", query.cursor.as_deref())?,
        limit: limit(query.limit.as_deref(), 100, 1000)?,
    };
    let mut found = state.service.readiness_of_many(&fleet).await?;
    // A page may come out short: its end is where the next one begins all the same.
    found.vms.retain(|vm| caller.may_touch(&vm.vm_id));
    let now = state.service.clock.now();
    let look = |vm: &VmReadiness| ReadinessLook::of(&vm.readiness, &vm.vm_id, failover, now);
    let mut since = note_looks(&state, failover, found.vms.iter().map(look).collect()).await;
    let view = |vm: VmReadiness| {
        let (last_look_at, changes) = since.remove(&vm.vm_id).unzip();
        let view = match full {
            Some(true) => VmReadinessView::in_full(vm),
            Some(false) | None => VmReadinessView::in_short(vm),
        };
        VmReadinessView {
            last_look_at,
            changes: changes.flatten(),
            ..view
        }
    };
    let totals = ReadinessTotals::of(found.vms.iter().map(|vm| &vm.readiness));
    let wanted = found
        .vms
        .into_iter()
        .filter(|vm| ready.is_none_or(|ready| vm.readiness.is_ready == ready));
    Ok(Json(FleetReadinessPage {
        failover,
        totals,
        vms: wanted.map(view).collect(),
        next_cursor: found.next,
    }))
}

/// When somebody looked last, and what has changed since, if anything has.
type SinceThen = (DateTime<Utc>, Option<ReadinessChanges>);

/// Keeps what was seen in place of what was seen last, and tells the difference. An answer does not depend on it: where
/// the looks cannot be read or kept, there are no changes to tell.
async fn note_looks(
    state: &ApiState,
    failover: FailoverType,
    seen: Vec<ReadinessLook>,
) -> BTreeMap<VmId, SinceThen> {
    let looks = &state.ports.looks;
    let vms: Vec<VmId> = seen.iter().map(|look| look.vm_id.clone()).collect();
    let last = looks.last_looks(failover, &vms).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "The last looks at readiness cannot be read; no changes are told.");
        BTreeMap::new()
    });
    if let Err(error) = looks.put_looks(&seen).await {
        tracing::warn!(%error, "A look at readiness cannot be kept; the next one tells the changes since an earlier one.");
    }
    let since = |look: ReadinessLook| {
        let last = last.get(&look.vm_id)?;
        let changes = look.changes_since(last);
        Some((look.vm_id, (last.at, changes)))
    };
    seen.into_iter().filter_map(since).collect()
}

fn failover_type(text: Option<&str>) -> Result<FailoverType, ApiError> {
    Ok(optional("type", text)?.unwrap_or(FailoverType::Live))
}

fn optional<T>(name: &str, text: Option<&str>) -> Result<Option<T>, ApiError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(|text| parameter(name, text)).transpose()
}
