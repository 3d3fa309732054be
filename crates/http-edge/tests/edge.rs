//! The edge against peers that behave, that keep silent, and that are cut off.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_edge::{CloseWithoutAnswer, Drain, EdgeSettings, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Edge {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<Drain>,
}

async fn edge(app: Router, settings: EdgeSettings) -> Edge {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, app, settings, shutdown.clone()));
    Edge {
        address,
        shutdown,
        serving,
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

async fn send_request(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    stream
}

/// Reads until the peer closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut seen = String::new();
    let mut buffer = [0; 512];
    while !seen.ends_with("hello") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    seen
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let settings = EdgeSettings {
        header_read_timeout: Duration::from_millis(50),
        ..EdgeSettings::default()
    };
    let edge = edge(hello(), settings).await;
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    // Comes back only because the edge closes; without a time-out it would hang.
    assert!(!rest(&mut silent).await.contains("200 OK"));
}

#[tokio::test]
async fn further_connections_wait_for_a_slot() {
    let settings = EdgeSettings {
        max_connections: 1,
        ..EdgeSettings::default()
    };
    let edge = edge(hello(), settings).await;
    let mut first = send_request(edge.address).await;
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = send_request(edge.address).await;
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(50), second.peek(&mut byte)).await;
    assert!(
        early.is_err(),
        "the second connection must wait while the first is kept alive"
    );
    drop(first);
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_in_flight_gets_its_answer_during_the_drain() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (Arc::clone(&entered), Arc::clone(&release));
    let app = Router::new().route(
        "/",
        get(move || async move {
            enter.notify_one();
            wait.notified().await;
            "hello"
        }),
    );
    let edge = edge(app, EdgeSettings::default()).await;
    let mut slow = send_request(edge.address).await;
    entered.notified().await;
    edge.shutdown.cancel();
    release.notify_one();
    assert!(rest(&mut slow).await.ends_with("hello"));
    assert_eq!(edge.serving.await.unwrap(), Drain::Complete);
    assert!(
        TcpStream::connect(edge.address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_at_the_deadline() {
    let entered = Arc::new(Notify::new());
    let enter = Arc::clone(&entered);
    let app = Router::new().route(
        "/",
        get(move || async move {
            enter.notify_one();
            std::future::pending::<&'static str>().await
        }),
    );
    let settings = EdgeSettings {
        drain_deadline: Duration::from_millis(20),
        ..EdgeSettings::default()
    };
    let edge = edge(app, settings).await;
    let mut endless = send_request(edge.address).await;
    entered.notified().await;
    edge.shutdown.cancel();
    assert_eq!(edge.serving.await.unwrap(), Drain::Cut { connections: 1 });
    assert_eq!(rest(&mut endless).await, "");
}

#[tokio::test]
async fn a_marked_response_is_never_sent() {
    async fn silent() -> Response {
        let mut response = "secret".into_response();
        response.extensions_mut().insert(CloseWithoutAnswer);
        response
    }
    let edge = edge(Router::new().route("/", get(silent)), EdgeSettings::default()).await;
    let mut stream = send_request(edge.address).await;
    assert_eq!(rest(&mut stream).await, "");
}
