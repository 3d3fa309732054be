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
