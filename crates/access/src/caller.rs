//! Somebody who asks for something, and somebody who changes something.

use failover_domain::VmId;

use crate::role::Role;
use crate::scope::VmScope;

/// Somebody who asks for something, as far as it is known who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name under which jobs, requests and the audit know the caller.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// On which source VMs.
    pub vms: VmScope,
}

impl Caller {
    /// A caller who may do everything.
    pub fn admin(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Admin,
            vms: VmScope::All,
        }
    }

    /// Whether the caller may see a source VM and act on it, as far as the role allows.
    pub fn may_touch(&self, vm: &VmId) -> bool {
        self.vms.holds(vm)
    }
}

/// Who changes something, as the audit names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name.
    pub name: String,
    /// The id of the request in which it happens, where there is one.
    pub request_id: Option<String>,
}

impl Actor {
    /// An actor outside any request.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            request_id: None,
        }
    }
}
