//! A worker: claims jobs, drives many of them at once, renews its lease, hears what operators ask, and hands
//! everything back when it stops. Any number of workers share one database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{AttentionCode, JobId, JobStatus, Severity};
use ossea::{JobWatch, Priority, WatchSettings};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::attention;
use crate::driver::drive;
use crate::journal::{JobJournal, Stop};
use crate::parts::EngineParts;
use crate::plan::Plan;
use crate::ports::{ClaimedJob, JobFilter, Lease, OpenRequest, StoreError, WorkerId};
use crate::request::{JobRequest, StoredRequest};
use crate::runner::JobContext;
use crate::state::JobState;

/// How long a job that cannot go on is left alone before any worker tries it again. Long enough not to fill
/// the log, short enough that a repaired job goes on by itself.
const PARKED_FOR: TimeDelta = TimeDelta::minutes(5);

/// How often a worker looks for live failovers that are due. Their deadlines are minutes to months away.
const SETTLE_EVERY: TimeDelta = TimeDelta::seconds(5);

/// How many live failovers are settled in one turn; the rest has its turn soon after.
const SETTLED_AT_ONCE: usize = 200;

/// A worker holds so many times its `max_jobs` at most, idle ones included. An idle job costs its journal in memory.
const MOST_HELD: usize = 16;

/// How many jobs only wait: for the cloud to answer before they begin, or in the open window of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdleJobs(Arc<AtomicUsize>);

/// One of the jobs that [`IdleJobs`] counts, until it is dropped.
pub(crate) struct OneIdle(IdleJobs);

