//! What is run, and how it must end.

use std::fmt;

use failover_access::Actor;
use failover_domain::{JobId, JobStatus, StrategyRequest};
use failover_engine::ports::ResourceState;
use failover_engine::service::Settlement;

use crate::lab::Lab;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Live,
    TestByVolume,
    TestByVm,
    Rollback,
    Commit,
}

/// Whether a cancel was accepted in the course of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    None,
    Accepted,
}

/// A job, and where it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) kind: Kind,
    /// How many disks the VM has.
    pub(crate) disks: usize,
    /// The status that is answered by a cancel as soon as it is journaled.
    pub(crate) cancel_at: Option<JobStatus>,
}

impl Course {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self {
            kind,
            disks: 3,
            cancel_at: None,
        }
    }

    pub(crate) const fn cancelled(kind: Kind, at: JobStatus) -> Self {
        Self {
            kind,
            disks: 3,
            cancel_at: Some(at),
        }
    }

    pub(crate) const fn with_disks(self, disks: usize) -> Self {
        Self { disks, ..self }
    }

    /// Whether a person may cancel it at all.
    pub(crate) fn can_be_cancelled(self) -> bool {
        match self.kind {
            Kind::Live | Kind::TestByVolume | Kind::TestByVm => self.cancel_at.is_none(),
            Kind::Rollback | Kind::Commit => false,
        }
    }

    /// Creates the job. What comes before it goes undisturbed.
    pub(crate) async fn begin(self, lab: &Lab) -> JobId {
        match self.kind {
            Kind::Live => lab.start().await,
            Kind::TestByVolume => lab.start_short_test(StrategyRequest::VolumeSnapshots).await,
            Kind::TestByVm => lab.start_short_test(StrategyRequest::VmSnapshot).await,
            Kind::Rollback => settle(lab, Settlement::Rollback).await,
            Kind::Commit => settle(lab, Settlement::Commit).await,
        }
    }

    /// Insists that the job has ended as it may, and that the cloud is as it must be then.
    pub(crate) async fn assert_ended_well(self, lab: &Lab, job: &JobId, cancel: Cancel) {
        let record = lab.record(job).await;
        let status = record.projection.status;
        if status == JobStatus::Completed {
            // A failed job shows no progress, so only a completed one never fell back.
            lab.statuses(job).await;
        }
        assert_eq!(record.projection.attention, [], "nobody is needed");
        // A test that is over is cleaned up either way; its end and its cancel are both kept.
        if self.cancel_at.is_some() || (cancel == Cancel::Accepted && self.kind == Kind::Live) {
            assert_eq!(
                status,
                JobStatus::Failed,
                "a cancel that was accepted is never dropped"
            );
        }
        match (self.kind, status) {
            (Kind::Live, JobStatus::Completed) => lab.assert_moved(job).await,
            (Kind::Live, JobStatus::Failed)
            | (Kind::TestByVolume | Kind::TestByVm, JobStatus::Completed | JobStatus::Failed)
            | (Kind::Rollback, JobStatus::Completed) => {
                lab.assert_everything_is_back(job).await;
                let comparison = lab.state(job).await.comparison;
                assert!(comparison.is_none_or(|c| c.differences.is_empty()), "compared");
            }
            (Kind::Commit, JobStatus::Completed) => {
                let cloud = lab.cloud.inventory();
                assert!(cloud.snapshots.is_empty(), "{:?}", cloud.snapshots);
                for row in lab.ledger(job).await {
                    assert_eq!(row.state, ResourceState::Removed, "{row:?}");
                }
            }
            (kind, status) => panic!("a {kind:?} ended as {status}: {:?}", record.projection.failure),
        }
    }
}

/// A live failover that goes undisturbed, and the job that settles it.
async fn settle(lab: &Lab, how: Settlement) -> JobId {
    let live = lab.start().await;
    lab.run(&live).await;
    let job = lab
        .parts
        .service()
        .settle(&live, how, &Actor::named("operator"))
        .await;
    job.expect("a completed failover can be settled")
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Live => "live",
            Kind::TestByVolume => "test-volume-snapshots",
            Kind::TestByVm => "test-vm-snapshot",
            Kind::Rollback => "rollback",
            Kind::Commit => "commit",
        })?;
        if self.disks != 3 {
            write!(f, "-of-{}", self.disks)?;
        }
        match self.cancel_at {
            Some(status) => write!(f, "-cancelled-at-{status}"),
            None => Ok(()),
        }
    }
}
