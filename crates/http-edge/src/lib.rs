//! Serves an axum router over HTTP/1, safely on an open port.
//!
//! `axum::serve` is deliberately not used: it goes through the protocol-detecting connection builder, which
//! keeps a connection open for ever when the peer never sends a byte, and it sets no time-outs. Here every
//! connection has a time limit for its first byte, for each request head, for each pause within a body and for the idle
//! time between requests; the number of connections is bounded, and a shutdown lets requests in flight finish within a
//! deadline.
//!
//! Handlers that never end by themselves (event streams) watch the shutdown token on their own; otherwise the
//! drain deadline cuts them.

mod connection;
mod descriptors;
mod patience;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use descriptors::allow_many_connections;
pub use tls::{TlsError, TlsIdentity};

use connection::Terms;

/// How the edge treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeSettings {
    /// How long a fresh connection may say nothing.
    pub first_byte_timeout: Duration,
    /// How long the head of a request may take from its first byte on.
    pub head_timeout: Duration,
    /// How long a pause within a request's body may be. How long the body takes as a whole is for the application to
    /// limit, with the time of the whole request.
    pub body_idle_timeout: Duration,
    /// How long a kept-alive connection may be idle between requests. Behind a load balancer it is longer than the
    /// balancer's own idle time.
    pub idle_timeout: Duration,
    /// How many connections are open at once; further ones wait in the listener's backlog. At least 1. Strangers who say
    /// nothing hold one each until their time is over, so it is many times what callers need.
    pub max_connections: usize,
    /// How long requests in flight may go on after the shutdown began.
    pub drain_deadline: Duration,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            first_byte_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            max_connections: 16_384,
            drain_deadline: Duration::from_secs(25),
        }
    }
}

/// How a shutdown ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Every request in flight got its answer.
    Complete,
    /// The deadline passed and this many connections were cut.
    Cut {
        /// The number of connections.
        connections: usize,
    },
}

/// Put into the extensions of a response, it makes the edge close the connection without any answer, as a
/// network does that fails between the work and its reply. Only a simulator has a use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseWithoutAnswer;

/// How many connections may wait to be accepted; the system has a bound of its own (`net.core.somaxconn`). One that finds
/// no room is believed open by its peer and known to nobody here.
const BACKLOG: u32 = 8192;

/// Listens on an address, with room for many connections that come at once.
///
/// # Errors
/// When the address is taken, or is not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart need not wait until the connections of the process before are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `app` on `listener` over TLS, and otherwise as [`serve`] does. The handshake has as long as the head of a
/// request.
pub async fn serve_over_tls(
    listener: TcpListener,
    tls: TlsIdentity,
    app: Router,
    settings: EdgeSettings,
    shutdown: CancellationToken,
) -> Drain {
    accept_and_drain(listener, Some(tls), app, settings, shutdown).await
}

/// Serves `app` on `listener` until `shutdown` is cancelled, then drains and returns.
///
/// The listener is closed as soon as the shutdown begins, so a load balancer sees new connections refused.
/// Requests carry their peer as [`axum::extract::ConnectInfo`]`<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    settings: EdgeSettings,
    shutdown: CancellationToken,
) -> Drain {
    accept_and_drain(listener, None, app, settings, shutdown).await
}

async fn accept_and_drain(
    listener: TcpListener,
    tls: Option<TlsIdentity>,
    app: Router,
    settings: EdgeSettings,
    shutdown: CancellationToken,
) -> Drain {
    let cut = CancellationToken::new();
    let terms = Terms {
        app,
        settings,
        tls,
        shutdown: shutdown.clone(),
        cut: cut.clone(),
    };
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(settings.max_connections.max(1)));
    while let Some((stream, slot)) = next_connection(&listener, &slots, &shutdown).await {
        let connection = connection::drive(stream, terms.clone());
        connections.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    match tokio::time::timeout(settings.drain_deadline, connections.wait()).await {
        Ok(()) => Drain::Complete,
        Err(_) => {
            let open = connections.len();
            cut.cancel();
            connections.wait().await;
            Drain::Cut { connections: open }
        }
    }
}

/// The next connection with its slot, or `None` once the shutdown has begun.
async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let accepted = async {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        (accept(listener).await, slot)
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accepted => Some(accepted),
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // The process is out of descriptors or memory: accepting again at once would only spin.
                tracing::warn!(%error, "cannot accept connections, waiting 1 s");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