impl IdleJobs {
    pub(crate) fn one_more(&self) -> OneIdle {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneIdle(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OneIdle {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A worker process's engine.
pub struct Worker {
    parts: EngineParts,
    /// Shared by all jobs, so that one list tells of all.
    watch: JobWatch,
    idle: IdleJobs,
    id: WorkerId,
    tasks: JoinSet<Result<(), Stop>>,
    driving: BTreeMap<tokio::task::Id, Driving>,
    parked: Vec<(DateTime<Utc>, Lease)>,
    /// When to look for jobs that the store shows as this worker's and that it does not hold.
    look_for_unheld_at: DateTime<Utc>,
    /// When to look for live failovers that are due.
    settle_next_at: DateTime<Utc>,
}

/// A job that this worker drives.
struct Driving {
    lease: Lease,
    /// What operators ask of it.
    requests: mpsc::UnboundedSender<StoredRequest>,
}

impl Worker {
    /// A worker with a fresh identity.
    pub fn new(parts: EngineParts, id: WorkerId) -> Self {
        let look_for_unheld_at = parts.clock.now() + PARKED_FOR;
        let watch = JobWatch::new(
            Arc::clone(&parts.cloud),
            WatchSettings {
                shortest: parts.settings.cloud_poll_min,
                longest: parts.settings.cloud_poll_max,
            },
        );
        Self {
            parts,
            watch,
            idle: IdleJobs::default(),
            id,
            tasks: JoinSet::new(),
            driving: BTreeMap::new(),
            parked: Vec::new(),
            look_for_unheld_at,
            settle_next_at: DateTime::<Utc>::MIN_UTC,
        }
    }

    /// Its identity.
    pub fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Works until `shutdown`, then lets its steps come to a safe point and hands its jobs back.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tracing::info!(worker = %self.id, max_jobs = self.parts.settings.max_jobs, "Worker started.");
        let stop_steps = CancellationToken::new();
        let stop_renewing = CancellationToken::new();
        // Bound to this call: a worker that dies in any way must not keep its lease.
        let renewing = renew(self.parts.clone(), self.id.clone(), stop_renewing.clone());
        let renewing = AbortOnDropHandle::new(tokio::spawn(renewing));
        let _meeting = AbortOnDropHandle::new(tokio::spawn(meet(self.parts.urgent(Priority::Background))));
        loop {
            self.free_parked().await;
            self.free_unheld().await;
            self.take_jobs(&stop_steps).await;
            self.bring_requests().await;
            self.settle().await;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended),
                () = self.parts.clock.sleep(self.parts.settings.poll_interval) => {}
            }
        }
        stop_steps.cancel();
        self.drain().await;
        stop_renewing.cancel();
        if let Err(error) = renewing.await {
            tracing::error!(worker = %self.id, error = %error, "The lease renewal ended badly.");
        }
        match self.parts.jobs.retire_worker(&self.id).await {
            Ok(()) => tracing::info!(worker = %self.id, "Worker stopped; its jobs are free."),
            Err(error) => {
                tracing::warn!(worker = %self.id, error = %error, "The jobs could not be handed back; they are free when the lease ends.");
            }
        }
    }

    /// Idle jobs do not count: a window that is open for hours must not keep others waiting, and among those that nobody
    /// drives may be one whose replicas must go home. There is a bound all the same.
    fn free_places(&self) -> usize {
        let max_jobs = self.parts.settings.max_jobs;
        let begun = self.driving.len().saturating_sub(self.idle.count());
        let all = max_jobs
            .saturating_mul(MOST_HELD)
            .saturating_sub(self.driving.len());
        max_jobs.saturating_sub(begun).min(all)
    }

    async fn take_jobs(&mut self, stop_steps: &CancellationToken) {
        let free = self.free_places();
        if free == 0 {
            return;
        }
        match self.parts.jobs.claim(&self.id, free).await {
            Ok(claimed) => {
                for job in claimed {
                    self.start(job, stop_steps);
                }
            }
            Err(error) => {
                tracing::warn!(worker = %self.id, error = %error, "No jobs can be claimed now.");
                // The claim may have been committed although its answer is lost.
                self.look_for_unheld_at = self.parts.clock.now();
            }
        }
    }

    /// Hands back jobs that the store shows as this worker's although nobody drives them: a claim whose answer was
    /// lost, or a job that could not be read. Nobody else may claim them while this worker lives.
    async fn free_unheld(&mut self) {
        let now = self.parts.clock.now();
        if now < self.look_for_unheld_at {
            return;
        }
        let held = |id: &JobId| {
            let driven = self.driving.values().any(|d| d.lease.job_id == *id);
            driven || self.parked.iter().any(|(_, lease)| lease.job_id == *id)
        };
        let mut filter = JobFilter {
            statuses: JobStatus::ACTIVE.to_vec(),
            limit: 500,
            ..JobFilter::default()
        };
        loop {
            let page = match self.parts.jobs.jobs(&filter).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(worker = %self.id, error = %error, "Jobs cannot be listed now.");
                    return;
                }
            };
            for job in page
                .iter()
                .filter(|job| job.owner.as_ref() == Some(&self.id) && !held(&job.job_id))
            {
                tracing::warn!(job_id = %job.job_id, "Nobody drives this job; it is handed back.");
                let lease = Lease {
                    job_id: job.job_id.clone(),
                    worker: self.id.clone(),
                    epoch: job.epoch,
                };
                if let Err(error) = self.parts.jobs.release(&lease).await {
                    tracing::warn!(job_id = %job.job_id, error = %error, "The job cannot be handed back now.");
                    return;
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == filter.limit) else {
                break;
            };
            filter.after = Some(last.job_id.clone());
        }
        self.look_for_unheld_at = now + PARKED_FOR;
    }

