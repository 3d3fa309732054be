//! On which source VMs a caller may act.

use std::collections::BTreeSet;

use failover_domain::VmId;
use serde::{Deserialize, Serialize};

/// The source VMs that a caller may see and act on. As JSON: `null` for all, otherwise their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<BTreeSet<VmId>>", into = "Option<BTreeSet<VmId>>")]
pub enum VmScope {
    /// All of them, those that come later too.
    All,
    /// These and no others.
    Only(BTreeSet<VmId>),
}

impl VmScope {
    /// Whether a VM is among them.
    pub fn holds(&self, vm: &VmId) -> bool {
        match self {
            VmScope::All => true,
            VmScope::Only(vms) => vms.contains(vm),
        }
    }

    /// The VMs, where they are restricted.
    pub fn only(&self) -> Option<&BTreeSet<VmId>> {
        match self {
            VmScope::All => None,
            VmScope::Only(vms) => Some(vms),
        }
    }
}
impl From<Option<BTreeSet<VmId>>> for VmScope {
    fn from(vms: Option<BTreeSet<VmId>>) -> Self {
        vms.map_or(VmScope::All, VmScope::Only)
    }
}
impl From<VmScope> for Option<BTreeSet<VmId>> {
    fn from(scope: VmScope) -> Self {
        match scope {
            VmScope::All => None,
            VmScope::Only(vms) => Some(vms),
        }
    }
}
