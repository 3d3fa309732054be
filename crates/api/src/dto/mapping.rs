//! Network mappings and the networks of the cloud.

use failover_domain::{NetworkId, NetworkMapping, Purpose, VmId, ZoneId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ossea::ProbeAge;

/// The body of `POST /api/v1/network-mappings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingRequest {
    /// The source VM.
    pub vm_id: VmId,
    /// The VMware network's name.
    #[schema(min_length = 1)]
    pub source_network: String,
    /// What the mapping is for.
    pub purpose: Purpose,
    /// The cloud network: its id or its exact name.
    #[schema(min_length = 1)]
    pub network: String,
}

/// The body of `PUT /api/v1/network-mappings/{vm_id}/{source_network}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingUpdate {
    /// What the mapping is for.
    pub purpose: Purpose,
    /// The cloud network: its id or its exact name.
    #[schema(min_length = 1)]
    pub network: String,
}

/// A mapping as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingAnswer {
    /// The source VM.
    pub vm_id: VmId,
    /// The mapping.
    #[serde(flatten)]
    pub mapping: NetworkMapping,
}

/// The answer to `GET /api/v1/network-mappings/{vm_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingsOfVm {
    /// The source VM.
    pub vm_id: VmId,
    /// All mappings, test and production side by side.
    pub mappings: Vec<NetworkMapping>,
    /// Networks of the VM without a production mapping: a live failover would be refused.
    pub unmapped_for_production: Vec<String>,
    /// Networks of the VM without a test mapping: a test failover would be refused.
    pub unmapped_for_test: Vec<String>,
}

/// The answer to `GET /api/v1/network-mappings/{vm_id}/{source_network}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingsOfNetwork {
    /// The source VM.
    pub vm_id: VmId,
    /// The VMware network's name.
    pub source_network: String,
    /// Its mappings: for production, for tests, or both.
    pub mappings: Vec<NetworkMapping>,
}

/// A page of the mappings of all source VMs, ordered by source VM, source network and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingPage {
    /// The mappings.
    pub mappings: Vec<MappingAnswer>,
    /// Given as `cursor`, it asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The body of `POST /api/v1/network-mappings/bulk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkMappings {
    /// The mappings, each source network of a VM at most once for each purpose.
    #[schema(min_items = 1)]
    pub mappings: Vec<MappingRequest>,
}

/// The answer to `POST /api/v1/network-mappings/bulk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkMappingsAnswer {
    /// How many mappings were stored.
    pub stored: usize,
    /// The mappings as stored, in the order of the list.
    pub mappings: Vec<MappingAnswer>,
}

/// The body of `POST /api/v1/network-mappings/{vm_id}/copy-from/{other_vm_id}`; it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyMappings {
    /// Which mappings are copied; those for production and for tests when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
}

/// What was copied from another source VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyAnswer {
    /// The source VM.
    pub vm_id: VmId,
    /// The source VM whose mappings were copied.
    pub copied_from: VmId,
    /// The mappings that were stored.
    pub copied: Vec<NetworkMapping>,
    /// Mappings of the other VM whose source network this VM is not on; they were not copied.
    pub without_counterpart: Vec<NetworkMapping>,
    /// Networks of the VM that are still without a production mapping.
    pub unmapped_for_production: Vec<String>,
    /// Networks of the VM that are still without a test mapping.
    pub unmapped_for_test: Vec<String>,
}

/// The answer to `GET /api/v1/network-mappings/{vm_id}/suggestions`. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingSuggestions {
    /// The source VM.
    pub vm_id: VmId,
    /// What the mappings would be for.
    pub purpose: Purpose,
    /// Each network that the VM is on.
    pub networks: Vec<NetworkSuggestions>,
}

/// Cloud networks that a source network might become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkSuggestions {
    /// The VMware network's name.
    pub source_network: String,
    /// What it is mapped to now, if at all.
    pub mapped_to: Option<NetworkId>,
    /// The suggestions, those with the most reasons first; none where nothing fits.
    pub suggestions: Vec<SuggestedNetwork>,
}

/// A cloud network with the reasons why it might be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuggestedNetwork {
    /// The cloud network.
    pub network_id: NetworkId,
    /// Its name.
    pub network_name: String,
    /// The reasons, at least one.
    pub reasons: Vec<SuggestionReason>,
}

/// Why a cloud network might be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum SuggestionReason {
    /// Other source VMs have the same source network mapped to it for the same purpose.
    OtherVms {
        /// How many of those that the caller may see.
        count: usize,
        /// The first of them.
        such_as: VmId,
    },
    /// It is called like the source network, but for capitals and punctuation.
    SameName {},
    /// Its name has telling words in common with that of the source network.
    CommonWords {
        /// The words.
        words: Vec<String>,
    },
}

/// The answer to `GET /api/v1/ossea/networks`: the networks of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkList {
    /// The networks, by name.
    pub networks: Vec<NetworkView>,
    /// How old the API's other knowledge of the cloud is.
    #[serde(default)]
    pub probe: ProbeAge,
}

/// A network of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkView {
    /// The id.
    pub id: NetworkId,
    /// The name.
    pub name: String,
    /// Isolated, Shared or L2.
    pub kind: String,
    /// The zone.
    pub zone_id: ZoneId,
    /// The state in CloudStack's words.
    pub state: String,
    /// Whether a VM may be deployed on it.
    pub can_deploy: bool,
}