    /// Starts driving a job. A job that cannot be read does not keep the others from running.
    fn start(&mut self, job: ClaimedJob, stop_steps: &CancellationToken) {
        let state = match readable(&job) {
            Ok(state) => state,
            Err(why) => {
                tracing::error!(job_id = %job.lease.job_id, why, "The job cannot be driven; it waits for a person.");
                return self.park(job.lease);
            }
        };
        let plan = Arc::new(job.plan);
        let journal = JobJournal::new(
            Arc::clone(&self.parts.jobs),
            job.lease.clone(),
            Arc::clone(&plan),
            state,
            Arc::clone(&self.parts.clock),
            self.parts.settings.clone(),
            stop_steps.clone(),
        );
        let context = Arc::new(JobContext {
            parts: self.parts.urgent(Priority::WayThere),
            parts_back: self.parts.urgent(Priority::WayBack),
            watch: self.watch.clone(),
            idle: self.idle.clone(),
            job_id: job.lease.job_id.clone(),
            plan,
            journal,
            halt: CancellationToken::new(),
        });
        let (requests, heard) = mpsc::unbounded_channel();
        let task = self.tasks.spawn(async move {
            let end = attend(&context, heard).await;
            if let Err(Stop::Broken(why)) = &end {
                tell_that_it_is_broken(&context, why).await;
            }
            end
        });
        self.driving.insert(
            task.id(),
            Driving {
                lease: job.lease,
                requests,
            },
        );
    }

    async fn bring_requests(&mut self) {
        if self.driving.is_empty() {
            return;
        }
        let open = match self.parts.jobs.open_requests(&self.id).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(worker = %self.id, error = %error, "Requests cannot be read now.");
                return;
            }
        };
        for OpenRequest { job_id, request } in open {
            // A task of an earlier lease on the same job may still be ending: every one is told.
            for driving in self.driving.values().filter(|d| d.lease.job_id == job_id) {
                driving.requests.send(request.clone()).ok();
            }
        }
    }

    /// Starts the commit or the rollback of live failovers whose time has come. The store lets one worker do it.
    async fn settle(&mut self) {
        let now = self.parts.clock.now();
        if now < self.settle_next_at {
            return;
        }
        self.settle_next_at = now + SETTLE_EVERY;
        let due = match self.parts.jobs.due_settlements(SETTLED_AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(worker = %self.id, error = %error, "Live failovers that are due cannot be listed now.");
                return;
            }
        };
        for record in due {
            let of = &record.job_id;
            match self.parts.service().settle_by_policy(&record).await {
                Ok(Some(job_id)) => {
                    tracing::info!(%of, %job_id, "A live failover is settled as its policy says.")
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%of, error = %error, "A live failover cannot be settled now.");
                }
            }
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, Result<(), Stop>), JoinError>) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, result),
            Err(error) => (error.id(), Err(Stop::Broken(error.to_string()))),
        };
        let Some(Driving { lease, .. }) = self.driving.remove(&task) else {
            return;
        };
        let job_id = &lease.job_id;
        match result {
            Ok(()) => tracing::debug!(%job_id, "Job ended."),
            Err(Stop::LeaseLost) => tracing::warn!(%job_id, "Another worker owns the job now."),
            Err(Stop::Shutdown) => tracing::debug!(%job_id, "Job handed back."),
            Err(Stop::Broken(why)) => {
                tracing::error!(%job_id, why, "The job cannot go on; it waits for a person.");
                self.park(lease);
            }
        }
    }

    /// Keeps a job that cannot go on under this worker's lease for a while.
    fn park(&mut self, lease: Lease) {
        self.parked.push((self.parts.clock.now() + PARKED_FOR, lease));
    }

    async fn free_parked(&mut self) {
        let now = self.parts.clock.now();
        let (due, parked): (Vec<_>, Vec<_>) = self.parked.drain(..).partition(|(until, _)| *until <= now);
        self.parked = parked;
        for (_, lease) in due {
            if let Err(error) = self.parts.jobs.release(&lease).await {
                tracing::warn!(job_id = %lease.job_id, error = %error, "The parked job cannot be freed now.");
                self.park(lease);
            }
        }
    }

    async fn drain(&mut self) {
        let clock = Arc::clone(&self.parts.clock);
        let drain = self.parts.settings.drain;
        let deadline = clock.sleep(drain);
        tokio::pin!(deadline);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = &mut deadline => {
                    tracing::warn!(worker = %self.id, jobs = self.tasks.len(), "Some steps did not come to a safe point in time; the journal knows how to go on.");
                    self.tasks.shutdown().await;
                    return;
                }
            }
        }
    }
}

