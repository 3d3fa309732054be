//! The way of all workers to the store, with faults on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::{JobId, JobStatus, VmId};
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{MemoryStore, Plan, StoredEvent};
use tokio::sync::{mpsc, watch};

use crate::fault::Cut;

/// A fault has struck this worker.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    pub(crate) cut: Cut,
    pub(crate) worker: WorkerId,
}

/// Counts what is written, and strikes where it is told to.
pub(crate) struct FaultyStore {
    store: Arc<MemoryStore>,
    cancel_at: Option<JobStatus>,
    cuts: Mutex<BTreeMap<u64, Cut>>,
    written: AtomicU64,
    struck: mpsc::UnboundedSender<Struck>,
    paused: watch::Sender<Vec<WorkerId>>,
}

impl FaultyStore {
    pub(crate) fn new(
        store: Arc<MemoryStore>,
        cancel_at: Option<JobStatus>,
        cuts: BTreeMap<u64, Cut>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Struck>) {
        let (struck, told) = mpsc::unbounded_channel();
        let faulty = Self {
            store,
            cancel_at,
            cuts: Mutex::new(cuts),
            written: AtomicU64::new(0),
            struck,
            paused: watch::Sender::new(Vec::new()),
        };
        (Arc::new(faulty), told)
    }

    /// How many entries were sent.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The faults that have not struck yet.
    pub(crate) fn open_cuts(&self) -> usize {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets every worker go on.
    pub(crate) fn let_go(&self) {
        self.paused.send_replace(Vec::new());
    }

    async fn goes_on(&self, worker: &WorkerId) {
        let mut paused = self.paused.subscribe();
        let waited = paused.wait_for(|paused| !paused.contains(worker)).await;
        waited.expect("the sender is ours");
    }

    fn pause(&self, worker: &WorkerId) {
        self.paused.send_modify(|paused| paused.push(worker.clone()));
    }

    async fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.store.append(lease, batch).await?;
        if self.cancel_at == Some(batch.projection.status) {
            self.store
                .submit_request(&lease.job_id, "operator", &JobRequest::Cancel)
                .await?;
        }
        Ok(())
    }
}

fn away() -> AppendError {
    AppendError::Store(StoreError::Unavailable("the database is away".to_owned()))
}

#[async_trait]
impl JobStore for FaultyStore {
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.goes_on(&lease.worker).await;
        if batch.events.is_empty() {
            return self.store.append(lease, batch).await;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let cut = self
            .cuts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
        let Some(cut) = cut else {
            return self.write(lease, batch).await;
        };
        let worker = lease.worker.clone();
        let tell = || {
            let struck = Struck {
                cut,
                worker: worker.clone(),
            };
            self.struck.send(struck).expect("the trial listens");
        };
        match cut {
            Cut::KilledBefore => {
                tell();
                std::future::pending().await
            }
            Cut::KilledAfter => {
                self.write(lease, batch).await?;
                tell();
                std::future::pending().await
            }
            Cut::PausedBefore => {
                self.pause(&worker);
                tell();
                self.goes_on(&worker).await;
                self.write(lease, batch).await
            }
            Cut::PausedAfter => {
                let written = self.write(lease, batch).await;
                self.pause(&worker);
                tell();
                self.goes_on(&worker).await;
                written
            }
            Cut::AnswerLost => {
                self.write(lease, batch).await?;
                tell();
                Err(away())
            }
            Cut::NotWritten => {
                tell();
                Err(away())
            }
        }
    }
    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.goes_on(worker).await;
        self.store.renew_worker(worker, lease).await
    }
    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.goes_on(worker).await;
        self.store.claim(worker, limit).await
    }
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.store.create(job).await
    }
    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        self.store.job(id).await
    }
    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        self.store.plan(id).await
    }
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        self.store.jobs(filter).await
    }
    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        self.store.active_job(vm).await
    }
    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.store.events(id, after, limit).await
    }
    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        self.store.volumes(id).await
    }
    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        self.store.resources(id).await
    }
    async fn submit_request(
        &self,
        id: &JobId,
        by: &str,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.store.submit_request(id, by, request).await
    }
    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        self.store.requests(id).await
    }
    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.store.due_settlements(limit).await
    }
    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        self.store.open_requests(worker).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.store.release(lease).await
    }
    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.store.retire_worker(worker).await
    }
}
