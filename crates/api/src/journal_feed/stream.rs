//! One stream over one journal.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::JobId;
use failover_engine::event::StoredEvent;
use failover_engine::ports::{JobRecord, StoreError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::tail::Tail;
use super::{INTERVAL, JournalFeeds, PAGE};

/// After which silence something is sent, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a stream may last. Whoever comes back then shows their token anew, so a token that was taken back in between
/// does not go on seeing.
const LONGEST: TimeDelta = TimeDelta::minutes(30);

/// What a stream sends.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The next entry of the journal.
    Entry(Arc<StoredEvent>),
    /// Nothing new, but somebody is there.
    Heartbeat,
    /// The job has ended, and its last entry was sent.
    End,
}

/// A stream over the journal of one job, after a place in it.
pub(crate) struct JournalStream {
    feeds: JournalFeeds,
    job_id: JobId,
    tail: watch::Receiver<Tail>,
    /// The number of the last entry that was sent.
    position: u64,
    ready: VecDeque<Arc<StoredEvent>>,
    has_ended: bool,
    cut_at: DateTime<Utc>,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl JournalStream {
    /// The stream of the job of `record`, after entry `after`, until the job has ended or `shutdown` is cancelled.
    pub(crate) fn new(
        feeds: &JournalFeeds,
        record: &JobRecord,
        after: u64,
        place: OwnedSemaphorePermit,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            tail: feeds.watch(record),
            feeds: feeds.clone(),
            job_id: record.job_id.clone(),
            position: after,
            ready: VecDeque::new(),
            has_ended: false,
            cut_at: feeds.clock.now() + LONGEST,
            shutdown,
            _place: place,
        }
    }

    /// What is sent next; `None` when that was all.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        let shutdown = self.shutdown.clone();
        let clock = Arc::clone(&self.feeds.clock);
        let left = (self.cut_at - clock.now()).to_std().unwrap_or_default();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            () = clock.sleep(left) => None,
            next = self.next_until_shutdown() => next,
        }
    }

    async fn next_until_shutdown(&mut self) -> Option<Sent> {
        let clock = Arc::clone(&self.feeds.clock);
        let mut silence = clock.sleep(HEARTBEAT);
        loop {
            if self.has_ended {
                return None;
            }
            if let Some(entry) = self.ready.pop_front() {
                self.position = entry.seq;
                return Some(Sent::Entry(entry));
            }
            let (last_seq, is_ended) = {
                let tail = self.tail.borrow_and_update();
                (tail.last_seq, tail.is_ended)
            };
            if self.position < last_seq {
                if self.fill().await.is_ok() && !self.ready.is_empty() {
                    continue;
                }
                // The database is away. What is missing now is read when it is back.
                tokio::select! {
                    () = &mut silence => return Some(Sent::Heartbeat),
                    () = clock.sleep(INTERVAL) => continue,
                }
            }
            if is_ended {
                self.has_ended = true;
                return Some(Sent::End);
            }
            tokio::select! {
                () = &mut silence => return Some(Sent::Heartbeat),
                changed = self.tail.changed() => changed.ok()?,
            }
        }
    }

    /// Gets the next entries ready: those that are kept, or else a piece of the journal.
    async fn fill(&mut self) -> Result<(), StoreError> {
        let kept = self.tail.borrow().entries_after(self.position);
        self.ready = match kept {
            Some(kept) => kept,
            None => {
                let read = self.feeds.jobs.events(&self.job_id, self.position, PAGE).await?;
                read.into_iter().map(Arc::new).collect()
            }
        };
        Ok(())
    }
}
