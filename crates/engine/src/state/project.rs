//! The rows that follow from a state.

use chrono::{DateTime, Utc};
use failover_domain::window::later;

use super::{JobState, Phase, Standing};
use crate::plan::{Errand, Plan, Stage};
use crate::ports::{Batch, JobProjection, VolumeRow};

impl JobState {
    /// The columns of the job's row.
    pub fn projection(&self, plan: &Plan) -> JobProjection {
        JobProjection {
            status: self.status,
            progress: (self.progress * 10.0).round() / 10.0,
            returning: self.phase == Phase::Returning,
            current_steps: self.current_steps(plan),
            attention: self.attention.clone(),
            failure: self.failure.clone(),
            ossea_snapshot_id: self.disks.iter().find_map(|d| d.snapshot.clone()),
            destination_vm_id: self.vm.clone(),
            window: self.window,
            heard: self.heard,
            settle_at: self.settle_at(plan),
            started_at: self.started_at,
            completed_at: self.completed_at,
        }
    }

    /// When a completed live failover is settled by itself.
    fn settle_at(&self, plan: &Plan) -> Option<DateTime<Utc>> {
        let Errand::Live { commit } = &plan.errand else {
            return None;
        };
        let completed = self.completed_at.filter(|_| self.phase == Phase::Completed)?;
        commit.after().map(|after| later(completed, after))
    }

    /// The replicas' rows.
    pub fn volume_rows(&self, plan: &Plan) -> Vec<VolumeRow> {
        let row = |(planned, disk): (&crate::plan::PlannedDisk, &super::DiskState)| VolumeRow {
            disk: planned.disk,
            volume: planned.volume.clone(),
            oma_device: planned.oma_device,
            destination_device: planned.destination_device,
            custody: disk.custody.clone(),
            dirty: disk.dirty,
            snapshot: disk.snapshot.clone(),
        };
        plan.disks.iter().zip(&self.disks).map(row).collect()
    }

    /// What the job is at, one id a step.
    fn current_steps(&self, plan: &Plan) -> Vec<String> {
        match self.phase {
            Phase::Pending | Phase::Completed | Phase::Failed => Vec::new(),
            Phase::Forward => {
                let stage = self
                    .stage
                    .filter(|s| *s >= self.stages_finished)
                    .and_then(|s| plan.stages.get(s));
                stage.map(|s| self.current_of_stage(s)).unwrap_or_default()
            }
            Phase::Returning => {
                let busy = |s: &Standing| matches!(s, Standing::Open(_) | Standing::Delayed { .. });
                self.steps
                    .values()
                    .filter(|r| busy(&r.standing))
                    .map(|r| r.step.id.to_string())
                    .collect()
            }
        }
    }

    fn current_of_stage(&self, stage: &Stage) -> Vec<String> {
        let first_open = |lane: &crate::plan::Lane| {
            lane.steps
                .iter()
                .find(|s| !self.is_done(&s.id))
                .map(|s| s.id.to_string())
        };
        stage.lanes.iter().filter_map(first_open).collect()
    }
}

/// The batch that takes the rows from `before` to `after`.
pub fn changed_rows(
    plan: &Plan,
    before: &JobState,
    after: &JobState,
    events: Vec<crate::event::StoredEvent>,
) -> Batch {
    let old = before.volume_rows(plan);
    let volumes = after
        .volume_rows(plan)
        .into_iter()
        .filter(|row| !old.contains(row))
        .collect();
    let resources = after
        .ledger
        .iter()
        .filter(|row| !before.ledger.contains(row))
        .cloned()
        .collect();
    Batch {
        events,
        projection: after.projection(plan),
        volumes,
        resources,
    }
}
