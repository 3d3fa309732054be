//! The edge against peers that behave, that keep silent, and that are cut off.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
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

/// Limits that no test reaches, so that a test sees the one that it sets.
fn patient() -> EdgeSettings {
    let hour = Duration::from_secs(3600);
    EdgeSettings {
        first_byte_timeout: hour,
        head_timeout: hour,
        body_idle_timeout: hour,
        idle_timeout: hour,
        ..EdgeSettings::default()
    }
}

// The connections below end only because the edge closes them: without the limit each test would hang.

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let settings = EdgeSettings {
        first_byte_timeout: Duration::from_millis(50),
        ..patient()
    };
    let edge = edge(hello(), settings).await;
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn half_a_head_is_closed_even_when_it_comes_in_drops() {
    let settings = EdgeSettings {
        head_timeout: Duration::from_millis(200),
        ..patient()
    };
    let edge = edge(hello(), settings).await;
    let mut half = TcpStream::connect(edge.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    assert_eq!(rest(&mut half).await, "");

    let (mut reading, mut writing) = TcpStream::connect(edge.address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        // Ends when the edge has closed the connection.
        while writing.write_all(b"x").await.is_ok() {
            drops.tick().await;
        }
    });
    let mut bytes = Vec::new();
    // What comes after the close is answered with a reset, so the read may end in either way.
    let _closed_or_reset = reading.read_to_end(&mut bytes).await;
    assert_eq!(bytes, b"");
    dripping.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_may_stay_longer_than_a_head_may_take() {
    let settings = EdgeSettings {
        first_byte_timeout: Duration::from_millis(50),
        head_timeout: Duration::from_millis(50),
        ..patient()
    };
    let edge = edge(hello(), settings).await;
    let mut kept = send_request(edge.address).await;
    assert!(answer(&mut kept).await.starts_with("HTTP/1.1 200"));
    let mut byte = [0; 1];
    let closed = tokio::time::timeout(Duration::from_millis(300), kept.peek(&mut byte)).await;
    assert!(closed.is_err(), "it is still open");
    for _ in 0..2 {
        kept.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            .await
            .unwrap();
        assert!(answer(&mut kept).await.starts_with("HTTP/1.1 200"));
    }
    kept.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut kept).await, "", "the limit holds for later heads too");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let settings = EdgeSettings {
        idle_timeout: Duration::from_millis(100),
        ..patient()
    };
    let edge = edge(hello(), settings).await;
    let mut kept = send_request(edge.address).await;
    assert!(rest(&mut kept).await.ends_with("hello"));
}

#[tokio::test]
async fn a_handler_may_take_longer_than_a_head() {
    let settings = EdgeSettings {
        first_byte_timeout: Duration::from_millis(50),
        head_timeout: Duration::from_millis(50),
        ..patient()
    };
    let release = Arc::new(Notify::new());
    let wait = Arc::clone(&release);
    let slow = get(move || async move {
        wait.notified().await;
        "hello"
    });
    let edge = edge(Router::new().route("/", slow), settings).await;
    let mut stream = send_request(edge.address).await;
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(300), stream.peek(&mut byte)).await;
    assert!(early.is_err(), "neither closed nor answered");
    release.notify_one();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let settings = EdgeSettings {
        body_idle_timeout: Duration::from_millis(50),
        ..patient()
    };
    async fn read(body: axum::body::Body) -> String {
        match axum::body::to_bytes(body, 1024).await {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(error) => format!("given up: {error}"),
        }
    }
    let edge = edge(Router::new().route("/", post(read)), settings).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nfive!")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.contains("given up"), "{answer}");
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

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let first = http_edge::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let again = http_edge::listen(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AddrInUse);
}
