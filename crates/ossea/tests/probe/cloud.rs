//! A cloud that answers probes as a test wants, and nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, RequestKey, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};
use ossea::{
    Accepted, Capabilities, Circuit, CloudVm, Command, JobReport, LimitedResource, Network, OsseaClient,
    OsseaError, PoolKind, PoolScope, Priority, ResourceLimit, ServiceOffering, Snapshot, StoragePool,
    Template, VmSnapshot, Volume, Zone,
};
use tokio::sync::Semaphore;

type Answer<T> = Result<T, OsseaError>;

pub(crate) struct StubCloud {
    pub(crate) capabilities: Capabilities,
    pub(crate) pools: Answer<Vec<StoragePool>>,
    pub(crate) skew: Option<TimeDelta>,
    outage: Mutex<Option<OsseaError>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    asked: AtomicUsize,
}

impl StubCloud {
    /// A root admin's view of a cloud with one pool.
    pub(crate) fn of_root_admin() -> Self {
        Self {
            capabilities: Capabilities {
                version: "4.22.1.0".into(),
                kvm_snapshot_enabled: true,
                may_expunge_vm: true,
                may_expunge_volume: Some(true),
                may_force_stop: Some(true),
                shows_destroyed_vms: Some(true),
                api_limit: Some((50, 10)),
            },
            pools: Ok(vec![StoragePool {
                id: "pool".parse().unwrap(),
                name: "nfs-1".into(),
                zone: "zone".parse().unwrap(),
                kind: PoolKind::NetworkFilesystem,
                scope: PoolScope::Zone,
                cluster: None,
                managed: Some(false),
            }]),
            skew: Some(TimeDelta::milliseconds(1_500)),
            outage: Mutex::default(),
            gate: Mutex::default(),
            asked: AtomicUsize::new(0),
        }
    }

    /// From now on the cloud fails like this, or not at all.
    pub(crate) fn fail(&self, outage: Option<OsseaError>) {
        *self.outage.lock().unwrap() = outage;
    }

    /// From now on an answer needs a permit.
    pub(crate) fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// How many probes have begun.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn not_asked<T>() -> Answer<T> {
    panic!("a probe does not ask this")
}

#[async_trait]
impl OsseaClient for StubCloud {
    async fn capabilities(&self) -> Answer<Capabilities> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        match self.outage.lock().unwrap().clone() {
            Some(outage) => Err(outage),
            None => Ok(self.capabilities.clone()),
        }
    }
    async fn storage_pools(&self, _: &ZoneId) -> Answer<Vec<StoragePool>> {
        self.pools.clone()
    }
    async fn resource_limits(&self) -> Answer<Vec<ResourceLimit>> {
        Ok(vec![ResourceLimit {
            resource: LimitedResource::Vms,
            max: None,
        }])
    }
    fn clock_skew(&self) -> Option<TimeDelta> {
        self.skew
    }
    fn with_priority(&self, _: Priority) -> Arc<dyn OsseaClient> {
        panic!("whoever builds a cache chooses the priority")
    }
    fn circuit(&self) -> Circuit {
        Circuit::Closed
    }
    async fn submit(&self, _: &RequestKey, _: &Command) -> Answer<Accepted> {
        not_asked()
    }
    async fn submit_as_of(&self, _: DateTime<Utc>, _: &RequestKey, _: &Command) -> Answer<Accepted> {
        not_asked()
    }
    async fn job(&self, _: &AsyncJobId) -> Answer<JobReport> {
        not_asked()
    }
    async fn pending_jobs(&self) -> Answer<Vec<AsyncJobId>> {
        not_asked()
    }
    async fn vm(&self, _: &CloudVmId) -> Answer<Option<CloudVm>> {
        not_asked()
    }
    async fn vms_named(&self, _: &str) -> Answer<Vec<CloudVm>> {
        not_asked()
    }
    async fn vms(&self) -> Answer<Vec<CloudVm>> {
        not_asked()
    }
    async fn volume(&self, _: &VolumeId) -> Answer<Option<Volume>> {
        not_asked()
    }
    async fn volumes_on(&self, _: &CloudVmId) -> Answer<Vec<Volume>> {
        not_asked()
    }
    async fn volumes(&self) -> Answer<Vec<Volume>> {
        not_asked()
    }
    async fn snapshots_of(&self, _: &VolumeId) -> Answer<Vec<Snapshot>> {
        not_asked()
    }
    async fn snapshots(&self) -> Answer<Vec<Snapshot>> {
        not_asked()
    }
    async fn snapshot(&self, _: &SnapshotId) -> Answer<Option<Snapshot>> {
        not_asked()
    }
    async fn vm_snapshots_of(&self, _: &CloudVmId) -> Answer<Vec<VmSnapshot>> {
        not_asked()
    }
    async fn vm_snapshot(&self, _: &VmSnapshotId) -> Answer<Option<VmSnapshot>> {
        not_asked()
    }
    async fn network(&self, _: &NetworkId) -> Answer<Option<Network>> {
        not_asked()
    }
    async fn networks(&self, _: &ZoneId) -> Answer<Vec<Network>> {
        not_asked()
    }
    async fn zone(&self, _: &ZoneId) -> Answer<Option<Zone>> {
        not_asked()
    }
    async fn zones(&self) -> Answer<Vec<Zone>> {
        not_asked()
    }
    async fn service_offerings(&self) -> Answer<Vec<ServiceOffering>> {
        not_asked()
    }
    async fn templates(&self, _: &ZoneId) -> Answer<Vec<Template>> {
        not_asked()
    }
    async fn service_offering(&self, _: &OfferingId) -> Answer<Option<ServiceOffering>> {
        not_asked()
    }
    async fn template(&self, _: &TemplateId, _: &ZoneId) -> Answer<Option<Template>> {
        not_asked()
    }
}
