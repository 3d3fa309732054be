//! What is read of the cloud: everything at most once, for however many source VMs it is needed.
//!
//! For one VM the cloud is asked for single objects where that is less than a list. For many VMs the lists are read
//! ahead, and whatever a list can answer is answered from it: the number of calls does not grow with the VMs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use failover_domain::{CloudVmId, FailoverType, NetworkId, VolumeId};
use ossea::{
    Capabilities, CloudVm, Fact, Network, OsseaClient, OsseaError, ServiceOffering, Snapshot, StoragePool,
    Template, Volume, Zone,
};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::strategy::told_pools;
use crate::subject::Target;

/// How long one read may take. As long as a rule: whoever is slower than that has given no answer to anybody.
const READ_DEADLINE: Duration = crate::RULE_DEADLINE;

/// An answer of the cloud, or why there is none; failures are shared too, so that a silent cloud is not asked
/// by one rule after another.
type Answer<T> = OnceCell<Result<T, OsseaError>>;

/// For how many source VMs the cloud is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breadth {
    OneVm,
    ManyVms,
}

/// What is read of the cloud for one verdict or for many.
pub(crate) struct CloudReading<'a> {
    cloud: &'a dyn OsseaClient,
    target: &'a Target,
    breadth: Breadth,
    capabilities: Answer<Capabilities>,
    oma: Answer<Option<CloudVm>>,
    oma_volumes: Answer<HashMap<VolumeId, Volume>>,
    networks: Answer<Vec<Network>>,
    zone: Answer<Option<Zone>>,
    offering: Answer<Option<ServiceOffering>>,
    template: Answer<Option<Template>>,
    pools: Answer<Vec<StoragePool>>,
    vms: Answer<Vec<CloudVm>>,
    volumes: Answer<HashMap<VolumeId, Volume>>,
    snapshots: Answer<HashMap<VolumeId, Vec<Snapshot>>>,
    /// Networks that were looked for outside of the target zone.
    networks_elsewhere: Mutex<BTreeMap<NetworkId, Option<Network>>>,
}

impl<'a> CloudReading<'a> {
    /// For one source VM: nothing is read before it is needed.
    pub(crate) fn for_one_vm(cloud: &'a dyn OsseaClient, target: &'a Target) -> Self {
        Self::of_breadth(Breadth::OneVm, cloud, target)
    }

    /// For many source VMs: what the rules of these failovers ask for is read now, side by side. What cannot be read
    /// is an answer too.
    pub(crate) async fn for_many_vms(
        cloud: &'a dyn OsseaClient,
        target: &'a Target,
        failovers: &[FailoverType],
    ) -> Self {
        let reading = Self::of_breadth(Breadth::ManyVms, cloud, target);
        // An answer that is an error is kept like any other.
        let _all_kept = tokio::join!(
            reading.capabilities(),
            reading.oma(),
            reading.oma_volumes(),
            reading.networks(),
            reading.zone(),
            reading.offering(),
            reading.template(),
            reading.pools(),
            reading.vms(),
            reading.volumes(),
            reading.snapshots_for(failovers),
        );
        reading
    }

    fn of_breadth(breadth: Breadth, cloud: &'a dyn OsseaClient, target: &'a Target) -> Self {
        Self {
            cloud,
            target,
            breadth,
            capabilities: OnceCell::new(),
            oma: OnceCell::new(),
            oma_volumes: OnceCell::new(),
            networks: OnceCell::new(),
            zone: OnceCell::new(),
            offering: OnceCell::new(),
            template: OnceCell::new(),
            pools: OnceCell::new(),
            vms: OnceCell::new(),
            volumes: OnceCell::new(),
            snapshots: OnceCell::new(),
            networks_elsewhere: Mutex::new(BTreeMap::new()),
        }
    }

    pub(crate) async fn capabilities(&self) -> Result<&Capabilities, OsseaError> {
        kept(&self.capabilities, || self.cloud.capabilities()).await
    }

    pub(crate) async fn oma(&self) -> Result<Option<&CloudVm>, OsseaError> {
        let oma = kept(&self.oma, || self.cloud.vm(&self.target.oma_vm)).await?;
        Ok(oma.as_ref())
    }

    /// The volumes on the OMA.
    pub(crate) async fn oma_volumes(&self) -> Result<&HashMap<VolumeId, Volume>, OsseaError> {
        kept(&self.oma_volumes, async || {
            Ok(by_id(self.cloud.volumes_on(&self.target.oma_vm).await?))
        })
        .await
    }

    /// The networks of the target zone.
    pub(crate) async fn networks(&self) -> Result<&[Network], OsseaError> {
        let networks = kept(&self.networks, || self.cloud.networks(&self.target.zone)).await?;
        Ok(networks)
    }

    pub(crate) async fn zone(&self) -> Result<Option<&Zone>, OsseaError> {
        let zone = kept(&self.zone, || self.cloud.zone(&self.target.zone)).await?;
        Ok(zone.as_ref())
    }

