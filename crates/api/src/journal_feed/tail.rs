//! The newest entries of a journal, as one look at the database after the other has found them.

use std::collections::VecDeque;
use std::sync::Arc;

use failover_engine::event::StoredEvent;
use failover_engine::ports::JobRecord;

/// How many entries are kept for streams: those that keep up need the newest few.
const KEPT: usize = 256;

/// The newest entries of a journal. They have no gaps.
#[derive(Debug)]
pub(super) struct Tail {
    entries: VecDeque<Arc<StoredEvent>>,
    /// The number of the last entry that was seen.
    pub(super) last_seq: u64,
    /// Whether the job has ended and this is all.
    pub(super) is_ended: bool,
}

impl Tail {
    /// What follows after a job's row.
    pub(super) fn after(record: &JobRecord) -> Self {
        Self {
            entries: VecDeque::new(),
            last_seq: record.last_seq,
            is_ended: record.projection.status.is_final(),
        }
    }

    /// Takes in entries that follow the last one, and the row that was read before them.
    pub(super) fn grow(&mut self, new: Vec<StoredEvent>, record: &JobRecord) {
        for entry in new {
            self.last_seq = entry.seq;
            self.entries.push_back(Arc::new(entry));
        }
        let surplus = self.entries.len().saturating_sub(KEPT);
        self.entries.drain(..surplus);
        self.is_ended = record.projection.status.is_final() && self.last_seq >= record.last_seq;
    }

    /// The entries after `seq`, where all of them are kept.
    pub(super) fn entries_after(&self, seq: u64) -> Option<VecDeque<Arc<StoredEvent>>> {
        let first = self.entries.front()?.seq;
        (first <= seq + 1).then(|| self.entries.iter().filter(|e| e.seq > seq).cloned().collect())
    }
}
