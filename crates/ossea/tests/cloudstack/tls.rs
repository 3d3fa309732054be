//! Whom the client trusts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use ossea::cloudstack::{CloudStackClient, install_tls_provider};
use ossea::{Command, OsseaClient, OsseaError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use tempfile::NamedTempFile;

use crate::support::{client_at, now};

const EMPTY: &str = r#"{"listvirtualmachinesresponse":{}}"#;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `name`, issued by `authority`, that answers one request.
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
        // A client that does not trust us leaves during the handshake, and reading fails.
        if stream.read(&mut [0; 4096]).is_ok() {
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                EMPTY.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(EMPTY.as_bytes()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    address
}

fn client(address: SocketAddr, trusted: Option<&Authority>) -> CloudStackClient {
    let file = trusted.map(|authority| {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority.pem()).unwrap();
        file
    });
    let ca_file = file.as_ref().map(|file| file.path().to_owned());
    let endpoint = format!("https://{address}/client/api");
    client_at(&endpoint, |settings| settings.ca_file = ca_file, Arc::new(now))
}

#[tokio::test]
async fn a_cloud_with_a_certificate_of_the_configured_authority_is_trusted() {
    let ours = authority();
    let client = client(server(&ours, "127.0.0.1"), Some(&ours));
    assert_eq!(client.vms().await.unwrap(), []);
}

#[tokio::test]
async fn a_cloud_of_another_authority_or_name_is_not_spoken_to() {
    let (ours, foreign) = (authority(), authority());
    for (issuer, name) in [(&foreign, "127.0.0.1"), (&ours, "cloud.example.org")] {
        let read = client(server(issuer, name), Some(&ours)).vms().await;
        assert!(matches!(read, Err(OsseaError::Unreachable(_))), "{read:?}");
        let key = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10".parse().unwrap();
        let detach = Command::DetachVolume {
            volume: "volume-1".parse().unwrap(),
        };
        // Nothing was sent, and the client knows it: the outcome is not unknown.
        let change = client(server(issuer, name), Some(&ours))
            .submit(&key, &detach)
            .await;
        assert!(matches!(change, Err(OsseaError::Unreachable(_))), "{change:?}");
    }
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_without_being_told_to() {
    let ours = authority();
    let read = client(server(&ours, "127.0.0.1"), None).vms().await;
    assert!(matches!(read, Err(OsseaError::Unreachable(_))), "{read:?}");
}
