//! Whom the writer trusts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterWish};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use tempfile::NamedTempFile;

use crate::support::{call, install_tls_provider, settings, unknown, writer};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate of `authority` for `name`, which is done with one request.
fn server(authority: &Authority, name: &str) -> SocketAddr {
    install_tls_provider();
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut request = Vec::new();
        let mut part = [0; 4096];
        // A client that does not trust us leaves during the handshake, and reading fails.
        while !request.ends_with(b"]}") {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return,
                Ok(length) => request.extend_from_slice(&part[..length]),
            }
        }
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    address
}

async fn asked(address: SocketAddr, trusted: Option<&Authority>) -> WriterAnswer {
    let file = NamedTempFile::new().unwrap();
    let mut settings = settings(&format!("https://{address}"), Duration::from_secs(60));
    if let Some(authority) = trusted {
        std::fs::write(file.path(), authority.pem()).unwrap();
        settings.ca_file = Some(file.path().to_owned());
    }
    writer(&settings).ask(&call(WriterWish::Quiesce)).await
}

#[tokio::test]
async fn a_tool_with_a_certificate_of_the_configured_authority_is_trusted() {
    let ours = authority();
    assert_eq!(
        asked(server(&ours, "127.0.0.1"), Some(&ours)).await,
        WriterAnswer::Done
    );
}

#[tokio::test]
async fn a_tool_of_another_authority_or_name_is_not_spoken_to() {
    let (ours, foreign) = (authority(), authority());
    for (issuer, name) in [(&foreign, "127.0.0.1"), (&ours, "oma.example.org")] {
        let text = unknown(asked(server(issuer, name), Some(&ours)).await);
        assert!(text.contains("certificate"), "{text}");
    }
    unknown(asked(server(&ours, "127.0.0.1"), None).await);
}
