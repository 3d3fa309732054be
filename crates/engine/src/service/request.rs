//! What a caller wants.

use std::collections::BTreeMap;
use std::time::Duration;

use failover_access::Actor;
use failover_domain::{AtWindowEnd, FailoverType, StrategyRequest, VmId};

use crate::plan::{BootPolicy, CommitPolicy, WarningPolicy};

/// What a caller wants from a failover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverRequest {
    /// The source VM.
    pub vm_id: VmId,
    /// The name that the caller believes the VM has; a guard against a mixed-up id.
    pub vm_name: Option<String>,
    /// What failed warnings mean.
    pub warnings: WarningPolicy,
    /// Mappings for this job alone: source network to id or exact name of a cloud network. In a test each must lead to a
    /// network that is marked as a test network.
    pub network_mappings: BTreeMap<String, String>,
    /// How the boot is verified.
    pub boot: BootPolicy,
    /// Live or test, with what only that needs.
    pub wanted: Wanted,
    /// Who asks.
    pub requested_by: Actor,
}

/// The failover that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A permanent switch.
    Live {
        /// What becomes of it once it is completed.
        commit: CommitPolicy,
    },
    /// A limited run.
    Test(WantedTest),
}

/// The test that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedTest {
    /// How long the window is open.
    pub window: Duration,
    /// What happens at its end.
    pub at_window_end: AtWindowEnd,
    /// How the rollback point is to be made.
    pub strategy: StrategyRequest,
}

impl Wanted {
    /// Live or test.
    pub fn failover_type(&self) -> FailoverType {
        match self {
            Wanted::Live { .. } => FailoverType::Live,
            Wanted::Test(_) => FailoverType::Test,
        }
    }

    /// The rollback strategy; a live failover has no choice.
    pub(super) fn strategy(&self) -> StrategyRequest {
        match self {
            Wanted::Live { .. } => StrategyRequest::Auto,
            Wanted::Test(test) => test.strategy,
        }
    }
}
