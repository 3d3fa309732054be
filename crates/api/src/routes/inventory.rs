//! `POST /api/v1/inventory/import` and `GET /api/v1/inventory/export`: many source VMs at once.
//!
//! The whole file is checked first, by itself and against the inventory; with any mistake nothing is changed.
//! Only what happens in between (a job that starts, another import) can make single VMs fail afterwards, and
//! the answer says which.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use failover_domain::inventory::{DiskReport, InventoryFile, VmReport, VolumeReport};
use failover_domain::{PowerState, Provenance, SourceDisk, SourceVm, VmId, VolumeId};
use failover_engine::ports::disks_differ;

use crate::access::Caller;
use crate::dto::{ImportAnswer, ImportOutcome, InventoryExport, Mistake, ReplicaChange};
use crate::error::ApiError;
use crate::extract::ApiJson;
use crate::routes::vms::{mistakes_of, put, vms_of};
use crate::state::ApiState;

/// How many VMs are read at once.
const VMS_AT_ONCE: usize = 500;

/// Takes many source VMs at once.
///
/// The whole file is checked first; with any mistake nothing is changed.
#[utoipa::path(
    post,
    path = "/inventory/import",
    tag = "inventory",
    operation_id = "import_inventory",
    request_body = InventoryFile,
    responses(
        (status = 200, description = "All were taken.", body = ImportAnswer),
        (status = 207, description = "Some were taken, others not; the answer says which.", body = ImportAnswer),
    )
)]
pub(super) async fn import(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiJson(file): ApiJson<InventoryFile>,
) -> Result<(StatusCode, Json<ImportAnswer>), ApiError> {
    for report in &file.vms {
        caller.must_touch(&report.vm_id)?;
    }
    let mut mistakes = mistakes_of_file(&state, &file);
    // A file that contradicts itself is not worth comparing with the inventory.
    if mistakes.is_empty() {
        mistakes = mistakes_against_inventory(&state, &file).await?;
    }
    if !mistakes.is_empty() {
        let detail = format!(
            "the inventory file has {} mistakes; nothing was changed",
            mistakes.len()
        );
        return Err(ApiError::mistakes(detail, mistakes));
    }
    let mut answer = ImportAnswer {
        created: 0,
        updated: 0,
        failed: 0,
        vms: Vec::with_capacity(file.vms.len()),
    };
    for report in &file.vms {
        answer.vms.push(match put(&state, report, &caller).await {
            Ok(taken) => {
                match taken.change {
                    ReplicaChange::Created => answer.created += 1,
                    ReplicaChange::Updated => answer.updated += 1,
                }
                ImportOutcome::Taken(taken)
            }
            Err(error) => {
                answer.failed += 1;
                let (vm_id, name) = (report.vm_id.clone(), report.name.clone());
                ImportOutcome::Failed {
                    vm_id,
                    name,
                    problem: error.problem,
                }
            }
        });
    }
    let status = if answer.failed == 0 {
        StatusCode::OK
    } else {
        StatusCode::MULTI_STATUS
    };
    Ok((status, Json(answer)))
}

