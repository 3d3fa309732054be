//! What the cloud is like and has to offer.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use failover_domain::{CloudVmId, MacAddress, NetworkId, OfferingId, StoragePoolId, TemplateId, ZoneId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use failover_validation::prerequisites::{
    Prerequisite, PrerequisiteReport, PrerequisiteStatus, Suggestion,
};
pub use ossea::probe::rules::StoppedVmSnapshot;
pub use ossea::probe::{ApiLimit, Fact, NotTold, ReleaseLine, Standing};

/// How old the API's knowledge of version, settings and permissions is; in every answer about the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeAge {
    /// When the cloud was last asked and answered.
    #[serde(default)]
    pub taken_at: Option<DateTime<Utc>>,
    /// How long ago that was.
    #[serde(default)]
    pub age_seconds: Option<u64>,
    /// The version that it told.
    #[serde(default)]
    pub version: Option<String>,
    /// The last attempt since then, where it failed.
    #[serde(default)]
    pub failed_refresh: Option<FailedRefreshView>,
}

/// An attempt to ask the cloud that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedRefreshView {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub error: String,
}

/// The answer to `GET /api/v1/ossea/capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapabilitiesAnswer {
    /// What the cloud told.
    pub capabilities: CapabilitiesView,
    /// How old it is.
    pub probe: ProbeAge,
}

/// Version, settings and permissions of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapabilitiesView {
    /// The version as the cloud writes it.
    pub version: String,
    /// The releases whose rules it is taken to have.
    pub release_line: ReleaseLine,
    /// What our account is.
    pub standing: Fact<Standing>,
    /// Whether our account may expunge VMs.
    pub may_expunge_vm: bool,
    /// Whether our account may delete volumes.
    pub may_expunge_volume: Fact<bool>,
    /// Whether our account may force a stop.
    pub may_force_stop: Fact<bool>,
    /// Whether our account is shown destroyed VMs.
    pub shows_destroyed_vms: Fact<bool>,
    /// Whether volumes of running VMs may be snapshotted.
    pub snapshots_running_vms: bool,
    /// What a VM snapshot of a stopped VM meets, by the kind of storage that its volumes are on.
    pub snapshots_of_stopped_vms: Vec<StoppedVmSnapshotView>,
    /// How many requests our account may send; `null` where they are not limited.
    pub api_limit: Option<ApiLimit>,
    /// How many milliseconds the cloud's clock is ahead of ours.
    pub clock_skew_ms: Fact<i64>,
    /// The primary storage pools of the configured zone.
    pub storage_pools: Fact<Vec<StoragePoolView>>,
    /// What our account may have at most.
    pub resource_limits: Fact<Vec<ResourceLimitView>>,
}

/// What a VM snapshot of a stopped VM meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedVmSnapshotView {
    /// The kind of storage in CloudStack's words, such as `NetworkFilesystem`.
    pub storage: String,
    /// What happens.
    pub outcome: StoppedVmSnapshot,
}

/// A primary storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoragePoolView {
    /// The id.
    pub id: StoragePoolId,
    /// The name.
    pub name: String,
    /// The kind in CloudStack's words.
    pub kind: String,
    /// ZONE, CLUSTER or HOST.
    pub scope: String,
    /// The cluster of a pool with that scope.
    pub cluster: Option<String>,
    /// Whether it is managed: replicas on it cannot become the root of a VM. `null` where the release does not tell.
    pub managed: Option<bool>,
}

/// A limit of our account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceLimitView {
    /// Of what, such as `volumes`; other resources are `resource_type_` and CloudStack's number.
    pub resource: String,
    /// At most so many; `null` is without limit.
    pub max: Option<u64>,
}

/// The answer to `GET /api/v1/ossea/zones`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ZoneList {
    /// The zones, by name.
    pub zones: Vec<ZoneView>,
    /// How old the API's other knowledge of the cloud is.
    pub probe: ProbeAge,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ZoneView {
    /// The id.
    pub id: ZoneId,
    /// The name.
    pub name: String,
    /// Whether it takes new VMs.
    pub enabled: bool,
    /// Whether it is the configured one.
    pub is_configured: bool,
}

