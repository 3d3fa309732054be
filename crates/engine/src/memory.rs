//! A store in memory: for the engine's own tests on virtual time, and as the pattern for a foreign program
//! that brings its own persistence.
//!
//! Everything is lost with the value. Otherwise it keeps every promise of [`crate::ports`], as the suite in
//! `failover_engine::contract` shows. Leases are judged by the clock that it is given.

mod access;
mod idempotency;
mod inventory;
mod jobs;
mod looks;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use failover_access::{AuditRow, StoredToken};
use failover_domain::{FailoverType, JobId, NetworkMapping, Purpose, SourceVm, VmId, VolumeId};

use crate::clock::SharedClock;
use crate::event::StoredEvent;
use crate::idempotency::IdempotencyKey;
use crate::looks::ReadinessLook;
use crate::plan::Plan;
use crate::ports::{JobRecord, ResourceKind, ResourceRow, VolumeRow, WorkerId};
use crate::request::StoredRequest;

use idempotency::KeyRow;

/// Jobs, inventory, mappings, tokens, idempotency keys and the audit in memory. See the [module](self).
pub struct MemoryStore {
    clock: SharedClock,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    jobs: BTreeMap<JobId, JobTable>,
    /// Until when each worker's lease lasts.
    workers: BTreeMap<WorkerId, DateTime<Utc>>,
    vms: BTreeMap<VmId, SourceVm>,
    /// Replicas that must be synchronised from the start.
    resync: BTreeSet<VolumeId>,
    mappings: BTreeMap<VmId, BTreeMap<(String, Purpose), NetworkMapping>>,
    audit: Vec<AuditRow>,
    tokens: Vec<StoredToken>,
    keys: BTreeMap<(String, IdempotencyKey), KeyRow>,
    looks: HashMap<(VmId, FailoverType), ReadinessLook>,
}

struct JobTable {
    record: JobRecord,
    plan: Plan,
    events: Vec<StoredEvent>,
    volumes: BTreeMap<usize, VolumeRow>,
    resources: BTreeMap<(ResourceKind, String), ResourceRow>,
    requests: Vec<StoredRequest>,
}

impl JobTable {
    fn is_active(&self) -> bool {
        !self.record.projection.status.is_final()
    }
}

impl MemoryStore {
    /// An empty store whose leases are judged by `clock`.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            tables: Mutex::default(),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No operation leaves the tables half changed when it panics, so a poisoned lock means nothing.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables();
        f.debug_struct("MemoryStore")
            .field("jobs", &tables.jobs.len())
            .field("workers", &tables.workers.len())
            .field("vms", &tables.vms.len())
            .finish()
    }
}

impl Tables {
    fn active_job(&self, vm: &VmId) -> Option<JobId> {
        let of_vm = self
            .jobs
            .values()
            .find(|j| j.record.vm_id == *vm && j.is_active());
        of_vm.map(|j| j.record.job_id.clone())
    }
}
