//! A store in one file: every change writes the whole state beside the file, which then takes its place.
//!
//! That is enough for a tool with a few jobs on one machine, and it is all that the engine asks for: a change is kept whole
//! or not at all, only while the lease holds, and the same change twice is one.

mod inventory;
mod jobs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use failover_access::{AuditEntry, AuditHead, AuditRow};
use failover_domain::{JobId, NetworkMapping, SourceVm, VmId, VolumeId};
use failover_engine::ports::{JobRecord, ResourceRow, StoreError, VolumeRow, WorkerId};
use failover_engine::request::StoredRequest;
use failover_engine::{Plan, SharedClock, StoredEvent};
use serde::{Deserialize, Serialize};

/// The store.
pub(crate) struct FileStore {
    path: PathBuf,
    clock: SharedClock,
    state: Mutex<State>,
}

/// Everything that is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    jobs: BTreeMap<JobId, Job>,
    /// Until when each worker's lease lasts.
    workers: BTreeMap<WorkerId, DateTime<Utc>>,
    vms: BTreeMap<VmId, SourceVm>,
    /// Replicas that must be synchronised from the start.
    resync: BTreeSet<VolumeId>,
    mappings: BTreeMap<VmId, Vec<NetworkMapping>>,
    audit: Vec<AuditRow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    record: JobRecord,
    plan: Plan,
    events: Vec<StoredEvent>,
    volumes: BTreeMap<usize, VolumeRow>,
    resources: Vec<ResourceRow>,
    requests: Vec<StoredRequest>,
}

impl FileStore {
    /// Opens the file, or begins with nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read: it may be what is left of somebody's jobs, so it is not overwritten.
    pub(crate) fn open(path: &Path, clock: SharedClock) -> io::Result<Self> {
        let state = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::other(format!("{} is no store: {error}", path.display())))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            clock,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change: on a copy, which becomes the state once it is in the file. A change that fails leaves no trace.
    fn change<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut State, DateTime<Utc>) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut changed = state.clone();
        let answer = change(&mut changed, now)?;
        let kept = self.keep(&changed);
        kept.map_err(|error| StoreError::Unavailable(format!("{}: {error}", self.path.display())))?;
        *state = changed;
        Ok(answer)
    }

    /// Writes the state to the disk before it takes the file's name: a power cut leaves the old file or the new one.
    fn keep(&self, state: &State) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

impl State {
    /// Keeps the row of a change beside the change.
    fn note(&mut self, at: DateTime<Utc>, entry: &AuditEntry) {
        let head = self.audit.last().map_or_else(AuditHead::start, AuditRow::head);
        self.audit.push(AuditRow::after(&head, at, entry));
    }

    fn active_job(&self, vm: &VmId) -> Option<JobId> {
        let mut of_vm = self.jobs.values().filter(|job| job.record.vm_id == *vm);
        of_vm
            .find(|job| job.is_active())
            .map(|job| job.record.job_id.clone())
    }

    /// Forgets workers whose lease has ended; whoever owned a job and is not among the living owns it no more.
    fn free_jobs_of_the_dead(&mut self, now: DateTime<Utc>) {
        self.workers.retain(|_, until| *until > now);
        for job in self.jobs.values_mut() {
            job.record.owner = job
                .record
                .owner
                .take()
                .filter(|owner| self.workers.contains_key(owner));
        }
    }
}

impl Job {
    fn is_active(&self) -> bool {
        !self.record.projection.status.is_final()
    }
}
