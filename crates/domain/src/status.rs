//! Job types, statuses, their order and their progress figures, exactly as the customer's document has them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// The two ways of failing a VM over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailoverType {
    /// A permanent switch to the cloud.
    Live,
    /// A limited run on an isolated network, undone afterwards.
    Test,
}

impl FailoverType {
    /// Both.
    pub const ALL: [FailoverType; 2] = [FailoverType::Live, FailoverType::Test];

    /// The type of the job that does it.
    pub const fn job_type(self) -> JobType {
        match self {
            FailoverType::Live => JobType::Live,
            FailoverType::Test => JobType::Test,
        }
    }
}
impl fmt::Display for FailoverType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.job_type().as_str())
    }
}
impl FromStr for FailoverType {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|t| t.job_type().as_str() == text)
            .ok_or_else(|| IdError::Malformed {
                kind: "failover type",
                text: text.chars().take(80).collect(),
                allowed: "live or test",
            })
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// A permanent switch to the cloud.
    Live,
    /// A limited run on an isolated network, undone afterwards.
    Test,
    /// The way back of a completed live failover.
    Rollback,
    /// The end of a completed live failover: its rollback points are deleted.
    Commit,
}

impl JobType {
    /// All job types.
    pub const ALL: [JobType; 4] = [JobType::Live, JobType::Test, JobType::Rollback, JobType::Commit];

    /// The failover that it is; `None` for what comes after a failover.
    pub const fn failover_type(self) -> Option<FailoverType> {
        match self {
            JobType::Live => Some(FailoverType::Live),
            JobType::Test => Some(FailoverType::Test),
            JobType::Rollback | JobType::Commit => None,
        }
    }

    /// The first part of a job id.
    pub const fn id_prefix(self) -> &'static str {
        match self {
            JobType::Live => "live-failover",
            JobType::Test => "test-failover",
            JobType::Rollback => "rollback",
            JobType::Commit => "commit",
        }
    }

    /// The name in columns and routes.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobType::Live => "live",
            JobType::Test => "test",
            JobType::Rollback => "rollback",
            JobType::Commit => "commit",
        }
    }
}
impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for JobType {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|t| t.as_str() == text)
            .ok_or_else(|| IdError::Malformed {
                kind: "job_type",
                text: text.chars().take(80).collect(),
                allowed: "live, test, rollback or commit",
            })
    }
}

/// Where a job is in the customer's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Accepted, no worker has begun.
    Pending,
    /// The readiness rules run inside the job.
    Validating,
    /// The replicas are being secured; in a test also: the test window is open.
    Executing,
    /// Rollback points are being taken.
    Snapshotting,
    /// The destination VM is being created.
    CreatingVm,
    /// The replicas are changing custody to the destination VM.
    SwitchingVolume,
    /// The destination VM is being started and verified.
    PoweringOn,
    /// The test window is over and the test VM is being stopped (test only).
    Cleanup,
    /// The replicas are being reverted and returned (test only).
    Reverting,
    /// Done, and observed to be done.
    Completed,
    /// Ended without success; the replicas are back, or an attention says where they are.
    Failed,
}

/// A status change that the customer's sequence does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {job_type} job cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// The job's type.
    pub job_type: JobType,
    /// Where it was.
    pub from: JobStatus,
    /// Where it was sent.
    pub to: JobStatus,
}

impl JobStatus {
    /// All statuses.
    pub const ALL: [JobStatus; 11] = [
        JobStatus::Pending,
        JobStatus::Validating,
        JobStatus::Executing,
        JobStatus::Snapshotting,
        JobStatus::CreatingVm,
        JobStatus::SwitchingVolume,
        JobStatus::PoweringOn,
        JobStatus::Cleanup,
        JobStatus::Reverting,
        JobStatus::Completed,
        JobStatus::Failed,
    ];

    /// The statuses in which a job still owns its source VM: every one but the two last.
    pub const ACTIVE: [JobStatus; 9] = [
        JobStatus::Pending,
        JobStatus::Validating,
        JobStatus::Executing,
        JobStatus::Snapshotting,
        JobStatus::CreatingVm,
        JobStatus::SwitchingVolume,
        JobStatus::PoweringOn,
        JobStatus::Cleanup,
        JobStatus::Reverting,
    ];

