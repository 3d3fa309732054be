//! Looks at the readiness of source VMs in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use failover_domain::{FailoverType, VmId};

use super::MemoryStore;
use crate::looks::{ReadinessLook, ReadinessLooks};
use crate::ports::StoreError;

#[async_trait]
impl ReadinessLooks for MemoryStore {
    async fn last_looks(
        &self,
        failover: FailoverType,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, ReadinessLook>, StoreError> {
        let tables = self.tables();
        let look = |vm: &VmId| {
            let look = tables.looks.get(&(vm.clone(), failover))?;
            Some((vm.clone(), look.clone()))
        };
        Ok(vms.iter().filter_map(look).collect())
    }

    async fn put_looks(&self, looks: &[ReadinessLook]) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for look in looks {
            let key = (look.vm_id.clone(), look.failover);
            let kept = tables.looks.entry(key).or_insert_with(|| look.clone());
            if kept.at <= look.at {
                *kept = look.clone();
            }
        }
        Ok(())
    }
}
