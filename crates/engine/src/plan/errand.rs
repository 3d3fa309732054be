//! What a job is for, with what only such a job needs.

use std::time::Duration;

use failover_domain::{AtWindowEnd, CloudVmId, JobId, RollbackStrategy, SnapshotId};
use serde::{Deserialize, Serialize};

use crate::survey::Survey;

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "errand", rename_all = "snake_case")]
pub enum Errand {
    /// A permanent switch.
    Live {
        /// What becomes of it once it is completed.
        #[serde(default)]
        commit: CommitPolicy,
    },
    /// A limited run.
    Test(TestErrand),
    /// The way back of a completed live failover.
    Rollback(Settled),
    /// The end of a completed live failover: its rollback points are deleted.
    Commit(Settled),
}

impl Default for Errand {
    fn default() -> Self {
        Errand::Live {
            commit: CommitPolicy::Manual,
        }
    }
}

/// What becomes of a completed live failover when nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum CommitPolicy {
    /// Its rollback points are kept until somebody commits it or rolls it back.
    #[default]
    Manual,
    /// It is committed after so many seconds.
    CommitAfter {
        /// Seconds from its completion.
        seconds: u64,
    },
    /// It is rolled back after so many seconds.
    RollbackAfter {
        /// Seconds from its completion.
        seconds: u64,
    },
}

impl CommitPolicy {
    /// How long after the completion something happens by itself.
    pub fn after(self) -> Option<Duration> {
        match self {
            CommitPolicy::Manual => None,
            CommitPolicy::CommitAfter { seconds } | CommitPolicy::RollbackAfter { seconds } => {
                Some(Duration::from_secs(seconds))
            }
        }
    }
}

/// What only a test needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestErrand {
    /// How the rollback point is made.
    pub strategy: RollbackStrategy,
    /// Why so.
    pub strategy_reason: String,
    /// The name of the VM snapshot, where the rollback point is one: unique to the job, so that it is found after a
    /// lost reply.
    pub vm_snapshot_name: Option<String>,
    /// How long the window is open, in seconds.
    pub window_seconds: u64,
    /// What happens at its end.
    pub at_window_end: AtWindowEnd,
}

impl TestErrand {
    /// How long the window is open.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds)
    }
}

/// A completed live failover that is committed or rolled back: what its job knew at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settled {
    /// The live failover's job.
    pub job: JobId,
    /// The destination VM.
    pub vm: CloudVmId,
    /// The rollback points in disk order.
    pub snapshots: Vec<Option<SnapshotId>>,
    /// The inventory of the cloud before the live failover.
    pub before: Option<Survey>,
}
