//! Rows of the tables that the migration tool shares with us, and the source VMs they add up to.
//!
//! A source VM is not one row: each replication job leaves rows for its disks, and the newest row of each disk
//! position wins. The shape comes from the newest row that has one, as the customer's queries have it.

use std::collections::HashMap;
use std::num::NonZeroU32;

use diesel::prelude::*;
use failover_domain::{
    DiskPosition, Firmware, PowerState, Provenance, ReplicaVolume, SourceDisk, SourceNic, SourceVm,
    SyncState, VmId, VmSpec,
};
use failover_engine::ports::StoreError;

use super::schema::{ossea_volumes, replication_jobs, vm_disks};
use crate::row::RowId;
use crate::types::{JsonText, Ts};

/// The statuses in which the migration tool still works on a source VM.
const REPLICATING: [&str; 3] = ["pending", "running", "replicating"];

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = replication_jobs)]
pub(super) struct ReplicationRow {
    pub(super) id: String,
    pub(super) source_vm_id: String,
    source_vm_name: String,
    status: String,
    recorded_by: Option<String>,
    created_at: Ts,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ossea_volumes)]
pub(super) struct VolumeColumns {
    id: i64,
    volume_id: String,
    volume_name: String,
    oma_device: Option<i64>,
    needs_full_resync: bool,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = vm_disks)]
pub(super) struct DiskRow {
    id: i64,
    job_id: String,
    controller: Option<String>,
    bus: Option<i64>,
    unit: Option<i64>,
    label: Option<String>,
    size_bytes: Option<i64>,
    cpu_count: Option<i64>,
    memory_mb: Option<i64>,
    os_type: Option<String>,
    display_name: Option<String>,
    power_state: Option<String>,
    firmware: Option<String>,
    secure_boot: bool,
    network_config: Option<JsonText>,
    created_at: Ts,
}

/// Everything the tables hold about one source VM, newest first.
#[derive(Debug, Default)]
pub(super) struct VmRows {
    pub(super) jobs: Vec<ReplicationRow>,
    pub(super) disks: Vec<(DiskRow, Option<VolumeColumns>)>,
    /// The newest successful ChangeID and when it was recorded.
    pub(super) change: Option<(String, Ts)>,
    /// When the newest successful ChangeID of each replication job was recorded.
    pub(super) synced: HashMap<String, Ts>,
}

impl VmRows {
    /// The source VM; `None` when there is nothing about it.
    pub(super) fn into_source_vm(self) -> Result<Option<SourceVm>, StoreError> {
        let Some(newest) = self.jobs.first() else {
            return Ok(None);
        };
        let job = RowId {
            table: "replication_jobs",
            id: &newest.id,
        };
        let vm_id: VmId = job.parse("source_vm_id", &newest.source_vm_id)?;
        if vm_id.as_str() != newest.source_vm_id {
            return Err(job.corrupt("source_vm_id", "it is not in lower case"));
        }
        let name = newest.source_vm_name.clone();
        let rows = || self.disks.iter().map(|(row, _)| row);
        let named = rows().find_map(|r| r.display_name.clone());
        let replicating = self
            .jobs
            .iter()
            .filter(|j| REPLICATING.contains(&j.status.as_str()));
        let (change_id, synced_at) = self.change.clone().unzip();
        Ok(Some(SourceVm {
            vm_id,
            display_name: named.unwrap_or_else(|| name.clone()),
            name,
            power_state: rows()
                .next()
                .map_or(Ok(PowerState::Unknown), DiskRow::power_state)?,
            spec: self.spec(newest)?,
            nics: rows().find_map(DiskRow::nics).transpose()?.unwrap_or_default(),
            sync: SyncState {
                change_id,
                synced_at: synced_at.map(Ts::instant),
                active_replications: replicating.map(|j| j.id.clone()).collect(),
            },
            disks: self.newest_disks()?,
        }))
    }

    /// The newest row of each position, in source order.
    fn newest_disks(&self) -> Result<Vec<SourceDisk>, StoreError> {
        let mut disks: Vec<SourceDisk> = Vec::new();
        for (row, volume) in &self.disks {
            let position = row.position()?;
            if !disks.iter().any(|d| d.position == position) {
                let mut disk = row.disk(position, volume.as_ref())?;
                disk.synced_at = self.synced.get(&row.job_id).copied().map(Ts::instant);
                disks.push(disk);
            }
        }
        disks.sort_by_key(|d| d.position);
        Ok(disks)
    }

