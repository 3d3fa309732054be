//! Source VMs and network mappings in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::inventory::VmReport;
use failover_domain::{NetworkId, NetworkMapping, Purpose, SourceVm, VmId, VolumeId};

use super::{MemoryStore, Tables};
use crate::ports::{
    ClearError, Inventory, Mappings, PutError, PutOutcome, ResyncMark, StoreError, clear_quarantine_entry,
    delete_mapping_entry, disks_differ, put_mapping_entry, report_entry, reported_vm,
};

#[async_trait]
impl Inventory for MemoryStore {
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError> {
        let now = self.clock.now();
        let mut vm = reported_vm(report, at)?;
        let mut tables = self.tables();
        tables.check_volumes(&vm)?;
        if let Some(job_id) = tables.active_job(&vm.vm_id)
            && tables
                .vms
                .get(&vm.vm_id)
                .is_none_or(|known| disks_differ(known, &vm))
        {
            return Err(PutError::Active {
                vm_id: vm.vm_id,
                job_id,
            });
        }
        for replica in vm.disks.iter_mut().filter_map(|d| d.replica.as_mut()) {
            replica.needs_full_resync = tables.resync.contains(&replica.volume_id);
        }
        let outcome = if tables.vms.contains_key(&vm.vm_id) {
            PutOutcome::Updated
        } else {
            PutOutcome::Created
        };
        tables.note(now, &report_entry(by, &vm, outcome));
        tables.vms.insert(vm.vm_id.clone(), vm);
        Ok(outcome)
    }

    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError> {
        Ok(self.tables().vms.get(id).cloned())
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError> {
        Ok(self
            .tables()
            .vms
            .values()
            .filter(|vm| vm.name == name)
            .cloned()
            .collect())
    }

    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError> {
        let tables = self.tables();
        let later = tables
            .vms
            .values()
            .filter(|vm| after.is_none_or(|a| vm.vm_id > *a));
        Ok(later.take(limit).cloned().collect())
    }

    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let replicas = tables
            .vms
            .values_mut()
            .flat_map(|vm| &mut vm.disks)
            .filter_map(|d| d.replica.as_mut());
        let Some(replica) = replicas.into_iter().find(|r| r.volume_id == *volume) else {
            return Ok(false);
        };
        replica.needs_full_resync = mark == ResyncMark::Needed;
        match mark {
            ResyncMark::Needed => tables.resync.insert(volume.clone()),
            ResyncMark::Done => tables.resync.remove(volume),
        };
        Ok(true)
    }

    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError> {
        let at = self.clock.now();
        let mut tables = self.tables();
        if let Some(job_id) = tables.active_job(vm) {
            let vm_id = vm.clone();
            return Err(ClearError::Active { vm_id, job_id });
        }
        let disks = tables.vms.get_mut(vm).map(|vm| &mut vm.disks);
        let mut replicas = disks.into_iter().flatten().filter_map(|d| d.replica.as_mut());
        let marked = replicas.find(|r| r.volume_id == *volume && r.needs_full_resync);
        let Some(replica) = marked else {
            return Ok(false);
        };
        replica.needs_full_resync = false;
        tables.resync.remove(volume);
        tables.note(at, &clear_quarantine_entry(by, vm, volume, reason));
        Ok(true)
    }
}

#[async_trait]
impl Mappings for MemoryStore {
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError> {
        Ok(self
            .tables()
            .mappings
            .get(vm)
            .map(|m| m.values().cloned().collect())
            .unwrap_or_default())
    }

    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError> {
        let tables = self.tables();
        let mut users = BTreeMap::new();
        for (vm, mappings) in &tables.mappings {
            let used = mappings.values().filter(|m| m.purpose == purpose);
            for mapping in used.filter(|m| networks.contains(&m.network_id)) {
                users
                    .entry(mapping.network_id.clone())
                    .or_insert_with(|| vm.clone());
            }
        }
        Ok(users)
    }

    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        for (vm, mapping) in mappings {
            let key = (mapping.source_network.clone(), mapping.purpose);
            let of_vm = tables.mappings.entry(vm.clone()).or_default();
            of_vm.insert(key, mapping.clone());
            tables.note(now, &put_mapping_entry(by, vm, mapping));
        }
        Ok(())
    }

    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let of_vm = tables.mappings.get_mut(vm);
        let is_removed = of_vm.is_some_and(|m| m.remove(&(source_network.to_owned(), purpose)).is_some());
        if is_removed {
            tables.note(now, &delete_mapping_entry(by, vm, source_network, purpose));
        }
        Ok(is_removed)
    }
}

impl Tables {
    fn check_volumes(&self, vm: &SourceVm) -> Result<(), PutError> {
        let others = self.vms.values().filter(|other| other.vm_id != vm.vm_id);
        for (other, replica) in
            others.flat_map(|o| o.disks.iter().filter_map(move |d| Some((o, d.replica.as_ref()?))))
        {
            if vm.disks.iter().any(|d| {
                d.replica
                    .as_ref()
                    .is_some_and(|r| r.volume_id == replica.volume_id)
            }) {
                let volume = replica.volume_id.clone();
                return Err(PutError::VolumeTaken {
                    volume,
                    owner: other.vm_id.clone(),
                });
            }
        }
        Ok(())
    }
}
