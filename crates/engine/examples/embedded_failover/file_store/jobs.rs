//! Jobs, journals and leases.

use std::cmp::Reverse;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_access::Actor;
use failover_domain::{JobId, VmId};
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};

use super::{FileStore, Job};

#[async_trait]
impl JobStore for FileStore {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.change(|state, now| {
            let vm_id = job.plan.vm_id.clone();
            if let Some(job_id) = state.active_job(&vm_id) {
                return Err(CreateError::Active { vm_id, job_id });
            }
            let mut ids = (0..).map(|taken| JobId::new(job.plan.job_type, &vm_id, job.at, taken));
            let free = ids.find(|id| !state.jobs.contains_key(id));
            let job_id = free.expect("the seconds are never all taken");
            if let Some(of) = job.plan.settles().map(|settled| settled.job.clone())
                && let Some(live) = state.jobs.get_mut(&of)
            {
                if let Some(by) = live.record.settled_by.clone() {
                    return Err(CreateError::Settled { of, by });
                }
                live.record.settled_by = Some(job_id.clone());
            }
            state.note(now, &job.audited(&job_id));
            state.jobs.insert(job_id.clone(), Job::open(job_id.clone(), job));
            Ok(job_id)
        })
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        Ok(self.state().jobs.get(id).map(|job| job.record.clone()))
    }

    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        Ok(self.state().jobs.get(id).map(|job| job.plan.clone()))
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        let state = self.state();
        let place = |record: &JobRecord| Reverse((record.created_at, record.job_id.clone()));
        let after = match filter.after.as_ref().map(|id| state.jobs.get(id)) {
            None => None,
            Some(Some(job)) => Some(place(&job.record)),
            Some(None) => return Ok(Vec::new()),
        };
        let mut found: Vec<&JobRecord> = state
            .jobs
            .values()
            .map(|job| &job.record)
            .filter(|r| filter.vm_id.as_ref().is_none_or(|vm| *vm == r.vm_id))
            .filter(|r| filter.vms.as_ref().is_none_or(|vms| vms.contains(&r.vm_id)))
            .filter(|r| filter.statuses.is_empty() || filter.statuses.contains(&r.projection.status))
            .filter(|r| filter.job_type.is_none_or(|wanted| wanted == r.job_type))
            .filter(|r| filter.needs_person.is_none_or(|needs| needs.holds_for(r)))
            .filter(|r| after.as_ref().is_none_or(|after| place(r) > *after))
            .collect();
        found.sort_by_key(|record| place(record));
        Ok(found.into_iter().take(filter.limit).cloned().collect())
    }

    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        Ok(self.state().active_job(vm))
    }

    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let state = self.state();
        let events = state.jobs.get(id).into_iter().flat_map(|job| &job.events);
        Ok(events
            .filter(|event| event.seq > after)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        let state = self.state();
        let volumes = state
            .jobs
            .get(id)
            .into_iter()
            .flat_map(|job| job.volumes.values());
        Ok(volumes.cloned().collect())
    }

    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        let mut rows = self
            .state()
            .jobs
            .get(id)
            .map(|job| job.resources.clone())
            .unwrap_or_default();
        rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(rows)
    }

    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.change(|state, now| {
            let Some(job) = state.jobs.get_mut(id) else {
                return Ok(RequestOutcome::NoSuchJob);
            };
            if !job.is_active() {
                return Ok(RequestOutcome::AlreadyEnded);
            }
            if *request == JobRequest::Cancel {
                if let Some(first) = job.requests.iter().find(|r| r.request == JobRequest::Cancel) {
                    return Ok(RequestOutcome::Noted { number: first.number });
                }
                job.record.cancel_requested_by = Some(by.name.clone());
            }
            let number = job.requests.last().map_or(1, |last| last.number + 1);
            job.requests.push(StoredRequest {
                number,
                by: by.name.clone(),
                at: now,
                request: request.clone(),
            });
            job.record.updated_at = now;
            let entry = request.entry(by, id, job.record.vm_id.clone());
            state.note(now, &entry);
            Ok(RequestOutcome::Noted { number })
        })
    }

    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        Ok(self
            .state()
            .jobs
            .get(id)
            .map(|job| job.requests.clone())
            .unwrap_or_default())
    }

    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        let now = self.clock.now();
        let state = self.state();
        let records = state.jobs.values().map(|job| &job.record);
        let mut due: Vec<&JobRecord> = records
            .filter(|r| r.settled_by.is_none() && r.projection.settle_at.is_some_and(|at| at <= now))
            .collect();
        due.sort_by_key(|record| (record.projection.settle_at, record.job_id.clone()));
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.change(|state, now| {
            let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX);
            let until = now.checked_add_signed(lease).unwrap_or(DateTime::<Utc>::MAX_UTC);
            state.workers.insert(worker.clone(), until);
            Ok(())
        })
    }

    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.change(|state, now| {
            state.free_jobs_of_the_dead(now);
            if !state.workers.contains_key(worker) {
                return Ok(Vec::new());
            }
            let jobs = state.jobs.values_mut();
            let mut free: Vec<&mut Job> = jobs
                .filter(|j| j.is_active() && j.record.owner.is_none())
                .collect();
            free.sort_by_key(|job| (job.record.created_at, job.record.job_id.clone()));
            Ok(free
                .into_iter()
                .take(limit)
                .map(|job| job.claimed_by(worker))
                .collect())
        })
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.change(|state, now| {
            let lost = || AppendError::LeaseLost(lease.job_id.clone());
            let job = state.jobs.get_mut(&lease.job_id).ok_or_else(lost)?;
            if job.record.epoch != lease.epoch {
                return Err(lost());
            }
            let is_owner = job.record.owner.as_ref() == Some(&lease.worker);
            // The sender may not have heard that it was written, and sends it again; the last one ended the ownership.
            if (is_owner || batch.projection.status.is_final()) && job.has(batch) {
                return Ok(());
            }
            if !is_owner {
                return Err(lost());
            }
            batch.check_sequence(&lease.job_id, job.record.last_seq)?;
            let asked = job.requests.last().map_or(0, |last| last.number);
            if batch.must_have_heard_all() && asked > batch.projection.heard {
                return Err(AppendError::RequestUnheard(lease.job_id.clone()));
            }
            job.take(batch, now);
            Ok(())
        })
    }

    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        let state = self.state();
        let jobs = state
            .jobs
            .values()
            .filter(|job| job.record.owner.as_ref() == Some(worker));
        let open = jobs.flat_map(|job| {
            let unheard = job
                .requests
                .iter()
                .filter(|r| r.number > job.record.projection.heard);
            unheard.map(|request| OpenRequest {
                job_id: job.record.job_id.clone(),
                request: request.clone(),
            })
        });
        Ok(open.collect())
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.change(|state, _| {
            if let Some(job) = state.jobs.get_mut(&lease.job_id)
                && job.record.epoch == lease.epoch
                && job.record.owner.as_ref() == Some(&lease.worker)
            {
                job.record.owner = None;
            }
            Ok(())
        })
    }

    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.change(|state, now| {
            state.workers.remove(worker);
            state.free_jobs_of_the_dead(now);
            Ok(())
        })
    }
}

