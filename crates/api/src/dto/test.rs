//! Starting a test failover.

use std::collections::BTreeMap;

use failover_domain::{RollbackStrategy, StrategyRequest, VmId};
use failover_engine::plan::OnBootFailure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::live::BootRequest;

/// The body of `POST /api/v1/failover/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestFailoverRequest {
    /// The source VM.
    pub vm_id: VmId,
    /// The name that the caller believes the VM has; a guard against a mixed-up id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_name: Option<String>,
    /// How long the test window is open, such as `30m` or `1h30m`, from `10s` to `30days`; one hour when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1h30m")]
    pub test_duration: Option<String>,
    /// Whether the test is cleaned up when its window is over. Otherwise people are told, and it goes on until somebody
    /// ends it.
    #[serde(default = "cleaned_up")]
    pub auto_cleanup: bool,
    /// Whether failed warnings are passed over. Critical checks protect data and always count.
    #[serde(default)]
    pub skip_validation: bool,
    /// Mappings for this job alone: source network to the id or the exact name of a cloud network that is marked as a
    /// test network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub network_mappings: BTreeMap<String, String>,
    /// How the boot is verified.
    #[serde(default)]
    pub boot: BootRequest,
    /// What happens when the boot cannot be verified.
    #[serde(default)]
    pub on_boot_failure: OnBootFailure,
    /// How the rollback point is made: `auto`, `vm_snapshot` or `volume_snapshots`.
    #[serde(default)]
    pub rollback_strategy: StrategyRequest,
}

const fn cleaned_up() -> bool {
    true
}

impl TestFailoverRequest {
    /// A request with defaults for everything else.
    pub fn new(vm_id: VmId) -> Self {
        Self {
            vm_id,
            vm_name: None,
            test_duration: None,
            auto_cleanup: cleaned_up(),
            skip_validation: false,
            network_mappings: BTreeMap::new(),
            boot: BootRequest::default(),
            on_boot_failure: OnBootFailure::default(),
            rollback_strategy: StrategyRequest::default(),
        }
    }
}

/// How a test makes its rollback point, and why so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StrategyView {
    /// How.
    pub strategy: RollbackStrategy,
    /// The version, the storage or the snapshot that decided, in words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_short_request_leaves_out_has_the_documented_default() {
        let request: TestFailoverRequest =
            serde_json::from_str(r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53"}"#).unwrap();
        assert_eq!(request, TestFailoverRequest::new(request.vm_id.clone()));
        assert!(request.auto_cleanup);
        assert_eq!(request.rollback_strategy, StrategyRequest::Auto);
    }
}
