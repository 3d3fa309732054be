//! Workers, their leases and the claim.
//!
//! A worker's lease is one row, whatever the number of its jobs. A job under lease carries its owner; a free one
//! carries none. A claim first frees the jobs of workers whose lease has ended and then takes free ones, so the
//! partial index that it reads holds nothing but free active jobs.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use diesel::dsl::{exists, not, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use failover_engine::ports::{ClaimedJob, Lease, LivingWorker, StoreError, WorkerId, Workers};
use failover_engine::{Plan, StoredEvent};

use super::database::{Database, OrStoreError};
use super::dialect::{Conn, skip_locked};
use super::job_rows::{EventRow, PlanRow};
use super::schema::{failover_events, failover_jobs, failover_plans, workers};
use crate::row::{RowId, stored_number};
use crate::tx::Abort;
use crate::types::Ts;

/// How long the row of a worker stays after its lease has ended. It could go at once if no claim of that very
/// worker were under way; no transaction lasts this long.
const KEPT: Duration = Duration::from_secs(3600);

/// The condition of the partial indexes, word for word: with bound values they would not be used.
pub(super) fn active() -> SqlLiteral<Bool> {
    sql("failover_jobs.status NOT IN ('completed', 'failed')")
}

#[async_trait]
impl Workers for Database {
    async fn living_workers(&self) -> Result<Vec<LivingWorker>, StoreError> {
        let mut c = self.reader().await?;
        let owners: Vec<Option<String>> = failover_jobs::table
            .filter(failover_jobs::owner.is_not_null())
            .select(failover_jobs::owner)
            .load(&mut c)
            .await
            .or_store_error("failover_jobs")?;
        let living: Vec<(String, Ts, Ts)> = workers::table
            .filter(workers::lease_until.gt(self.now()))
            .order(workers::worker_id)
            .select((workers::worker_id, workers::lease_until, self.now()))
            .load(&mut c)
            .await
            .or_store_error("workers")?;
        let view = |(id, until, now): (String, Ts, Ts)| LivingWorker {
            lease_left: (until.instant() - now.instant()).to_std().unwrap_or_default(),
            jobs: owners
                .iter()
                .filter(|owner| owner.as_deref() == Some(id.as_str()))
                .count(),
            worker: WorkerId::from_stored(id),
        };
        Ok(living.into_iter().map(view).collect())
    }
}

impl Database {
    pub(super) async fn renew(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        let until = self.after(lease);
        self.write("workers", async |c: &mut Conn| {
            diesel::insert_into(workers::table)
                .values((
                    workers::worker_id.eq(worker.as_str()),
                    workers::lease_until.eq(until.clone()),
                ))
                .on_conflict(workers::worker_id)
                .do_update()
                .set(workers::lease_until.eq(until))
                .execute(c)
                .await?;
            Ok(())
        })
        .await
    }

    pub(super) async fn claim_jobs(
        &self,
        worker: &WorkerId,
        limit: usize,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        if limit == 0 || !self.has_claimable().await? {
            return Ok(Vec::new());
        }
        let taken = self.take_free_jobs(worker, limit).await?;
        let ids: Vec<String> = taken.iter().map(|(id, _, _)| id.clone()).collect();
        let (mut plans, mut journals) = self.plans_and_journals(&ids).await?;
        let mut claimed = Vec::with_capacity(taken.len());
        for (id, epoch, _) in taken {
            let plan = plans.remove(&id);
            match claimed_job(&id, epoch, worker, plan, journals.remove(&id).unwrap_or_default()) {
                Ok(job) => claimed.push(job),
                // One broken row must not keep its neighbours from being driven. The job stays with this
                // worker, so that the others do not stumble over it again and again.
                Err(error) => {
                    tracing::error!(job_id = id, %error, "a claimed job cannot be read and stays untouched")
                }
            }
        }
        Ok(claimed)
    }

    /// Whether a claim would find anything; spares idle polls the write transaction.
    async fn has_claimable(&self) -> Result<bool, StoreError> {
        let mut c = self.reader().await?;
        let free = failover_jobs::table
            .filter(failover_jobs::owner.is_null())
            .filter(active());
        let dead = workers::table
            .filter(workers::lease_until.le(self.now()))
            .select(workers::worker_id.nullable());
        let abandoned = failover_jobs::table.filter(failover_jobs::owner.eq_any(dead));
        diesel::select(exists(free).or(exists(abandoned)))
            .get_result(&mut c)
            .await
            .or_store_error("failover_jobs")
    }

