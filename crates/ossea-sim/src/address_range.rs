//! Ranges of addresses from which guests get theirs.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// A range of IPv4 addresses such as `127.20.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Net {
    base: Ipv4Addr,
    prefix: u8,
}

/// A text that is no [`Ipv4Net`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no range of addresses, wanted is something like 127.20.0.0/24 with 16 to 29 bits")]
pub struct NotARange(String);

impl Ipv4Net {
    /// The gateway: the first address.
    pub fn gateway(&self) -> Ipv4Addr {
        self.host(1)
    }

    /// The netmask.
    pub fn netmask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.mask())
    }

    /// The addresses that guests get, from the low end.
    pub fn guests(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        let net = *self;
        (2..!net.mask()).map(move |host| net.host(host))
    }

    fn mask(&self) -> u32 {
        u32::MAX << (32 - self.prefix)
    }

    fn host(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() + number)
    }
}

impl TryFrom<String> for Ipv4Net {
    type Error = NotARange;
    fn try_from(text: String) -> Result<Self, NotARange> {
        let parsed = text.split_once('/').and_then(|(base, prefix)| {
            let net = Self {
                base: base.parse().ok()?,
                prefix: prefix.parse().ok()?,
            };
            let aligned = (16..=29).contains(&net.prefix) && net.base.to_bits() & !net.mask() == 0;
            aligned.then_some(net)
        });
        parsed.ok_or(NotARange(text))
    }
}
impl From<Ipv4Net> for String {
    fn from(net: Ipv4Net) -> String {
        format!("{}/{}", net.base, net.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_get_addresses_behind_the_gateway() {
        let net = Ipv4Net::try_from("127.20.0.0/29".to_owned()).unwrap();
        let guests: Vec<String> = net.guests().map(|a| a.to_string()).collect();
        assert_eq!(net.gateway().to_string(), "127.20.0.1");
        assert_eq!(
            guests,
            [
                "127.20.0.2",
                "127.20.0.3",
                "127.20.0.4",
                "127.20.0.5",
                "127.20.0.6"
            ]
        );
        for bad in ["127.20.0.0", "127.20.0.1/24", "127.20.0.0/8", "x/24"] {
            assert!(Ipv4Net::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
