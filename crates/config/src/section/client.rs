//! `[client]`: how `failoverctl` reaches the API.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::seconds;
use crate::kind::Kind;
use crate::reader::Reader;

/// How to reach the API.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The API's address, without `/api/v1`.
    pub url: String,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub request_timeout: Duration,
}

impl ClientSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("client");
        Some(Self {
            url: section.or("url", &Kind::web_address(), "http://127.0.0.1:8080".to_owned()),
            token: section.secret("token"),
            ca_file: section.optional("ca_file", &Kind::path()),
            request_timeout: section.or(
                "request_timeout",
                &Kind::duration(seconds(1)..=seconds(3600)),
                seconds(60),
            ),
        })
    }
}
