//! What a migration tool reports about a source VM: the body of `PUT /vms/{vm_id}/replica` and the entries of
//! an inventory file.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::disk::{Controller, DiskPosition, SourceDisk};
use crate::ids::{VmId, VolumeId};
use crate::nic::SourceNic;
use crate::replica::ReplicaVolume;
use crate::vm::{Firmware, PowerState, Provenance, SourceVm, SyncState, VmSpec};

/// An inventory file: `failoverctl inventory import FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InventoryFile {
    /// The source VMs.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub vms: Vec<VmReport>,
}

/// The size in bytes that no disk exceeds: databases have no larger whole numbers.
pub const LARGEST_DISK: u64 = i64::MAX.unsigned_abs();

/// One source VM as reported. What is left out is unknown, not a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VmReport {
    /// The VMware UUID.
    pub vm_id: VmId,
    /// The VM's name in VMware, 1 to 255 characters.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 255, pattern = r"\S")
    )]
    pub name: String,
    /// The name for people; the VM's name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 255, pattern = r"\S")
    )]
    pub display_name: Option<String>,
    /// The power state; unknown when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_state: Option<PowerState>,
    /// Virtual CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1))]
    pub cpus: Option<NonZeroU32>,
    /// Memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1))]
    pub memory_mib: Option<NonZeroU32>,
    /// Guest operating system in VMware's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_os: Option<String>,
    /// Firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// Secure boot.
    #[serde(default)]
    pub secure_boot: bool,
    /// Network cards in order; the first is the default one.
    #[serde(default)]
    pub nics: Vec<SourceNic>,
    /// Disks in any order.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub disks: Vec<DiskReport>,
    /// The newest successful ChangeID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
    /// When that synchronisation ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_at: Option<DateTime<Utc>>,
}

/// One disk as reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DiskReport {
    /// The label in VMware.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 255, pattern = r"\S")
    )]
    pub label: String,
    /// The controller's kind.
    pub controller: Controller,
    /// The controller's number.
    pub bus: u16,
    /// The unit on the controller.
    pub unit: u16,
    /// Size in bytes.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 9_223_372_036_854_775_807_u64)
    )]
    pub size_bytes: u64,
    /// The replica volume, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeReport>,
}

/// A replica volume as reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VolumeReport {
    /// The CloudStack volume id.
    pub id: VolumeId,
    /// Its name in CloudStack.
    pub name: String,
    /// Its device on the OMA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oma_device: Option<u32>,
}

/// A mistake in a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportMistake {
    /// A text is empty or too long.
    #[error("{field} is {value:?}, allowed are 1 to 255 characters")]
    Text {
        /// The field, with its path.
        field: String,
        /// The value, cut to 80 characters.
        value: String,
    },
    /// The VM has no disk.
    #[error("disks is empty, at least one disk is needed")]
    NoDisks,
    /// Two disks hang at the same place.
    #[error("disks[{second}] is at {position} like disks[{first}], each place can be taken once")]
    SamePosition {
        /// Index of the first disk.
        first: usize,
        /// Index of the second disk.
        second: usize,
        /// The place.
        position: DiskPosition,
    },
    /// Two disks name the same replica volume.
    #[error("disks[{second}].volume.id is {volume} like disks[{first}], each disk needs a volume of its own")]
    SameVolume {
        /// Index of the first disk.
        first: usize,
        /// Index of the second disk.
        second: usize,
        /// The volume.
        volume: VolumeId,
    },
    /// A disk has a size that no disk has.
    #[error("disks[{index}].size_bytes is {size}, allowed are 1 to {LARGEST_DISK}")]
    Size {
        /// Index of the disk.
        index: usize,
        /// Its size in bytes.
        size: u64,
    },
}

impl VmReport {
    /// Checks the report as a whole and turns it into a source VM with sorted disks.
    ///
    /// # Errors
    /// All mistakes, so that a person can mend all of them at once.
    pub fn into_source_vm(self, provenance: Provenance) -> Result<SourceVm, Vec<ReportMistake>> {
        let mistakes = self.mistakes();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        // A report is one run: what it says of the VM is true of every disk.
        let synced_at = self.synced_at.filter(|_| self.change_id.is_some());
        let disk = |disk: DiskReport| disk.into_disk(synced_at);
        let mut disks: Vec<SourceDisk> = self.disks.into_iter().map(disk).collect();
        disks.sort_by_key(|d| d.position);
        Ok(SourceVm {
            vm_id: self.vm_id,
            display_name: self.display_name.unwrap_or_else(|| self.name.clone()),
            name: self.name,
            power_state: self.power_state.unwrap_or(PowerState::Unknown),
            spec: VmSpec {
                cpus: self.cpus,
                memory_mib: self.memory_mib,
                guest_os: self.guest_os,
                firmware: self.firmware,
                secure_boot: self.secure_boot,
                provenance,
            },
            disks,
            nics: self.nics,
            sync: SyncState {
                change_id: self.change_id,
                synced_at: self.synced_at,
                active_replications: Vec::new(),
            },
        })
    }

