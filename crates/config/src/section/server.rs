//! `[server]`: how the API is served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::seconds;
use crate::kind::Kind;
use crate::reader::{Reader, Section};

/// How the API is served.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// A bearer token that makes whoever shows it an admin, beside those that are stored in the database.
    pub token: Option<SecretString>,
    /// Whether callers who show no token are served, as admins. Only on a loopback address.
    pub allow_anonymous: bool,
    /// The server's certificate and its key, where it is served over TLS.
    pub tls: Option<TlsFiles>,
    /// How long a fresh connection may say nothing.
    pub first_byte_timeout: Duration,
    /// How long a caller may take for a request's head.
    pub header_timeout: Duration,
    /// How long a pause within a request's body may be.
    pub body_idle_timeout: Duration,
    /// How long a kept connection may be idle.
    pub idle_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How many connections are open at once.
    pub max_connections: usize,
    /// How many event streams are open at once.
    pub max_event_streams: usize,
    /// How many requests that ask the cloud or import an inventory are served at once.
    pub heavy_requests: usize,
    /// How many other requests are served at once.
    pub light_requests: usize,
    /// How many requests one caller may make in a second.
    pub requests_per_second: u32,
    /// The origins whose pages may call the API from a browser.
    pub allowed_origins: Vec<String>,
    /// How long the answers of requests with an idempotency key are kept.
    pub idempotency_kept_for: Duration,
    /// How long requests in flight may go on when the process is told to stop.
    pub drain_timeout: Duration,
}

/// What a server shows to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, with those of its issuers after it, in PEM form.
    pub cert_file: PathBuf,
    /// The key, in PEM form.
    pub key_file: PathBuf,
}

impl TlsFiles {
    /// Reads both keys. One without the other is a mistake.
    fn read(section: &mut Section<'_>) -> Option<Self> {
        const CERT: &str = "tls.cert_file";
        const KEY: &str = "tls.key_file";
        let cert_file = section.optional(CERT, &Kind::path());
        let key_file = section.optional(KEY, &Kind::path());
        let (has_cert, has_key) = (section.raw(CERT).is_some(), section.raw(KEY).is_some());
        if has_cert != has_key {
            let (given, missing) = if has_cert { (CERT, KEY) } else { (KEY, CERT) };
            let message = format!(
                "is missing, and server.{given} is there: allowed are both, for TLS, or neither ({})",
                section.ways_to_give(missing)
            );
            section.mistake(missing, message, section.origin(given));
        }
        Some(Self {
            cert_file: cert_file?,
            key_file: key_file?,
        })
    }
}

impl ServerSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("server");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let listen = section.or("listen", &Kind::listen_address(), local);
        let token = section.secret("token");
        let wanted_token = section.raw("token").is_some() || section.raw("token_file").is_some();
        let allow_anonymous = section.or("allow_anonymous", &Kind::switch(), false);
        if allow_anonymous && !listen.ip().is_loopback() {
            let message = format!(
                "is true, but server.listen is {listen}, which other machines reach: allowed together with it is a \
                 loopback address such as 127.0.0.1:8080; to serve others, take it away and set server.token_file"
            );
            section.mistake("allow_anonymous", message, section.origin("allow_anonymous"));
        }
        if allow_anonymous && wanted_token {
            let message =
                "is true, but a token is set, which whoever shows none would not need: give one of them; to \
                           serve callers with tokens only, take server.allow_anonymous away"
                    .to_owned();
            section.mistake("allow_anonymous", message, section.origin("allow_anonymous"));
        }
        let within = Kind::duration(seconds(1)..=seconds(3600));
        // A caller may repeat a request for as long as an hour without an answer, and nobody does after a month.
        let kept = Kind::duration(seconds(3600)..=seconds(30 * 24 * 3600));
        Some(Self {
            listen,
            token,
            allow_anonymous,
            tls: TlsFiles::read(&mut section),
            first_byte_timeout: section.or("first_byte_timeout", &within, seconds(10)),
            header_timeout: section.or("header_timeout", &within, seconds(10)),
            body_idle_timeout: section.or("body_idle_timeout", &within, seconds(15)),
            idle_timeout: section.or("idle_timeout", &within, seconds(75)),
            request_timeout: section.or("request_timeout", &within, seconds(60)),
            max_connections: section.or("max_connections", &Kind::number(1..=100_000), 16_384),
            max_event_streams: section.or("max_event_streams", &Kind::number(1..=100_000), 256),
            heavy_requests: section.or("heavy_requests", &Kind::number(1..=100_000), 32),
            light_requests: section.or("light_requests", &Kind::number(1..=100_000), 512),
            requests_per_second: section.or("requests_per_second", &Kind::number(1..=1_000_000), 500),
            allowed_origins: section.or("allowed_origins", &Kind::origins(), Vec::new()),
            idempotency_kept_for: section.or("idempotency_kept_for", &kept, seconds(24 * 3600)),
            drain_timeout: section.or("drain_timeout", &within, seconds(25)),
        })
    }
}
