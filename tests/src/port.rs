//! A port of the loopback interface that stays ours while nobody listens on it.
//!
//! A port that was merely seen to be free may be somebody else's a moment later, and a server that is down would lose
//! its port to one of the tests that run beside it. So a socket is bound to the port and never listens. Linux then
//! gives the port to nobody who asks for any port, neither to listen nor to connect from; but a server that asks for
//! this very port gets it, because both sockets allow the address to be used again (`SO_REUSEADDR`, which PostgreSQL
//! sets). Who connects meanwhile is refused.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use anyhow::Context as _;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A port that nobody else is given until the value is dropped.
#[derive(Debug)]
pub(crate) struct HeldPort {
    _socket: OwnedFd,
    number: u16,
}

impl HeldPort {
    /// Some free port.
    pub(crate) fn any() -> anyhow::Result<Self> {
        let (socket, number) = bound().context("the loopback interface has no free port")?;
        Ok(Self {
            _socket: socket,
            number,
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

fn bound() -> rustix::io::Result<(OwnedFd, u16)> {
    // A child that inherited the socket would hold the port for longer than we do.
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok((socket, address.port()))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_server_listens_on_a_held_port_again_and_again() {
        let port = HeldPort::any().unwrap();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        for _ in 0..2 {
            let refused = TcpStream::connect(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let server = TcpListener::bind(address).unwrap();
            TcpStream::connect(address).unwrap();
            server.accept().unwrap();
        }
    }

    #[test]
    fn a_held_port_is_not_free() {
        let port = HeldPort::any().unwrap();
        let other = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
        assert_eq!(bind(&other, &address), Err(rustix::io::Errno::ADDRINUSE));
        drop(port);
        assert_eq!(bind(&other, &address), Ok(()));
    }
}
