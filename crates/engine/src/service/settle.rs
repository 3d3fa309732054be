//! What comes after a completed live failover: it is committed or rolled back, by a person or by its policy. Either is
//! a job of its own, and a failover is settled once.

use failover_access::Actor;
use failover_domain::{JobId, VmId};

use super::FailoverService;
use crate::plan::{CommitPolicy, Errand, Plan, Settled, commit_plan, rollback_plan};
use crate::ports::{CreateError, JobRecord, NewJob, StoreError};
use crate::state::{IllegalEvent, JobState};
use crate::verbs::{Permission, Verb, permission};

/// How a completed live failover is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its rollback points are deleted.
    Commit,
    /// It is undone.
    Rollback,
}

impl Settlement {
    const fn verb(self) -> Verb {
        match self {
            Settlement::Commit => Verb::Commit,
            Settlement::Rollback => Verb::Rollback,
        }
    }
}

/// Why a live failover is not settled. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such job.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// It cannot be settled.
    #[error("job {job_id} cannot be settled: {reason}")]
    NotAllowed {
        /// The job.
        job_id: JobId,
        /// Why not.
        reason: String,
    },
    /// The source VM has an active job.
    #[error("source VM {vm_id} has the active job {job_id}")]
    Active {
        /// The source VM.
        vm_id: VmId,
        /// The job that runs.
        job_id: JobId,
    },
    /// The journal of the live failover is broken.
    #[error(transparent)]
    Journal(#[from] IllegalEvent),
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who settles a live failover when its time has come.
const COMMIT_POLICY: &str = "the commit policy";

/// The longest journal that is read: far more entries than the steps of the largest VM, tried again for days, write.
const WHOLE_JOURNAL: usize = 1_000_000;

impl FailoverService {
    /// Commits a completed live failover or rolls it back: stores the job that does it. Whoever calls this agrees to what
    /// it discards ([`Permission::NeedsConsent`]).
    ///
    /// # Errors
    /// [`SettleError`]; then no job exists.
    pub async fn settle(&self, live: &JobId, how: Settlement, by: &Actor) -> Result<JobId, SettleError> {
        let record = self.jobs.job(live).await?;
        let record = record.ok_or_else(|| SettleError::NoSuchJob(live.clone()))?;
        if let Permission::Refused { reason } = permission(&record, &[], how.verb()) {
            let job_id = live.clone();
            return Err(SettleError::NotAllowed { job_id, reason });
        }
        let plan = self.jobs.plan(live).await?;
        let plan = plan.ok_or_else(|| SettleError::NoSuchJob(live.clone()))?;
        let events = self.jobs.events(live, 0, WHOLE_JOURNAL).await?;
        let state = JobState::replay(&plan, &events)?;
        let plan = settlement_plan(&record, &plan, &state, how)?;
        let job = NewJob {
            plan,
            requested_by: by.clone(),
            at: self.clock.now(),
        };
        self.jobs.create(job).await.map_err(|error| match error {
            CreateError::Active { vm_id, job_id } => SettleError::Active { vm_id, job_id },
            CreateError::Settled { of, by } => SettleError::NotAllowed {
                job_id: of,
                reason: format!("job {by} has seen to that already"),
            },
            CreateError::Store(error) => SettleError::Store(error),
        })
    }

    /// Settles a live failover whose time has come, as its policy says. `None` when somebody else did, or when another
    /// job works on the VM: then the time comes again.
    ///
    /// # Errors
    /// [`SettleError`]; then no job exists.
    pub async fn settle_by_policy(&self, record: &JobRecord) -> Result<Option<JobId>, SettleError> {
        let plan = self.jobs.plan(&record.job_id).await?;
        let Some(Errand::Live { commit }) = plan.map(|plan| plan.errand) else {
            return Ok(None);
        };
        let how = match commit {
            CommitPolicy::Manual => return Ok(None),
            CommitPolicy::CommitAfter { .. } => Settlement::Commit,
            CommitPolicy::RollbackAfter { .. } => Settlement::Rollback,
        };
        match self
            .settle(&record.job_id, how, &Actor::named(COMMIT_POLICY))
            .await
        {
            Ok(job_id) => Ok(Some(job_id)),
            Err(SettleError::NotAllowed { .. } | SettleError::Active { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn settlement_plan(
    record: &JobRecord,
    live: &Plan,
    state: &JobState,
    how: Settlement,
) -> Result<Plan, SettleError> {
    let Some(vm) = state.vm.clone() else {
        return Err(SettleError::NotAllowed {
            job_id: record.job_id.clone(),
            reason: "its journal names no destination VM".to_owned(),
        });
    };
    let settled = Settled {
        job: record.job_id.clone(),
        vm,
        snapshots: state.disks.iter().map(|d| d.snapshot.clone()).collect(),
        before: state.before.clone(),
    };
    Ok(match how {
        Settlement::Commit => commit_plan(live, settled),
        Settlement::Rollback => rollback_plan(live, settled),
    })
}
