//! [`Inventory`] on a database: source VMs in the tables that the migration tool shares with us.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::Actor;
use failover_domain::inventory::VmReport;
use failover_domain::{ReplicaVolume, SourceDisk, SourceVm, VmId, VolumeId};
use failover_engine::ports::{
    ClearError, Inventory, PutError, PutOutcome, ResyncMark, StoreError, clear_quarantine_entry,
    disks_differ, report_entry, reported_vm,
};

use super::audit::append;
use super::database::{Database, OrStoreError};
use super::dialect::{Conn, lock_vm};
use super::inventory_rows::{DiskRow, ReplicationRow, VmRows, VolumeColumns};
use super::journal::active_job_of;
use super::schema::{cbt_history, ossea_volumes, replication_jobs, vm_disks};
use crate::row::{RowId, stored_number, word_of};
use crate::tx::Abort;
use crate::types::{JsonText, Ts};

#[async_trait]
impl Inventory for Database {
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError> {
        let now = self.now();
        let vm = reported_vm(report, at)?;
        let at = Ts::from(at);
        self.write("vm_disks", async |c: &mut Conn| {
            lock_vm(c, vm.vm_id.as_str()).await?;
            let known = vms_of(c, std::slice::from_ref(&vm.vm_id))
                .await
                .map_err(refuse)?
                .pop();
            refuse_under_active_job(c, known.as_ref(), &vm).await?;
            replace_import(c, &vm, at).await?;
            let outcome = if known.is_some() {
                PutOutcome::Updated
            } else {
                PutOutcome::Created
            };
            append(c, now, &report_entry(by, &vm, outcome)).await?;
            Ok(outcome)
        })
        .await
    }

    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError> {
        let mut c = self.reader().await?;
        Ok(vms_of(&mut c, std::slice::from_ref(id)).await?.pop())
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError> {
        let mut c = self.reader().await?;
        let ids: Vec<String> = replication_jobs::table
            .filter(replication_jobs::source_vm_name.eq(name))
            .select(replication_jobs::source_vm_id)
            .distinct()
            .order(replication_jobs::source_vm_id)
            .load(&mut c)
            .await
            .or_store_error("replication_jobs")?;
        let mut vms = vms_of(&mut c, &vm_ids(ids)?).await?;
        // A VM that was renamed since is not called so any more.
        vms.retain(|vm| vm.name == name);
        Ok(vms)
    }

    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError> {
        let mut c = self.reader().await?;
        let ids: Vec<String> = replication_jobs::table
            .filter(replication_jobs::source_vm_id.gt(after.map_or("", VmId::as_str)))
            .select(replication_jobs::source_vm_id)
            .distinct()
            .order(replication_jobs::source_vm_id)
            .limit(stored_number(limit))
            .load(&mut c)
            .await
            .or_store_error("replication_jobs")?;
        vms_of(&mut c, &vm_ids(ids)?).await
    }

    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError> {
        let now = self.now();
        self.write("ossea_volumes", async |c: &mut Conn| {
            let row = ossea_volumes::table.filter(ossea_volumes::volume_id.eq(volume.as_str()));
            let marked = diesel::update(row)
                .set((
                    ossea_volumes::needs_full_resync.eq(mark == ResyncMark::Needed),
                    ossea_volumes::updated_at.eq(now),
                ))
                .execute(c)
                .await?;
            Ok::<_, Abort<StoreError>>(marked > 0)
        })
        .await
    }

    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError> {
        self.clear_mark(vm, volume, &clear_quarantine_entry(by, vm, volume, reason))
            .await
    }
}

fn refuse(error: impl Into<PutError>) -> Abort<PutError> {
    Abort::Refused(error.into())
}

fn vm_ids(ids: Vec<String>) -> Result<Vec<VmId>, StoreError> {
    let read = |id: String| {
        RowId {
            table: "replication_jobs",
            id: &id,
        }
        .parse("source_vm_id", &id)
    };
    ids.into_iter().map(read).collect()
}

/// The known ones of some source VMs, ordered by id.
pub(super) async fn vms_of(c: &mut Conn, ids: &[VmId]) -> Result<Vec<SourceVm>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(VmId::as_str).collect();
    let mut rows: HashMap<String, VmRows> = HashMap::new();
    let jobs: Vec<ReplicationRow> = replication_jobs::table
        .filter(replication_jobs::source_vm_id.eq_any(&ids))
        .order((replication_jobs::created_at.desc(), replication_jobs::id.desc()))
        .select(ReplicationRow::as_select())
        .load(c)
        .await
        .or_store_error("replication_jobs")?;
    for job in jobs {
        rows.entry(job.source_vm_id.clone()).or_default().jobs.push(job);
    }
    let disks: Vec<(String, DiskRow, Option<VolumeColumns>)> = vm_disks::table
        .inner_join(replication_jobs::table)
        .left_join(ossea_volumes::table)
        .filter(replication_jobs::source_vm_id.eq_any(&ids))
        .order((vm_disks::created_at.desc(), vm_disks::id.desc()))
        .select((
            replication_jobs::source_vm_id,
            DiskRow::as_select(),
            Option::<VolumeColumns>::as_select(),
        ))
        .load(c)
        .await
        .or_store_error("vm_disks")?;
    for (vm, disk, volume) in disks {
        rows.entry(vm).or_default().disks.push((disk, volume));
    }
    let changes: Vec<(String, String, Option<String>, Ts)> = cbt_history::table
        .inner_join(replication_jobs::table)
        .filter(replication_jobs::source_vm_id.eq_any(&ids))
        .filter(cbt_history::sync_success)
        .filter(
            cbt_history::change_id
                .is_not_null()
                .and(cbt_history::change_id.ne("")),
        )
        .order((cbt_history::created_at.desc(), cbt_history::id.desc()))
        .select((
            replication_jobs::source_vm_id,
            cbt_history::job_id,
            cbt_history::change_id,
            cbt_history::created_at,
        ))
        .load(c)
        .await
        .or_store_error("cbt_history")?;
    for (vm, job, change_id, at) in changes {
        let of_vm = rows.entry(vm).or_default();
        of_vm.change = of_vm.change.take().or_else(|| change_id.map(|id| (id, at)));
        of_vm.synced.entry(job).or_insert(at);
    }
    let known: Vec<Option<SourceVm>> = ids
        .iter()
        .filter_map(|id| rows.remove(*id))
        .map(VmRows::into_source_vm)
        .collect::<Result<_, _>>()?;
    Ok(known.into_iter().flatten().collect())
}