/// Drives a job, and hears what is asked of it.
async fn attend(job: &Arc<JobContext>, requests: mpsc::UnboundedReceiver<StoredRequest>) -> Result<(), Stop> {
    hear_what_is_stored(job).await?;
    tokio::select! {
        biased;
        stopped = hear(job, requests) => Err(stopped),
        driven = drive(job) => driven,
    }
}

/// Raises an attention where the journal still takes it. The next worker that takes the job up clears it, and raises it
/// again when nothing has changed.
async fn tell_that_it_is_broken(job: &JobContext, why: &str) {
    let raised = attention::raise(
        &job.journal,
        AttentionCode::InvariantGuard,
        Severity::Critical,
        format!("The job cannot go on, because one of its own rules does not hold: {why}"),
        vec![format!("job {}", job.job_id)],
        &["Report this to the developers with the job's journal; the job is tried again every few minutes."],
        job.parts.clock.now(),
    );
    if let Err(error) = raised.await {
        tracing::error!(job_id = %job.job_id, %error, "The journal does not take the attention.");
    }
}

/// Journals what was asked while nobody drove the job, before anything is done with it: a window that was extended
/// meanwhile is not closed, a job that was cancelled starts no VM.
async fn hear_what_is_stored(job: &JobContext) -> Result<(), Stop> {
    let mut attempt = 0;
    let stored = loop {
        match job.parts.jobs.requests(&job.job_id).await {
            Ok(stored) => break stored,
            Err(StoreError::Unavailable(why)) => {
                attempt += 1;
                tracing::warn!(job_id = %job.job_id, attempt, error = %why, "Requests cannot be read, trying again.");
                job.journal.pause(job.parts.settings.backoff(attempt)).await?;
            }
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Schema(_))) => {
                return Err(Stop::Broken(error.to_string()));
            }
        }
    };
    for request in stored {
        hear_one(job, request).await?;
    }
    Ok(())
}

async fn hear_one(job: &JobContext, request: StoredRequest) -> Result<(), Stop> {
    let is_cancel = request.request == JobRequest::Cancel;
    job.journal.hear(request).await?;
    if is_cancel {
        job.halt.cancel();
    }
    Ok(())
}

/// Journals what operators ask of a job, beside whatever else is done with it. Ends only when the job cannot go on.
async fn hear(job: &JobContext, mut requests: mpsc::UnboundedReceiver<StoredRequest>) -> Stop {
    while let Some(request) = requests.recv().await {
        if let Err(stop) = hear_one(job, request).await {
            return stop;
        }
    }
    std::future::pending().await
}

/// The state of a claimed job, if this version can drive it.
fn readable(job: &ClaimedJob) -> Result<JobState, String> {
    if job.plan.version > Plan::VERSION {
        let version = job.plan.version;
        return Err(format!(
            "the plan is of form {version}, this version knows the forms up to {}",
            Plan::VERSION
        ));
    }
    JobState::replay(&job.plan, &job.events).map_err(|e| e.to_string())
}

/// Asks the cloud what it is like: people read it in the log, and the client learns how many calls it may make.
async fn meet(parts: EngineParts) {
    match parts.cloud.capabilities().await {
        Ok(cloud) => {
            tracing::info!(version = cloud.version, api_limit = ?cloud.api_limit, "The cloud answers.");
        }
        Err(error) => tracing::warn!(error = %error, "The cloud does not tell what it is like."),
    }
}

/// Keeps the worker's lease alive, apart from everything that might take long.
async fn renew(parts: EngineParts, id: WorkerId, stop: CancellationToken) {
    let interval: Duration = parts.settings.lease / 3;
    loop {
        if let Err(error) = parts.jobs.renew_worker(&id, parts.settings.lease).await {
            tracing::warn!(worker = %id, error = %error, "The lease could not be renewed.");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = parts.clock.sleep(interval) => {}
        }
    }
}