    fn spec(&self, newest: &ReplicationRow) -> Result<VmSpec, StoreError> {
        let rows = || self.disks.iter().map(|(row, _)| row);
        let Some(shaped) = rows()
            .find(|r| r.cpu_count.is_some_and(|n| n > 0))
            .or_else(|| rows().next())
        else {
            let source = format!("replication_jobs row {}", newest.id);
            let provenance = Provenance {
                source,
                recorded_at: newest.created_at.instant(),
            };
            return Ok(VmSpec {
                cpus: None,
                memory_mib: None,
                guest_os: None,
                firmware: None,
                secure_boot: false,
                provenance,
            });
        };
        let recorded_by = self
            .jobs
            .iter()
            .find(|j| j.id == shaped.job_id)
            .and_then(|j| j.recorded_by.clone());
        shaped.spec(recorded_by)
    }
}

impl DiskRow {
    fn read<T>(&self, read: impl FnOnce(RowId<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let id = self.id.to_string();
        read(RowId {
            table: "vm_disks",
            id: &id,
        })
    }

    fn position(&self) -> Result<DiskPosition, StoreError> {
        self.read(|row| {
            Ok(DiskPosition {
                controller: row.word("controller", &row.present("controller", self.controller.clone())?)?,
                bus: row.number("bus", row.present("bus", self.bus)?)?,
                unit: row.number("unit", row.present("unit", self.unit)?)?,
            })
        })
    }

    fn disk(&self, position: DiskPosition, volume: Option<&VolumeColumns>) -> Result<SourceDisk, StoreError> {
        self.read(|row| {
            Ok(SourceDisk {
                position,
                // A label is for people; where the tool gives none, the place says which disk is meant.
                label: self.label.clone().unwrap_or_else(|| position.to_string()),
                size_bytes: row.number("size_bytes", row.present("size_bytes", self.size_bytes)?)?,
                replica: volume.map(VolumeColumns::replica).transpose()?,
                synced_at: None,
            })
        })
    }

    /// The state in our words or in VMware's.
    fn power_state(&self) -> Result<PowerState, StoreError> {
        match self.power_state.as_deref() {
            None => Ok(PowerState::Unknown),
            Some("poweredOn") => Ok(PowerState::PoweredOn),
            Some("poweredOff") => Ok(PowerState::PoweredOff),
            Some(word) => self.read(|row| row.word("power_state", word)),
        }
    }

    /// The firmware in our words or in VMware's.
    fn firmware(&self) -> Result<Option<Firmware>, StoreError> {
        match self.firmware.as_deref() {
            None => Ok(None),
            Some("efi") => Ok(Some(Firmware::Uefi)),
            Some(word) => self.read(|row| row.word("firmware", word)).map(Some),
        }
    }

    fn nics(&self) -> Option<Result<Vec<SourceNic>, StoreError>> {
        let config = self.network_config.as_ref()?;
        Some(self.read(|row| row.json("network_config", config)))
    }

    fn spec(&self, recorded_by: Option<String>) -> Result<VmSpec, StoreError> {
        self.read(|row| {
            // Zero is how tools write that they do not know.
            let count = |column, number: Option<i64>| -> Result<Option<NonZeroU32>, StoreError> {
                let number: Option<u32> = number.map(|n| row.number(column, n)).transpose()?;
                Ok(number.and_then(NonZeroU32::new))
            };
            let source = recorded_by.unwrap_or_else(|| format!("vm_disks row {}", self.id));
            Ok(VmSpec {
                cpus: count("cpu_count", self.cpu_count)?,
                memory_mib: count("memory_mb", self.memory_mb)?,
                guest_os: self.os_type.clone(),
                firmware: self.firmware()?,
                secure_boot: self.secure_boot,
                provenance: Provenance {
                    source,
                    recorded_at: self.created_at.instant(),
                },
            })
        })
    }
}

impl VolumeColumns {
    fn replica(&self) -> Result<ReplicaVolume, StoreError> {
        let id = self.id.to_string();
        let row = RowId {
            table: "ossea_volumes",
            id: &id,
        };
        Ok(ReplicaVolume {
            volume_id: row.parse("volume_id", &self.volume_id)?,
            name: self.volume_name.clone(),
            oma_device: self.oma_device.map(|d| row.number("oma_device", d)).transpose()?,
            needs_full_resync: self.needs_full_resync,
        })
    }
}
