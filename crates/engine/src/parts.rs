//! Everything the engine is composed of.

use std::sync::Arc;

use failover_validation::Target;
use ossea::{OsseaClient, Priority};

use crate::clock::SharedClock;
use crate::ports::{Inventory, JobStore, Mappings};
use crate::probe::GuestProbe;
use crate::service::FailoverService;
use crate::settings::EngineSettings;
use crate::writer::ReplicaWriter;

/// The collaborators of a worker. A program that embeds the engine brings its own.
#[derive(Clone)]
pub struct EngineParts {
    /// Jobs, journals and leases.
    pub jobs: Arc<dyn JobStore>,
    /// Source VMs.
    pub inventory: Arc<dyn Inventory>,
    /// Network mappings.
    pub mappings: Arc<dyn Mappings>,
    /// The cloud.
    pub cloud: Arc<dyn OsseaClient>,
    /// Reaches guests for boot verification.
    pub probe: Arc<dyn GuestProbe>,
    /// Whoever writes to the replicas on the OMA.
    pub writer: Arc<dyn ReplicaWriter>,
    /// Where to.
    pub target: Target,
    /// The clock.
    pub clock: SharedClock,
    /// How to behave in time.
    pub settings: EngineSettings,
}

impl EngineParts {
    /// The same, with the cloud asked with another urgency.
    pub(crate) fn urgent(&self, priority: Priority) -> Self {
        Self {
            cloud: self.cloud.with_priority(priority),
            ..self.clone()
        }
    }

    /// The front door over the same collaborators.
    pub fn service(&self) -> FailoverService {
        FailoverService {
            jobs: Arc::clone(&self.jobs),
            inventory: Arc::clone(&self.inventory),
            mappings: Arc::clone(&self.mappings),
            cloud: Arc::clone(&self.cloud),
            target: self.target.clone(),
            clock: Arc::clone(&self.clock),
        }
    }
}