    async fn take_free_jobs(
        &self,
        worker: &WorkerId,
        limit: usize,
    ) -> Result<Vec<(String, i64, super::super::types::Ts)>, StoreError> {
        let (now, long_ago) = (self.now(), self.before(KEPT));
        self.write("failover_jobs", async |c: &mut Conn| {
            let living = workers::table
                .find(worker.as_str())
                .filter(workers::lease_until.gt(now.clone()));
            let alive: Option<String> = living.select(workers::worker_id).first(c).await.optional()?;
            if alive.is_none() {
                return Ok(Vec::new());
            }
            let dead = workers::table
                .filter(workers::lease_until.le(now.clone()))
                .select(workers::worker_id.nullable());
            diesel::update(failover_jobs::table.filter(failover_jobs::owner.eq_any(dead)))
                .set((
                    failover_jobs::owner.eq(None::<String>),
                    failover_jobs::updated_at.eq(now.clone()),
                ))
                .execute(c)
                .await?;
            let owned = failover_jobs::table.filter(failover_jobs::owner.eq(workers::worker_id.nullable()));
            diesel::delete(
                workers::table
                    .filter(workers::lease_until.lt(long_ago))
                    .filter(not(exists(owned))),
            )
            .execute(c)
            .await?;
            let free = failover_jobs::table
                .filter(failover_jobs::owner.is_null())
                .filter(active())
                .order((failover_jobs::created_at, failover_jobs::job_id))
                .limit(stored_number(limit))
                .select(failover_jobs::job_id);
            let ids: Vec<String> = skip_locked!(free).load(c).await?;
            let mut taken = diesel::update(
                failover_jobs::table
                    .filter(failover_jobs::job_id.eq_any(ids))
                    .filter(failover_jobs::owner.is_null())
                    .filter(active()),
            )
            .set((
                failover_jobs::owner.eq(worker.as_str()),
                failover_jobs::epoch.eq(failover_jobs::epoch + 1),
                failover_jobs::updated_at.eq(now),
            ))
            .returning((
                failover_jobs::job_id,
                failover_jobs::epoch,
                failover_jobs::created_at,
            ))
            .get_results::<(String, i64, super::super::types::Ts)>(c)
            .await?;
            taken.sort_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)));
            Ok::<_, Abort<StoreError>>(taken)
        })
        .await
    }

    async fn plans_and_journals(
        &self,
        ids: &[String],
    ) -> Result<(HashMap<String, PlanRow>, HashMap<String, Vec<EventRow>>), StoreError> {
        let mut c = self.reader().await?;
        let plans: Vec<PlanRow> = failover_plans::table
            .filter(failover_plans::job_id.eq_any(ids))
            .select(PlanRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_plans")?;
        let events: Vec<EventRow> = failover_events::table
            .filter(failover_events::job_id.eq_any(ids))
            .order((failover_events::job_id, failover_events::seq))
            .select(EventRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_events")?;
        let mut journals: HashMap<String, Vec<EventRow>> = HashMap::new();
        for event in events {
            journals.entry(event.job_id.clone()).or_default().push(event);
        }
        Ok((
            plans.into_iter().map(|p| (p.job_id.clone(), p)).collect(),
            journals,
        ))
    }

    pub(super) async fn hand_back(&self, lease: &Lease) -> Result<(), StoreError> {
        let now = self.now();
        self.write("failover_jobs", async |c: &mut Conn| {
            let held = failover_jobs::table
                .find(lease.job_id.as_str())
                .filter(failover_jobs::owner.eq(lease.worker.as_str()))
                .filter(failover_jobs::epoch.eq(stored_number(lease.epoch)));
            // No row: the lease was lost, and there is nothing left to hand back.
            diesel::update(held)
                .set((
                    failover_jobs::owner.eq(None::<String>),
                    failover_jobs::updated_at.eq(now),
                ))
                .execute(c)
                .await?;
            Ok(())
        })
        .await
    }

    /// Ends a worker's lease and frees its jobs. Its row stays for a while: a claim of its own that is under way
    /// may still refer to it, and what that claim takes is freed by the next one.
    pub(super) async fn retire(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let now = self.now();
        self.write("workers", async |c: &mut Conn| {
            diesel::update(workers::table.find(worker.as_str()))
                .set(workers::lease_until.eq(now.clone()))
                .execute(c)
                .await?;
            diesel::update(failover_jobs::table.filter(failover_jobs::owner.eq(worker.as_str())))
                .set((
                    failover_jobs::owner.eq(None::<String>),
                    failover_jobs::updated_at.eq(now),
                ))
                .execute(c)
                .await?;
            Ok(())
        })
        .await
    }
}

fn claimed_job(
    id: &str,
    epoch: i64,
    worker: &WorkerId,
    plan: Option<PlanRow>,
    journal: Vec<EventRow>,
) -> Result<ClaimedJob, StoreError> {
    let row = RowId {
        table: "failover_jobs",
        id,
    };
    let lease = Lease {
        job_id: row.parse("job_id", id)?,
        worker: worker.clone(),
        epoch: row.number("epoch", epoch)?,
    };
    let plan: Plan = row.present("plan", plan)?.into_plan()?;
    let events: Vec<StoredEvent> = journal
        .into_iter()
        .map(EventRow::into_event)
        .collect::<Result<_, _>>()?;
    Ok(ClaimedJob { lease, plan, events })
}