/// Gives all source VMs that the caller may see, as a file that an import takes again.
#[utoipa::path(
    get,
    path = "/inventory/export",
    tag = "inventory",
    operation_id = "export_inventory",
    responses(
        (status = 200, description = "The inventory.", body = InventoryExport),
    )
)]
pub(super) async fn export(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<InventoryExport>, ApiError> {
    let mut file = InventoryExport { vms: Vec::new() };
    loop {
        let after = file.vms.last().map(|report| report.vm_id.clone());
        let vms = vms_of(&state, &caller, after.as_ref(), VMS_AT_ONCE).await?;
        let is_last = vms.len() < VMS_AT_ONCE;
        file.vms.extend(vms.into_iter().map(report_of));
        if is_last {
            return Ok(Json(file));
        }
    }
}

/// What a migration tool would report about a VM. Marks for a full synchronisation and running replications are not
/// reported; an import leaves them as they are.
fn report_of(vm: SourceVm) -> VmReport {
    let disk = |disk: SourceDisk| DiskReport {
        label: disk.label,
        controller: disk.position.controller,
        bus: disk.position.bus,
        unit: disk.position.unit,
        size_bytes: disk.size_bytes,
        volume: disk.replica.map(|replica| VolumeReport {
            id: replica.volume_id,
            name: replica.name,
            oma_device: replica.oma_device,
        }),
    };
    VmReport {
        vm_id: vm.vm_id,
        display_name: Some(vm.display_name).filter(|shown| *shown != vm.name),
        name: vm.name,
        power_state: Some(vm.power_state).filter(|power| *power != PowerState::Unknown),
        cpus: vm.spec.cpus,
        memory_mib: vm.spec.memory_mib,
        guest_os: vm.spec.guest_os,
        firmware: vm.spec.firmware,
        secure_boot: vm.spec.secure_boot,
        nics: vm.nics,
        disks: vm.disks.into_iter().map(disk).collect(),
        change_id: vm.sync.change_id,
        synced_at: vm.sync.synced_at,
    }
}

/// What is wrong with the file by itself.
fn mistakes_of_file(state: &ApiState, file: &InventoryFile) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if file.vms.is_empty() {
        let message = "vms is empty, at least one VM is needed".to_owned();
        mistakes.push(Mistake {
            path: "vms".to_owned(),
            message,
        });
    }
    let mut vms: BTreeMap<&VmId, usize> = BTreeMap::new();
    let mut volumes: BTreeMap<&VolumeId, usize> = BTreeMap::new();
    for (index, report) in file.vms.iter().enumerate() {
        mistakes.extend(mistakes_of(state, report, &format!("vms[{index}].")));
        if let Some(first) = vms.insert(&report.vm_id, index) {
            mistakes.push(Mistake {
                path: format!("vms[{index}].vm_id"),
                message: format!(
                    "vm_id is {} like that of vms[{first}], each VM can be in the file once",
                    report.vm_id
                ),
            });
        }
        for (disk, volume) in volumes_of(report) {
            // Two disks of one VM are told apart by the report's own check.
            if let Some(first) = volumes.insert(volume, index).filter(|first| *first != index) {
                mistakes.push(Mistake {
                    path: format!("vms[{index}].disks[{disk}].volume.id"),
                    message: format!(
                        "volume {volume} belongs to a disk of vms[{first}] too, each disk needs its own"
                    ),
                });
            }
        }
    }
    mistakes
}

/// What of the file contradicts VMs that are not in it, and jobs.
async fn mistakes_against_inventory(
    state: &ApiState,
    file: &InventoryFile,
) -> Result<Vec<Mistake>, ApiError> {
    let owners = foreign_owners(state, file).await?;
    let mut mistakes = Vec::new();
    for (index, report) in file.vms.iter().enumerate() {
        for (disk, volume) in volumes_of(report) {
            if let Some(owner) = owners.get(volume) {
                mistakes.push(Mistake {
                    path: format!("vms[{index}].disks[{disk}].volume.id"),
                    message: format!("volume {volume} is the replica of a disk of source VM {owner} already"),
                });
            }
        }
        if let Some(job_id) = state.service.jobs.active_job(&report.vm_id).await?
            && changes_disks(state, report).await?
        {
            mistakes.push(Mistake {
                path: format!("vms[{index}].disks"),
                message: format!(
                    "source VM {} has the active job {job_id}; its disks cannot be changed now",
                    report.vm_id
                ),
            });
        }
    }
    Ok(mistakes)
}

/// The replica volumes of all VMs that the file does not replace.
async fn foreign_owners(
    state: &ApiState,
    file: &InventoryFile,
) -> Result<BTreeMap<VolumeId, VmId>, ApiError> {
    let mut owners = BTreeMap::new();
    let mut after: Option<VmId> = None;
    loop {
        let vms = state.service.inventory.vms(after.as_ref(), VMS_AT_ONCE).await?;
        let is_last = vms.len() < VMS_AT_ONCE;
        after = vms.last().map(|vm| vm.vm_id.clone());
        for vm in vms {
            if !file.vms.iter().any(|report| report.vm_id == vm.vm_id) {
                let replicas = vm.disks.into_iter().filter_map(|disk| disk.replica);
                owners.extend(replicas.map(|replica| (replica.volume_id, vm.vm_id.clone())));
            }
        }
        if is_last {
            return Ok(owners);
        }
    }
}

async fn changes_disks(state: &ApiState, report: &VmReport) -> Result<bool, ApiError> {
    let provenance = Provenance {
        source: "API".to_owned(),
        recorded_at: state.service.clock.now(),
    };
    let known = state.service.inventory.vm(&report.vm_id).await?;
    let reported = report.clone().into_source_vm(provenance).ok();
    Ok(known
        .zip(reported)
        .is_none_or(|(known, reported)| disks_differ(&known, &reported)))
}

fn volumes_of(report: &VmReport) -> impl Iterator<Item = (usize, &VolumeId)> {
    report
        .disks
        .iter()
        .enumerate()
        .filter_map(|(index, disk)| Some((index, &disk.volume.as_ref()?.id)))
}
