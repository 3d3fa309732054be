//! A TCP proxy that stands between a client and a server of the stack, and that delays, stalls and cuts connections.
//!
//! It forwards bytes and knows nothing of what they mean. A server that is down is a connection that is closed at once.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

/// How often a side that says nothing is left, to see whether the proxy has gone.
const LOOK: Duration = Duration::from_millis(100);

/// What the proxy does to the bytes that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// They pass at once.
    Clear,
    /// Each piece passes after this time.
    Slow(Duration),
    /// Nothing passes until the weather changes; connections stay open.
    Stalled,
}

/// What happened to the connections so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Connections that reached the server.
    pub connected: u64,
    /// Connections that were open when they were cut.
    pub cut: u64,
    /// Pieces that came later than they could have.
    pub delayed: u64,
    /// Pieces that waited for a stall to end.
    pub stalled: u64,
}

/// A running proxy. Dropping it cuts all connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    is_open: bool,
    passed: Passed,
    number: u64,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    sides: [TcpStream; 2],
}

impl Proxy {
    /// A proxy on a port of the loopback interface before the server at `target`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the loopback interface has no free port")?;
        let address = listener.local_addr()?;
        let state = State {
            weather: Weather::Clear,
            is_open: true,
            passed: Passed::default(),
            number: 0,
            connections: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, target, &accepting));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is done to the bytes that pass from now on.
    pub fn set(&self, weather: Weather) {
        self.shared.lock().weather = weather;
        self.shared.changed.notify_all();
    }

    /// Cuts all connections, and tells how many there were. New ones are let through.
    pub fn cut(&self) -> usize {
        let mut state = self.shared.lock();
        let cut = std::mem::take(&mut state.connections);
        state.passed.cut += cut.len() as u64;
        for connection in &cut {
            connection.shut();
        }
        self.shared.changed.notify_all();
        cut.len()
    }

    /// What happened so far.
    pub fn passed(&self) -> Passed {
        self.shared.lock().passed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().is_open = false;
        self.cut();
        // Wakes the thread that accepts, which ends when it sees that the proxy has gone.
        let _ = TcpStream::connect(self.address);
    }
}

impl Connection {
    fn shut(&self) {
        for side in &self.sides {
            // Failing means that the side has closed it already.
            let _ = side.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a piece of a connection back as the weather wants. False when the connection is no more.
    fn lets_pass(&self, number: u64) -> bool {
        let lives = |state: &State| state.connections.iter().any(|c| c.number == number);
        let mut state = self.lock();
        match state.weather {
            Weather::Clear => {}
            Weather::Slow(time) => {
                state.passed.delayed += 1;
                let cut = |state: &mut State| lives(state);
                let waited = self.changed.wait_timeout_while(state, time, cut);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            Weather::Stalled => {
                state.passed.stalled += 1;
                let waiting = |state: &mut State| state.weather == Weather::Stalled && lives(state);
                let waited = self.changed.wait_while(state, waiting);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
        lives(&state)
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming().flatten() {
        if !shared.lock().is_open {
            return;
        }
        let shared = Arc::clone(shared);
        // A server that does not take connections keeps nobody else waiting.
        thread::spawn(move || {
            // Failing leaves the client with a closed connection, as a server that is down does.
            let _ = join(client, target, &shared);
        });
    }
}

fn join(client: TcpStream, target: SocketAddr, shared: &Arc<Shared>) -> std::io::Result<()> {
    let server = TcpStream::connect(target)?;
    for side in [&client, &server] {
        side.set_nodelay(true)?;
        side.set_read_timeout(Some(LOOK))?;
    }
    let sides = [client.try_clone()?, server.try_clone()?];
    let directions = [(client.try_clone()?, server.try_clone()?), (server, client)];
    let number = {
        let mut state = shared.lock();
        if !state.is_open {
            return Ok(());
        }
        state.number += 1;
        state.passed.connected += 1;
        let number = state.number;
        state.connections.push(Connection { number, sides });
        number
    };
    for (from, to) in directions {
        let shared = Arc::clone(shared);
        thread::spawn(move || forward(number, from, to, &shared));
    }
    Ok(())
}

/// Forwards one direction until either side closes it.
fn forward(number: u64, mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut piece = [0_u8; 16 * 1024];
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        if !shared.lets_pass(number) || to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let mut state = shared.lock();
    state.connections.retain(|connection| {
        let is_other = connection.number != number;
        if !is_other {
            connection.shut();
        }
        is_other
    });
    shared.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until;

    const LIMIT: Duration = Duration::from_secs(60);

    /// A server that sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut reader = client.try_clone().unwrap();
                thread::spawn(move || std::io::copy(&mut reader, &mut client));
            }
        });
        address
    }

    fn connected(proxy: &Proxy) -> TcpStream {
        let client = TcpStream::connect(proxy.address()).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client
    }

    fn exchange(client: &mut TcpStream) -> std::io::Result<()> {
        client.write_all(b"word")?;
        let mut answer = [0; 4];
        client.read_exact(&mut answer)?;
        assert_eq!(&answer, b"word");
        Ok(())
    }

    #[test]
    fn bytes_pass_and_a_cut_ends_the_connection_and_not_the_next_one() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = connected(&proxy);
        exchange(&mut client).unwrap();
        assert_eq!(proxy.cut(), 1);
        assert!(exchange(&mut client).is_err());
        exchange(&mut connected(&proxy)).unwrap();
        let passed = proxy.passed();
        assert_eq!((passed.connected, passed.cut), (2, 1));
    }

    #[test]
    fn a_stalled_piece_passes_when_the_stall_ends() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = connected(&proxy);
        exchange(&mut client).unwrap();
        proxy.set(Weather::Stalled);
        client.write_all(b"word").unwrap();
        until(LIMIT, "the piece is held", || {
            Ok((proxy.passed().stalled == 1).then_some(()))
        })
        .unwrap();
        proxy.set(Weather::Clear);
        client.read_exact(&mut [0; 4]).unwrap();
    }

    #[test]
    fn a_stalled_connection_can_be_cut() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = connected(&proxy);
        exchange(&mut client).unwrap();
        proxy.set(Weather::Stalled);
        client.write_all(b"word").unwrap();
        assert_eq!(proxy.cut(), 1);
        assert!(!matches!(client.read(&mut [0; 4]), Ok(length) if length > 0));
    }

    #[test]
    fn slow_pieces_are_counted_and_arrive() {
        let proxy = Proxy::start(echo()).unwrap();
        proxy.set(Weather::Slow(Duration::from_millis(5)));
        exchange(&mut connected(&proxy)).unwrap();
        assert_eq!(proxy.passed().delayed, 2, "the word and its echo");
    }

    #[test]
    fn a_server_that_is_down_closes_the_connection() {
        let down = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = down.local_addr().unwrap();
        drop(down);
        let proxy = Proxy::start(address).unwrap();
        assert!(exchange(&mut connected(&proxy)).is_err());
        assert_eq!(proxy.passed(), Passed::default());
    }
}
