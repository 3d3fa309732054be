//! A store behind a gate, at which calls can be held up, refused, or carried out without their answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::inventory::VmReport;
use failover_domain::{JobId, NetworkId, NetworkMapping, Purpose, SourceVm, VmId, VolumeId};
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, ClearError, CreateError, Inventory, JobFilter, JobRecord, JobStore,
    Lease, Mappings, NewJob, OpenRequest, PutError, PutOutcome, RequestOutcome, ResourceRow, ResyncMark,
    StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};

use super::LabStore;

/// A call, as far as a gate looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call<'a> {
    Append(&'a Lease, &'a Batch),
    Renew(&'a WorkerId),
    Claim(&'a WorkerId),
    /// Any other that changes something.
    Write,
    Read,
}

/// What stands between a worker and its store.
#[async_trait]
pub(crate) trait Gate: Send + Sync {
    /// What the way in has decided about the way out.
    type Pass: Send;

    /// Before the store is called. An error is the answer, and the store is not called.
    async fn enter(&self, call: Call<'_>) -> Result<Self::Pass, StoreError>;

    /// When the store has answered. An error takes the place of the answer.
    async fn leave(&self, call: Call<'_>, pass: Self::Pass) -> Result<(), StoreError>;
}

/// The store behind a gate.
pub(crate) struct Gated<G> {
    pub(crate) store: Arc<dyn LabStore>,
    pub(crate) gate: G,
}

impl<G: Gate> Gated<G> {
    async fn pass<T, E: From<StoreError>>(
        &self,
        call: Call<'_>,
        calling: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let pass = self.gate.enter(call).await?;
        let answer = calling.await;
        self.gate.leave(call, pass).await?;
        answer
    }
}

#[async_trait]
impl<G: Gate> JobStore for Gated<G> {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.pass(Call::Write, self.store.create(job)).await
    }
    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        self.pass(Call::Read, self.store.job(id)).await
    }
    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        self.pass(Call::Read, self.store.plan(id)).await
    }
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        self.pass(Call::Read, self.store.jobs(filter)).await
    }
    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        self.pass(Call::Read, self.store.active_job(vm)).await
    }
    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.pass(Call::Read, self.store.events(id, after, limit)).await
    }
    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        self.pass(Call::Read, self.store.volumes(id)).await
    }
    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        self.pass(Call::Read, self.store.resources(id)).await
    }
    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.pass(Call::Write, self.store.submit_request(id, by, request))
            .await
    }
    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        self.pass(Call::Read, self.store.requests(id)).await
    }
    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.pass(Call::Read, self.store.due_settlements(limit)).await
    }
    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.pass(Call::Renew(worker), self.store.renew_worker(worker, lease))
            .await
    }
    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.pass(Call::Claim(worker), self.store.claim(worker, limit))
            .await
    }
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.pass(Call::Append(lease, batch), self.store.append(lease, batch))
            .await
    }
    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        self.pass(Call::Read, self.store.open_requests(worker)).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.pass(Call::Write, self.store.release(lease)).await
    }
    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.pass(Call::Write, self.store.retire_worker(worker)).await
    }
}

#[async_trait]
impl<G: Gate> Inventory for Gated<G> {
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError> {
        self.pass(Call::Write, self.store.put_vm(report, at, by)).await
    }
    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError> {
        self.pass(Call::Read, self.store.vm(id)).await
    }
    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError> {
        self.pass(Call::Read, self.store.vms_named(name)).await
    }
    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError> {
        self.pass(Call::Read, self.store.vms(after, limit)).await
    }
    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError> {
        self.pass(Call::Write, self.store.mark_resync(volume, mark)).await
    }
    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError> {
        self.pass(Call::Write, self.store.clear_quarantine(vm, volume, by, reason))
            .await
    }
}

#[async_trait]
impl<G: Gate> Mappings for Gated<G> {
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError> {
        self.pass(Call::Read, self.store.mappings(vm)).await
    }
    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError> {
        self.pass(Call::Read, self.store.users(purpose, networks)).await
    }
    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError> {
        self.pass(Call::Write, self.store.put_mappings(mappings, by))
            .await
    }
    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        let deleting = self.store.delete_mapping(vm, source_network, purpose, by);
        self.pass(Call::Write, deleting).await
    }
}
