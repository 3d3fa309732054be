//! What is on a volume, as far as a test needs it: which bytes survived.

use std::collections::BTreeMap;

use failover_domain::CloudVmId;
use serde::{Deserialize, Serialize};

/// The content of a volume. Two contents are equal exactly when the bytes would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What the volume was made from, such as `replica pgwintestbios-disk0` or `template failover-shell`.
    pub origin: String,
    /// The number of the last write in the whole cloud; no two writes share a number. 0 before the first one.
    pub generation: u64,
    /// How many writes of each VM are in it.
    pub writers: BTreeMap<CloudVmId, u64>,
}

impl Content {
    /// Untouched content.
    pub fn pristine(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            generation: 0,
            writers: BTreeMap::new(),
        }
    }

    /// Whether `vm` has written to it.
    pub fn written_by(&self, vm: &CloudVmId) -> bool {
        self.writers.contains_key(vm)
    }

    pub(crate) fn write(&mut self, vm: &CloudVmId, generation: u64) {
        self.generation = generation;
        *self.writers.entry(vm.clone()).or_insert(0) += 1;
    }
}
