//! The edge over TLS, and identities that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_edge::{Drain, EdgeSettings, TlsError, TlsIdentity, serve_over_tls};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

/// A certificate for `localhost` with its key, in files.
struct Files {
    directory: TempDir,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self {
            directory,
            certificate: certificate.der().clone(),
        }
    }

    fn identity(&self, certificates: &str, key: &str) -> Result<TlsIdentity, TlsError> {
        let path = |name: &str| self.directory.path().join(name);
        TlsIdentity::from_files(&path(certificates), &path(key))
    }

    async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

struct Edge {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<Drain>,
}

async fn edge(files: &Files, settings: EdgeSettings) -> Edge {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let app = Router::new().route("/", get(|| async { "hello" }));
    let tls = files.identity("cert.pem", "key.pem").unwrap();
    let serving = tokio::spawn(serve_over_tls(listener, tls, app, settings, shutdown.clone()));
    Edge {
        address,
        shutdown,
        serving,
    }
}

/// Asks, and reads the answer up to its body.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let (mut seen, mut buffer) = (String::new(), [0; 512]);
    while !seen.ends_with("hello") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    seen
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_drained() {
    let files = Files::new();
    let edge = edge(&files, EdgeSettings::default()).await;
    let mut stream = files.connect(edge.address).await.unwrap();
    for _ in 0..2 {
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    edge.shutdown.cancel();
    assert_eq!(edge.serving.await.unwrap(), Drain::Complete);
}

#[tokio::test]
async fn who_does_not_speak_tls_is_not_answered() {
    let files = Files::new();
    let edge = edge(&files, EdgeSettings::default()).await;
    let mut plain = TcpStream::connect(edge.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"));
}

#[tokio::test]
async fn the_limits_hold_under_tls() {
    let files = Files::new();
    let hour = Duration::from_secs(3600);
    let settings = EdgeSettings {
        first_byte_timeout: Duration::from_millis(300),
        head_timeout: Duration::from_millis(300),
        idle_timeout: hour,
        ..EdgeSettings::default()
    };
    let edge = edge(&files, settings).await;
    // The edge ends both: without its limits the test would hang.
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    let mut nothing = Vec::new();
    silent.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(nothing, b"");
    let mut half = files.connect(edge.address).await.unwrap();
    half.write_all(b"GET / HT").await.unwrap();
    // Cut without the farewell that TLS has, which the client takes for an error.
    assert!(!matches!(half.read(&mut [0; 16]).await, Ok(1..)));
}

#[test]
fn an_identity_that_cannot_be_used_names_the_file() {
    let files = Files::new();
    let other = Files::new();
    std::fs::write(files.directory.path().join("empty.pem"), "no certificate").unwrap();
    std::fs::copy(
        other.directory.path().join("key.pem"),
        files.directory.path().join("other-key.pem"),
    )
    .unwrap();
    for (certificates, key, named) in [
        (
            "absent.pem",
            "key.pem",
            "absent.pem cannot be read as certificates",
        ),
        ("empty.pem", "key.pem", "there is none in it"),
        (
            "cert.pem",
            "absent.pem",
            "absent.pem cannot be read as a private key",
        ),
        (
            "cert.pem",
            "empty.pem",
            "empty.pem cannot be read as a private key",
        ),
        ("cert.pem", "other-key.pem", "do not go together"),
    ] {
        let error = files.identity(certificates, key).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
