//! Network cards of a source VM.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// A MAC address in the form `00:50:56:9a:01:02`, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(
        pattern = "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$",
        example = "00:50:56:9a:01:02"
    )
)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(String);

impl MacAddress {
    /// The address with colons, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for MacAddress {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let lower = text.to_ascii_lowercase().replace('-', ":");
        let parts: Vec<&str> = lower.split(':').collect();
        let well_formed = parts.len() == 6
            && parts
                .iter()
                .all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
        if well_formed {
            Ok(Self(lower))
        } else {
            Err(IdError::Malformed {
                kind: "mac",
                text: text.chars().take(80).collect(),
                allowed: "six pairs of hexadecimal digits such as 00:50:56:9a:01:02",
            })
        }
    }
}
impl TryFrom<String> for MacAddress {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}
impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.0
    }
}
impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One network card of a source VM, in source order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceNic {
    /// Its label in VMware, such as `Network adapter 1`.
    #[serde(default)]
    pub label: String,
    /// The VMware network (port group) it is on; the key of a network mapping.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 255, pattern = r"\S")
    )]
    pub network: String,
    /// Its MAC address.
    #[serde(default)]
    pub mac: Option<MacAddress>,
    /// The address that the guest had, where VMware Tools reported one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "ip", example = "192.0.2.10"))]
    pub address: Option<IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_read_in_both_spellings() {
        let mac: MacAddress = "00-50-56-9A-01-02".parse().unwrap();
        assert_eq!(mac.as_str(), "00:50:56:9a:01:02");
        for bad in ["", "00:50:56:9a:01", "00:50:56:9a:01:0g", "0050.569a.0102"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }
}
