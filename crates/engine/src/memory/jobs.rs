//! Jobs, journals and leases in memory.

use std::cmp::Reverse;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_access::Actor;
use failover_domain::{JobId, VmId};

use super::{JobTable, MemoryStore, Tables};
use crate::event::StoredEvent;
use crate::plan::Plan;
use crate::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, LivingWorker, NewJob,
    OpenRequest, RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId, Workers,
};
use crate::request::{JobRequest, StoredRequest};

#[async_trait]
impl JobStore for MemoryStore {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        let now = self.clock.now();
        self.tables().create(job, now)
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        Ok(self.tables().jobs.get(id).map(|j| j.record.clone()))
    }

    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        Ok(self.tables().jobs.get(id).map(|j| j.plan.clone()))
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        let tables = self.tables();
        let place = |r: &JobRecord| Reverse((r.created_at, r.job_id.clone()));
        let after = match &filter.after {
            None => None,
            Some(id) => match tables.jobs.get(id) {
                Some(job) => Some(place(&job.record)),
                None => return Ok(Vec::new()),
            },
        };
        let mut found: Vec<&JobRecord> = tables
            .jobs
            .values()
            .map(|j| &j.record)
            .filter(|r| filter.vm_id.as_ref().is_none_or(|vm| *vm == r.vm_id))
            .filter(|r| filter.vms.as_ref().is_none_or(|vms| vms.contains(&r.vm_id)))
            .filter(|r| filter.statuses.is_empty() || filter.statuses.contains(&r.projection.status))
            .filter(|r| filter.job_type.is_none_or(|t| t == r.job_type))
            .filter(|r| filter.needs_person.is_none_or(|needs| needs.holds_for(r)))
            .filter(|r| after.as_ref().is_none_or(|a| place(r) > *a))
            .collect();
        found.sort_by_key(|r| place(r));
        Ok(found.into_iter().take(filter.limit).cloned().collect())
    }

    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        Ok(self.tables().active_job(vm))
    }

    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let tables = self.tables();
        let all = tables.jobs.get(id).map_or(&[][..], |j| &j.events);
        Ok(all
            .iter()
            .filter(|e| e.seq > after)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .jobs
            .get(id)
            .map(|j| j.volumes.values().cloned().collect())
            .unwrap_or_default())
    }

    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .jobs
            .get(id)
            .map(|j| j.resources.values().cloned().collect())
            .unwrap_or_default())
    }

    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let Some(job) = tables.jobs.get_mut(id) else {
            return Ok(RequestOutcome::NoSuchJob);
        };
        if !job.is_active() {
            return Ok(RequestOutcome::AlreadyEnded);
        }
        if *request == JobRequest::Cancel
            && let Some(first) = job.requests.iter().find(|r| r.request == JobRequest::Cancel)
        {
            return Ok(RequestOutcome::Noted { number: first.number });
        }
        let number = job.requests.last().map_or(1, |r| r.number + 1);
        job.requests.push(StoredRequest {
            number,
            by: by.name.clone(),
            at: now,
            request: request.clone(),
        });
        if *request == JobRequest::Cancel {
            job.record.cancel_requested_by = Some(by.name.clone());
        }
        job.record.updated_at = now;
        let entry = request.entry(by, id, job.record.vm_id.clone());
        tables.note(now, &entry);
        Ok(RequestOutcome::Noted { number })
    }

    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        Ok(self
            .tables()
            .jobs
            .get(id)
            .map(|j| j.requests.clone())
            .unwrap_or_default())
    }

    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        let mut due: Vec<&JobRecord> = tables
            .jobs
            .values()
            .map(|j| &j.record)
            .filter(|r| r.settled_by.is_none() && r.projection.settle_at.is_some_and(|at| at <= now))
            .collect();
        due.sort_by_key(|r| (r.projection.settle_at, r.job_id.clone()));
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        let length = TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX);
        let until = self
            .clock
            .now()
            .checked_add_signed(length)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.tables().workers.insert(worker.clone(), until);
        Ok(())
    }

    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        tables.free_jobs_of_dead_workers(now);
        if !tables.workers.contains_key(worker) {
            return Ok(Vec::new());
        }
        let mut free: Vec<&mut JobTable> = tables
            .jobs
            .values_mut()
            .filter(|j| j.is_active() && j.record.owner.is_none())
            .collect();
        free.sort_by_key(|j| (j.record.created_at, j.record.job_id.clone()));
        Ok(free
            .into_iter()
            .take(limit)
            .map(|job| job.claim(worker))
            .collect())
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        // A database takes a moment here; so does this one, so that tests see what waits for what.
        self.clock.sleep(Duration::from_millis(1)).await;
        let now = self.clock.now();
        let mut tables = self.tables();
        let lost = || AppendError::LeaseLost(lease.job_id.clone());
        let job = tables.jobs.get_mut(&lease.job_id).ok_or_else(lost)?;
        if job.record.epoch != lease.epoch {
            return Err(lost());
        }
        let is_owner = job.record.owner.as_ref() == Some(&lease.worker);
        if (is_owner || batch.projection.status.is_final()) && job.has_already(batch) {
            return Ok(());
        }
        if !is_owner {
            return Err(lost());
        }
        batch.check_sequence(&lease.job_id, job.record.last_seq)?;
        let asked = job.requests.last().map_or(0, |r| r.number);
        if batch.must_have_heard_all() && asked > batch.projection.heard {
            return Err(AppendError::RequestUnheard(lease.job_id.clone()));
        }
        job.commit(batch, now);
        Ok(())
    }

    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        let tables = self.tables();
        let of_worker = tables
            .jobs
            .values()
            .filter(|j| j.record.owner.as_ref() == Some(worker));
        let unheard = of_worker.flat_map(|job| {
            let heard = job.record.projection.heard;
            let open = job.requests.iter().filter(move |r| r.number > heard);
            open.map(|request| OpenRequest {
                job_id: job.record.job_id.clone(),
                request: request.clone(),
            })
        });
        Ok(unheard.collect())
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let job = tables.jobs.get_mut(&lease.job_id).map(|j| &mut j.record);
        if let Some(held) = job.filter(|r| r.epoch == lease.epoch && r.owner.as_ref() == Some(&lease.worker))
        {
            held.owner = None;
        }
        Ok(())
    }

    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        tables.workers.remove(worker);
        tables.free_jobs_of_dead_workers(now);
        Ok(())
    }
}

