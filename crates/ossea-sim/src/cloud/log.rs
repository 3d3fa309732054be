//! The simulator's own record: which requests arrived, and who wrote what where. The oracle of the tests.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use failover_domain::{AsyncJobId, CloudVmId, NetworkId, NicId, SnapshotId, VmSnapshotId, VolumeId};
use serde::{Deserialize, Serialize};

use crate::contents::Protection;

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
    VmRecovered {
        vm: CloudVmId,
    },
    ProtectionChanged {
        /// A VM or a volume.
        object: String,
        protection: Protection,
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
    VolumeMigrated {
        volume: VolumeId,
        /// The names of the pools.
        from: String,
        to: String,
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
    VmSnapshotTaken {
        snapshot: VmSnapshotId,
        vm: CloudVmId,
        /// Of the content of each disk.
        generations: BTreeMap<VolumeId, u64>,
    },
    VmSnapshotReverted {
        snapshot: VmSnapshotId,
        vm: CloudVmId,
        /// Of the content of each disk from now on.
        generations: BTreeMap<VolumeId, u64>,
    },
    VmSnapshotDeleted {
        snapshot: VmSnapshotId,
        vm: CloudVmId,
    },
    /// Deleted as far as callers can see; the row stays because others rest on it.
    VmSnapshotHidden {
        snapshot: VmSnapshotId,
        vm: CloudVmId,
    },
    NicAdded {
        vm: CloudVmId,
        nic: NicId,
        network: NetworkId,
    },
    NicRemoved {
        vm: CloudVmId,
        nic: NicId,
    },
    DefaultNicChanged {
        vm: CloudVmId,
        nic: NicId,
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
    /// A forced stop: the guest runs on where nobody reaches it.
    LeftBehind,
}

/// So many entries are always kept; a cloud that runs for weeks must not fill the memory with what its guests wrote.
const KEPT: usize = 250_000;

/// The record of a cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    entries: Vec<LogEntry>,
    /// How many entries were forgotten.
    forgotten: u64,
}

impl Log {
    pub(crate) fn record(&mut self, at: DateTime<Utc>, event: LogEvent) {
        // Half is dropped at a time, so that an entry costs the same whether the record is full or not.
        if self.entries.len() >= 2 * KEPT {
            self.entries.drain(..KEPT);
            self.forgotten += KEPT as u64;
        }
        let sequence = self.forgotten + self.entries.len() as u64;
        self.entries.push(LogEntry { sequence, at, event });
    }

    /// Records a call before its effects; [`Log::refused`] tells later how it went.
    pub(crate) fn record_call(&mut self, at: DateTime<Utc>, call: CallRecord) -> u64 {
        self.record(at, LogEvent::Call(call));
        self.forgotten + self.entries.len() as u64 - 1
    }

    pub(crate) fn refused(&mut self, sequence: u64, code: u32) {
        let place = sequence
            .checked_sub(self.forgotten)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(LogEntry {
            event: LogEvent::Call(call),
            ..
        }) = place.and_then(|place| self.entries.get_mut(place))
        {
            call.refused = Some(code);
        }
    }

    pub(crate) fn entries(&self) -> &[LogEntry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_forgets_its_beginning_and_keeps_its_numbers() {
        let mut log = Log::default();
        let restarted = || LogEvent::Restarted { interrupted: 0 };
        (0..2 * KEPT).for_each(|_| log.record(DateTime::UNIX_EPOCH, restarted()));
        let call = CallRecord {
            command: "attachVolume".to_owned(),
            key: None,
            objects: Vec::new(),
            refused: None,
        };
        let place = log.record_call(DateTime::UNIX_EPOCH, call);
        log.refused(place, 431);
        assert_eq!((place, log.entries().len()), (2 * KEPT as u64, KEPT + 1));
        let Some(LogEntry {
            sequence,
            event: LogEvent::Call(call),
            ..
        }) = log.entries().last()
        else {
            panic!("the call is the last entry")
        };
        assert_eq!((*sequence, call.refused), (place, Some(431)));
    }
}
