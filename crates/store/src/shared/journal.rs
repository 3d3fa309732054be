//! Writing to a job: its creation, and batches under a lease.

use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_domain::{JobId, VmId};
use failover_engine::ports::{AppendError, Batch, CreateError, Lease, NewJob, StoreError};

use super::audit::append;
use super::database::Database;
use super::dialect::sql_types::TsSql;
use super::dialect::{Conn, lock_vm};
use super::job_rows::{EventRow, NewJobRow, PlanRow, ProjectionColumns, ResourceColumns, VolumeColumns};
use super::leases::active;
use super::schema::{failover_events, failover_jobs, failover_plans, failover_resources, failover_volumes};
use crate::row::{RowId, stored_number};
use crate::tx::Abort;

impl Database {
    /// Creates a job.
    pub(super) async fn create_job(&self, job: &NewJob) -> Result<JobId, CreateError> {
        let now = self.now();
        self.write("failover_jobs", async |c: &mut Conn| {
            let job_id = create_in(c, job, now.clone()).await?;
            append(c, now, &job.audited(&job_id)).await?;
            Ok(job_id)
        })
        .await
    }

    /// Commits a batch, if the lease holds, the entries follow the last one, and no request is unheard that the batch must
    /// have heard.
    pub(super) async fn append_batch(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        let now = self.now();
        self.write("failover_events", async |c: &mut Conn| {
            let columns = ProjectionColumns::from(&batch.projection);
            let owner = (!batch.projection.status.is_final()).then(|| lease.worker.as_str());
            let guarded = failover_jobs::table
                .filter(failover_jobs::job_id.eq(lease.job_id.as_str()))
                .filter(failover_jobs::owner.eq(lease.worker.as_str()))
                .filter(failover_jobs::epoch.eq(stored_number(lease.epoch)))
                .filter(failover_jobs::last_request.le(most_requests(batch)));
            let moved = (
                columns,
                failover_jobs::owner.eq(owner),
                failover_jobs::updated_at.eq(now),
            );
            let written = match (batch.events.as_slice().first(), batch.events.as_slice().last()) {
                (Some(first), Some(last))
                    if batch
                        .check_sequence(&lease.job_id, first.seq.saturating_sub(1))
                        .is_ok() =>
                {
                    let follows = guarded.filter(failover_jobs::last_seq.eq(stored_number(first.seq) - 1));
                    let to_last = failover_jobs::last_seq.eq(stored_number(last.seq));
                    diesel::update(follows).set((moved, to_last)).execute(c).await?
                }
                (Some(_), Some(_)) => 0,
                _ => diesel::update(guarded).set(moved).execute(c).await?,
            };
            if written == 0 {
                return explain_refusal(c, lease, batch).await;
            }
            insert_details(c, &lease.job_id, batch).await?;
            Ok(())
        })
        .await
    }
}

/// Creates a job in the transaction of the connection, except for its row of the audit, which comes last. The partial unique
/// index decides who is first, and the guard in [`settle`] who settles a live failover; everything else only explains their
/// verdicts.
pub(super) async fn create_in(
    c: &mut Conn,
    job: &NewJob,
    now: SqlLiteral<TsSql>,
) -> Result<JobId, Abort<CreateError>> {
    let opening = job.opening_batch();
    lock_vm(c, job.plan.vm_id.as_str()).await?;
    let job_id = insert_job(c, job, &opening).await?;
    if let Some(settled) = job.plan.settles() {
        settle(c, &settled.job, &job_id, now).await?;
    }
    let plan = PlanRow::new(&job_id, &job.plan);
    diesel::insert_into(failover_plans::table)
        .values(plan)
        .execute(c)
        .await?;
    insert_details(c, &job_id, &opening).await?;
    Ok(job_id)
}

/// The highest number that a job's last request may have for a batch to be written.
fn most_requests(batch: &Batch) -> i64 {
    if batch.must_have_heard_all() {
        stored_number(batch.projection.heard)
    } else {
        i64::MAX
    }
}

/// Notes in the row of a live failover which job settles it. Of two at once, the second waits here for the first and
/// finds it noted; its own row is then rolled back.
async fn settle(
    c: &mut Conn,
    live: &JobId,
    by: &JobId,
    now: SqlLiteral<TsSql>,
) -> Result<(), Abort<CreateError>> {
    let row = failover_jobs::table.find(live.as_str());
    let noted = diesel::update(row.filter(failover_jobs::settled_by.is_null()))
        .set((
            failover_jobs::settled_by.eq(by.as_str()),
            failover_jobs::updated_at.eq(now),
        ))
        .execute(c)
        .await?;
    if noted == 1 {
        return Ok(());
    }
    let first: Option<Option<String>> = row.select(failover_jobs::settled_by).first(c).await.optional()?;
    let row = RowId {
        table: "failover_jobs",
        id: live.as_str(),
    };
    let refused = match first.flatten() {
        Some(first) => row
            .parse("settled_by", &first)
            .map(|by| CreateError::Settled { of: live.clone(), by }),
        None => Err(row.corrupt(
            "job_id",
            format!("job {by} is to settle it, and there is no such job"),
        )),
    };
    Err(Abort::Refused(refused.unwrap_or_else(CreateError::from)))
}

