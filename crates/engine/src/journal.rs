//! The live journal of one job: the only way in which a worker changes it.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::event::{Event, StoredEvent};
use crate::plan::Plan;
use crate::ports::{AppendError, Batch, JobStore, Lease, StoreError};
use crate::request::StoredRequest;
use crate::settings::EngineSettings;
use crate::state::{IllegalEvent, JobState, changed_rows};

/// Why a worker stops driving a job. None of these is an outcome of the job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Another worker owns the job.
    #[error("the lease is lost")]
    LeaseLost,
    /// This process is shutting down.
    #[error("the worker is stopping")]
    Shutdown,
    /// The journal cannot go on: the engine or the database is broken. The job waits for a person.
    #[error("the job cannot go on: {0}")]
    Broken(String),
}

impl From<IllegalEvent> for Stop {
    fn from(error: IllegalEvent) -> Self {
        Stop::Broken(error.to_string())
    }
}

/// The journal and the state folded from it. Lanes that run side by side write through the same one.
pub(crate) struct JobJournal {
    store: Arc<dyn JobStore>,
    lease: Lease,
    plan: Arc<Plan>,
    clock: SharedClock,
    retry: EngineSettings,
    shutdown: CancellationToken,
    state: Mutex<JobState>,
    /// The number of the last request that was journaled.
    heard: watch::Sender<u64>,
}

impl JobJournal {
    /// A journal that goes on after `state`.
    pub(crate) fn new(
        store: Arc<dyn JobStore>,
        lease: Lease,
        plan: Arc<Plan>,
        state: JobState,
        clock: SharedClock,
        retry: EngineSettings,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            lease,
            plan,
            clock,
            retry,
            shutdown,
            heard: watch::Sender::new(state.heard),
            state: Mutex::new(state),
        }
    }

    /// The lease under which it writes.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The state as of the last committed entry.
    pub(crate) async fn state(&self) -> JobState {
        self.state.lock().await.clone()
    }

    /// Commits one entry with the rows that follow from it. When it returns, the entry is durable.
    ///
    /// A database that does not answer is tried again with the very same batch until it answers: the store
    /// recognises a batch that was committed although its reply was lost.
    ///
    /// # Errors
    /// [`Stop`]; nothing that follows may be done then.
    pub(crate) async fn record(&self, event: Event) -> Result<(), Stop> {
        if self.write(&mut *self.state.lock().await, event).await? {
            return Ok(());
        }
        Err(Stop::Broken(
            "an entry that can be taken back was held back for a request".to_owned(),
        ))
    }

    /// Whether the entry was written; one that cannot be taken back is not when a request must be heard first.
    async fn write(&self, state: &mut JobState, event: Event) -> Result<bool, Stop> {
        let stored = StoredEvent {
            seq: state.last_seq + 1,
            at: self.clock.now(),
            event,
        };
        let mut after = state.clone();
        after.apply(&self.plan, &stored)?;
        let batch = changed_rows(&self.plan, state, &after, vec![stored]);
        let is_written = self.commit(&batch).await?;
        if is_written {
            batch
                .events
                .iter()
                .for_each(|e| log_event(&self.lease, &self.plan, e));
            *state = after;
        }
        Ok(is_written)
    }

    /// Commits an entry that cannot be taken back: the end of the job, or of the window of a test. Where a request is
    /// stored that the job has not heard, or was heard after the entry was decided on, nothing is written and the answer
    /// is `false`: the caller looks anew.
    ///
    /// # Errors
    /// [`Stop`]; nothing that follows may be done then.
    pub(crate) async fn end(&self, decided_on: &JobState, event: Event) -> Result<bool, Stop> {
        let mut state = self.state.lock().await;
        if state.heard != decided_on.heard {
            return Ok(false);
        }
        self.write(&mut state, event).await
    }

    /// Journals a request. One that the job cannot hear any more, or has heard, is left alone.
    ///
    /// # Errors
    /// [`Stop`]; nothing that follows may be done then.
    pub(crate) async fn hear(&self, request: StoredRequest) -> Result<(), Stop> {
        let mut state = self.state.lock().await;
        if request.number <= state.heard || state.has_ended() {
            return Ok(());
        }
        let StoredRequest {
            number, by, request, ..
        } = request;
        let heard = Event::RequestHeard { number, by, request };
        self.write(&mut state, heard).await?;
        self.heard.send_replace(number);
        Ok(())
    }

    /// Waits until a request was heard that is not in `seen`, for `duration` at most, unless the worker is told to stop.
    ///
    /// # Errors
    /// [`Stop::Shutdown`].
    pub(crate) async fn pause_or_request(
        &self,
        duration: std::time::Duration,
        seen: &JobState,
    ) -> Result<(), Stop> {
        let mut heard = self.heard.subscribe();
        tokio::select! {
            biased;
            paused = self.pause(duration) => paused,
            _ = heard.wait_for(|number| *number > seen.heard) => Ok(()),
        }
    }

    /// Makes sure that the job is still this worker's: commits nothing, under the lease.
    ///
    /// # Errors
    /// [`Stop`]; nothing that follows may be done then.
    pub(crate) async fn confirm_lease(&self) -> Result<(), Stop> {
        let state = self.state.lock().await;
        let batch = changed_rows(&self.plan, &state, &state, Vec::new());
        self.commit(&batch).await.map(drop)
    }

    /// Whether the batch was written; it is not when a request must be heard first.
    async fn commit(&self, batch: &Batch) -> Result<bool, Stop> {
        let mut attempt = 0;
        loop {
            match self.store.append(&self.lease, batch).await {
                Ok(()) => return Ok(true),
                Err(AppendError::RequestUnheard(_)) => return Ok(false),
                Err(AppendError::LeaseLost(_)) => return Err(Stop::LeaseLost),
                Err(AppendError::Store(StoreError::Unavailable(why))) => {
                    attempt += 1;
                    tracing::warn!(job_id = %self.lease.job_id, attempt, error = %why, "The journal cannot be written, trying again.");
                    self.pause(self.retry.backoff(attempt)).await?;
                }
                Err(AppendError::Store(error @ (StoreError::Corrupt { .. } | StoreError::Schema(_)))) => {
                    return Err(Stop::Broken(error.to_string()));
                }
            }
        }
    }

    /// Waits, unless the worker is told to stop.
    ///
    /// # Errors
    /// [`Stop::Shutdown`].
    pub(crate) async fn pause(&self, duration: std::time::Duration) -> Result<(), Stop> {
        self.unless_stopped(self.clock.sleep(duration)).await
    }

    /// Waits for something, unless the worker is told to stop.
    ///
    /// # Errors
    /// [`Stop::Shutdown`].
    pub(crate) async fn unless_stopped<T>(&self, something: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(Stop::Shutdown),
            done = something => Ok(done),
        }
    }
}

