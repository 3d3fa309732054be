//! A worker that is stopped as a whole (a suspended machine, a debugger) and goes on when another one has taken over does
//! no harm, wherever it was stopped. A job whose journal does not take an entry stops and says so.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::{AttentionCode, JobId, JobStatus, VmId};
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Event, MemoryStore, Plan, StoredEvent};
use lab::Lab;
use ossea_sim::cloud::log::{LogEntry, LogEvent};
use tokio::sync::watch;

/// The way to the store of a worker that is stopped right after a commit: its answer is on the way until the worker goes
/// on, and so is everything else that the worker does.
struct Stoppable {
    store: Arc<MemoryStore>,
    /// The intent, by its number among all intents of the job, after whose commit the worker is stopped.
    at_intent: u64,
    intents: AtomicU64,
    is_stopped: watch::Sender<bool>,
    /// Whether the worker is told instead, once, that the row is broken, and the intent is not stored.
    breaks: bool,
}

impl Stoppable {
    async fn goes_on(&self) {
        let mut is_stopped = self.is_stopped.subscribe();
        is_stopped
            .wait_for(|is_stopped| !is_stopped)
            .await
            .expect("the sender is ours");
    }
}

#[async_trait]
impl JobStore for Stoppable {
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
    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.goes_on().await;
        self.store.renew_worker(worker, lease).await
    }
    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.goes_on().await;
        self.store.claim(worker, limit).await
    }
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.goes_on().await;
        let is_intent = |stored: &StoredEvent| matches!(stored.event, Event::StepIntended { .. });
        let is_the_one = batch.events.iter().any(is_intent)
            && self.intents.fetch_add(1, Ordering::Relaxed) == self.at_intent;
        if is_the_one && self.breaks {
            return Err(AppendError::Store(StoreError::Corrupt {
                table: "failover_events",
                column: "seq",
                id: lease.job_id.to_string(),
                detail: "a rule does not hold".to_owned(),
            }));
        }
        let written = self.store.append(lease, batch).await;
        if is_the_one {
            self.is_stopped.send_replace(true);
        }
        self.goes_on().await;
        written
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

/// The commands that the cloud has taken, each as often as it took it.
fn taken(lab: &Lab) -> Vec<String> {
    let command = |entry: LogEntry| match entry.event {
        LogEvent::Call(call) => call.refused.is_none().then_some(call.command),
        LogEvent::Effect { .. } | LogEvent::Restarted { .. } => None,
    };
    let mut taken: Vec<String> = lab.cloud.log().into_iter().filter_map(command).collect();
    taken.sort();
    taken
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_before_it_sends_is_not_listened_to_later() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    lab.run(&job).await;
    let undisturbed = taken(&lab);
    assert!(undisturbed.len() > 10, "{undisturbed:?}");
    for at_intent in 0..undisturbed.len() as u64 {
        let lab = Lab::new().await;
        let job = lab.start().await;
        let stoppable = Arc::new(Stoppable {
            store: Arc::clone(&lab.store),
            at_intent,
            intents: AtomicU64::new(0),
            is_stopped: watch::Sender::new(false),
            breaks: false,
        });
        let mut parts = lab.parts.clone();
        parts.jobs = Arc::clone(&stoppable) as _;
        let first = lab.worker_over(parts);
        let mut is_stopped = stoppable.is_stopped.subscribe();
        is_stopped.wait_for(|is_stopped| *is_stopped).await.unwrap();
        let record = lab.run(&job).await;
        assert_eq!(
            record.projection.status,
            JobStatus::Completed,
            "stopped at intent {at_intent}"
        );
        assert!(record.epoch > 1, "nobody took over at intent {at_intent}");
        stoppable.is_stopped.send_replace(false);
        lab.parts.clock.sleep(Duration::from_secs(600)).await;
        assert_eq!(taken(&lab), undisturbed, "stopped at intent {at_intent}");
        lab.assert_moved(&job).await;
        lab.assert_nothing_was_done_twice();
        first.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_own_rules_do_not_hold_says_so_and_goes_on_once_they_do() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let broken = Stoppable {
        store: Arc::clone(&lab.store),
        at_intent: 3,
        intents: AtomicU64::new(0),
        is_stopped: watch::Sender::new(false),
        breaks: true,
    };
    let mut parts = lab.parts.clone();
    parts.jobs = Arc::new(broken);
    let worker = lab.worker_over(parts);
    let record = lab.until(&job, |r| !r.projection.attention.is_empty()).await;
    let told = &record.projection.attention[0];
    assert_eq!(told.code, AttentionCode::InvariantGuard);
    assert!(told.message.contains("a rule does not hold"), "{}", told.message);
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    assert_eq!(record.projection.attention, []);
    lab.assert_moved(&job).await;
}
