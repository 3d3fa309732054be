//! How long a failover should take, from the journals of the last ones.

use failover_domain::{
    EstimatedDuration, FailoverType, JobId, JobStatus, Readiness, RollbackStrategy, SourceVm,
};

use super::FailoverService;
use crate::estimate::StepHistory;
use crate::event::StoredEvent;
use crate::plan::{Stage, stages_of};
use crate::ports::{JobFilter, StoreError};

/// How many finished jobs are measured: enough for a median that one odd job does not move, and few enough to be read
/// beside every verdict.
const MEASURED_JOBS: usize = 10;

/// How many journal entries are read at once.
const EVENTS_AT_ONCE: usize = 1000;

impl FailoverService {
    /// How long these stages of a failover should take.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn estimated_duration(
        &self,
        failover: FailoverType,
        stages: &[Stage],
    ) -> Result<EstimatedDuration, StoreError> {
        Ok(self.step_history(failover).await?.estimate(stages))
    }

    /// What the last completed failovers of a type took. One whose journal cannot be read is left out: an estimate is no
    /// reason to fail.
    pub(super) async fn step_history(&self, failover: FailoverType) -> Result<StepHistory, StoreError> {
        let filter = JobFilter {
            statuses: vec![JobStatus::Completed],
            job_type: Some(failover.job_type()),
            limit: MEASURED_JOBS,
            ..JobFilter::default()
        };
        let mut history = StepHistory::default();
        for job in self.jobs.jobs(&filter).await? {
            let Some(plan) = self.jobs.plan(&job.job_id).await? else {
                continue;
            };
            let events = self.journal(&job.job_id).await?;
            if let Err(error) = history.add(&plan, &events) {
                tracing::warn!(job_id = %job.job_id, %error, "a finished job cannot be measured");
            }
        }
        Ok(history)
    }

    async fn journal(&self, job_id: &JobId) -> Result<Vec<StoredEvent>, StoreError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.seq);
            let piece = self.jobs.events(job_id, after, EVENTS_AT_ONCE).await?;
            let is_last = piece.len() < EVENTS_AT_ONCE;
            events.extend(piece);
            if is_last {
                return Ok(events);
            }
        }
    }
}

/// Adds to a verdict how long the failover of `vm` should take. Without a disk there is nothing to plan.
pub(super) fn add_estimate(
    verdict: &mut Readiness,
    vm: Option<&SourceVm>,
    failover: FailoverType,
    history: &StepHistory,
) {
    let disks = vm.map_or(0, |vm| vm.disks.len());
    if disks > 0 {
        let stages = stages_of(failover, disks, strategy_found(verdict));
        verdict.estimated_duration = Some(history.estimate(&stages));
    }
}

/// The strategy that the rules chose for a test; where they could not, the one that works everywhere.
fn strategy_found(verdict: &Readiness) -> RollbackStrategy {
    let mut checks = verdict.checks.iter();
    let found = checks.find(|check| check.rule == "rollback_strategy");
    let strategy = found.and_then(|check| check.details["strategy"].as_str());
    let mut known = RollbackStrategy::ALL.into_iter();
    let chosen = known.find(|known| strategy == Some(known.as_str()));
    chosen.unwrap_or(RollbackStrategy::VolumeSnapshots)
}
