//! Replicas that need a full synchronisation.

use failover_domain::{VmId, VolumeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A replica that is marked for a full synchronisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkedReplica {
    /// The replica.
    pub volume_id: VolumeId,
    /// Its name in the cloud.
    pub volume_name: String,
    /// The disk's label in VMware.
    pub label: String,
}

/// The answer to `GET /api/v1/vms/{vm_id}/quarantine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// The source VM.
    pub vm_id: VmId,
    /// Its name.
    pub name: String,
    /// The marked replicas, in disk order.
    pub replicas: Vec<MarkedReplica>,
}

/// The body of `DELETE /api/v1/vms/{vm_id}/quarantine/{volume_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearQuarantine {
    /// Why its content is known to be good, for those who read it later.
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S")]
    pub reason: String,
}
