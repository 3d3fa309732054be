//! Attention: a job needs a person. It says what happened, to which object, and what can be done.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// How urgent an attention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody should look; no data is at risk.
    Warning,
    /// The job cannot go on without a person.
    Error,
    /// A replica is not where it should rest.
    Critical,
}

/// What kind of attention it is. The texts are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AttentionCode {
    /// A replica is attached to no VM and could not be attached to the OMA. The engine keeps trying.
    ReplicaDetached,
    /// A replica was attached to a VM that is neither the OMA nor the destination VM, by somebody else.
    ReplicaElsewhere,
    /// A replica that a guest may have written to was put on the OMA by somebody before it was reverted.
    DirtyReplicaOnOma,
    /// A replica that a guest may have written to could not be reverted to its rollback point.
    RevertFailed,
    /// The destination VM was destroyed, or is in error, while replicas hang on it. The one at device 0 is deleted
    /// when the cloud expunges the VM: it must be recovered before.
    DestinationDestroyed,
    /// A replica cannot be detached from the destination VM.
    DetachFailed,
    /// A replica volume cannot be found in the cloud.
    ReplicaMissing,
    /// The destination VM cannot be stopped.
    StopFailed,
    /// An object of the ledger could not be removed.
    LeftoverObject,
    /// The destination VM runs but did not pass boot verification, and the request asked to hold.
    BootNotVerified,
    /// The cloud cannot be reached, or does not accept our requests, for longer than the budget.
    CloudUnavailable,
    /// The job would have broken one of the product's invariants and stopped.
    InvariantGuard,
    /// The window of a test is over and nobody has ended it; the test VM still runs.
    TestWindowOver,
    /// The test VM is not as it was when its window was opened: its guest is off, or its address is gone.
    TestVmUnhealthy,
    /// Somebody took a VM snapshot of the destination VM. Nothing can be detached from it while that exists.
    ForeignVmSnapshot,
    /// A replica returned without its revert being proven. It needs a full synchronisation.
    ReplicaQuarantined,
    /// A replica is left as it is for a person to inspect, on that person's decision.
    KeptForInspection,
    /// The migration tool does not take the word that it may go on.
    ResumeFailed,
    /// The rollback points of a completed live failover grow old.
    RollbackPointsOld,
}

/// What a person may decide where the engine cannot go on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Try again now.
    Retry,
    /// Leave the replica as it is, for inspection, until somebody decides otherwise.
    Keep,
    /// Give the rollback point up: the replica is marked for a full synchronisation and returns as it is.
    Force,
}

impl Decision {
    /// All decisions.
    pub const ALL: [Decision; 3] = [Decision::Retry, Decision::Keep, Decision::Force];

    /// The name in routes and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Decision::Retry => "retry",
            Decision::Keep => "keep",
            Decision::Force => "force",
        }
    }
}
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Decision {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|d| d.as_str() == text)
            .ok_or_else(|| IdError::Malformed {
                kind: "decision",
                text: text.chars().take(80).collect(),
                allowed: "retry, keep or force",
            })
    }
}

/// A job needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attention {
    /// What kind it is.
    pub code: AttentionCode,
    /// How urgent it is.
    pub severity: Severity,
    /// What happened, in a sentence that reads well alone.
    pub message: String,
    /// The objects concerned, such as `volume 6f1f…`.
    pub objects: Vec<String>,
    /// What a person can do, one sentence a choice.
    pub choices: Vec<String>,
    /// What a person may decide through the product; the rest of the choices is done in the cloud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// Since when it holds.
    pub since: DateTime<Utc>,
}

impl Attention {
    /// The object that it is about; two attentions of one code about different objects stand side by side.
    pub fn object(&self) -> Option<&str> {
        self.objects.first().map(String::as_str)
    }

    /// Whether it is the one of this code about this object.
    pub fn is(&self, code: AttentionCode, object: Option<&str>) -> bool {
        self.code == code && self.object() == object
    }
}
