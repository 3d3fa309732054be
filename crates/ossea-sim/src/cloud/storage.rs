//! Which hosts reach which pools, where VMs run because of it, and which volumes move (cloudstack-api.md sections 4.3
//! and 4.10).

use failover_domain::{AsyncJobId, CloudVmId, VolumeId, ZoneId};

use super::Cloud;
use super::error::ApiError;
use super::log::Effect;
use super::objects::{Vm, Volume, VolumeState, VolumeType};
use crate::contents::{ClusterContents, PoolContents, StorageKind, StorageScope};

/// A volume that is to be on another pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) volume: VolumeId,
    /// The name of the other pool.
    pub(super) to: String,
}

impl Cloud {
    /// All storage pools.
    pub fn pools(&self) -> impl Iterator<Item = &PoolContents> {
        self.pools.iter()
    }

    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<&PoolContents> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// All clusters.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterContents> {
        self.clusters.iter()
    }

    /// The cluster of a host.
    pub fn cluster_of_host(&self, host: &str) -> Option<&ClusterContents> {
        self.clusters
            .iter()
            .find(|cluster| cluster.hosts.iter().any(|name| name == host))
    }

    /// The cluster to which a pool is confined; `None` for one that the whole zone reaches.
    pub fn cluster_of_pool(&self, pool: &PoolContents) -> Option<&ClusterContents> {
        match pool.scope {
            StorageScope::Zone => None,
            StorageScope::Cluster => match &pool.cluster {
                Some(name) => self.clusters.iter().find(|cluster| cluster.name == *name),
                None => self.first_cluster(&pool.zone),
            },
            StorageScope::Host => self.cluster_of_host(self.host_of_pool(pool)?),
        }
    }

    /// The only host that reaches a pool; `None` for one that others reach as well.
    pub fn host_of_pool<'a>(&'a self, pool: &'a PoolContents) -> Option<&'a str> {
        match pool.scope {
            StorageScope::Zone | StorageScope::Cluster => None,
            StorageScope::Host => match &pool.host {
                Some(host) => Some(host),
                None => first_host(self.first_cluster(&pool.zone)?),
            },
        }
    }

    /// The pool that a volume is on; `None` while it is on none.
    pub(super) fn pool_of(&self, volume: &Volume) -> Option<&PoolContents> {
        self.pool(volume.pool.as_ref()?)
    }

    /// The kind of storage that a volume is on; `None` while it is on none.
    pub(super) fn storage_of(&self, volume: &Volume) -> Option<StorageKind> {
        self.pool_of(volume).map(|pool| pool.kind)
    }

    pub(super) fn first_pool(&self, zone: &ZoneId) -> Option<String> {
        let mut pools = self.pools.iter().filter(|pool| pool.zone == *zone);
        pools.next().map(|pool| pool.name.clone())
    }

    fn first_cluster(&self, zone: &ZoneId) -> Option<&ClusterContents> {
        self.clusters.iter().find(|cluster| cluster.zone == *zone)
    }

    fn reaches(&self, host: &str, pool: &PoolContents) -> bool {
        match pool.scope {
            StorageScope::Zone => self
                .cluster_of_host(host)
                .is_some_and(|cluster| cluster.zone == pool.zone),
            StorageScope::Cluster => self
                .cluster_of_pool(pool)
                .is_some_and(|cluster| cluster.hosts.iter().any(|name| name == host)),
            StorageScope::Host => self.host_of_pool(pool) == Some(host),
        }
    }

    /// A host of a zone that reaches a pool.
    pub(super) fn host_near(&self, zone: &ZoneId, pool: Option<&PoolContents>) -> Option<String> {
        let local = pool.and_then(|pool| self.host_of_pool(pool));
        let within = pool.and_then(|pool| self.cluster_of_pool(pool));
        let cluster = within.or_else(|| self.first_cluster(zone));
        local.or_else(|| first_host(cluster?)).map(str::to_owned)
    }

    /// The host on which a VM starts: where its root is, or else its other volumes.
    pub(super) fn host_for(&self, vm: &Vm) -> Option<String> {
        let pinning = self.pinning_pool(vm);
        self.host_near(&vm.zone, pinning)
    }

    /// The pool that decides where a VM starts. A root made from another template than the VM's pins nothing.
    fn pinning_pool(&self, vm: &Vm) -> Option<&PoolContents> {
        let (roots, data): (Vec<&Volume>, Vec<&Volume>) = self
            .volumes_on(&vm.id)
            .filter(|volume| volume.state == VolumeState::Ready)
            .partition(|volume| volume.kind == VolumeType::Root);
        let roots = roots
            .into_iter()
            .filter(|root| root.template.is_none() || root.template == vm.template);
        let mut pools = roots.chain(data).filter_map(|volume| self.pool_of(volume));
        pools.find(|pool| pool.scope != StorageScope::Zone)
    }

    /// The first pool that the host of a VM will reach.
    pub(super) fn pool_for_start(&self, vm: &Vm) -> Option<String> {
        let host = self.host_for(vm)?;
        let mut reached = self.pools.iter().filter(|pool| self.reaches(&host, pool));
        reached.next().map(|pool| pool.name.clone())
    }

    /// The volumes that move when a VM starts, because its host does not reach their pools.
    pub(super) fn moves_for_start(&self, id: &CloudVmId) -> Vec<Move> {
        let vm = self.vms.get(id);
        let Some((vm, host)) = vm.and_then(|vm| Some((vm, self.host_for(vm)?))) else {
            return Vec::new();
        };
        let target = self
            .pinning_pool(vm)
            .map(|pool| pool.name.clone())
            .or_else(|| self.pool_for_start(vm));
        let Some(target) = target else { return Vec::new() };
        let out_of_reach = self.volumes_on(id).filter(|volume| {
            self.pool_of(volume)
                .is_some_and(|pool| !self.reaches(&host, pool))
        });
        out_of_reach
            .map(|volume| Move {
                volume: volume.id.clone(),
                to: target.clone(),
            })
            .collect()
    }

    /// The move that attaching a volume to a VM needs: to where the VM's other volumes are. A pool that the whole zone
    /// reaches needs none. Between some scopes nothing can move.
    pub(super) fn move_for_attach(&self, volume: &Volume, vm: &CloudVmId) -> Result<Option<Move>, ApiError> {
        let (roots, data): (Vec<&Volume>, Vec<&Volume>) = self
            .volumes_on(vm)
            .partition(|other| other.kind == VolumeType::Root);
        let existing = roots
            .into_iter()
            .chain(data)
            .find_map(|other| self.pool_of(other));
        let (Some(new), Some(existing)) = (self.pool_of(volume), existing) else {
            return Ok(None);
        };
        let host = self.vms.get(vm).and_then(|vm| vm.host.as_deref());
        let cluster_of_vm = host.and_then(|host| self.cluster_of_host(host));
        let stays = match (new.scope, existing.scope) {
            (StorageScope::Zone, _) => true,
            (StorageScope::Cluster, StorageScope::Zone) => {
                cluster_of_vm.is_some() && self.cluster_of_pool(new) == cluster_of_vm
            }
            (StorageScope::Cluster, StorageScope::Cluster | StorageScope::Host) => {
                self.cluster_of_pool(new) == self.cluster_of_pool(existing)
            }
            (StorageScope::Host, StorageScope::Host) => self.host_of_pool(new) == self.host_of_pool(existing),
            (StorageScope::Host, StorageScope::Zone | StorageScope::Cluster) => {
                if host.is_none() || self.host_of_pool(new) != host {
                    return Err(ApiError::invalid(format!(
                        "Can't move volume between scope: {} and {}",
                        new.scope.word(),
                        existing.scope.word()
                    )));
                }
                true
            }
        };
        Ok((!stays).then(|| Move {
            volume: volume.id.clone(),
            to: existing.name.clone(),
        }))
    }

    pub(super) fn move_volume(&mut self, job: &AsyncJobId, moving: Move) {
        let Move { volume, to } = moving;
        let Some(row) = self.volumes.get_mut(&volume) else {
            return;
        };
        if let Some(from) = row.pool.replace(to.clone()) {
            self.effect(Some(job), Effect::VolumeMigrated { volume, from, to });
        }
    }
}

fn first_host(cluster: &ClusterContents) -> Option<&str> {
    cluster.hosts.first().map(String::as_str)
}
