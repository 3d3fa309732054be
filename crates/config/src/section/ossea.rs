//! `[ossea]`: how to reach the cloud.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::seconds;
use crate::kind::Kind;
use crate::reader::Reader;

/// How to reach the cloud.
#[derive(Debug, Clone)]
pub struct OsseaSettings {
    /// The address of CloudStack's API.
    pub endpoint: String,
    /// The account's API key.
    pub api_key: SecretString,
    /// The account's secret key.
    pub secret_key: SecretString,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one exchange may take.
    pub request_timeout: Duration,
    /// How long a change is valid after the right to send it was known.
    pub signature_ttl: Duration,
    /// How many requests are under way at once.
    pub max_concurrent: usize,
    /// How many requests a process sends in a second at most.
    pub requests_per_second: u32,
    /// So many requests in a row without a proper answer pause the way there.
    pub breaker_failures: u32,
    /// So many of a hundred requests of a minute without a proper answer pause it too.
    pub breaker_failure_percent: u32,
    /// How long a cloud that does not answer is left alone between two probes.
    pub breaker_rest: Duration,
}

impl OsseaSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("ossea");
        let endpoint = section.required("endpoint", &Kind::web_address());
        let api_key = section.required_secret("api_key");
        let secret_key = section.required_secret("secret_key");
        let ca_file = section.optional("ca_file", &Kind::path());
        let within = Kind::duration(seconds(1)..=seconds(600));
        let request_timeout = section.or("request_timeout", &within, seconds(60));
        let valid = Kind::duration(seconds(2)..=seconds(900));
        let signature_ttl = section.or("signature_ttl", &valid, seconds(60));
        let max_concurrent = section.or("max_concurrent", &Kind::number(1..=256), 16);
        let requests_per_second = section.or("requests_per_second", &Kind::number(1..=10_000), 20);
        let breaker_failures = section.or("breaker_failures", &Kind::number(1..=1_000), 10);
        let breaker_failure_percent = section.or("breaker_failure_percent", &Kind::number(1..=100), 50);
        let rest = Kind::duration(seconds(1)..=seconds(600));
        let breaker_rest = section.or("breaker_rest", &rest, seconds(10));
        Some(Self {
            endpoint: endpoint?,
            api_key: api_key?,
            secret_key: secret_key?,
            ca_file,
            request_timeout,
            signature_ttl,
            max_concurrent,
            requests_per_second,
            breaker_failures,
            breaker_failure_percent,
            breaker_rest,
        })
    }
}
