//! Source VMs and network mappings. A tool that has an inventory of its own reads that here instead.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::inventory::VmReport;
use failover_domain::{NetworkId, NetworkMapping, Purpose, ReplicaVolume, SourceVm, VmId, VolumeId};
use failover_engine::ports::{
    ClearError, Inventory, Mappings, PutError, PutOutcome, ResyncMark, StoreError, clear_quarantine_entry,
    delete_mapping_entry, disks_differ, put_mapping_entry, report_entry, reported_vm,
};

use super::{FileStore, State};

#[async_trait]
impl Inventory for FileStore {
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError> {
        let mut vm = reported_vm(report, at)?;
        self.change(|state, now| {
            let replicas: BTreeSet<VolumeId> = replicas(&vm).map(|r| r.volume_id.clone()).collect();
            if let Some((volume, owner)) = state.taken(&replicas, &vm.vm_id) {
                return Err(PutError::VolumeTaken { volume, owner });
            }
            let known = state.vms.get(&vm.vm_id);
            if let Some(job_id) = state.active_job(&vm.vm_id)
                && known.is_none_or(|known| disks_differ(known, &vm))
            {
                let vm_id = vm.vm_id.clone();
                return Err(PutError::Active { vm_id, job_id });
            }
            let outcome = known.map_or(PutOutcome::Created, |_| PutOutcome::Updated);
            for replica in vm.disks.iter_mut().filter_map(|disk| disk.replica.as_mut()) {
                replica.needs_full_resync = state.resync.contains(&replica.volume_id);
            }
            state.note(now, &report_entry(by, &vm, outcome));
            state.vms.insert(vm.vm_id.clone(), vm);
            Ok(outcome)
        })
    }

    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError> {
        Ok(self.state().vms.get(id).cloned())
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError> {
        Ok(self
            .state()
            .vms
            .values()
            .filter(|vm| vm.name == name)
            .cloned()
            .collect())
    }

    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError> {
        let state = self.state();
        let later = state
            .vms
            .values()
            .filter(|vm| after.is_none_or(|after| vm.vm_id > *after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError> {
        self.change(|state, _| {
            let disks = state.vms.values_mut().flat_map(|vm| &mut vm.disks);
            let mut replicas = disks.filter_map(|disk| disk.replica.as_mut());
            let Some(replica) = replicas.find(|replica| replica.volume_id == *volume) else {
                return Ok(false);
            };
            replica.needs_full_resync = mark == ResyncMark::Needed;
            match mark {
                ResyncMark::Needed => state.resync.insert(volume.clone()),
                ResyncMark::Done => state.resync.remove(volume),
            };
            Ok(true)
        })
    }

    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError> {
        self.change(|state, now| {
            if let Some(job_id) = state.active_job(vm) {
                let vm_id = vm.clone();
                return Err(ClearError::Active { vm_id, job_id });
            }
            let disks = state.vms.get_mut(vm).into_iter().flat_map(|vm| &mut vm.disks);
            let mut replicas = disks.filter_map(|disk| disk.replica.as_mut());
            let Some(replica) = replicas.find(|r| r.volume_id == *volume && r.needs_full_resync) else {
                return Ok(false);
            };
            replica.needs_full_resync = false;
            state.resync.remove(volume);
            state.note(now, &clear_quarantine_entry(by, vm, volume, reason));
            Ok(true)
        })
    }
}

#[async_trait]
impl Mappings for FileStore {
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError> {
        Ok(self.state().mappings.get(vm).cloned().unwrap_or_default())
    }

    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError> {
        let mut users = BTreeMap::new();
        for (vm, mappings) in &self.state().mappings {
            let used = mappings
                .iter()
                .filter(|m| m.purpose == purpose && networks.contains(&m.network_id));
            for mapping in used {
                users
                    .entry(mapping.network_id.clone())
                    .or_insert_with(|| vm.clone());
            }
        }
        Ok(users)
    }

    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError> {
        self.change(|state, now| {
            for (vm, mapping) in mappings {
                let of_vm = state.mappings.entry(vm.clone()).or_default();
                of_vm.retain(|m| !is_of(m, &mapping.source_network, mapping.purpose));
                of_vm.push(mapping.clone());
                of_vm.sort_by(|a, b| (&a.source_network, a.purpose).cmp(&(&b.source_network, b.purpose)));
                state.note(now, &put_mapping_entry(by, vm, mapping));
            }
            Ok(())
        })
    }

    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        self.change(|state, now| {
            let mappings = state.mappings.entry(vm.clone()).or_default();
            let before = mappings.len();
            mappings.retain(|m| !is_of(m, source_network, purpose));
            let is_removed = mappings.len() < before;
            if is_removed {
                state.note(now, &delete_mapping_entry(by, vm, source_network, purpose));
            }
            Ok(is_removed)
        })
    }
}

impl State {
    /// The first of these volumes that is the replica of another VM's disk, with that VM.
    fn taken(&self, volumes: &BTreeSet<VolumeId>, by: &VmId) -> Option<(VolumeId, VmId)> {
        let others = self.vms.values().filter(|vm| vm.vm_id != *by);
        let mut theirs = others.flat_map(|vm| replicas(vm).map(|replica| (&replica.volume_id, &vm.vm_id)));
        let taken = theirs.find(|(volume, _)| volumes.contains(*volume));
        taken.map(|(volume, owner)| (volume.clone(), owner.clone()))
    }
}

fn replicas(vm: &SourceVm) -> impl Iterator<Item = &ReplicaVolume> {
    vm.disks.iter().filter_map(|disk| disk.replica.as_ref())
}

fn is_of(mapping: &NetworkMapping, source_network: &str, purpose: Purpose) -> bool {
    mapping.source_network == source_network && mapping.purpose == purpose
}
