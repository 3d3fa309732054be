//! TCP: a connection is accepted, nothing is sent.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects and hangs up.
pub(crate) async fn connect(address: IpAddr, port: u16, within: Duration) -> Result<(), String> {
    let target = SocketAddr::new(address, port);
    match timeout(within, TcpStream::connect(target)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Err(format!(
            "{address} answers, but refuses connections to TCP port {port}"
        )),
        Ok(Err(error)) => Err(format!("TCP port {port} of {address} cannot be reached: {error}")),
        Err(_) => Err(format!(
            "TCP port {port} of {address} did not answer within {:.1} s",
            within.as_secs_f64()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const WITHIN: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_listening_port_is_reached() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(connect(LOOPBACK, port, WITHIN).await, Ok(()));
    }

    #[tokio::test]
    async fn a_closed_port_is_told_apart_from_a_silent_guest() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = connect(LOOPBACK, port, WITHIN).await.unwrap_err();
        assert!(
            error.contains("refuses") && error.contains(&port.to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_silent_port_is_given_up_in_time() {
        // Connections that nobody accepts fill the listener's queue; Linux then drops further requests.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
        let listener = socket.listen(1).unwrap();
        let target = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(target)).await {
            queued.push(stream);
        }
        let error = connect(LOOPBACK, target.port(), Duration::from_millis(100))
            .await
            .unwrap_err();
        assert!(error.contains("did not answer within 0.1 s"), "{error}");
    }
}
