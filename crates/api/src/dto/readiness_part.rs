//! Parts of the readiness of one source VM, each with its facts.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use failover_domain::{
    CheckStatus, CloudVmId, FailoverType, Finding, MacAddress, NetworkId, SourceVm, VmId, VolumeId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JobSummary;

/// One part of the readiness of a source VM: what is known, and what the rules of the part say of it. It is no verdict:
/// only all rules together tell whether a failover may start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartAnswer<Facts> {
    /// The source VM.
    pub vm_id: VmId,
    /// Its name.
    pub vm_name: String,
    /// For which kind of failover.
    #[serde(rename = "type")]
    pub failover: FailoverType,
    /// Whether all checks of this part passed.
    pub passed: bool,
    /// What is known.
    pub facts: Facts,
    /// The findings of the rules that belong to this part.
    pub checks: Vec<Finding>,
    /// What to do about the failed ones.
    pub required_actions: Vec<String>,
}

impl<Facts> PartAnswer<Facts> {
    /// The answer about a source VM.
    pub fn new(vm: &SourceVm, failover: FailoverType, facts: Facts, checks: Vec<Finding>) -> Self {
        let failed = checks.iter().filter(|check| check.status == CheckStatus::Fail);
        let mut required_actions: Vec<String> = Vec::new();
        for remedy in failed.filter_map(|check| check.remedy.clone()) {
            if !required_actions.contains(&remedy) {
                required_actions.push(remedy);
            }
        }
        Self {
            vm_id: vm.vm_id.clone(),
            vm_name: vm.name.clone(),
            failover,
            // No finding at all proves nothing.
            passed: !checks.is_empty() && checks.iter().all(|check| check.status == CheckStatus::Pass),
            facts,
            checks,
            required_actions,
        }
    }
}

/// What is known of the synchronisation of a source VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncFacts {
    /// The id of the newest successful change-block state (VMware ChangeID).
    pub change_id: Option<String>,
    /// When it was recorded.
    pub synced_at: Option<DateTime<Utc>>,
    /// How old it is, in seconds.
    pub age_seconds: Option<u64>,
    /// The replicas.
    pub disks: Vec<DiskSync>,
}

/// What is known of the synchronisation of one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiskSync {
    /// The label in VMware.
    pub label: String,
    /// Where it hangs on the source VM, such as `scsi0:1`.
    pub position: String,
    /// Its replica; absent while there is none.
    pub volume_id: Option<VolumeId>,
    /// Whether the replica may hold a guest's writes and must be synchronised from the start.
    pub needs_full_resync: bool,
    /// When the replication run that wrote the replica last was recorded to have synchronised it; absent when that run
    /// has no success.
    pub synced_at: Option<DateTime<Utc>>,
    /// How old that is, in seconds.
    pub age_seconds: Option<u64>,
}

/// The network cards of a source VM and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkFacts {
    /// The cards in source order; the first is the default one.
    pub nics: Vec<NicMapping>,
}

/// One network card and the cloud network that it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NicMapping {
    /// The label in VMware.
    pub label: String,
    /// The VMware network that it is on.
    pub source_network: String,
    /// Its MAC address.
    pub mac: Option<MacAddress>,
    /// The address that the guest had.
    #[schema(value_type = Option<String>, format = "ip", example = "192.0.2.10")]
    pub address: Option<IpAddr>,
    /// The cloud network; absent while none is mapped for this kind of failover.
    pub network_id: Option<NetworkId>,
    /// The cloud network's name when it was mapped.
    pub network_name: Option<String>,
}

/// The disks of a source VM and their replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeFacts {
    /// The disks in source order; the first is the OS disk.
    pub disks: Vec<DiskVolume>,
}

/// One disk and its replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiskVolume {
    /// The label in VMware.
    pub label: String,
    /// Where it hangs on the source VM, such as `scsi0:1`.
    pub position: String,
    /// The disk's size in bytes.
    pub size_bytes: u64,
    /// Its replica; absent while there is none.
    pub volume_id: Option<VolumeId>,
    /// The replica's name.
    pub volume_name: Option<String>,
    /// The replica's device on the OMA as the inventory has it.
    pub oma_device: Option<u32>,
    /// The replica as the cloud shows it; absent when it does not, or cannot be asked: the checks say which.
    pub cloud: Option<VolumeInCloud>,
}

/// A replica as the cloud shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeInCloud {
    /// The state in the cloud's word, such as `Ready`.
    pub state: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The VM on which it hangs.
    pub attached_to: Option<CloudVmId>,
    /// The device there.
    pub device: Option<u32>,
    /// The storage pool's name, where our account is told.
    pub storage: Option<String>,
    /// The cloud's running job on it.
    pub pending_job: Option<String>,
}

/// Who works on a source VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActiveJobFacts {
    /// Its active failover job, of whatever type.
    pub failover_job: Option<JobSummary>,
    /// The migration tool's jobs that are still running.
    pub replication_jobs: Vec<String>,
}

/// What a destination VM is made of, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationFacts {
    /// The zone.
    pub zone: ConfiguredObject,
    /// The service offering.
    pub service_offering: ConfiguredObject,
    /// The template that gives the scratch root.
    pub template: ConfiguredObject,
    /// The appliance VM that holds the replicas.
    pub oma: ConfiguredObject,
    /// The networks that the configuration marks as test networks.
    pub test_network_ids: Vec<NetworkId>,
}

/// A cloud object that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfiguredObject {
    /// Its id.
    pub id: String,
    /// Its name in the cloud; absent when it is not there, or the cloud cannot be asked.
    pub name: Option<String>,
}
