//! The newest log records of a process, in memory: for whoever must know what it did just now and cannot get at its log.
//!
//! [`LogRing::layer`] is a layer of `tracing` that notes every record that the other layers see too; so it holds nothing
//! that the log does not, and what keeps secrets out of the log keeps them out of here. A record carries its own fields
//! and those of the spans around it. The number of records and the length of each text are bounded, so the memory is.

mod layer;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tracing::Level;

pub use layer::RingLayer;

/// The longest text of a record, in characters: longer ones are cut.
const LONGEST_TEXT: usize = 2000;

/// What tells the time.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogRecord {
    /// Its number within the process, from 1.
    pub number: u64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// How much it matters: `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// The module that made it.
    pub target: String,
    /// What happened.
    pub message: String,
    /// What it happened to: its own fields, and those of the spans around it.
    pub fields: BTreeMap<String, String>,
}

/// The newest records of this process. Cheap to clone.
#[derive(Clone)]
pub struct LogRing {
    records: Arc<Mutex<Records>>,
    now: Now,
    capacity: usize,
}

#[derive(Default)]
struct Records {
    newest: VecDeque<LogRecord>,
    made: u64,
}

impl LogRing {
    /// A ring that keeps `capacity` records, dated by `now`.
    pub fn new(capacity: usize, now: Now) -> Self {
        Self {
            records: Arc::default(),
            now,
            capacity,
        }
    }

    /// The layer that fills it.
    pub fn layer(&self) -> RingLayer {
        RingLayer::new(self.clone())
    }

    /// The newest records that matter at least as much as `least`, oldest first, at most `limit`.
    pub fn newest(&self, least: Level, limit: usize) -> Vec<LogRecord> {
        let records = self.records();
        let matters = |record: &&LogRecord| record.level.parse::<Level>().is_ok_and(|level| level <= least);
        let mut newest: Vec<LogRecord> = records
            .newest
            .iter()
            .rev()
            .filter(matters)
            .take(limit)
            .cloned()
            .collect();
        newest.reverse();
        newest
    }

    /// How many records were made since the process began, those that are gone included.
    pub fn made(&self) -> u64 {
        self.records().made
    }

    fn push(&self, level: Level, target: &str, message: String, fields: BTreeMap<String, String>) {
        let at = (self.now)();
        let mut records = self.records();
        records.made += 1;
        let number = records.made;
        if records.newest.len() >= self.capacity {
            records.newest.pop_front();
        }
        records.newest.push_back(LogRecord {
            number,
            at,
            level: level.to_string(),
            target: target.to_owned(),
            message,
            fields,
        });
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // A record is pushed whole or not at all, so a poisoned lock means nothing.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
impl fmt::Debug for LogRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRing")
            .field("capacity", &self.capacity)
            .field("made", &self.made())
            .finish_non_exhaustive()
    }
}

/// A text, cut to what is worth keeping.
fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
