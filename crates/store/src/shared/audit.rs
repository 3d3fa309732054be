//! What people decided where the product would not, and the entry that says so: one transaction, so there is no such
//! change without its entry.

use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_domain::{VmId, VolumeId};
use failover_engine::ports::{AuditEntry, ClearError, StoreError};

use super::database::{Database, OrStoreError};
use super::dialect::sql_types::TsSql;
use super::dialect::{Conn, lock_vm};
use super::inventory::vms_of;
use super::journal::active_job_of;
use super::schema::{failover_audit, ossea_volumes};
use crate::row::{RowId, stored_number, stored_text};
use crate::tx::Abort;
use crate::types::Ts;

/// An entry that is about to be written in the transaction of what it tells.
pub(super) struct NewEntry<'a> {
    pub(super) actor: &'a str,
    pub(super) action: &'a str,
    pub(super) object: &'a str,
    pub(super) reason: &'a str,
}

impl NewEntry<'_> {
    pub(super) async fn insert(self, c: &mut Conn, at: SqlLiteral<TsSql>) -> QueryResult<()> {
        diesel::insert_into(failover_audit::table)
            .values((
                failover_audit::at.eq(at),
                failover_audit::actor.eq(stored_text(self.actor)),
                failover_audit::action.eq(self.action),
                failover_audit::object.eq(self.object),
                failover_audit::reason.eq(stored_text(self.reason)),
            ))
            .execute(c)
            .await
            .map(drop)
    }
}

impl Database {
    /// Takes the mark off a replica together with the entry that says who did it and why.
    pub(super) async fn clear_mark(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &str,
        reason: &str,
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
                let job_id = row
                    .parse("job_id", &job)
                    .map_err(|e| Abort::Refused(ClearError::Store(e)))?;
                let vm_id = vm.clone();
                return Err(Abort::Refused(ClearError::Active { vm_id, job_id }));
            }
            let known = vms_of(c, std::slice::from_ref(vm)).await;
            let known = known.map_err(|e| Abort::Refused(ClearError::Store(e)))?.pop();
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
            let entry = NewEntry {
                actor: by,
                action: AuditEntry::CLEAR_QUARANTINE,
                object: &format!("volume {volume}"),
                reason,
            };
            entry.insert(c, now).await?;
            Ok::<_, Abort<ClearError>>(true)
        })
        .await
    }

    pub(super) async fn audited(&self, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<(Ts, String, String, String, String)> = failover_audit::table
            .order(failover_audit::id.desc())
            .limit(stored_number(limit))
            .select((
                failover_audit::at,
                failover_audit::actor,
                failover_audit::action,
                failover_audit::object,
                failover_audit::reason,
            ))
            .load(&mut c)
            .await
            .or_store_error("failover_audit")?;
        let entry = |(at, actor, action, object, reason): (Ts, _, _, _, _)| AuditEntry {
            at: at.instant(),
            actor,
            action,
            object,
            reason,
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}
