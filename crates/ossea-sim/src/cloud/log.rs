//! The simulator's own record: which requests arrived, and who wrote what where. The oracle of the tests.

use chrono::{DateTime, Utc};
use failover_domain::{AsyncJobId, CloudVmId, SnapshotId, VolumeId};
use serde::{Deserialize, Serialize};

/// One entry of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The place in the record, from 0.
    pub sequence: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub event: LogEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LogEvent {
    /// A request that would change the cloud arrived. Lost requests never do.
    Call(CallRecord),
    /// The cloud changed.
    Effect {
        /// The job that did it, where one did.
        #[serde(skip_serializing_if = "Option::is_none")]
        job: Option<AsyncJobId>,
        /// The change.
        #[serde(flatten)]
        effect: Effect,
    },
    /// The management server was restarted, and this many jobs were cut off.
    Restarted {
        /// The number of jobs.
        interrupted: usize,
    },
}

/// A request that would change the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The command's API name.
    pub command: String,
    /// The client's own job id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Ids and names of the objects that it names.
    pub objects: Vec<String>,
    /// `None` when it was accepted, else the error's code. What the client got to see may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u32>,
}

/// A change of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effect {
    VmCreated {
        vm: CloudVmId,
        name: String,
    },
    VmStarted {
        vm: CloudVmId,
    },
    VmStopped {
        vm: CloudVmId,
        cause: StopCause,
    },
    VmDestroyed {
        vm: CloudVmId,
    },
    VmExpunged {
        vm: CloudVmId,
    },
    VolumeAttached {
        volume: VolumeId,
        vm: CloudVmId,
        device: u32,
    },
    VolumeDetached {
        volume: VolumeId,
        vm: CloudVmId,
        device: u32,
    },
    VolumeDeleted {
        volume: VolumeId,
        generation: u64,
    },
    GuestWrote {
        vm: CloudVmId,
        volume: VolumeId,
        generation: u64,
    },
    SnapshotTaken {
        snapshot: SnapshotId,
        volume: VolumeId,
        generation: u64,
    },
    SnapshotReverted {
        snapshot: SnapshotId,
        volume: VolumeId,
        generation: u64,
    },
    SnapshotDeleted {
        snapshot: SnapshotId,
        volume: VolumeId,
    },
}

/// Why a VM stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// A command.
    Asked,
    /// The guest powered off.
    Guest,
}

/// The record of a cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    entries: Vec<LogEntry>,
}

impl Log {
    pub(crate) fn record(&mut self, at: DateTime<Utc>, event: LogEvent) {
        let sequence = self.entries.len() as u64;
        self.entries.push(LogEntry { sequence, at, event });
    }

    /// Records a call before its effects; [`Log::refused`] tells later how it went.
    pub(crate) fn record_call(&mut self, at: DateTime<Utc>, call: CallRecord) -> usize {
        self.record(at, LogEvent::Call(call));
        self.entries.len() - 1
    }

    pub(crate) fn refused(&mut self, place: usize, code: u32) {
        if let Some(LogEntry {
            event: LogEvent::Call(call),
            ..
        }) = self.entries.get_mut(place)
        {
            call.refused = Some(code);
        }
    }

    pub(crate) fn entries(&self) -> &[LogEntry] {
        &self.entries
    }
}