/// Inserts the job's row under the first free id.
async fn insert_job(c: &mut Conn, job: &NewJob, opening: &Batch) -> Result<JobId, Abort<CreateError>> {
    let vm_id = &job.plan.vm_id;
    for collision in 0.. {
        let job_id = JobId::new(job.plan.job_type, vm_id, job.at, collision);
        let row = NewJobRow::new(&job_id, job, opening);
        let insert = diesel::insert_into(failover_jobs::table)
            .values(row)
            .on_conflict_do_nothing();
        if insert.execute(c).await? == 1 {
            return Ok(job_id);
        }
        if let Some(active) = active_job_of(c, vm_id).await? {
            let row = RowId {
                table: "failover_jobs",
                id: &active,
            };
            let job_id = row
                .parse("job_id", &active)
                .map_err(|e| Abort::Refused(e.into()))?;
            return Err(Abort::Refused(CreateError::Active {
                vm_id: vm_id.clone(),
                job_id,
            }));
        }
        // An ended job has this id: the next second is tried.
    }
    unreachable!("a free second is found long before the numbers end")
}

/// The active job of a source VM.
pub(super) async fn active_job_of(c: &mut Conn, vm: &VmId) -> QueryResult<Option<String>> {
    let of_vm = failover_jobs::table
        .filter(failover_jobs::vm_id.eq(vm.as_str()))
        .filter(active());
    of_vm.select(failover_jobs::job_id).first(c).await.optional()
}

/// Writes everything of a batch but the job's row.
async fn insert_details(c: &mut Conn, job_id: &JobId, batch: &Batch) -> QueryResult<()> {
    for event in &batch.events {
        let row = EventRow::new(job_id, event);
        diesel::insert_into(failover_events::table)
            .values(row)
            .execute(c)
            .await?;
    }
    for volume in &batch.volumes {
        let row = VolumeColumns::new(job_id, volume);
        diesel::insert_into(failover_volumes::table)
            .values(row.clone())
            .on_conflict((failover_volumes::job_id, failover_volumes::disk))
            .do_update()
            .set(row)
            .execute(c)
            .await?;
    }
    for resource in &batch.resources {
        let row = ResourceColumns::new(job_id, resource);
        diesel::insert_into(failover_resources::table)
            .values(row.clone())
            .on_conflict((
                failover_resources::job_id,
                failover_resources::kind,
                failover_resources::name,
            ))
            .do_update()
            .set(row)
            .execute(c)
            .await?;
    }
    Ok(())
}

/// Why the guarded update found no row: the lease is lost, the batch is stored already, it does not follow, or it would
/// end the job with a request unheard.
async fn explain_refusal(c: &mut Conn, lease: &Lease, batch: &Batch) -> Result<(), Abort<AppendError>> {
    let lost = || Abort::Refused(AppendError::LeaseLost(lease.job_id.clone()));
    let found: Option<(Option<String>, i64, i64, i64)> = failover_jobs::table
        .find(lease.job_id.as_str())
        .select((
            failover_jobs::owner,
            failover_jobs::epoch,
            failover_jobs::last_seq,
            failover_jobs::last_request,
        ))
        .first(c)
        .await
        .optional()?;
    let Some((owner, epoch, last_seq, last_request)) = found else {
        return Err(lost());
    };
    if epoch != stored_number(lease.epoch) {
        return Err(lost());
    }
    // Ending a job frees it, so the repetition of its last batch finds no owner. Everybody else must own the job:
    // one that was freed under its worker is not its any more, even before somebody else takes it.
    let is_owner = owner.as_deref() == Some(lease.worker.as_str());
    if (is_owner || batch.projection.status.is_final()) && is_stored(c, &lease.job_id, batch).await? {
        return Ok(());
    }
    if !is_owner {
        return Err(lost());
    }
    let refuse = |error: StoreError| Abort::Refused(error.into());
    batch
        .check_sequence(&lease.job_id, u64::try_from(last_seq).unwrap_or(0))
        .map_err(refuse)?;
    if last_request > most_requests(batch) {
        return Err(Abort::Refused(AppendError::RequestUnheard(lease.job_id.clone())));
    }
    Err(refuse(StoreError::Unavailable(format!(
        "job {} was changed while it was written",
        lease.job_id
    ))))
}

/// Whether every entry of a batch is stored as it is.
async fn is_stored(c: &mut Conn, job_id: &JobId, batch: &Batch) -> QueryResult<bool> {
    let given: Vec<EventRow> = batch.events.iter().map(|e| EventRow::new(job_id, e)).collect();
    let (Some(first), Some(last)) = (given.as_slice().first(), given.as_slice().last()) else {
        return Ok(false);
    };
    let stored: Vec<EventRow> = failover_events::table
        .filter(failover_events::job_id.eq(job_id.as_str()))
        .filter(failover_events::seq.between(first.seq, last.seq))
        .order(failover_events::seq)
        .select(EventRow::as_select())
        .load(c)
        .await?;
    Ok(stored == given)
}