#[async_trait]
impl Workers for MemoryStore {
    async fn living_workers(&self) -> Result<Vec<LivingWorker>, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        let living = tables.workers.iter().filter(|(_, until)| **until > now);
        let view = |(worker, until): (&WorkerId, &DateTime<Utc>)| {
            let owned = |job: &&JobTable| job.record.owner.as_ref() == Some(worker);
            LivingWorker {
                worker: worker.clone(),
                lease_left: (*until - now).to_std().unwrap_or_default(),
                jobs: tables.jobs.values().filter(owned).count(),
            }
        };
        Ok(living.map(view).collect())
    }
}

impl Tables {
    /// Creates a job, if nothing is against it.
    pub(super) fn create(&mut self, job: NewJob, now: DateTime<Utc>) -> Result<JobId, CreateError> {
        let vm_id = job.plan.vm_id.clone();
        if let Some(job_id) = self.active_job(&vm_id) {
            return Err(CreateError::Active { vm_id, job_id });
        }
        if let Some(settled) = job.plan.settles() {
            let by = self
                .jobs
                .get(&settled.job)
                .and_then(|j| j.record.settled_by.clone());
            if let Some(by) = by {
                let of = settled.job.clone();
                return Err(CreateError::Settled { of, by });
            }
        }
        let job_id = (0..)
            .map(|collision| JobId::new(job.plan.job_type, &vm_id, job.at, collision))
            .find(|id| !self.jobs.contains_key(id))
            .expect("2^32 seconds are never all taken");
        let settles = job.plan.settles().map(|settled| settled.job.clone());
        if let Some(live) = settles.and_then(|id| self.jobs.get_mut(&id)) {
            live.record.settled_by = Some(job_id.clone());
        }
        self.note(now, &job.audited(&job_id));
        self.jobs
            .insert(job_id.clone(), JobTable::open(job_id.clone(), job));
        Ok(job_id)
    }

    /// Forgets workers whose lease has ended, and frees every job whose owner is not among the living.
    fn free_jobs_of_dead_workers(&mut self, now: DateTime<Utc>) {
        self.workers.retain(|_, until| *until > now);
        for job in self.jobs.values_mut() {
            if job
                .record
                .owner
                .as_ref()
                .is_some_and(|owner| !self.workers.contains_key(owner))
            {
                job.record.owner = None;
            }
        }
    }
}

impl JobTable {
    fn open(job_id: JobId, job: NewJob) -> Self {
        let opening = job.opening_batch();
        let record = JobRecord {
            job_id,
            vm_id: job.plan.vm_id.clone(),
            job_type: job.plan.job_type,
            requested_by: job.requested_by.name,
            source_vm_name: job.plan.source_vm_name.clone(),
            projection: opening.projection.clone(),
            cancel_requested_by: None,
            settled_by: None,
            created_at: job.at,
            updated_at: job.at,
            last_seq: 0,
            owner: None,
            epoch: 0,
        };
        let (events, volumes, resources, requests) = Default::default();
        let mut table = Self {
            record,
            plan: job.plan,
            events,
            volumes,
            resources,
            requests,
        };
        table.commit(&opening, job.at);
        table
    }

    fn claim(&mut self, worker: &WorkerId) -> ClaimedJob {
        self.record.owner = Some(worker.clone());
        self.record.epoch += 1;
        let lease = Lease {
            job_id: self.record.job_id.clone(),
            worker: worker.clone(),
            epoch: self.record.epoch,
        };
        ClaimedJob {
            lease,
            plan: self.plan.clone(),
            events: self.events.clone(),
        }
    }

    /// Whether a batch was committed before: its sender did not hear of it and sends it again.
    fn has_already(&self, batch: &Batch) -> bool {
        let stored = |seq: u64| self.events.get(usize::try_from(seq).ok()?.checked_sub(1)?);
        !batch.events.is_empty() && batch.events.iter().all(|e| stored(e.seq) == Some(e))
    }

    fn commit(&mut self, batch: &Batch, now: DateTime<Utc>) {
        self.events.extend(batch.events.iter().cloned());
        self.volumes
            .extend(batch.volumes.iter().map(|v| (v.disk, v.clone())));
        self.resources.extend(
            batch
                .resources
                .iter()
                .map(|r| ((r.kind, r.name.clone()), r.clone())),
        );
        self.record.projection = batch.projection.clone();
        self.record.last_seq = self.events.last().map_or(0, |e| e.seq);
        self.record.updated_at = now;
        if !self.is_active() {
            self.record.owner = None;
        }
    }
}
