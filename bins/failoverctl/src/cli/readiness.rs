//! `readiness`.

use clap::Args;
use failover_domain::FailoverType;

use super::failover_type;

/// `readiness`: of one VM or of all.
#[derive(Debug, Args)]
pub(crate) struct ReadinessArgs {
    /// VMware UUID or exact name.
    #[arg(required_unless_present = "all")]
    pub(crate) vm: Option<String>,
    /// All source VMs, one line each.
    #[arg(long, conflicts_with = "vm")]
    pub(crate) all: bool,
    /// Only source VMs that are not ready.
    #[arg(long, conflicts_with = "vm")]
    pub(crate) not_ready: bool,
    /// Only what this rule finds, such as volume_state.
    #[arg(long, value_name = "RULE", conflicts_with = "all")]
    pub(crate) only: Option<String>,
    /// For which kind of failover.
    #[arg(long = "type", value_name = "TYPE", default_value = "live", value_parser = failover_type)]
    pub(crate) failover: FailoverType,
}