/// Refuses a report that would change the disks of a source VM under its active job.
async fn refuse_under_active_job(
    c: &mut Conn,
    known: Option<&SourceVm>,
    reported: &SourceVm,
) -> Result<(), Abort<PutError>> {
    if known.is_some_and(|known| !disks_differ(known, reported)) {
        return Ok(());
    }
    let Some(job) = active_job_of(c, &reported.vm_id).await? else {
        return Ok(());
    };
    let job_id = RowId {
        table: "failover_jobs",
        id: &job,
    }
    .parse("job_id", &job)
    .map_err(refuse)?;
    Err(Abort::Refused(PutError::Active {
        vm_id: reported.vm_id.clone(),
        job_id,
    }))
}

/// Writes a report in place of what an earlier one wrote. Rows of the migration tool are not touched.
async fn replace_import(c: &mut Conn, vm: &SourceVm, at: Ts) -> Result<(), Abort<PutError>> {
    let job_id = format!("import-{}", vm.vm_id);
    diesel::delete(vm_disks::table.filter(vm_disks::job_id.eq(&job_id)))
        .execute(c)
        .await?;
    diesel::delete(cbt_history::table.filter(cbt_history::job_id.eq(&job_id)))
        .execute(c)
        .await?;
    diesel::update(ossea_volumes::table.filter(ossea_volumes::source_vm_id.eq(vm.vm_id.as_str())))
        .set(ossea_volumes::source_vm_id.eq(None::<String>))
        .execute(c)
        .await?;
    put_job(c, &job_id, vm, at).await?;
    // Volumes in the order of their ids, so that two reports never wait for each other in a circle.
    let mut disks: Vec<&SourceDisk> = vm.disks.iter().collect();
    disks.sort_by_key(|d| d.replica.as_ref().map(|r| r.volume_id.clone()));
    let mut volumes = HashMap::new();
    for disk in disks {
        if let Some(replica) = &disk.replica {
            volumes.insert(disk.position, put_volume(c, vm, disk, replica, at).await?);
        }
    }
    for disk in &vm.disks {
        put_disk(c, &job_id, vm, disk, volumes.get(&disk.position).copied(), at).await?;
    }
    if let (Some(change_id), Some(synced_at)) = (&vm.sync.change_id, vm.sync.synced_at) {
        diesel::insert_into(cbt_history::table)
            .values((
                cbt_history::job_id.eq(&job_id),
                cbt_history::change_id.eq(change_id),
                cbt_history::sync_success.eq(true),
                cbt_history::created_at.eq(Ts::from(synced_at)),
            ))
            .execute(c)
            .await?;
    }
    Ok(())
}

/// The replication job under which a report is filed: completed, as what it reports is.
async fn put_job(c: &mut Conn, job_id: &str, vm: &SourceVm, at: Ts) -> QueryResult<()> {
    use replication_jobs as t;
    let columns = (
        t::source_vm_name.eq(&vm.name),
        t::status.eq("completed"),
        t::recorded_by.eq(&vm.spec.provenance.source),
        t::created_at.eq(at),
        t::updated_at.eq(at),
        t::completed_at.eq(at),
    );
    diesel::insert_into(t::table)
        .values((t::id.eq(job_id), t::source_vm_id.eq(vm.vm_id.as_str()), columns))
        .on_conflict(t::id)
        .do_update()
        .set(columns)
        .execute(c)
        .await
        .map(|_| ())
}

