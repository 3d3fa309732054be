//! The port through which boot verification reaches a guest.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// Reaches guests over the network. The crate `guest-probe` has the real one.
#[async_trait]
pub trait GuestProbe: Send + Sync {
    /// Whether the address answers a ping within `timeout`.
    ///
    /// # Errors
    /// Why not, in words for the journal.
    async fn ping(&self, address: IpAddr, timeout: Duration) -> Result<(), String>;

    /// Whether a TCP connection to the port is accepted within `timeout`.
    ///
    /// # Errors
    /// Why not, in words for the journal.
    async fn tcp(&self, address: IpAddr, port: u16, timeout: Duration) -> Result<(), String>;
}
