//! Which name the destination VM gets.
//!
//! A live failover has one name and fails when it is taken: the VM is found under it for years. A test VM lives for
//! hours, so what an earlier test left behind does not stand in its way.

use failover_domain::vm_name::{destination_name, test_names};
use failover_domain::{FailoverType, ZoneId};
use ossea::{CloudVm, OsseaClient, OsseaError};

use crate::reading::CloudReading;

/// The first name for the destination VM of `vm_name` that no VM of the zone has; `None` when all are taken.
///
/// A free name is not reserved: the cloud itself refuses a second VM of one name on one network.
///
/// # Errors
/// When the cloud cannot be asked.
pub async fn free_destination_name(
    cloud: &dyn OsseaClient,
    zone: &ZoneId,
    vm_name: &str,
    failover: FailoverType,
) -> Result<Option<String>, OsseaError> {
    for name in candidates(vm_name, failover) {
        let mut namesakes = cloud.vms_named(&name).await?.into_iter();
        if !namesakes.any(|vm| vm.zone == *zone) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Names that were looked at, up to the first free one.
#[derive(Debug)]
pub(crate) struct NameSearch {
    /// The free one.
    pub(crate) free: Option<String>,
    /// The VMs that have the names before it.
    pub(crate) taken_by: Vec<CloudVm>,
}

impl NameSearch {
    /// Looks at one name after the other until one is free.
    pub(crate) async fn run(
        cloud: &CloudReading<'_>,
        vm_name: &str,
        failover: FailoverType,
    ) -> Result<Self, OsseaError> {
        let mut taken_by = Vec::new();
        for name in candidates(vm_name, failover) {
            let namesakes = cloud.vms_named(&name).await?;
            if namesakes.is_empty() {
                let free = Some(name);
                return Ok(Self { free, taken_by });
            }
            taken_by.extend(namesakes);
        }
        Ok(Self { free: None, taken_by })
    }
}

fn candidates(vm_name: &str, failover: FailoverType) -> Vec<String> {
    match failover {
        FailoverType::Live => vec![destination_name(vm_name, "")],
        FailoverType::Test => test_names(vm_name).collect(),
    }
}
