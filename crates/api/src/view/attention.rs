//! What people are needed for, as it is now. The journal of a job that has ended says nothing more, so what became of its
//! replicas and rollback points since is looked up when it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::window::later;
use failover_domain::{Attention, AttentionCode, Severity, VolumeId};
use failover_engine::ports::{JobRecord, NeedsPerson, StoreError};

use crate::dto::AttentionView;
use crate::state::ApiState;
use crate::view::job_url;

/// Which jobs may have something to show at `now`.
pub(crate) fn needs_person(state: &ApiState, now: DateTime<Utc>) -> NeedsPerson {
    let unsettled_since = TimeDelta::from_std(state.settings.retention_warn_after)
        .ok()
        .and_then(|age| now.checked_sub_signed(age))
        .unwrap_or(DateTime::<Utc>::MIN_UTC);
    NeedsPerson { unsettled_since }
}

/// The open attentions of a job.
pub(crate) async fn open_attentions(
    state: &ApiState,
    record: &JobRecord,
    now: DateTime<Utc>,
) -> Result<Vec<Attention>, StoreError> {
    let mut open = record.projection.attention.clone();
    if open.iter().any(|a| a.code == AttentionCode::ReplicaQuarantined) {
        let marked = marked_objects(state, record).await?;
        let is_over = |a: &Attention| {
            a.code == AttentionCode::ReplicaQuarantined && !a.object().is_some_and(|o| marked.contains(o))
        };
        open.retain(|a| !is_over(a));
    }
    open.extend(old_rollback_points(
        record,
        state.settings.retention_warn_after,
        now,
    ));
    Ok(open)
}

/// The replicas of the job's VM that are still marked for a full synchronisation, as attentions name them.
async fn marked_objects(state: &ApiState, record: &JobRecord) -> Result<BTreeSet<String>, StoreError> {
    let vm = state.service.inventory.vm(&record.vm_id).await?;
    let disks = vm.into_iter().flat_map(|vm| vm.disks);
    let marked = disks.filter_map(|d| d.replica).filter(|r| r.needs_full_resync);
    Ok(marked.map(|r| object(&r.volume_id)).collect())
}

fn object(volume: &VolumeId) -> String {
    format!("volume {volume}")
}

/// A live failover that was completed long ago and that nobody has committed or rolled back.
fn old_rollback_points(record: &JobRecord, warn_after: Duration, now: DateTime<Utc>) -> Option<Attention> {
    let completed = record.unsettled_since()?;
    let since = later(completed, warn_after);
    (since <= now).then(|| Attention {
        code: AttentionCode::RollbackPointsOld,
        severity: Severity::Warning,
        message: format!(
            "The live failover of {} was completed at {completed} and is neither committed nor rolled back: its \
             rollback points grow old and take room",
            record.source_vm_name
        ),
        objects: record
            .projection
            .destination_vm_id
            .iter()
            .map(|vm| format!("VM {vm}"))
            .collect(),
        choices: vec![
            "commit: the rollback points are deleted, and the failover cannot be rolled back any more.".to_owned(),
            "rollback: the destination VM is destroyed with what its guest wrote, and the replicas return to the OMA."
                .to_owned(),
        ],
        decisions: Vec::new(),
        since,
    })
}

/// An attention with its job.
pub(crate) fn attention_view(record: &JobRecord, attention: Attention) -> AttentionView {
    AttentionView {
        job_id: record.job_id.clone(),
        vm_id: record.vm_id.clone(),
        source_vm_name: record.source_vm_name.clone(),
        job_type: record.job_type,
        status: record.projection.status,
        job_url: job_url(&record.job_id),
        attention,
    }
}
