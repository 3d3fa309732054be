//! What is read of the cloud: everything at most once, for however many source VMs it is needed.
//!
//! For one VM the cloud is asked for single objects where that is less than a list. For many VMs the lists are read
//! ahead, and whatever a list can answer is answered from it: the number of calls does not grow with the VMs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use failover_domain::{CloudVmId, NetworkId, VolumeId};
use ossea::{
    Capabilities, CloudVm, Fact, Network, OsseaClient, OsseaError, ResourceLimit, ServiceOffering, Snapshot,
    StoragePool, Template, Volume, Zone,
};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::strategy::told;
use crate::subject::Target;

/// How long one read may take for one VM. As long as a rule: whoever is slower than that has given no answer to anybody.
const READ_DEADLINE: Duration = crate::RULE_DEADLINE;

/// How long one read may take for many VMs, before any rule. The lists of a large account come in dozens of pages, one
/// after the other; a caller who waits for an answer over many VMs still gets one within a minute.
const READ_AHEAD_DEADLINE: Duration = Duration::from_secs(30);

/// An answer of the cloud, or why there is none; failures are shared too, so that a silent cloud is not asked
/// by one rule after another.
type Answer<T> = OnceCell<Result<T, OsseaError>>;

/// For how many source VMs the cloud is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breadth {
    OneVm,
    ManyVms,
}

impl Breadth {
    const fn deadline(self) -> Duration {
        match self {
            Breadth::OneVm => READ_DEADLINE,
            Breadth::ManyVms => READ_AHEAD_DEADLINE,
        }
    }
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
    limits: Answer<Vec<ResourceLimit>>,
    vms_named: Answers<String, Vec<CloudVm>>,
    snapshots_of: Answers<VolumeId, Vec<Snapshot>>,
    networks_elsewhere: Answers<NetworkId, Option<Network>>,
}

impl<'a> CloudReading<'a> {
    /// For one source VM: nothing is read before it is needed.
    pub(crate) fn for_one_vm(cloud: &'a dyn OsseaClient, target: &'a Target) -> Self {
        Self::of_breadth(Breadth::OneVm, cloud, target)
    }

    /// For many source VMs: what the rules ask for is read now, side by side. What cannot be read is an answer too.
    pub(crate) async fn for_many_vms(cloud: &'a dyn OsseaClient, target: &'a Target) -> Self {
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
            reading.snapshots(),
            reading.limits(),
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
            limits: OnceCell::new(),
            vms_named: Answers::default(),
            snapshots_of: Answers::default(),
            networks_elsewhere: Answers::default(),
        }
    }

    pub(crate) async fn capabilities(&self) -> Result<&Capabilities, OsseaError> {
        self.kept(&self.capabilities, || self.cloud.capabilities()).await
    }

    pub(crate) async fn oma(&self) -> Result<Option<&CloudVm>, OsseaError> {
        let oma = self
            .kept(&self.oma, || self.cloud.vm(&self.target.oma_vm))
            .await?;
        Ok(oma.as_ref())
    }

    /// The volumes on the OMA.
    pub(crate) async fn oma_volumes(&self) -> Result<&HashMap<VolumeId, Volume>, OsseaError> {
        self.kept(&self.oma_volumes, async || {
            Ok(by_id(self.cloud.volumes_on(&self.target.oma_vm).await?))
        })
        .await
    }

    /// The networks of the target zone.
    pub(crate) async fn networks(&self) -> Result<&[Network], OsseaError> {
        let networks = self
            .kept(&self.networks, || self.cloud.networks(&self.target.zone))
            .await?;
        Ok(networks)
    }

    pub(crate) async fn zone(&self) -> Result<Option<&Zone>, OsseaError> {
        let zone = self
            .kept(&self.zone, || self.cloud.zone(&self.target.zone))
            .await?;
        Ok(zone.as_ref())
    }

    pub(crate) async fn offering(&self) -> Result<Option<&ServiceOffering>, OsseaError> {
        let offering = self
            .kept(&self.offering, || {
                self.cloud.service_offering(&self.target.offering)
            })
            .await?;
        Ok(offering.as_ref())
    }

    pub(crate) async fn template(&self) -> Result<Option<&Template>, OsseaError> {
        let template = self
            .kept(&self.template, || {
                self.cloud.template(&self.target.template, &self.target.zone)
            })
            .await?;
        Ok(template.as_ref())
    }

    /// The primary storage pools of the target zone, where our account is told.
    pub(crate) async fn pools(&self) -> Result<Fact<&[StoragePool]>, OsseaError> {
        let pools = self
            .kept(&self.pools, || self.cloud.storage_pools(&self.target.zone))
            .await;
        told(pools.map(Vec::as_slice))
    }

    /// What our account may have at most, where our role is told.
    pub(crate) async fn limits(&self) -> Result<Fact<&[ResourceLimit]>, OsseaError> {
        let limits = self.kept(&self.limits, || self.cloud.resource_limits()).await;
        told(limits.map(Vec::as_slice))
    }

    /// All VMs that our account sees.
    pub(crate) async fn vms(&self) -> Result<&[CloudVm], OsseaError> {
        let vms = self.kept(&self.vms, || self.cloud.vms()).await?;
        Ok(vms)
    }

    /// The VMs of the target zone with this name.
    pub(crate) async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError> {
        let mut named = match self.breadth {
            Breadth::OneVm => {
                let cell = self.vms_named.cell(&name.to_owned());
                self.kept(&cell, || self.cloud.vms_named(name)).await?.clone()
            }
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
            Breadth::OneVm => {
                let cell = self.snapshots_of.cell(volume);
                self.kept(&cell, || self.cloud.snapshots_of(volume))
                    .await
                    .cloned()
            }
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
        let cell = self.networks_elsewhere.cell(id);
        self.kept(&cell, || self.cloud.network(id)).await.cloned()
    }

    /// The answer that is there, or the one that is read now.
    async fn kept<'c, T, F>(&self, cell: &'c Answer<T>, read: impl FnOnce() -> F) -> Result<&'c T, OsseaError>
    where
        F: Future<Output = Result<T, OsseaError>>,
    {
        let deadline = self.breadth.deadline();
        let in_time = async || {
            let overdue = || format!("no answer within {} s", deadline.as_secs());
            let answer = timeout(deadline, read()).await;
            answer.unwrap_or_else(|_| Err(OsseaError::Unreachable(overdue())))
        };
        cell.get_or_init(in_time).await.as_ref().map_err(Clone::clone)
    }

    async fn volumes(&self) -> Result<&HashMap<VolumeId, Volume>, OsseaError> {
        self.kept(&self.volumes, async || Ok(by_id(self.cloud.volumes().await?)))
            .await
    }

    async fn snapshots(&self) -> Result<&HashMap<VolumeId, Vec<Snapshot>>, OsseaError> {
        self.kept(&self.snapshots, async || {
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

/// Answers about single objects, each asked for once.
struct Answers<K, T>(Mutex<BTreeMap<K, Arc<Answer<T>>>>);

impl<K, T> Default for Answers<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, T> Answers<K, T> {
    fn cell(&self, key: &K) -> Arc<Answer<T>> {
        // Nothing that is done under the lock can leave the map half changed.
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(key.clone()).or_default())
    }
}

fn by_id(volumes: Vec<Volume>) -> HashMap<VolumeId, Volume> {
    volumes
        .into_iter()
        .map(|volume| (volume.id.clone(), volume))
        .collect()
}
