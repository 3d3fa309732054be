//! What the rules see: the subject, the target, and the cloud, of which everything is read at most once.

use failover_domain::{CloudVmId, NetworkId, SourceVm, VolumeId};
use ossea::{
    Capabilities, CloudVm, DeployVm, Fact, Network, OsseaClient, OsseaError, ServiceOffering, Snapshot,
    StoragePool, Template, Volume, Zone,
};
use tokio::sync::OnceCell;

use crate::destination::NameSearch;
use crate::strategy::told_pools;
use crate::subject::{Subject, Target};

/// An answer of the cloud, or why there is none; failures are shared too, so that a silent cloud is not asked
/// by one rule after another.
type Answer<T> = OnceCell<Result<T, OsseaError>>;

/// The subject, the target and the cloud.
pub(crate) struct View<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) target: &'a Target,
    cloud: &'a dyn OsseaClient,
    capabilities: Answer<Capabilities>,
    oma: Answer<Option<CloudVm>>,
    oma_volumes: Answer<Vec<Volume>>,
    networks: Answer<Vec<Network>>,
    zone: Answer<Option<Zone>>,
    offering: Answer<Option<ServiceOffering>>,
    template: Answer<Option<Template>>,
    pools: Answer<Vec<StoragePool>>,
    vms: Answer<Vec<CloudVm>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(subject: &'a Subject, target: &'a Target, cloud: &'a dyn OsseaClient) -> Self {
        Self {
            subject,
            target,
            cloud,
            capabilities: OnceCell::new(),
            oma: OnceCell::new(),
            oma_volumes: OnceCell::new(),
            networks: OnceCell::new(),
            zone: OnceCell::new(),
            offering: OnceCell::new(),
            template: OnceCell::new(),
            pools: OnceCell::new(),
            vms: OnceCell::new(),
        }
    }

    /// The source VM, where the inventory has it.
    pub(crate) fn vm(&self) -> Option<&'a SourceVm> {
        self.subject.vm.as_ref()
    }

    pub(crate) async fn capabilities(&self) -> Result<&Capabilities, OsseaError> {
        shared(self.capabilities.get_or_init(|| self.cloud.capabilities()).await)
    }

    pub(crate) async fn oma(&self) -> Result<Option<&CloudVm>, OsseaError> {
        let answer = self.oma.get_or_init(|| self.cloud.vm(&self.target.oma_vm)).await;
        Ok(shared(answer)?.as_ref())
    }

    pub(crate) async fn oma_volumes(&self) -> Result<&[Volume], OsseaError> {
        let answer = self
            .oma_volumes
            .get_or_init(|| self.cloud.volumes_on(&self.target.oma_vm))
            .await;
        Ok(shared(answer)?.as_slice())
    }

    /// The networks of the target zone.
    pub(crate) async fn networks(&self) -> Result<&[Network], OsseaError> {
        let answer = self
            .networks
            .get_or_init(|| self.cloud.networks(&self.target.zone))
            .await;
        Ok(shared(answer)?.as_slice())
    }

    pub(crate) async fn zone(&self) -> Result<Option<&Zone>, OsseaError> {
        Ok(shared(self.zone.get_or_init(|| self.cloud.zone(&self.target.zone)).await)?.as_ref())
    }

    pub(crate) async fn offering(&self) -> Result<Option<&ServiceOffering>, OsseaError> {
        let answer = self
            .offering
            .get_or_init(|| self.cloud.service_offering(&self.target.offering))
            .await;
        Ok(shared(answer)?.as_ref())
    }

    pub(crate) async fn template(&self) -> Result<Option<&Template>, OsseaError> {
        let (template, zone) = (&self.target.template, &self.target.zone);
        Ok(shared(
            self.template
                .get_or_init(|| self.cloud.template(template, zone))
                .await,
        )?
        .as_ref())
    }

    /// The names that the destination VM of `vm` may get, as far as they were looked at. Only one rule asks.
    pub(crate) async fn name_search(&self, vm: &SourceVm) -> Result<NameSearch, OsseaError> {
        NameSearch::run(self.cloud, &self.target.zone, &vm.name, self.subject.failover).await
    }

    /// The primary storage pools of the target zone, where our account is told.
    pub(crate) async fn pools(&self) -> Result<Fact<&[StoragePool]>, OsseaError> {
        let answer = self
            .pools
            .get_or_init(|| self.cloud.storage_pools(&self.target.zone))
            .await;
        told_pools(shared(answer).map(Vec::as_slice))
    }

    /// All VMs that our account sees. Asked for in tests only.
    pub(crate) async fn vms(&self) -> Result<&[CloudVm], OsseaError> {
        Ok(shared(self.vms.get_or_init(|| self.cloud.vms()).await)?.as_slice())
    }

    /// The snapshots of a volume. Only one rule asks.
    pub(crate) async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError> {
        self.cloud.snapshots_of(volume).await
    }

    /// A volume that was not found on the OMA. Only one rule asks, and only about such volumes.
    pub(crate) async fn volume_elsewhere(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError> {
        self.cloud.volume(id).await
    }

    /// The failover job that made a VM, as the VM's mark says. Only one rule asks, once for each VM.
    pub(crate) async fn maker_of(&self, vm: &CloudVmId) -> Result<Option<String>, OsseaError> {
        Ok(self
            .cloud
            .vm(vm)
            .await?
            .as_ref()
            .and_then(made_by)
            .map(str::to_owned))
    }

    /// A network that was not found in the target zone. Only one rule asks, and only about such networks.
    pub(crate) async fn network_elsewhere(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError> {
        self.cloud.network(id).await
    }
}

/// The failover job that made a VM, as the VM's mark says.
pub(crate) fn made_by(vm: &CloudVm) -> Option<&str> {
    vm.details.get(DeployVm::MARK_DETAIL).map(String::as_str)
}

/// What to do about something that job `maker` has made or moved: whoever tidies it up by hand may lose a replica.
pub(crate) fn leave_to(maker: &str, subject: &Subject) -> String {
    if subject
        .active_job
        .as_ref()
        .is_some_and(|job| job.as_str() == maker)
    {
        return format!("Wait for job {maker} to end; touch nothing of it by hand.");
    }
    format!(
        "Look at it first: failoverctl jobs show {maker}. A completed live failover is rolled back or kept, a test that is \
         open is ended; touch nothing of it by hand."
    )
}

fn shared<T>(answer: &Result<T, OsseaError>) -> Result<&T, OsseaError> {
    answer.as_ref().map_err(Clone::clone)
}