/// One log line per entry, which reads well alone and has fields to search by.
fn log_event(lease: &Lease, plan: &Plan, stored: &StoredEvent) {
    let (job_id, vm_id, seq) = (&lease.job_id, &plan.vm_id, stored.seq);
    match &stored.event {
        Event::Accepted { by } => tracing::info!(%job_id, %vm_id, seq, by, "Job accepted."),
        Event::TakenUp { worker, epoch } => {
            tracing::info!(%job_id, %vm_id, seq, worker, epoch, "Job taken up.")
        }
        Event::StageEntered { stage } => {
            let name = plan.stages.get(*stage).map_or("?", |s| s.name.as_str());
            tracing::info!(%job_id, %vm_id, seq, stage, name, "Stage entered.");
        }
        Event::StageFinished { stage } => tracing::info!(%job_id, %vm_id, seq, stage, "Stage finished."),
        Event::StepIntended {
            step,
            attempt,
            key,
            command,
            ..
        } => {
            tracing::info!(%job_id, %vm_id, seq, step = %step.id, attempt, request_key = %key, command, "Sending command.");
        }
        Event::StepSubmitted { step, cloud_job, .. } => {
            tracing::debug!(%job_id, %vm_id, seq, step = %step.id, cloud_job = cloud_job.as_ref().map(tracing::field::display), "Command accepted.");
        }
        Event::StepDone { step, .. } => tracing::info!(%job_id, %vm_id, seq, step = %step.id, "Step done."),
        Event::StepDelayed {
            step,
            error,
            retry_at,
        } => {
            tracing::warn!(%job_id, %vm_id, seq, step = %step.id, %error, %retry_at, "Step will be tried again.");
        }
        Event::StepFailed { step, error } => {
            tracing::error!(%job_id, %vm_id, seq, step = %step.id, %error, "Step failed.");
        }
        Event::CancelHeard { by } => tracing::info!(%job_id, %vm_id, seq, by, "Cancelling."),
        Event::RequestHeard { number, by, request } => {
            tracing::info!(%job_id, %vm_id, seq, number, by, request = request.as_str(), "Request heard.");
        }
        Event::WindowOpened { window } => {
            tracing::info!(%job_id, %vm_id, seq, deadline = %window.deadline, "The test window is open.");
        }
        Event::HealthSeen { health } => {
            let health = health.words();
            tracing::info!(%job_id, %vm_id, seq, health, "The test VM was looked at.");
        }
        Event::ClosingBegan { why } => {
            tracing::info!(%job_id, %vm_id, seq, ?why, "The last part of the job begins.")
        }
        Event::ReturnBegan { cause } => {
            tracing::warn!(%job_id, %vm_id, seq, cause = cause.message, "The way back begins.");
        }
        Event::AttentionRaised { attention } => {
            tracing::error!(%job_id, %vm_id, seq, code = ?attention.code, message = attention.message, "A person is needed.");
        }
        Event::AttentionCleared { code, object } => {
            tracing::info!(%job_id, %vm_id, seq, ?code, object, "Attention cleared.")
        }
        Event::Completed => tracing::info!(%job_id, %vm_id, seq, "Failover completed."),
        Event::Closed { comparison, .. } => {
            let differences = comparison.as_ref().map(|c| c.differences.len());
            tracing::info!(%job_id, %vm_id, seq, differences, "Job completed; everything is where it belongs.");
        }
        Event::Failed { cause, .. } => {
            tracing::error!(%job_id, %vm_id, seq, cause = cause.message, "Failover failed; the way back is finished.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::contract::ManualClock;
    use crate::contract::fixture::{base, claimed, failure, operator, plan};
    use crate::request::JobRequest;

    /// The journal of a job that was just claimed, and its store.
    async fn journal() -> (JobJournal, Arc<dyn JobStore>) {
        let clock = ManualClock::new();
        let store: Arc<dyn JobStore> = Arc::new(MemoryStore::new(clock.clone()));
        let lease = claimed(store.as_ref()).await;
        let events = store.events(&lease.job_id, 0, 10).await.expect("a read");
        let plan = plan(1);
        let state = JobState::replay(&plan, &events).expect("the journal is sound");
        let journal = JobJournal::new(
            Arc::clone(&store),
            lease,
            Arc::new(plan),
            state,
            clock,
            EngineSettings::default(),
            CancellationToken::new(),
        );
        (journal, store)
    }

    #[tokio::test]
    async fn a_lease_is_confirmed_only_while_it_holds() {
        let (journal, store) = journal().await;
        let lease = journal.lease().clone();
        let before = store.events(&lease.job_id, 0, 10).await.expect("a read");
        journal.confirm_lease().await.expect("the lease holds");
        let after = store.events(&lease.job_id, 0, 10).await.expect("a read");
        assert_eq!(after, before, "confirming writes no entry");
        store.release(&lease).await.expect("a write");
        let lost = journal.confirm_lease().await;
        assert!(matches!(lost, Err(Stop::LeaseLost)), "{lost:?}");
    }

    #[tokio::test]
    async fn a_job_does_not_end_on_a_decision_that_is_older_than_what_it_has_heard() {
        let (journal, store) = journal().await;
        let lease = journal.lease().clone();
        let worker = lease.worker.to_string();
        let epoch = lease.epoch;
        let cause = failure();
        for event in [
            Event::TakenUp { worker, epoch },
            Event::ReturnBegan { cause: cause.clone() },
        ] {
            journal.record(event).await.expect("the lease holds");
        }
        let decided_on = journal.state().await;
        let asked = store
            .submit_request(&lease.job_id, &operator(), &JobRequest::Retry)
            .await;
        asked.expect("a write");
        let request = StoredRequest {
            number: 1,
            by: "operator".to_owned(),
            at: base(),
            request: JobRequest::Retry,
        };
        journal.hear(request).await.expect("the lease holds");
        let heard = journal.state().await;
        let ended = || Event::Failed {
            cause: cause.clone(),
            comparison: None,
            resting: Vec::new(),
        };
        let is_written = journal.end(&decided_on, ended()).await.expect("the lease holds");
        assert!(!is_written, "the decision knows nothing of the request");
        assert_eq!(journal.state().await, heard);
        let is_written = journal.end(&heard, ended()).await.expect("the lease holds");
        assert!(is_written && journal.state().await.has_ended());
    }
}
