//! A cloud that takes every request and never answers.

use std::future::pending;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, RequestKey, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};
use ossea::{
    Accepted, Capabilities, Circuit, CloudVm, Command, JobReport, Network, OsseaClient, OsseaError, Priority,
    ResourceLimit, ServiceOffering, Snapshot, StoragePool, Template, VmSnapshot, Volume, Zone,
};

pub(crate) struct SilentCloud;

type Answer<T> = Result<T, OsseaError>;

#[async_trait::async_trait]
impl OsseaClient for SilentCloud {
    async fn submit(&self, _: &RequestKey, _: &Command) -> Answer<Accepted> {
        pending().await
    }
    async fn submit_as_of(&self, _: DateTime<Utc>, _: &RequestKey, _: &Command) -> Answer<Accepted> {
        pending().await
    }
    async fn job(&self, _: &AsyncJobId) -> Answer<JobReport> {
        pending().await
    }
    async fn pending_jobs(&self) -> Answer<Vec<AsyncJobId>> {
        pending().await
    }
    async fn vm(&self, _: &CloudVmId) -> Answer<Option<CloudVm>> {
        pending().await
    }
    async fn vms_named(&self, _: &str) -> Answer<Vec<CloudVm>> {
        pending().await
    }
    async fn vms(&self) -> Answer<Vec<CloudVm>> {
        pending().await
    }
    async fn volume(&self, _: &VolumeId) -> Answer<Option<Volume>> {
        pending().await
    }
    async fn volumes_on(&self, _: &CloudVmId) -> Answer<Vec<Volume>> {
        pending().await
    }
    async fn snapshots_of(&self, _: &VolumeId) -> Answer<Vec<Snapshot>> {
        pending().await
    }
    async fn snapshots(&self) -> Answer<Vec<Snapshot>> {
        pending().await
    }
    async fn snapshot(&self, _: &SnapshotId) -> Answer<Option<Snapshot>> {
        pending().await
    }
    async fn network(&self, _: &NetworkId) -> Answer<Option<Network>> {
        pending().await
    }
    async fn networks(&self, _: &ZoneId) -> Answer<Vec<Network>> {
        pending().await
    }
    async fn zone(&self, _: &ZoneId) -> Answer<Option<Zone>> {
        pending().await
    }
    async fn service_offering(&self, _: &OfferingId) -> Answer<Option<ServiceOffering>> {
        pending().await
    }
    async fn template(&self, _: &TemplateId, _: &ZoneId) -> Answer<Option<Template>> {
        pending().await
    }
    async fn volumes(&self) -> Answer<Vec<Volume>> {
        pending().await
    }
    async fn vm_snapshots_of(&self, _: &CloudVmId) -> Answer<Vec<VmSnapshot>> {
        pending().await
    }
    async fn vm_snapshot(&self, _: &VmSnapshotId) -> Answer<Option<VmSnapshot>> {
        pending().await
    }
    async fn zones(&self) -> Answer<Vec<Zone>> {
        pending().await
    }
    async fn service_offerings(&self) -> Answer<Vec<ServiceOffering>> {
        pending().await
    }
    async fn templates(&self, _: &ZoneId) -> Answer<Vec<Template>> {
        pending().await
    }
    async fn storage_pools(&self, _: &ZoneId) -> Answer<Vec<StoragePool>> {
        pending().await
    }
    async fn resource_limits(&self) -> Answer<Vec<ResourceLimit>> {
        pending().await
    }
    fn clock_skew(&self) -> Option<TimeDelta> {
        None
    }

    fn with_priority(&self, _: Priority) -> Arc<dyn OsseaClient> {
        Arc::new(SilentCloud)
    }

    fn circuit(&self) -> Circuit {
        Circuit::Closed
    }

    async fn capabilities(&self) -> Answer<Capabilities> {
        pending().await
    }
}
