//! Source VMs as the migration tool reports them.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::disk::SourceDisk;
use crate::ids::VmId;
use crate::nic::SourceNic;

/// How a VM boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// Legacy BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// The power state of the source VM as last reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It runs.
    PoweredOn,
    /// It is off.
    PoweredOff,
    /// It is suspended.
    Suspended,
    /// Nobody has reported it.
    Unknown,
}

/// Where the facts of a specification come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Provenance {
    /// Who said so, such as `inventory import` or `vm_disks row 12`.
    pub source: String,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// The shape of a source VM. What nobody reported is `None`, and `None` is never filled with a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmSpec {
    /// Number of virtual CPUs.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1))]
    pub cpus: Option<NonZeroU32>,
    /// Memory in MiB.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1))]
    pub memory_mib: Option<NonZeroU32>,
    /// The guest operating system in VMware's words.
    pub guest_os: Option<String>,
    /// The firmware.
    pub firmware: Option<Firmware>,
    /// Whether secure boot is on.
    pub secure_boot: bool,
    /// Where these facts come from.
    pub provenance: Provenance,
}

/// A fact that a failover needs and nobody reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingSpec {
    /// The number of CPUs.
    Cpus,
    /// The memory size.
    Memory,
    /// The firmware.
    Firmware,
}

/// The part of a specification that shapes the destination VM, complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShapeSpec {
    /// Number of virtual CPUs.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub cpus: NonZeroU32,
    /// Memory in MiB.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub memory_mib: NonZeroU32,
    /// The firmware.
    pub firmware: Firmware,
    /// Whether secure boot is on (UEFI only).
    pub secure_boot: bool,
}

impl VmSpec {
    /// The complete shape.
    ///
    /// # Errors
    /// Everything that is missing, so that a person can add all of it at once.
    pub fn shape(&self) -> Result<ShapeSpec, Vec<MissingSpec>> {
        match (self.cpus, self.memory_mib, self.firmware) {
            (Some(cpus), Some(memory_mib), Some(firmware)) => Ok(ShapeSpec {
                cpus,
                memory_mib,
                firmware,
                secure_boot: self.secure_boot,
            }),
            (cpus, memory, firmware) => {
                let mut missing = Vec::new();
                if cpus.is_none() {
                    missing.push(MissingSpec::Cpus);
                }
                if memory.is_none() {
                    missing.push(MissingSpec::Memory);
                }
                if firmware.is_none() {
                    missing.push(MissingSpec::Firmware);
                }
                Err(missing)
            }
        }
    }
}

/// How well a source VM is replicated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncState {
    /// The id of the newest successful change-block state (VMware ChangeID), per disk position where known.
    pub change_id: Option<String>,
    /// When it was recorded.
    pub synced_at: Option<DateTime<Utc>>,
    /// Ids of the migration tool's jobs that are still running for this VM.
    pub active_replications: Vec<String>,
}

/// A source VM with everything the inventory knows about it. Disks are in source order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceVm {
    /// The VMware UUID.
    pub vm_id: VmId,
    /// The VM's name in VMware.
    pub name: String,
    /// The name that people see; often equal to the name.
    pub display_name: String,
    /// The power state as last reported.
    pub power_state: PowerState,
    /// The shape.
    pub spec: VmSpec,
    /// The disks, sorted by position: the first is the OS disk.
    pub disks: Vec<SourceDisk>,
    /// The network cards in source order: the first is the default one.
    pub nics: Vec<SourceNic>,
    /// How well it is replicated.
    pub sync: SyncState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_named_at_once() {
        let spec = VmSpec {
            cpus: None,
            memory_mib: NonZeroU32::new(2048),
            guest_os: None,
            firmware: None,
            secure_boot: false,
            provenance: Provenance {
                source: "inventory import".into(),
                recorded_at: DateTime::UNIX_EPOCH,
            },
        };
        assert_eq!(
            spec.shape().unwrap_err(),
            [MissingSpec::Cpus, MissingSpec::Firmware]
        );
    }
}
