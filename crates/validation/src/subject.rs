//! What the rules look at.

use std::collections::BTreeMap;

use failover_domain::{
    CloudVmId, FailoverType, JobId, NetworkMapping, OfferingId, SourceVm, StrategyRequest, TemplateId, VmId,
    ZoneId,
};
use serde::{Deserialize, Serialize};

/// Where to: the cloud's objects that every failover of a site uses, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The appliance VM that holds the replicas.
    pub oma_vm: CloudVmId,
    /// The zone.
    pub zone: ZoneId,
    /// The service offering of destination VMs.
    pub offering: OfferingId,
    /// The template that gives the scratch root; small, without password server.
    pub template: TemplateId,
    /// MHz per CPU for an offering that leaves the speed free.
    pub cpu_speed_mhz: u32,
}

/// What our database says of a source VM at the moment of asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The VM that was asked for.
    pub vm_id: VmId,
    /// What kind of failover it is for.
    pub failover: FailoverType,
    /// What the inventory knows of it.
    pub vm: Option<SourceVm>,
    /// Its active failover job, other than the one that asks.
    pub active_job: Option<JobId>,
    /// The mappings that apply, keyed by source network: the stored ones of the right purpose, overlaid with
    /// those of the request.
    pub mappings: BTreeMap<String, NetworkMapping>,
    /// How the rollback point of a test is to be made; a live failover always makes volume snapshots.
    pub strategy: StrategyRequest,
}
