//! Which cloud network a network of the source VM becomes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{IdError, NetworkId};

/// What a mapping is for. A test failover uses test mappings only, a live failover production mappings only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// For live failovers.
    Production,
    /// For test failovers: the destination is marked as an isolated test network.
    Test,
}

impl Purpose {
    /// The name in columns and routes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Production => "production",
            Purpose::Test => "test",
        }
    }
}
impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Purpose {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "production" => Ok(Purpose::Production),
            "test" => Ok(Purpose::Test),
            _ => Err(IdError::Malformed {
                kind: "purpose",
                text: text.chars().take(80).collect(),
                allowed: "production or test",
            }),
        }
    }
}

/// One mapping of a source network to a cloud network, for one source VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkMapping {
    /// The VMware network's name.
    pub source_network: String,
    /// What the mapping is for.
    pub purpose: Purpose,
    /// The cloud network.
    pub network_id: NetworkId,
    /// The cloud network's name at the time of mapping, for people.
    pub network_name: String,
}
