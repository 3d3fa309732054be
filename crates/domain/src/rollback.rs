//! How a test failover makes its rollback point.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// How the replicas of a test get back to their content before the guest booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RollbackStrategy {
    /// One disk-only VM snapshot of the stopped destination VM, taken when all replicas are attached.
    VmSnapshot,
    /// A volume snapshot of each replica, taken while it hangs on no VM.
    VolumeSnapshots,
}

impl RollbackStrategy {
    /// Both.
    pub const ALL: [RollbackStrategy; 2] = [RollbackStrategy::VmSnapshot, RollbackStrategy::VolumeSnapshots];

    /// The name in requests, plans and journals.
    pub const fn as_str(self) -> &'static str {
        match self {
            RollbackStrategy::VmSnapshot => "vm_snapshot",
            RollbackStrategy::VolumeSnapshots => "volume_snapshots",
        }
    }
}
impl fmt::Display for RollbackStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which strategy a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StrategyRequest {
    /// The fastest one that version, storage and existing snapshots allow.
    #[default]
    Auto,
    /// [`RollbackStrategy::VmSnapshot`] or nothing.
    VmSnapshot,
    /// [`RollbackStrategy::VolumeSnapshots`].
    VolumeSnapshots,
}
impl fmt::Display for StrategyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StrategyRequest::Auto => "auto",
            StrategyRequest::VmSnapshot => RollbackStrategy::VmSnapshot.as_str(),
            StrategyRequest::VolumeSnapshots => RollbackStrategy::VolumeSnapshots.as_str(),
        })
    }
}
impl FromStr for StrategyRequest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "auto" => Ok(StrategyRequest::Auto),
            "vm_snapshot" => Ok(StrategyRequest::VmSnapshot),
            "volume_snapshots" => Ok(StrategyRequest::VolumeSnapshots),
            _ => Err(IdError::Malformed {
                kind: "rollback_strategy",
                text: text.chars().take(80).collect(),
                allowed: "auto, vm_snapshot or volume_snapshots",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip() {
        for request in [
            StrategyRequest::Auto,
            StrategyRequest::VmSnapshot,
            StrategyRequest::VolumeSnapshots,
        ] {
            assert_eq!(request.to_string().parse::<StrategyRequest>().unwrap(), request);
            assert_eq!(serde_json::to_value(request).unwrap(), request.to_string());
        }
        let error = "snapshot".parse::<StrategyRequest>().unwrap_err().to_string();
        assert!(error.contains("vm_snapshot"), "{error}");
    }
}