impl Job {
    fn open(job_id: JobId, job: NewJob) -> Self {
        let opening = job.opening_batch();
        let mut opened = Self {
            record: JobRecord {
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
            },
            plan: job.plan,
            events: Vec::new(),
            volumes: Default::default(),
            resources: Vec::new(),
            requests: Vec::new(),
        };
        opened.take(&opening, job.at);
        opened
    }

    fn claimed_by(&mut self, worker: &WorkerId) -> ClaimedJob {
        self.record.owner = Some(worker.clone());
        self.record.epoch += 1;
        ClaimedJob {
            lease: Lease {
                job_id: self.record.job_id.clone(),
                worker: worker.clone(),
                epoch: self.record.epoch,
            },
            plan: self.plan.clone(),
            events: self.events.clone(),
        }
    }

    fn has(&self, batch: &Batch) -> bool {
        !batch.events.is_empty() && batch.events.iter().all(|event| self.events.contains(event))
    }

    fn take(&mut self, batch: &Batch, now: DateTime<Utc>) {
        self.events.extend(batch.events.iter().cloned());
        self.volumes
            .extend(batch.volumes.iter().map(|row| (row.disk, row.clone())));
        for row in &batch.resources {
            self.resources
                .retain(|known| (known.kind, &known.name) != (row.kind, &row.name));
            self.resources.push(row.clone());
        }
        self.record.projection = batch.projection.clone();
        self.record.last_seq = self.events.last().map_or(0, |last| last.seq);
        self.record.updated_at = now;
        if !self.is_active() {
            self.record.owner = None;
        }
    }
}