    /// The name in columns, routes and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobStatus::Pending => "pending",
            JobStatus::Validating => "validating",
            JobStatus::Executing => "executing",
            JobStatus::Snapshotting => "snapshotting",
            JobStatus::CreatingVm => "creating_vm",
            JobStatus::SwitchingVolume => "switching_volume",
            JobStatus::PoweringOn => "powering_on",
            JobStatus::Cleanup => "cleanup",
            JobStatus::Reverting => "reverting",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
        }
    }

    /// Whether a job in this status has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed)
    }

    /// The customer's sequence for a job type. A test passes `executing` twice: before the switch and again
    /// while its window is open. Rollback and commit are ours; they use the customer's words.
    pub const fn sequence(job_type: JobType) -> &'static [JobStatus] {
        use JobStatus::{
            Cleanup, Completed, CreatingVm, Executing, Pending, PoweringOn, Reverting, Snapshotting,
            SwitchingVolume, Validating,
        };
        match job_type {
            JobType::Live => &[
                Pending,
                Validating,
                Executing,
                Snapshotting,
                CreatingVm,
                SwitchingVolume,
                PoweringOn,
                Completed,
            ],
            JobType::Test => &[
                Pending,
                Validating,
                Executing,
                CreatingVm,
                SwitchingVolume,
                Snapshotting,
                PoweringOn,
                Executing,
                Cleanup,
                Reverting,
                Completed,
            ],
            JobType::Rollback => &[Pending, Executing, Cleanup, Reverting, Completed],
            JobType::Commit => &[Pending, Executing, Cleanup, Completed],
        }
    }

    /// Whether a job of `job_type` may go from `self` to `to` in one change.
    ///
    /// Forward by one place of the sequence; to `failed` from everywhere but the ends; and, in a test that must
    /// be undone early, to `cleanup` from every place after the first touch of the cloud.
    pub fn may_become(self, job_type: JobType, to: JobStatus) -> bool {
        let forward = Self::sequence(job_type)
            .windows(2)
            .any(|pair| pair[0] == self && pair[1] == to);
        let gives_up = to == JobStatus::Failed && !self.is_final();
        let early_cleanup = job_type == JobType::Test
            && to == JobStatus::Cleanup
            && matches!(
                self,
                JobStatus::Executing
                    | JobStatus::CreatingVm
                    | JobStatus::SwitchingVolume
                    | JobStatus::Snapshotting
                    | JobStatus::PoweringOn
            );
        // A status that the type's sequence does not know has no way in or out.
        let known = self == JobStatus::Failed || Self::sequence(job_type).contains(&self);
        known && (forward || gives_up || early_cleanup)
    }

    /// Checks a change of status.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the customer's sequence does not have it.
    pub fn change_to(self, job_type: JobType, to: JobStatus) -> Result<JobStatus, IllegalTransition> {
        if self.may_become(job_type, to) {
            Ok(to)
        } else {
            Err(IllegalTransition {
                job_type,
                from: self,
                to,
            })
        }
    }

    /// The progress in percent at which a job of `job_type` enters this status, as in the customer's document.
    /// `None` for a status that the type does not have. For the second `executing` of a test see
    /// [`JobStatus::WINDOW_PROGRESS`].
    pub const fn progress(self, job_type: JobType) -> Option<f64> {
        match (job_type, self) {
            (_, JobStatus::Pending | JobStatus::Failed) => Some(0.0),
            (_, JobStatus::Completed) => Some(100.0),
            (JobType::Live, JobStatus::Validating) => Some(10.0),
            (JobType::Live, JobStatus::Executing) => Some(20.0),
            (JobType::Live, JobStatus::Snapshotting) => Some(30.0),
            (JobType::Live, JobStatus::CreatingVm) => Some(50.0),
            (JobType::Live, JobStatus::SwitchingVolume) => Some(70.0),
            (JobType::Live, JobStatus::PoweringOn) => Some(85.0),
            (JobType::Live, JobStatus::Cleanup | JobStatus::Reverting) => None,
            (JobType::Test, JobStatus::Validating) => Some(8.0),
            (JobType::Test, JobStatus::Executing) => Some(15.0),
            (JobType::Test, JobStatus::CreatingVm) => Some(25.0),
            (JobType::Test, JobStatus::SwitchingVolume) => Some(40.0),
            (JobType::Test, JobStatus::Snapshotting) => Some(55.0),
            (JobType::Test, JobStatus::PoweringOn) => Some(70.0),
            (JobType::Test, JobStatus::Cleanup) => Some(85.0),
            (JobType::Test, JobStatus::Reverting) => Some(95.0),
            (JobType::Rollback | JobType::Commit, JobStatus::Executing) => Some(10.0),
            (JobType::Rollback | JobType::Commit, JobStatus::Cleanup) => Some(20.0),
            (JobType::Rollback, JobStatus::Reverting) => Some(40.0),
            (
                JobType::Rollback,
                JobStatus::Validating
                | JobStatus::Snapshotting
                | JobStatus::CreatingVm
                | JobStatus::SwitchingVolume
                | JobStatus::PoweringOn,
            )
            | (
                JobType::Commit,
                JobStatus::Validating
                | JobStatus::Snapshotting
                | JobStatus::CreatingVm
                | JobStatus::SwitchingVolume
                | JobStatus::PoweringOn
                | JobStatus::Reverting,
            ) => None,
        }
    }

    /// The progress between which an open test window moves with elapsed time, in percent.
    pub const WINDOW_PROGRESS: (f64, f64) = (70.0, 85.0);
}
impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for JobStatus {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| IdError::Malformed {
            kind: "status",
            text: text.chars().take(80).collect(),
            allowed: "pending, validating, executing, snapshotting, creating_vm, switching_volume, powering_on, \
                      cleanup, reverting, completed or failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::JobStatus::*;
    use super::*;

    /// Every legal pair, written out; every other pair of the 11 × 11 table must be refused.
    const LIVE: &[(JobStatus, JobStatus)] = &[
        (Pending, Validating),
        (Validating, Executing),
        (Executing, Snapshotting),
        (Snapshotting, CreatingVm),
        (CreatingVm, SwitchingVolume),
        (SwitchingVolume, PoweringOn),
        (PoweringOn, Completed),
        (Pending, Failed),
        (Validating, Failed),
        (Executing, Failed),
        (Snapshotting, Failed),
        (CreatingVm, Failed),
        (SwitchingVolume, Failed),
        (PoweringOn, Failed),
    ];
    const TEST: &[(JobStatus, JobStatus)] = &[
        (Pending, Validating),
        (Validating, Executing),
        (Executing, CreatingVm),
        (CreatingVm, SwitchingVolume),
        (SwitchingVolume, Snapshotting),
        (Snapshotting, PoweringOn),
        (PoweringOn, Executing),
        (Executing, Cleanup),
        (CreatingVm, Cleanup),
        (SwitchingVolume, Cleanup),
        (Snapshotting, Cleanup),
        (PoweringOn, Cleanup),
        (Cleanup, Reverting),
        (Reverting, Completed),
        (Pending, Failed),
        (Validating, Failed),
        (Executing, Failed),
        (CreatingVm, Failed),
        (SwitchingVolume, Failed),
        (Snapshotting, Failed),
        (PoweringOn, Failed),
        (Cleanup, Failed),
        (Reverting, Failed),
    ];

    const ROLLBACK: &[(JobStatus, JobStatus)] = &[
        (Pending, Executing),
        (Executing, Cleanup),
        (Cleanup, Reverting),
        (Reverting, Completed),
        (Pending, Failed),
        (Executing, Failed),
        (Cleanup, Failed),
        (Reverting, Failed),
    ];
    const COMMIT: &[(JobStatus, JobStatus)] = &[
        (Pending, Executing),
        (Executing, Cleanup),
        (Cleanup, Completed),
        (Pending, Failed),
        (Executing, Failed),
        (Cleanup, Failed),
    ];

    #[test]
    fn the_transition_tables_hold_over_all_pairs() {
        for (job_type, table) in [
            (JobType::Live, LIVE),
            (JobType::Test, TEST),
            (JobType::Rollback, ROLLBACK),
            (JobType::Commit, COMMIT),
        ] {
            for from in JobStatus::ALL {
                for to in JobStatus::ALL {
                    let legal = table.contains(&(from, to));
                    assert_eq!(from.may_become(job_type, to), legal, "{job_type}: {from} -> {to}");
                    assert_eq!(from.change_to(job_type, to).is_ok(), legal);
                }
            }
        }
    }

    #[test]
    fn progress_never_falls_along_the_live_sequence() {
        let figures: Vec<f64> = JobStatus::sequence(JobType::Live)
            .iter()
            .filter_map(|s| s.progress(JobType::Live))
            .collect();
        assert_eq!(figures, [0.0, 10.0, 20.0, 30.0, 50.0, 70.0, 85.0, 100.0]);
    }

    #[test]
    fn progress_of_a_test_is_the_customers() {
        let figures: Vec<Option<f64>> = JobStatus::sequence(JobType::Test)
            .iter()
            .map(|s| s.progress(JobType::Test))
            .collect();
        let expected = [0.0, 8.0, 15.0, 25.0, 40.0, 55.0, 70.0, 15.0, 85.0, 95.0, 100.0].map(Some);
        assert_eq!(
            figures, expected,
            "the second executing is the window, whose figures are apart"
        );
    }

    #[test]
    fn every_status_of_a_sequence_has_a_figure_and_the_figures_rise() {
        for job_type in [JobType::Rollback, JobType::Commit] {
            let figures: Option<Vec<f64>> = JobStatus::sequence(job_type)
                .iter()
                .map(|s| s.progress(job_type))
                .collect();
            assert!(figures.unwrap().is_sorted_by(|a, b| a < b), "{job_type}");
        }
    }

    #[test]
    fn texts_round_trip() {
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse::<JobStatus>().unwrap(), status);
        }
        assert!(
            "done"
                .parse::<JobStatus>()
                .unwrap_err()
                .to_string()
                .contains("powering_on")
        );
    }

    #[test]
    fn active_is_everything_but_the_ends() {
        let active: Vec<_> = JobStatus::ALL.into_iter().filter(|s| !s.is_final()).collect();
        assert_eq!(active, JobStatus::ACTIVE);
    }
}
