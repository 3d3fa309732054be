//! `/api/v1/vms`: the inventory of source VMs. Migration tools report replicas here.

pub(super) mod parts;
pub(super) mod quarantine;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::inventory::VmReport;
use failover_domain::{Provenance, SourceVm, VmId};
use failover_engine::ports::PutOutcome;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Caller;
use crate::dto::{Mistake, ReplicaAnswer, ReplicaChange, VmPage, VmView};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, ApiQuery, limit, parameter};
use crate::openapi::problems;
use crate::state::ApiState;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct VmsQuery {
    /// Only VMs of exactly this name.
    name: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// Where the last page ended (its `next_cursor`).
    #[param(value_type = Option<VmId>)]
    cursor: Option<String>,
}

/// Lists source VMs, ordered by id.
#[utoipa::path(
    get,
    path = "/vms",
    tag = "inventory",
    operation_id = "list_vms",
    params(VmsQuery),
    responses(
        (status = 200, description = "A page of source VMs.", body = VmPage),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiQuery(query): ApiQuery<VmsQuery>,
) -> Result<Json<VmPage>, ApiError> {
    let page_size = limit(query.limit.as_deref(), 50, 500)?;
    let after: Option<VmId> = query
        .cursor
        .as_deref()
        .map(|text| parameter("cursor", text))
        .transpose()?;
    let inventory = &state.service.inventory;
    let mut vms = match &query.name {
        Some(name) => {
            let mut named = inventory.vms_named(name).await?;
            named.sort_by(|a, b| a.vm_id.cmp(&b.vm_id));
            named.retain(|vm| after.as_ref().is_none_or(|after| vm.vm_id > *after));
            named.retain(|vm| caller.only().is_none_or(|vms| vms.contains(&vm.vm_id)));
            named
        }
        None => vms_of(&state, &caller, after.as_ref(), page_size + 1).await?,
    };
    let has_more = vms.len() > page_size;
    vms.truncate(page_size);
    let next_cursor = vms.last().filter(|_| has_more).map(|vm| vm.vm_id.clone());
    let mut views = Vec::with_capacity(vms.len());
    for vm in vms {
        views.push(view_of(&state, vm).await?);
    }
    Ok(Json(VmPage {
        vms: views,
        next_cursor,
    }))
}

/// The source VMs that the caller may see after `after`, ordered by id, at most `most`.
pub(super) async fn vms_of(
    state: &ApiState,
    caller: &Caller,
    after: Option<&VmId>,
    most: usize,
) -> Result<Vec<SourceVm>, ApiError> {
    match caller.only() {
        Some(vms) => some_of(state, vms, after, most).await,
        None => Ok(state.service.inventory.vms(after, most).await?),
    }
}

/// The known ones of some source VMs after `after`, ordered by id, at most `most`.
async fn some_of(
    state: &ApiState,
    vms: &BTreeSet<VmId>,
    after: Option<&VmId>,
    most: usize,
) -> Result<Vec<SourceVm>, ApiError> {
    let mut known = Vec::new();
    for vm_id in vms.iter().filter(|vm| after.is_none_or(|after| *vm > after)) {
        known.extend(state.service.inventory.vm(vm_id).await?);
        if known.len() == most {
            break;
        }
    }
    Ok(known)
}

/// Shows a source VM.
#[utoipa::path(
    get,
    path = "/vms/{vm_id}",
    tag = "inventory",
    operation_id = "show_vm",
    params(("vm_id" = VmId, Path, description = "The source VM.")),
    responses(
        (status = 200, description = "The source VM.", body = VmView),
        (status = 404, response = problems::UnknownVm),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    ApiPath(vm_id): ApiPath<VmId>,
) -> Result<Json<VmView>, ApiError> {
    let vm = known_vm(&state, &vm_id).await?;
    Ok(Json(view_of(&state, vm).await?))
}

/// Takes what a migration tool reports about a source VM and its replicas.
#[utoipa::path(
    put,
    path = "/vms/{vm_id}/replica",
    tag = "inventory",
    operation_id = "report_replica",
    params(("vm_id" = VmId, Path, description = "The source VM.")),
    request_body = VmReport,
    responses(
        (status = 200, description = "The VM was known and is replaced.", body = ReplicaAnswer),
        (status = 201, description = "The VM is new.", body = ReplicaAnswer),
        (status = 409, response = problems::ReplicaConflict),
    )
)]
pub(super) async fn report_replica(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(vm_id): ApiPath<VmId>,
    ApiJson(report): ApiJson<VmReport>,
) -> Result<(StatusCode, Json<ReplicaAnswer>), ApiError> {
    if report.vm_id != vm_id {
        let detail = format!("vm_id is {}, but the path is of source VM {vm_id}", report.vm_id);
        return Err(ApiError::invalid(
            detail,
            "Give the same vm_id in the path and in the body.",
        ));
    }
    let mistakes = mistakes_of(&state, &report, "");
    if !mistakes.is_empty() {
        let detail = format!(
            "the report of source VM {vm_id} has {} mistakes; nothing was changed",
            mistakes.len()
        );
        return Err(ApiError::mistakes(detail, mistakes));
    }
    let answer = put(&state, &report, &caller).await?;
    let status = match answer.change {
        ReplicaChange::Created => StatusCode::CREATED,
        ReplicaChange::Updated => StatusCode::OK,
    };
    Ok((status, Json(answer)))
}

/// A source VM, or the problem that the inventory does not have it.
pub(super) async fn known_vm(state: &ApiState, vm_id: &VmId) -> Result<SourceVm, ApiError> {
    state
        .service
        .inventory
        .vm(vm_id)
        .await?
        .ok_or_else(|| ApiError::unknown_vm(vm_id))
}

/// The mistakes that a report has by itself, with `prefix` before each path.
pub(super) fn mistakes_of(state: &ApiState, report: &VmReport, prefix: &str) -> Vec<Mistake> {
    let provenance = Provenance {
        source: "API".to_owned(),
        recorded_at: state.service.clock.now(),
    };
    let mistakes = report
        .clone()
        .into_source_vm(provenance)
        .err()
        .unwrap_or_default();
    mistakes
        .into_iter()
        .map(|mistake| {
            let message = mistake.to_string();
            // Every message begins with the path of its field.
            let field = message.split_whitespace().next().unwrap_or_default();
            Mistake {
                path: format!("{prefix}{field}"),
                message,
            }
        })
        .collect()
}

/// Takes a checked report.
pub(super) async fn put(
    state: &ApiState,
    report: &VmReport,
    caller: &Caller,
) -> Result<ReplicaAnswer, ApiError> {
    let outcome = state
        .service
        .inventory
        .put_vm(report, state.service.clock.now(), &caller.actor())
        .await?;
    Ok(ReplicaAnswer {
        vm_id: report.vm_id.clone(),
        name: report.name.clone(),
        change: match outcome {
            PutOutcome::Created => ReplicaChange::Created,
            PutOutcome::Updated => ReplicaChange::Updated,
        },
        vm_url: format!("/api/v1/vms/{}", report.vm_id),
    })
}

async fn view_of(state: &ApiState, vm: SourceVm) -> Result<VmView, ApiError> {
    let active_job = state.service.jobs.active_job(&vm.vm_id).await?;
    Ok(VmView { vm, active_job })
}
