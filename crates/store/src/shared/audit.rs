//! The audit on a database: the row of a change in the transaction of the change, so there is neither without the other.

use async_trait::async_trait;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::{AuditEntry, AuditHead, AuditRow};
use failover_domain::{VmId, VolumeId};
use failover_engine::ports::{AuditFilter, AuditOrder, AuditTrail, ClearError, StoreError};

use super::database::{Database, OrStoreError};
use super::dialect::sql_types::TsSql;
use super::dialect::{Conn, Db, lock_vm};
use super::inventory::vms_of;
use super::journal::active_job_of;
use super::schema::{audit_head, audit_log, ossea_volumes};
use crate::row::{RowId, stored_number};
use crate::tx::Abort;
use crate::types::Ts;

/// The only row of `audit_head`.
const HEAD: i64 = 1;

/// Writes the row of a change. It is the last thing that a transaction does: from here to the commit every other change
/// waits for it, and as nobody takes another lock after this one, nobody waits for somebody who waits for him.
pub(super) async fn append<E: From<StoreError>>(
    c: &mut Conn,
    now: SqlLiteral<TsSql>,
    entry: &AuditEntry,
) -> Result<(), Abort<E>> {
    let head = diesel::update(audit_head::table.find(HEAD))
        .set(audit_head::seq.eq(audit_head::seq + 1))
        .returning((audit_head::seq, audit_head::hash));
    let head: Option<(i64, String)> = head.get_result(c).await.optional()?;
    let (seq, hash) = head.ok_or_else(|| refuse(no_head()))?;
    let last = head_of(seq - 1, hash).map_err(refuse)?;
    let at: Ts = diesel::select(now).get_result(c).await?;
    let row = AuditRow::after(&last, at.instant(), entry);
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::seq.eq(seq),
            audit_log::at.eq(at),
            audit_log::actor.eq(&row.actor),
            audit_log::action.eq(&row.action),
            audit_log::object.eq(&row.object),
            audit_log::vm_id.eq(&row.vm_id),
            audit_log::job_id.eq(&row.job_id),
            audit_log::request_id.eq(&row.request_id),
            audit_log::reason.eq(&row.reason),
            audit_log::hash.eq(&row.hash),
        ))
        .execute(c)
        .await?;
    diesel::update(audit_head::table.find(HEAD))
        .set(audit_head::hash.eq(&row.hash))
        .execute(c)
        .await?;
    Ok(())
}

fn refuse<E: From<StoreError>>(error: StoreError) -> Abort<E> {
    Abort::Refused(error.into())
}

fn no_head() -> StoreError {
    let row = RowId {
        table: "audit_head",
        id: "1",
    };
    row.corrupt(
        "id",
        "the row is missing, so nothing can be audited and nothing changed",
    )
}

fn head_of(seq: i64, hash: String) -> Result<AuditHead, StoreError> {
    let row = RowId {
        table: "audit_head",
        id: "1",
    };
    let seq = row.number("seq", seq)?;
    Ok(AuditHead { seq, hash })
}

/// A row of `audit_log`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
struct LogRow {
    seq: i64,
    at: Ts,
    actor: String,
    action: String,
    object: String,
    vm_id: Option<String>,
    job_id: Option<String>,
    request_id: Option<String>,
    reason: String,
    hash: String,
}
impl LogRow {
    fn into_row(self) -> Result<AuditRow, StoreError> {
        let id = self.seq.to_string();
        let row = RowId {
            table: "audit_log",
            id: &id,
        };
        Ok(AuditRow {
            seq: row.number("seq", self.seq)?,
            at: self.at.instant(),
            actor: self.actor,
            action: self.action,
            object: self.object,
            vm_id: self.vm_id,
            job_id: self.job_id,
            request_id: self.request_id,
            reason: self.reason,
            hash: self.hash,
        })
    }
}

#[async_trait]
impl AuditTrail for Database {
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let mut query = audit_log::table
            .into_boxed::<Db>()
            .limit(stored_number(filter.limit))
            .select(LogRow::as_select());
        if let Some(actor) = &filter.actor {
            query = query.filter(audit_log::actor.eq(actor));
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit_log::action.eq(action));
        }
        if let Some(vm) = &filter.vm_id {
            query = query.filter(audit_log::vm_id.eq(vm.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit_log::at.ge(Ts::from(since)));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_log::at.lt(Ts::from(until)));
        }
        let after = filter.after.map(stored_number);
        query = match filter.order {
            AuditOrder::NewestFirst => query.order(audit_log::seq.desc()),
            AuditOrder::OldestFirst => query.order(audit_log::seq.asc()),
        };
        if let Some(after) = after {
            query = match filter.order {
                AuditOrder::NewestFirst => query.filter(audit_log::seq.lt(after)),
                AuditOrder::OldestFirst => query.filter(audit_log::seq.gt(after)),
            };
        }
        let mut c = self.reader().await?;
        let rows: Vec<LogRow> = query.load(&mut c).await.or_store_error("audit_log")?;
        rows.into_iter().map(LogRow::into_row).collect()
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let mut c = self.reader().await?;
        let head: Option<(i64, String)> = audit_head::table
            .find(HEAD)
            .select((audit_head::seq, audit_head::hash))
            .first(&mut c)
            .await
            .optional()
            .or_store_error("audit_head")?;
        let (seq, hash) = head.ok_or_else(no_head)?;
        head_of(seq, hash)
    }
}

impl Database {
    /// Takes the mark off a replica together with the row that says who did it and why.
    pub(super) async fn clear_mark(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        entry: &AuditEntry,
    ) -> Result<bool, ClearError> {
        let now = self.now();
        self.write("ossea_volumes", async |c: &mut Conn| {
            // No report gives the volume to another VM meanwhile.
            lock_vm(c, vm.as_str()).await?;
            if let Some(job) = active_job_of(c, vm).await? {
                let row = RowId {
                    table: "failover_jobs",
                    id: &job,
                };
                let job_id = row.parse("job_id", &job).map_err(refuse)?;
                let vm_id = vm.clone();
                return Err(Abort::Refused(ClearError::Active { vm_id, job_id }));
            }
            let known = vms_of(c, std::slice::from_ref(vm)).await.map_err(refuse)?.pop();
            let mut replicas = known
                .iter()
                .flat_map(|vm| &vm.disks)
                .filter_map(|d| d.replica.as_ref());
            if !replicas.any(|r| r.volume_id == *volume) {
                return Ok(false);
            }
            let marked = ossea_volumes::table
                .filter(ossea_volumes::volume_id.eq(volume.as_str()))
                .filter(ossea_volumes::needs_full_resync);
            let cleared = diesel::update(marked)
                .set((
                    ossea_volumes::needs_full_resync.eq(false),
                    ossea_volumes::updated_at.eq(now.clone()),
                ))
                .execute(c)
                .await?;
            if cleared == 0 {
                return Ok(false);
            }
            append(c, now, entry).await?;
            Ok::<_, Abort<ClearError>>(true)
        })
        .await
    }
}
