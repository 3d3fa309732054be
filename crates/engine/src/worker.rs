//! A worker: claims jobs, drives many of them at once, renews its lease, hears requests to cancel, and hands
//! everything back when it stops. Any number of workers share one database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use failover_domain::JobId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::driver::drive;
use crate::journal::{JobJournal, Stop};
use crate::parts::EngineParts;
use crate::plan::Plan;
use crate::ports::{ClaimedJob, WorkerId};
use crate::runner::JobContext;
use crate::state::JobState;

/// A worker process's engine.
pub struct Worker {
    parts: EngineParts,
    id: WorkerId,
    driving: JoinSet<(JobId, Result<(), Stop>)>,
    halts: BTreeMap<JobId, CancellationToken>,
    /// Jobs whose journal cannot go on. They are kept, so that nobody drives them, until this process ends.
    broken: Vec<JobId>,
}

impl Worker {
    /// A worker with a fresh identity.
    pub fn new(parts: EngineParts, id: WorkerId) -> Self {
        Self {
            parts,
            id,
            driving: JoinSet::new(),
            halts: BTreeMap::new(),
            broken: Vec::new(),
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
        let renewing = tokio::spawn(renew(self.parts.clone(), self.id.clone(), stop_renewing.clone()));
        loop {
            self.take_jobs(&stop_steps).await;
            self.hear_cancels().await;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.driving.join_next(), if !self.driving.is_empty() => self.ended(ended),
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

    async fn take_jobs(&mut self, stop_steps: &CancellationToken) {
        let free = self.parts.settings.max_jobs.saturating_sub(self.halts.len());
        if free == 0 {
            return;
        }
        match self.parts.jobs.claim(&self.id, free).await {
            Ok(claimed) => {
                for job in claimed {
                    self.start(job, stop_steps);
                }
            }
            Err(error) => tracing::warn!(worker = %self.id, error = %error, "No jobs can be claimed now."),
        }
    }

    /// Starts driving a job. A job whose journal cannot be read does not keep the others from running.
    fn start(&mut self, job: ClaimedJob, stop_steps: &CancellationToken) {
        let job_id = job.lease.job_id.clone();
        if job.plan.version != Plan::VERSION {
            tracing::error!(%job_id, version = job.plan.version, "The plan is of a form that this version does not know; the job waits for a worker that does.");
            self.broken.push(job_id);
            return;
        }
        let state = match JobState::replay(&job.plan, &job.events) {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(%job_id, error = %error, "The journal cannot be read; the job waits for a person.");
                self.broken.push(job_id);
                return;
            }
        };
        let halt = CancellationToken::new();
        let plan = Arc::new(job.plan);
        let journal = JobJournal::new(
            Arc::clone(&self.parts.jobs),
            job.lease,
            Arc::clone(&plan),
            state,
            Arc::clone(&self.parts.clock),
            self.parts.settings.clone(),
            stop_steps.clone(),
        );
        let parts = self.parts.clone();
        self.halts.insert(job_id.clone(), halt.clone());
        self.driving.spawn(async move {
            let context = JobContext {
                parts,
                job_id: job_id.clone(),
                plan,
                journal,
                halt,
            };
            let result = drive(&context).await;
            (job_id, result)
        });
    }

    async fn hear_cancels(&mut self) {
        if self.halts.is_empty() {
            return;
        }
        match self.parts.jobs.cancel_requests(&self.id).await {
            Ok(requests) => {
                for (job_id, by) in requests {
                    if let Some(halt) = self.halts.get(&job_id).filter(|h| !h.is_cancelled()) {
                        tracing::info!(%job_id, by, "Cancelling was asked for.");
                        halt.cancel();
                    }
                }
            }
            Err(error) => {
                tracing::warn!(worker = %self.id, error = %error, "Requests to cancel cannot be read now.");
            }
        }
    }

    fn ended(&mut self, ended: Result<(JobId, Result<(), Stop>), tokio::task::JoinError>) {
        let (job_id, result) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // The job stays under this worker's lease; the next process start takes it up.
                tracing::error!(worker = %self.id, error = %error, "A job's task ended badly.");
                return;
            }
        };
        self.halts.remove(&job_id);
        match result {
            Ok(()) => tracing::debug!(%job_id, "Job ended."),
            Err(Stop::LeaseLost) => tracing::warn!(%job_id, "Another worker owns the job now."),
            Err(Stop::Shutdown) => tracing::debug!(%job_id, "Job handed back."),
            Err(Stop::Broken(why)) => {
                tracing::error!(%job_id, why, "The job cannot go on; it waits for a person.");
                self.broken.push(job_id);
            }
        }
    }

    async fn drain(&mut self) {
        let clock = Arc::clone(&self.parts.clock);
        let drain = self.parts.settings.drain;
        let deadline = clock.sleep(drain);
        tokio::pin!(deadline);
        while !self.driving.is_empty() {
            tokio::select! {
                Some(ended) = self.driving.join_next() => self.ended(ended),
                () = &mut deadline => {
                    tracing::warn!(worker = %self.id, jobs = self.driving.len(), "Some steps did not come to a safe point in time; the journal knows how to go on.");
                    self.driving.shutdown().await;
                    return;
                }
            }
        }
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
