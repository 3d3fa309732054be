//! Disks of a source VM in their source order.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::replica::ReplicaVolume;

/// The kind of VMware controller that a disk hangs on. The order is the order of a BIOS boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// IDE.
    Ide,
    /// SCSI of any model.
    Scsi,
    /// SATA (AHCI).
    Sata,
    /// NVMe.
    Nvme,
}

/// Where a disk hangs on the source VM. Disks sort by it: the first one is the OS disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DiskPosition {
    /// The controller's kind.
    pub controller: Controller,
    /// The controller's number among those of its kind, from 0.
    pub bus: u16,
    /// The unit on the controller, from 0.
    pub unit: u16,
}

impl fmt::Display for DiskPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.controller {
            Controller::Ide => "ide",
            Controller::Scsi => "scsi",
            Controller::Sata => "sata",
            Controller::Nvme => "nvme",
        };
        write!(f, "{kind}{}:{}", self.bus, self.unit)
    }
}

/// One disk of a source VM and the replica volume that holds its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceDisk {
    /// Where it hangs on the source VM.
    pub position: DiskPosition,
    /// Its label in VMware, such as `Hard disk 1`.
    pub label: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its replica; `None` while the migration tool has not made one.
    pub replica: Option<ReplicaVolume>,
    /// When the replication run that wrote the replica last was recorded to have synchronised it; `None` when that run
    /// has no success.
    #[serde(default)]
    pub synced_at: Option<DateTime<Utc>>,
}

/// The highest number of disks that CloudStack attaches to a KVM VM: device 0 and 32 data disks
/// (`cloudstack-api.md` section 4.3).
pub const MAX_DISKS: usize = 33;

/// The device of the disk at `place` (from 0) in source order: 0, 1, 2, 4, 5, … because CloudStack keeps
/// device 3 for the CD-ROM. `None` past [`MAX_DISKS`].
pub fn destination_device(place: usize) -> Option<u32> {
    if place >= MAX_DISKS {
        return None;
    }
    let device = u32::try_from(place).ok()?;
    Some(if device < 3 { device } else { device + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_leave_out_the_cd_rom() {
        let devices: Vec<_> = (0..6).map_while(destination_device).collect();
        assert_eq!(devices, [0, 1, 2, 4, 5, 6]);
        assert_eq!(destination_device(32), Some(33));
        assert_eq!(destination_device(33), None);
    }

    #[test]
    fn disks_sort_by_controller_bus_and_unit() {
        let at = |controller, bus, unit| DiskPosition {
            controller,
            bus,
            unit,
        };
        let mut disks = [
            at(Controller::Nvme, 0, 0),
            at(Controller::Scsi, 1, 0),
            at(Controller::Scsi, 0, 10),
            at(Controller::Scsi, 0, 2),
        ];
        disks.sort();
        let text: Vec<String> = disks.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["scsi0:2", "scsi0:10", "scsi1:0", "nvme0:0"]);
    }
}
