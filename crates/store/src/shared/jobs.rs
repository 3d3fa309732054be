//! [`JobStore`] on a database: the reads here, the writes in `journal`, `leases` and `requests`.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::Actor;
use failover_domain::{JobId, JobStatus, JobType, VmId};
use failover_engine::ports::{
    AppendError, Batch, ClaimedJob, CreateError, JobFilter, JobRecord, JobStore, Lease, NewJob, OpenRequest,
    RequestOutcome, ResourceRow, StoreError, VolumeRow, WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};

use super::database::{Database, OrStoreError};
use super::dialect::Db;
use super::job_rows::{EventRow, JobRow, PlanRow, ResourceColumns, VolumeColumns};
use super::journal::active_job_of;
use super::schema::{failover_events, failover_jobs, failover_plans, failover_resources, failover_volumes};
use crate::row::{RowId, stored_number};
use crate::types::Ts;

#[async_trait]
impl JobStore for Database {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.create_job(&job).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        let mut c = self.reader().await?;
        let row = failover_jobs::table
            .find(id.as_str())
            .select(JobRow::as_select())
            .first(&mut c)
            .await;
        row.optional()
            .or_store_error("failover_jobs")?
            .map(JobRow::into_record)
            .transpose()
    }

    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        let mut c = self.reader().await?;
        let row = failover_plans::table
            .find(id.as_str())
            .select(PlanRow::as_select())
            .first(&mut c)
            .await;
        row.optional()
            .or_store_error("failover_plans")?
            .map(PlanRow::into_plan)
            .transpose()
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        let mut c = self.reader().await?;
        let mut query = failover_jobs::table
            .into_boxed::<Db>()
            .order((failover_jobs::created_at.desc(), failover_jobs::job_id.desc()))
            .limit(stored_number(filter.limit))
            .select(JobRow::as_select());
        if let Some(vm) = &filter.vm_id {
            query = query.filter(failover_jobs::vm_id.eq(vm.as_str()));
        }
        if let Some(vms) = &filter.vms {
            query = query.filter(failover_jobs::vm_id.eq_any(vms.iter().map(VmId::as_str)));
        }
        if !filter.statuses.is_empty() {
            query = query.filter(failover_jobs::status.eq_any(filter.statuses.iter().map(|s| s.as_str())));
        }
        if let Some(job_type) = filter.job_type {
            query = query.filter(failover_jobs::job_type.eq(job_type.as_str()));
        }
        if let Some(needs) = filter.needs_person {
            let unsettled = failover_jobs::job_type
                .eq(JobType::Live.as_str())
                .and(failover_jobs::status.eq(JobStatus::Completed.as_str()))
                .and(failover_jobs::settled_by.is_null())
                .and(failover_jobs::completed_at.le(Ts::from(needs.unsettled_since)));
            // Only live failovers settle; a job that has never ended has no instant to compare.
            query = query.filter(has_attention().or(unsettled.assume_not_null()));
        }
        if let Some(after) = &filter.after {
            let last = failover_jobs::table
                .find(after.as_str())
                .select(failover_jobs::created_at);
            let last: Option<Ts> = last
                .first(&mut c)
                .await
                .optional()
                .or_store_error("failover_jobs")?;
            let Some(last) = last else { return Ok(Vec::new()) };
            let same_instant = failover_jobs::created_at
                .eq(last)
                .and(failover_jobs::job_id.lt(after.as_str()));
            query = query.filter(failover_jobs::created_at.lt(last).or(same_instant));
        }
        let rows: Vec<JobRow> = query.load(&mut c).await.or_store_error("failover_jobs")?;
        rows.into_iter().map(JobRow::into_record).collect()
    }

    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        let mut c = self.reader().await?;
        let id = active_job_of(&mut c, vm).await.or_store_error("failover_jobs")?;
        id.map(|id| {
            RowId {
                table: "failover_jobs",
                id: &id,
            }
            .parse("job_id", &id)
        })
        .transpose()
    }

    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<EventRow> = failover_events::table
            .filter(failover_events::job_id.eq(id.as_str()))
            .filter(failover_events::seq.gt(stored_number(after)))
            .order(failover_events::seq)
            .limit(stored_number(limit))
            .select(EventRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_events")?;
        rows.into_iter().map(EventRow::into_event).collect()
    }

    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<VolumeColumns> = failover_volumes::table
            .filter(failover_volumes::job_id.eq(id.as_str()))
            .order(failover_volumes::disk)
            .select(VolumeColumns::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_volumes")?;
        rows.into_iter().map(VolumeColumns::into_row).collect()
    }

    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<ResourceColumns> = failover_resources::table
            .filter(failover_resources::job_id.eq(id.as_str()))
            .select(ResourceColumns::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_resources")?;
        let mut rows: Vec<ResourceRow> = rows
            .into_iter()
            .map(ResourceColumns::into_row)
            .collect::<Result<_, _>>()?;
        rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(rows)
    }

    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.note_request(id, by, request).await
    }

    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        self.requests_of(id).await
    }

    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<JobRow> = failover_jobs::table
            .filter(failover_jobs::settle_at.le(self.now().nullable()))
            .filter(failover_jobs::settled_by.is_null())
            .order((failover_jobs::settle_at, failover_jobs::job_id))
            .limit(stored_number(limit))
            .select(JobRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_jobs")?;
        // One broken row must not keep its neighbours from being settled.
        let read = |row: JobRow| {
            row.into_record().inspect_err(|error| {
                tracing::error!(%error, "a live failover that is due cannot be read and is not settled");
            })
        };
        Ok(rows.into_iter().filter_map(|row| read(row).ok()).collect())
    }

    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.renew(worker, lease).await
    }

    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.claim_jobs(worker, limit).await
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.append_batch(lease, batch).await
    }

    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        self.unheard_of(worker).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.hand_back(lease).await
    }

    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.retire(worker).await
    }
}

/// Whether a job has an open attention. JSON of PostgreSQL has no equality, its text has.
fn has_attention() -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql("CAST(attention AS text) <> '[]'")
}
