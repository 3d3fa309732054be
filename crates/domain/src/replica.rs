//! Replica volumes: the only copy of a company's disks. Never ours to delete.

use serde::{Deserialize, Serialize};

use crate::ids::VolumeId;

/// A CloudStack volume that holds the replica of one source disk.
///
/// There is deliberately no way from here to a value that a delete command takes: the OSSEA trait deletes
/// only what its own proof types name, and those refuse every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplicaVolume {
    /// The volume's CloudStack id.
    pub volume_id: VolumeId,
    /// Its name in CloudStack, for people.
    pub name: String,
    /// Its device on the OMA, where the inventory knows it.
    pub oma_device: Option<u32>,
    /// Set when a replica may hold a guest's writes and must be synchronised from the start.
    pub needs_full_resync: bool,
}