/// The answer to `GET /api/v1/ossea/service-offerings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferingList {
    /// The service offerings, by name.
    pub service_offerings: Vec<OfferingView>,
    /// How old the API's other knowledge of the cloud is.
    pub probe: ProbeAge,
}

/// A service offering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferingView {
    /// The id.
    pub id: OfferingId,
    /// The name.
    pub name: String,
    /// Whether CPUs and memory are given at deployment.
    pub customized: bool,
    /// The number of CPUs, where fixed.
    pub cpus: Option<u32>,
    /// MHz per CPU, where fixed.
    pub cpu_speed_mhz: Option<u32>,
    /// MiB of memory, where fixed.
    pub memory_mib: Option<u32>,
    /// The least and the most CPUs of a free size, where bounded.
    pub cpu_bounds: Option<(u32, u32)>,
    /// The least and the most MiB of memory of a free size, where bounded.
    pub memory_bounds_mib: Option<(u32, u32)>,
    /// Whether it is the configured one.
    pub is_configured: bool,
}

/// The answer to `GET /api/v1/ossea/templates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    /// The zone.
    pub zone_id: ZoneId,
    /// Its templates, by name.
    pub templates: Vec<TemplateView>,
    /// How old the API's other knowledge of the cloud is.
    pub probe: ProbeAge,
}

/// A template as it is in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// The id.
    pub id: TemplateId,
    /// The name.
    pub name: String,
    /// Whether it can be deployed there.
    pub ready: bool,
    /// The hypervisor in CloudStack's words.
    pub hypervisor: String,
    /// Whether it needs a password server, which L2 networks lack.
    pub password_enabled: bool,
    /// Its virtual size in bytes.
    pub size_bytes: u64,
    /// Whether it is the configured one.
    pub is_configured: bool,
}

/// The answer to `GET /api/v1/ossea/vms`: the VMs that have a card with one of the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmSearchAnswer {
    /// None, one or several.
    pub outcome: SearchOutcome,
    /// All of them, in whatever state they are.
    pub matches: Vec<FoundVm>,
    /// Those of the addresses that no VM has.
    pub not_found: Vec<MacAddress>,
    /// The OMA of the configuration, for comparison.
    pub configured_oma: ConfiguredOma,
    /// What to make of it.
    pub advice: String,
    /// How old the API's other knowledge of the cloud is.
    pub probe: ProbeAge,
}

/// How many VMs were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchOutcome {
    /// None.
    None,
    /// Exactly one.
    One,
    /// Several: a person has to compare them.
    Several,
}

/// A VM of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundVm {
    /// The id.
    pub vm_id: CloudVmId,
    /// The host name.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The state in CloudStack's words.
    pub state: String,
    /// The zone.
    pub zone_id: ZoneId,
    /// Its cards in order.
    pub cards: Vec<CardView>,
    /// Whether it is the OMA of the configuration.
    pub is_configured: bool,
}

/// A network card of a VM of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardView {
    /// The MAC address as the cloud writes it.
    pub mac: String,
    /// The network.
    pub network_id: NetworkId,
    /// The network's name.
    pub network_name: String,
    /// The address, where the cloud manages one.
    #[schema(value_type = Option<String>, format = "ip", example = "192.0.2.10")]
    pub address: Option<IpAddr>,
    /// Whether the MAC address is one of those searched for.
    pub is_match: bool,
}

/// The OMA of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfiguredOma {
    /// Its id (`target.oma_vm_id`).
    pub vm_id: CloudVmId,
    /// What the cloud shows of it; `null` when it shows no such VM.
    pub vm: Option<FoundVm>,
}

/// The answer to `POST /api/v1/ossea/check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckAnswer {
    /// What was found.
    #[serde(flatten)]
    pub report: PrerequisiteReport,
    /// How old the API's knowledge of the cloud is: taken for this check, unless the cloud did not give any.
    pub probe: ProbeAge,
}
