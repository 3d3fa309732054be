//! Reaches guests over the network for boot verification: [`NetworkProbe`] is the real
//! [`failover_engine::probe::GuestProbe`].
//!
//! # Where it stands
//! A probe looks from the host of the worker. A guest on an isolated network that this host has no route to
//! never answers, however well it runs; a request asks for grades that the site's routing allows.
//!
//! # Permissions
//! TCP needs none. For pings the crate `surge-ping` opens an ICMP datagram socket, which Linux allows to
//! ordinary users whose group is in the sysctl `net.ipv4.ping_group_range` (it governs IPv6 too), and falls back
//! to a raw socket, which needs `CAP_NET_RAW`. No program is called and root is not needed. Where both are
//! refused the error says so, because that is a matter of the worker's host and not of the guest.

mod icmp;
mod tcp;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use failover_engine::probe::GuestProbe;

/// Reaches guests from this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct NetworkProbe;

#[async_trait]
impl GuestProbe for NetworkProbe {
    async fn ping(&self, address: IpAddr, timeout: Duration) -> Result<(), String> {
        icmp::ping(address, timeout).await
    }

    async fn tcp(&self, address: IpAddr, port: u16, timeout: Duration) -> Result<(), String> {
        tcp::connect(address, port, timeout).await
    }
}
