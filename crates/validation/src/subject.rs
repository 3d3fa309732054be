//! What the rules look at.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{
    CloudVmId, FailoverType, JobId, NetworkId, NetworkMapping, OfferingId, SourceVm, StrategyRequest,
    TemplateId, VmId, ZoneId,
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
    /// The networks that the operator has marked as test networks: isolated, fit for every source VM's test.
    pub test_networks: BTreeSet<NetworkId>,
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
    /// The networks that stored test mappings of this VM lead to. Storing one marks its network as a test network for
    /// this VM; a mapping of the request marks nothing.
    pub marked_networks: BTreeSet<NetworkId>,
    /// Those networks of the mappings that apply which a stored production mapping leads to, with the source VM of that
    /// mapping: this one where it is its own, else another.
    pub production_networks: BTreeMap<NetworkId, VmId>,
    /// How the rollback point of a test is to be made; a live failover always makes volume snapshots.
    pub strategy: StrategyRequest,
}
