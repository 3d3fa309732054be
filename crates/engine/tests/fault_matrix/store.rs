//! The gate of all workers to the store, with faults at it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::{JobId, JobStatus};
use failover_engine::ports::{Batch, Lease, RequestOutcome, StoreError, WorkerId};
use failover_engine::request::JobRequest;
use tokio::sync::{mpsc, watch};

use crate::course::Cancel;
use crate::fault::Cut;
use crate::lab::LabStore;
use crate::lab::gate::{Call, Gate, Gated};

/// The store of the workers.
pub(crate) type FaultyStore = Gated<Faults>;

/// Counts what is written, and strikes where it is told to.
pub(crate) struct Faults {
    store: Arc<dyn LabStore>,
    cancel_at: Option<JobStatus>,
    cancel_is_accepted: AtomicBool,
    cuts: Mutex<BTreeMap<u64, Cut>>,
    written: AtomicU64,
    strikes: Mutex<Vec<Strike>>,
    struck: mpsc::UnboundedSender<Cut>,
    paused: watch::Sender<Vec<WorkerId>>,
}

/// A fault that has struck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strike {
    pub(crate) cut: Cut,
    /// The number in the journal of the entry that it struck, and when that was made.
    pub(crate) seq: u64,
    pub(crate) at: DateTime<Utc>,
}

/// A store with faults, and where it tells which ones have struck.
pub(crate) fn faulty(
    store: Arc<dyn LabStore>,
    cancel_at: Option<JobStatus>,
    cuts: BTreeMap<u64, Cut>,
) -> (Arc<FaultyStore>, mpsc::UnboundedReceiver<Cut>) {
    let (struck, told) = mpsc::unbounded_channel();
    let gate = Faults {
        store: Arc::clone(&store),
        cancel_at,
        cancel_is_accepted: AtomicBool::new(false),
        cuts: Mutex::new(cuts),
        written: AtomicU64::new(0),
        strikes: Mutex::default(),
        struck,
        paused: watch::Sender::new(Vec::new()),
    };
    (Arc::new(Gated { store, gate }), told)
}

impl Faults {
    /// How many entries were sent.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The faults that have not struck yet.
    pub(crate) fn open_cuts(&self) -> usize {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a person has cancelled the job and was told so.
    pub(crate) fn accepted(&self) -> Cancel {
        if self.cancel_is_accepted.load(Ordering::Relaxed) {
            Cancel::Accepted
        } else {
            Cancel::None
        }
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

    /// Stops the worker here until it is let go.
    async fn pause(&self, cut: Cut, worker: &WorkerId) {
        self.paused.send_modify(|paused| paused.push(worker.clone()));
        self.tell(cut);
        self.goes_on(worker).await;
    }

    fn tell(&self, cut: Cut) {
        self.struck.send(cut).expect("the trial listens");
    }

    /// The fault at this entry of the journal, if there is one.
    fn cut_at(&self, batch: &Batch) -> Option<Cut> {
        if batch.events.is_empty() {
            return None;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let (cut, first) = (cuts.remove(&number)?, batch.events.first()?);
        let (seq, at) = (first.seq, first.at);
        self.strikes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Strike { cut, seq, at });
        Some(cut)
    }

    /// The faults that have struck.
    pub(crate) fn strikes(&self) -> Vec<Strike> {
        self.strikes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn cancel(&self, job: &JobId) -> Result<(), StoreError> {
        let cancel = JobRequest::Cancel;
        let asked = self
            .store
            .submit_request(job, &Actor::named("operator"), &cancel)
            .await?;
        if matches!(asked, RequestOutcome::Noted { .. }) {
            self.cancel_is_accepted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn before(&self, worker: &WorkerId, cut: Option<Cut>) -> Result<(), StoreError> {
        match cut {
            Some(Cut::KilledBefore) => {
                self.tell(Cut::KilledBefore);
                std::future::pending().await
            }
            Some(Cut::PausedBefore) => self.pause(Cut::PausedBefore, worker).await,
            Some(Cut::NotWritten) => {
                self.tell(Cut::NotWritten);
                return Err(away());
            }
            Some(Cut::KilledAfter | Cut::PausedAfter | Cut::AnswerLost | Cut::Cancelled) | None => {}
        }
        Ok(())
    }

    async fn after(&self, lease: &Lease, batch: &Batch, cut: Option<Cut>) -> Result<(), StoreError> {
        if !batch.events.is_empty() && self.cancel_at == Some(batch.projection.status) {
            self.cancel(&lease.job_id).await?;
        }
        match cut {
            Some(Cut::KilledAfter) => {
                self.tell(Cut::KilledAfter);
                std::future::pending().await
            }
            Some(Cut::PausedAfter) => self.pause(Cut::PausedAfter, &lease.worker).await,
            Some(Cut::AnswerLost) => {
                self.tell(Cut::AnswerLost);
                return Err(away());
            }
            Some(Cut::Cancelled) => self.cancel(&lease.job_id).await?,
            Some(Cut::KilledBefore | Cut::PausedBefore | Cut::NotWritten) | None => {}
        }
        Ok(())
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the database is away".to_owned())
}

#[async_trait]
impl Gate for Faults {
    type Pass = Option<Cut>;

    async fn enter(&self, call: Call<'_>) -> Result<Self::Pass, StoreError> {
        match call {
            Call::Append(lease, batch) => {
                self.goes_on(&lease.worker).await;
                let cut = self.cut_at(batch);
                self.before(&lease.worker, cut).await?;
                Ok(cut)
            }
            Call::Renew(worker) | Call::Claim(worker) => {
                self.goes_on(worker).await;
                Ok(None)
            }
            Call::Write | Call::Read => Ok(None),
        }
    }

    async fn leave(&self, call: Call<'_>, cut: Self::Pass) -> Result<(), StoreError> {
        match call {
            Call::Append(lease, batch) => self.after(lease, batch, cut).await,
            Call::Renew(_) | Call::Claim(_) | Call::Write | Call::Read => Ok(()),
        }
    }
}