    pub(crate) async fn offering(&self) -> Result<Option<&ServiceOffering>, OsseaError> {
        let offering = kept(&self.offering, || {
            self.cloud.service_offering(&self.target.offering)
        })
        .await?;
        Ok(offering.as_ref())
    }

    pub(crate) async fn template(&self) -> Result<Option<&Template>, OsseaError> {
        let template = kept(&self.template, || {
            self.cloud.template(&self.target.template, &self.target.zone)
        })
        .await?;
        Ok(template.as_ref())
    }

    /// The primary storage pools of the target zone, where our account is told.
    pub(crate) async fn pools(&self) -> Result<Fact<&[StoragePool]>, OsseaError> {
        let pools = kept(&self.pools, || self.cloud.storage_pools(&self.target.zone)).await;
        told_pools(pools.map(Vec::as_slice))
    }

    /// All VMs that our account sees.
    pub(crate) async fn vms(&self) -> Result<&[CloudVm], OsseaError> {
        let vms = kept(&self.vms, || self.cloud.vms()).await?;
        Ok(vms)
    }

    /// The VMs of the target zone with this name.
    pub(crate) async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError> {
        let mut named = match self.breadth {
            Breadth::OneVm => self.cloud.vms_named(name).await?,
            Breadth::ManyVms => {
                let all = self.vms().await?.iter();
                all.filter(|vm| vm.name == name).cloned().collect()
            }
        };
        named.retain(|vm| vm.zone == self.target.zone);
        Ok(named)
    }

    /// A VM by its id.
    pub(crate) async fn vm(&self, id: &CloudVmId) -> Result<Option<CloudVm>, OsseaError> {
        match self.breadth {
            Breadth::OneVm => self.cloud.vm(id).await,
            Breadth::ManyVms => Ok(self.vms().await?.iter().find(|vm| vm.id == *id).cloned()),
        }
    }

    /// The snapshots of a volume, in any state but destroyed.
    pub(crate) async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError> {
        match self.breadth {
            Breadth::OneVm => self.cloud.snapshots_of(volume).await,
            Breadth::ManyVms => Ok(self.snapshots().await?.get(volume).cloned().unwrap_or_default()),
        }
    }

    /// A volume, wherever it is. Those on the OMA are not asked for again.
    pub(crate) async fn volume(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError> {
        if let Some(volume) = self.oma_volumes().await?.get(id) {
            return Ok(Some(volume.clone()));
        }
        match self.breadth {
            Breadth::OneVm => self.cloud.volume(id).await,
            Breadth::ManyVms => Ok(self.volumes().await?.get(id).cloned()),
        }
    }

    /// A network that was not found in the target zone. No list has those of all zones.
    pub(crate) async fn network_elsewhere(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError> {
        let mut known = self.networks_elsewhere.lock().await;
        if let Some(network) = known.get(id) {
            return Ok(network.clone());
        }
        let network = self.cloud.network(id).await?;
        known.insert(id.clone(), network.clone());
        Ok(network)
    }

    async fn volumes(&self) -> Result<&HashMap<VolumeId, Volume>, OsseaError> {
        kept(&self.volumes, async || Ok(by_id(self.cloud.volumes().await?))).await
    }

    /// Only tests ask for snapshots.
    async fn snapshots_for(&self, failovers: &[FailoverType]) -> Result<(), OsseaError> {
        if failovers.contains(&FailoverType::Test) {
            self.snapshots().await?;
        }
        Ok(())
    }

    async fn snapshots(&self) -> Result<&HashMap<VolumeId, Vec<Snapshot>>, OsseaError> {
        kept(&self.snapshots, async || {
            let mut of_volumes: HashMap<VolumeId, Vec<Snapshot>> = HashMap::new();
            for snapshot in self.cloud.snapshots().await? {
                of_volumes
                    .entry(snapshot.volume.clone())
                    .or_default()
                    .push(snapshot);
            }
            Ok(of_volumes)
        })
        .await
    }
}

fn by_id(volumes: Vec<Volume>) -> HashMap<VolumeId, Volume> {
    volumes
        .into_iter()
        .map(|volume| (volume.id.clone(), volume))
        .collect()
}

/// The answer that is there, or the one that is read now.
async fn kept<T, F>(cell: &Answer<T>, read: impl FnOnce() -> F) -> Result<&T, OsseaError>
where
    F: Future<Output = Result<T, OsseaError>>,
{
    let answer = cell.get_or_init(|| in_time(read())).await;
    answer.as_ref().map_err(Clone::clone)
}

async fn in_time<T>(read: impl Future<Output = Result<T, OsseaError>>) -> Result<T, OsseaError> {
    let overdue = || format!("no answer within {} s", READ_DEADLINE.as_secs());
    timeout(READ_DEADLINE, read)
        .await
        .unwrap_or_else(|_| Err(OsseaError::Unreachable(overdue())))
}
