//! Attention: a job needs a person. It says what happened, to which object, and what can be done.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How urgent an attention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
}

/// A job needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Since when it holds.
    pub since: DateTime<Utc>,
}
