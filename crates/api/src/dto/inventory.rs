//! Source VMs.

use failover_domain::inventory::VmReport;
use failover_domain::{JobId, SourceVm, VmId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// A source VM as the inventory knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VmView {
    /// The VM.
    #[serde(flatten)]
    pub vm: SourceVm,
    /// Its active failover job.
    pub active_job: Option<JobId>,
}

/// A page of source VMs, ordered by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VmPage {
    /// The VMs.
    pub vms: Vec<VmView>,
    /// Given as `cursor`, it asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<VmId>,
}

/// The answer to `GET /api/v1/inventory/export`: an inventory file, which an import takes again unless it has no VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InventoryExport {
    /// The source VMs, ordered by id.
    pub vms: Vec<VmReport>,
}

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaChange {
    /// The VM is new.
    Created,
    /// The VM was known and is replaced.
    Updated,
}

/// The answer to `PUT /api/v1/vms/{vm_id}/replica`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaAnswer {
    /// The VM.
    pub vm_id: VmId,
    /// Its name.
    pub name: String,
    /// What the report did.
    pub change: ReplicaChange,
    /// Where the VM is shown.
    pub vm_url: String,
}

/// The answer to `POST /api/v1/inventory/import`: 200 when every VM was taken, 207 when some were not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportAnswer {
    /// How many VMs are new.
    pub created: usize,
    /// How many were known and are replaced.
    pub updated: usize,
    /// How many were not taken.
    pub failed: usize,
    /// Each VM in the order of the file.
    pub vms: Vec<ImportOutcome>,
}

/// What became of one VM of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It was taken.
    Taken(ReplicaAnswer),
    /// It was not.
    Failed {
        /// The VM.
        vm_id: VmId,
        /// Its name.
        name: String,
        /// Why.
        problem: Box<Problem>,
    },
}