/// Claims a volume for a source VM and returns its row. The row is locked until the transaction ends, so of two
/// reports that name the same volume one is refused.
async fn put_volume(
    c: &mut Conn,
    vm: &SourceVm,
    disk: &SourceDisk,
    replica: &ReplicaVolume,
    at: Ts,
) -> Result<i64, Abort<PutError>> {
    use ossea_volumes as t;
    let volume_id = replica.volume_id.as_str();
    let gib = disk.size_bytes.div_ceil(1 << 30);
    let columns = (
        t::volume_name.eq(&replica.name),
        t::size_gb.eq(stored_number(gib)),
        t::oma_device.eq(replica.oma_device.map(i64::from)),
        t::source_vm_id.eq(vm.vm_id.as_str()),
        t::updated_at.eq(at),
    );
    diesel::insert_into(t::table)
        .values((t::volume_id.eq(volume_id), t::created_at.eq(at), columns))
        .on_conflict_do_nothing()
        .execute(c)
        .await?;
    let free = t::table.filter(t::volume_id.eq(volume_id)).filter(
        t::source_vm_id
            .is_null()
            .or(t::source_vm_id.eq(vm.vm_id.as_str())),
    );
    let row: Option<i64> = diesel::update(free)
        .set(columns)
        .returning(t::id)
        .get_result(c)
        .await
        .optional()?;
    let owner = owner_of(c, volume_id, vm.vm_id.as_str()).await?;
    match (row, owner) {
        (Some(row), None) => Ok(row),
        (_, Some(owner)) => {
            let owner = RowId {
                table: "ossea_volumes",
                id: volume_id,
            }
            .parse("source_vm_id", &owner);
            let owner = owner.map_err(refuse)?;
            Err(Abort::Refused(PutError::VolumeTaken {
                volume: replica.volume_id.clone(),
                owner,
            }))
        }
        (None, None) => {
            let gone = format!("volume {volume_id} was changed while it was written");
            Err(refuse(StoreError::Unavailable(gone)))
        }
    }
}

/// The other source VM that a volume belongs to, by its claim or by a disk of the migration tool.
async fn owner_of(c: &mut Conn, volume_id: &str, vm: &str) -> QueryResult<Option<String>> {
    let claimed: Option<Option<String>> = ossea_volumes::table
        .filter(ossea_volumes::volume_id.eq(volume_id))
        .filter(ossea_volumes::source_vm_id.ne(vm))
        .select(ossea_volumes::source_vm_id)
        .first(c)
        .await
        .optional()?;
    if let Some(owner) = claimed.flatten() {
        return Ok(Some(owner));
    }
    vm_disks::table
        .inner_join(replication_jobs::table)
        .inner_join(ossea_volumes::table)
        .filter(ossea_volumes::volume_id.eq(volume_id))
        .filter(replication_jobs::source_vm_id.ne(vm))
        .select(replication_jobs::source_vm_id)
        .first(c)
        .await
        .optional()
}

async fn put_disk(
    c: &mut Conn,
    job_id: &str,
    vm: &SourceVm,
    disk: &SourceDisk,
    volume: Option<i64>,
    at: Ts,
) -> Result<(), Abort<PutError>> {
    use vm_disks as t;
    let id = format!("{job_id}/{}", disk.position);
    let size = i64::try_from(disk.size_bytes).map_err(|_| {
        let row = RowId {
            table: "vm_disks",
            id: &id,
        };
        refuse(row.corrupt("size_bytes", format!("{} is out of range", disk.size_bytes)))
    })?;
    let place = (
        t::job_id.eq(job_id),
        t::ossea_volume_id.eq(volume),
        t::controller.eq(word_of(&disk.position.controller)),
        t::bus.eq(i64::from(disk.position.bus)),
        t::unit.eq(i64::from(disk.position.unit)),
        t::label.eq(&disk.label),
        t::size_bytes.eq(size),
        t::created_at.eq(at),
    );
    let machine = (
        t::cpu_count.eq(vm.spec.cpus.map(|n| i64::from(n.get()))),
        t::memory_mb.eq(vm.spec.memory_mib.map(|n| i64::from(n.get()))),
        t::os_type.eq(&vm.spec.guest_os),
        t::display_name.eq(&vm.display_name),
        t::power_state.eq(word_of(&vm.power_state)),
        t::firmware.eq(vm.spec.firmware.as_ref().map(word_of)),
        t::secure_boot.eq(vm.spec.secure_boot),
        t::network_config.eq(JsonText::of(&vm.nics)),
    );
    diesel::insert_into(t::table)
        .values((place, machine))
        .execute(c)
        .await?;
    Ok(())
}
