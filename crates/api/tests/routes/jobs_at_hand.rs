//! A store of jobs that counts how often it is asked, and that can be away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use failover_access::Actor;
use failover_domain::{JobId, VmId};
use failover_engine::memory::MemoryStore;
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};

/// The jobs of a store in memory.
pub(crate) struct JobsAtHand {
    store: Arc<MemoryStore>,
    asked: AtomicUsize,
    is_away: AtomicBool,
}

impl JobsAtHand {
    pub(crate) fn of(store: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            asked: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
        })
    }

    /// How often something was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// The database goes away, or comes back.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn at_hand(&self) -> Result<&MemoryStore, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        Ok(&self.store)
    }
}

#[async_trait]
impl JobStore for JobsAtHand {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.at_hand()?.create(job).await
    }
    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        self.at_hand()?.job(id).await
    }
    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        self.at_hand()?.plan(id).await
    }
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        self.at_hand()?.jobs(filter).await
    }
    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        self.at_hand()?.active_job(vm).await
    }
    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.at_hand()?.events(id, after, limit).await
    }
    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        self.at_hand()?.volumes(id).await
    }
    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        self.at_hand()?.resources(id).await
    }
    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.at_hand()?.submit_request(id, by, request).await
    }
    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        self.at_hand()?.requests(id).await
    }
    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.at_hand()?.due_settlements(limit).await
    }
    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.at_hand()?.renew_worker(worker, lease).await
    }
    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.at_hand()?.claim(worker, limit).await
    }
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.at_hand()?.append(lease, batch).await
    }
    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        self.at_hand()?.open_requests(worker).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.at_hand()?.release(lease).await
    }
    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.at_hand()?.retire_worker(worker).await
    }
}
