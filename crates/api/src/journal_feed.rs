//! The journals of jobs as they grow, for the event streams of this process.
//!
//! A job that is watched is looked at by one task, however many streams watch it: the task asks for the job's row
//! every [`INTERVAL`], reads what is new of its journal, and shows both to all streams. A stream that is further behind
//! than what the task keeps reads the journal itself until it has caught up, so a stream can begin anywhere, on any
//! process, and neither loses nor repeats an entry: an entry's number is its place in the journal of the database.
//!
//! A database that does not answer ends no stream. The task looks again, and streams go on where they were.

mod stream;
mod tail;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use failover_domain::JobId;
use failover_engine::SharedClock;
use failover_engine::ports::{JobRecord, JobStore, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use stream::{JournalStream, Sent};
use tail::Tail;

/// How often a watched job is looked at: soon enough for a person who looks on, and two queries a second for the database.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);

/// How many entries are read at once.
const PAGE: usize = 200;

/// The journals that are watched in this process.
#[derive(Clone)]
pub(crate) struct JournalFeeds {
    jobs: Arc<dyn JobStore>,
    clock: SharedClock,
    watched: Arc<Mutex<BTreeMap<JobId, watch::Sender<Tail>>>>,
    places: Arc<Semaphore>,
}

impl JournalFeeds {
    /// Feeds from `jobs` for at most `most` streams at once.
    pub(crate) fn new(jobs: Arc<dyn JobStore>, clock: SharedClock, most: usize) -> Self {
        Self {
            jobs,
            clock,
            watched: Arc::default(),
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// A place for one more stream; `None` when there are as many as are allowed.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// What is seen of a job's journal from now on.
    fn watch(&self, record: &JobRecord) -> watch::Receiver<Tail> {
        let begun = Tail::after(record);
        if begun.is_ended {
            return watch::channel(begun).1;
        }
        let mut watched = self.watched();
        if let Some(sender) = watched.get(&record.job_id) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(begun);
        watched.insert(record.job_id.clone(), sender.clone());
        tokio::spawn(self.clone().look(record.job_id.clone(), sender));
        receiver
    }

    /// Looks at one job until it has ended or nobody watches it any more.
    async fn look(self, job_id: JobId, sender: watch::Sender<Tail>) {
        let mut is_trouble = false;
        loop {
            self.clock.sleep(INTERVAL).await;
            {
                // Under the lock, so that nobody joins a job that is given up here.
                let mut watched = self.watched();
                if sender.receiver_count() == 0 {
                    watched.remove(&job_id);
                    return;
                }
            }
            let looked = self.look_once(&job_id, &sender).await;
            match &looked {
                Err(error) if !is_trouble => {
                    tracing::warn!(%job_id, %error, "The journal cannot be read for its streams; looking again.");
                }
                Ok(()) | Err(_) => {}
            }
            is_trouble = looked.is_err();
            if sender.borrow().is_ended {
                self.watched().remove(&job_id);
                return;
            }
        }
    }

    async fn look_once(&self, job_id: &JobId, sender: &watch::Sender<Tail>) -> Result<(), StoreError> {
        let Some(record) = self.jobs.job(job_id).await? else {
            return Ok(());
        };
        loop {
            let known = sender.borrow().last_seq;
            let new = if known < record.last_seq {
                self.jobs.events(job_id, known, PAGE).await?
            } else {
                Vec::new()
            };
            let is_over = new.is_empty();
            if !is_over || record.projection.status.is_final() {
                sender.send_modify(|tail| tail.grow(new, &record));
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, BTreeMap<JobId, watch::Sender<Tail>>> {
        // No operation leaves the map half changed when it panics, so a poisoned lock means nothing.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