    fn mistakes(&self) -> Vec<ReportMistake> {
        let mut mistakes = Vec::new();
        let mut text = |field: String, value: &str| {
            if value.trim().is_empty() || value.chars().count() > 255 {
                mistakes.push(ReportMistake::Text {
                    field,
                    value: value.chars().take(80).collect(),
                });
            }
        };
        text("name".into(), &self.name);
        if let Some(name) = &self.display_name {
            text("display_name".into(), name);
        }
        for (i, nic) in self.nics.iter().enumerate() {
            text(format!("nics[{i}].network"), &nic.network);
        }
        for (i, disk) in self.disks.iter().enumerate() {
            text(format!("disks[{i}].label"), &disk.label);
        }
        if self.disks.is_empty() {
            mistakes.push(ReportMistake::NoDisks);
        }
        for (second, disk) in self.disks.iter().enumerate() {
            if !(1..=LARGEST_DISK).contains(&disk.size_bytes) {
                mistakes.push(ReportMistake::Size {
                    index: second,
                    size: disk.size_bytes,
                });
            }
            let earlier = &self.disks[..second];
            if let Some(first) = earlier.iter().position(|d| d.position() == disk.position()) {
                mistakes.push(ReportMistake::SamePosition {
                    first,
                    second,
                    position: disk.position(),
                });
            }
            let Some(volume) = &disk.volume else { continue };
            let same = |d: &DiskReport| d.volume.as_ref().is_some_and(|v| v.id == volume.id);
            if let Some(first) = earlier.iter().position(same) {
                mistakes.push(ReportMistake::SameVolume {
                    first,
                    second,
                    volume: volume.id.clone(),
                });
            }
        }
        mistakes
    }
}

impl DiskReport {
    fn position(&self) -> DiskPosition {
        DiskPosition {
            controller: self.controller,
            bus: self.bus,
            unit: self.unit,
        }
    }

    fn into_disk(self, synced_at: Option<DateTime<Utc>>) -> SourceDisk {
        SourceDisk {
            position: self.position(),
            label: self.label,
            size_bytes: self.size_bytes,
            replica: self.volume.map(|v| ReplicaVolume {
                volume_id: v.id,
                name: v.name,
                oma_device: v.oma_device,
                needs_full_resync: false,
            }),
            synced_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(unit: u16, volume: &str) -> DiskReport {
        DiskReport {
            label: format!("Hard disk {unit}"),
            controller: Controller::Scsi,
            bus: 0,
            unit,
            size_bytes: 1 << 30,
            volume: Some(VolumeReport {
                id: volume.parse().unwrap(),
                name: volume.into(),
                oma_device: Some(1),
            }),
        }
    }

    fn report(disks: Vec<DiskReport>) -> VmReport {
        VmReport {
            vm_id: "4205a841-0265-f4bd-39a6-39fd92196f53".parse().unwrap(),
            name: "web-01".into(),
            display_name: None,
            power_state: None,
            cpus: None,
            memory_mib: None,
            guest_os: None,
            firmware: None,
            secure_boot: false,
            nics: Vec::new(),
            disks,
            change_id: None,
            synced_at: None,
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            source: "inventory import".into(),
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn disks_come_out_in_source_order() {
        let vm = report(vec![disk(2, "c"), disk(0, "a"), disk(1, "b")])
            .into_source_vm(provenance())
            .unwrap();
        let units: Vec<u16> = vm.disks.iter().map(|d| d.position.unit).collect();
        assert_eq!(units, [0, 1, 2]);
        assert_eq!(vm.display_name, "web-01");
        assert_eq!(vm.spec.cpus, None, "nothing is invented");
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let mut bad = report(vec![disk(0, "a"), disk(0, "a")]);
        bad.name = " ".into();
        bad.disks[1].size_bytes = 0;
        let mistakes = bad.into_source_vm(provenance()).unwrap_err();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        assert!(report(vec![]).into_source_vm(provenance()).is_err());
    }

    #[test]
    fn a_size_that_no_disk_has_is_a_mistake() {
        for (size, is_taken) in [
            (0, false),
            (1, true),
            (LARGEST_DISK, true),
            (LARGEST_DISK + 1, false),
        ] {
            let mut sized = disk(0, "a");
            sized.size_bytes = size;
            let outcome = report(vec![sized]).into_source_vm(provenance());
            assert_eq!(outcome.is_ok(), is_taken, "{size}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = serde_json::from_str::<InventoryFile>(r#"{"vms": [], "vm": 1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `vm`"));
    }
}
