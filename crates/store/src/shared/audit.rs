//! What people decided where the product would not, and the entry that says so: one transaction, so there is no such
//! change without its entry.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_domain::{VmId, VolumeId};
use failover_engine::ports::{AuditEntry, StoreError};

use super::database::{Database, OrStoreError};
use super::dialect::{Conn, lock_vm};
use super::inventory::vms_of;
use super::schema::{failover_audit, ossea_volumes};
use crate::row::{stored_number, stored_text};
use crate::tx::Abort;
use crate::types::Ts;

impl Database {
    /// Takes the mark off a replica together with the entry that says who did it and why.
    pub(super) async fn clear_mark(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        self.write("ossea_volumes", async |c: &mut Conn| {
            // No report gives the volume to another VM meanwhile.
            lock_vm(c, vm.as_str()).await?;
            let known = vms_of(c, std::slice::from_ref(vm)).await;
            let known = known.map_err(Abort::Refused)?.pop();
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
            diesel::insert_into(failover_audit::table)
                .values((
                    failover_audit::at.eq(now),
                    failover_audit::actor.eq(stored_text(by)),
                    failover_audit::action.eq(AuditEntry::CLEAR_QUARANTINE),
                    failover_audit::object.eq(format!("volume {volume}")),
                    failover_audit::reason.eq(stored_text(reason)),
                ))
                .execute(c)
                .await?;
            Ok::<_, Abort<StoreError>>(true)
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
