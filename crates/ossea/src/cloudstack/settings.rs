//! How to reach a CloudStack, and what may be wrong with that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::breaker::BreakerRules;
use super::retry::RetryRules;

/// CloudStack accepts no request that expires later than this, where it enforces expiry.
const LONGEST_SIGNATURE_TTL: Duration = Duration::from_secs(15 * 60);

/// A server that came back meanwhile should not be left alone for longer.
const LONGEST_MAINTENANCE_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The pause before a call is sent again: long enough for a connection to be made anew.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Longer ones are the caller's business, who may have something better to do.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How to reach a CloudStack. Printing it shows no secret.
#[derive(Debug, Clone)]
pub struct CloudStackSettings {
    /// The API's URL, such as `https://cloud.example.org/client/api`.
    pub endpoint: String,
    /// The account's API key.
    pub api_key: SecretString,
    /// The account's secret key.
    pub secret_key: SecretString,
    /// Certificates (PEM) that are trusted **instead of** the system's, for a cloud with a CA of its own.
    pub ca_file: Option<PathBuf>,
    /// How long one exchange may take, connecting included. Create commands and `deleteVolume` work inside it.
    pub request_timeout: Duration,
    /// How long a signed request is valid: at most 15 minutes. For a change it runs from the call of
    /// [`crate::OsseaClient::submit`], however often and late the change is sent: the cloud accepts none later.
    pub signature_ttl: Duration,
    /// How many requests may be under way at once; the others wait. A quarter is kept for the way back.
    pub max_in_flight: usize,
    /// How many requests the process sends in a second at most. Where the cloud names a lower limit of its own, a
    /// part of that counts.
    pub requests_per_second: u32,
    /// How often a call is sent at most, where it may be repeated at all.
    pub attempts: u32,
    /// So many requests in a row without a proper answer open the circuit.
    pub breaker_failures: u32,
    /// So many of a hundred requests of the last minute without a proper answer open the circuit too.
    pub breaker_failure_percent: u32,
    /// How long a cloud that does not answer is left alone between two probes.
    pub breaker_rest: Duration,
    /// How long changes, but for the way back's, are held after the cloud has said that it takes no work (503).
    pub maintenance_pause: Duration,
}

impl CloudStackSettings {
    /// Settings with the usual limits: 60 s per request, signatures valid for 60 s, 16 requests at once, 20
    /// per second, each sent 4 times at most; 10 failures in a row or half of all open the circuit, which is probed
    /// every 10 s; changes are held for 10 s after a 503.
    pub fn new(endpoint: impl Into<String>, api_key: SecretString, secret_key: SecretString) -> Self {
        Self {
            endpoint: endpoint.into(),
            api_key,
            secret_key,
            ca_file: None,
            request_timeout: Duration::from_secs(60),
            // The engine takes a request for lost when its signature has ended; the shorter, the sooner it looks.
            signature_ttl: Duration::from_secs(60),
            max_in_flight: 16,
            requests_per_second: 20,
            attempts: 4,
            breaker_failures: 10,
            breaker_failure_percent: 50,
            breaker_rest: Duration::from_secs(10),
            // A management server needs minutes to restart.
            maintenance_pause: Duration::from_secs(10),
        }
    }

    /// Everything that is wrong, so that a configuration check can report all of it at once.
    pub fn problems(&self) -> Vec<SettingsError> {
        let credentials = [("api_key", &self.api_key), ("secret_key", &self.secret_key)];
        let mut problems: Vec<SettingsError> = self.endpoint_url().err().into_iter().collect();
        problems.extend(
            credentials
                .into_iter()
                .filter(|(_, key)| !is_credential(key))
                .map(|(setting, _)| SettingsError::Credential { setting }),
        );
        problems.extend(self.ca_certificates().err());
        let zeros = [
            ("request_timeout", self.request_timeout.is_zero()),
            ("max_in_flight", self.max_in_flight == 0),
            ("requests_per_second", self.requests_per_second == 0),
            ("attempts", self.attempts == 0),
            ("breaker_failures", self.breaker_failures == 0),
            ("breaker_rest", self.breaker_rest.is_zero()),
        ];
        problems.extend(
            zeros
                .into_iter()
                .filter(|(_, is_zero)| *is_zero)
                .map(|(setting, _)| SettingsError::Zero { setting }),
        );
        if !(1..=100).contains(&self.breaker_failure_percent) {
            problems.push(SettingsError::Percent {
                setting: "breaker_failure_percent",
                given: self.breaker_failure_percent,
            });
        }
        if self.signature_ttl.is_zero() || self.signature_ttl > LONGEST_SIGNATURE_TTL {
            problems.push(SettingsError::SignatureTtl {
                given: self.signature_ttl,
            });
        }
        if self.maintenance_pause.is_zero() || self.maintenance_pause > LONGEST_MAINTENANCE_PAUSE {
            problems.push(SettingsError::MaintenancePause {
                given: self.maintenance_pause,
            });
        }
        problems
    }

    pub(crate) fn retry_rules(&self) -> RetryRules {
        RetryRules {
            attempts: self.attempts,
            shortest: SHORTEST_PAUSE,
            longest: LONGEST_PAUSE,
        }
    }

    pub(crate) fn breaker_rules(&self) -> BreakerRules {
        BreakerRules {
            failures: self.breaker_failures,
            failure_percent: self.breaker_failure_percent,
            rest: self.breaker_rest,
        }
    }

    /// The endpoint, checked.
    pub(crate) fn endpoint_url(&self) -> Result<Url, SettingsError> {
        let url = Url::parse(&self.endpoint).map_err(|error| SettingsError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SettingsError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError::QueryInUrl);
        }
        Ok(url)
    }

    /// The certificates of [`CloudStackSettings::ca_file`].
    pub(crate) fn ca_certificates(&self) -> Result<Option<Vec<reqwest::Certificate>>, SettingsError> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let pem = std::fs::read(path).map_err(|source| SettingsError::CaFileUnreadable {
            path: path.clone(),
            source,
        })?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| SettingsError::bad_certificates(path, &error.to_string()))?;
        if certificates.is_empty() {
            return Err(SettingsError::bad_certificates(path, "it holds no certificate"));
        }
        Ok(Some(certificates))
    }
}

/// A key read from a file easily carries its line end, and the cloud would only say 401.
fn is_credential(key: &SecretString) -> bool {
    let key = key.expose_secret();
    !key.is_empty() && !key.contains(char::is_whitespace)
}

/// Why a client cannot be built. No variant repeats a secret, nor a URL that might hold one.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The endpoint is not a URL.
    #[error("endpoint is not a URL: {0}")]
    Url(String),
    /// The endpoint is not reached by HTTP.
    #[error("endpoint must begin with http:// or https://, not {0}:")]
    Scheme(String),
    /// The endpoint carries a user name or a password.
    #[error("endpoint must not contain a user name or password")]
    CredentialsInUrl,
    /// The endpoint carries a query or a fragment.
    #[error("endpoint must end before '?' and '#'")]
    QueryInUrl,
    /// A key cannot be one.
    #[error("{setting} is empty or contains white space")]
    Credential {
        /// The setting.
        setting: &'static str,
    },
    /// A limit is zero, which would let nothing through.
    #[error("{setting} must be more than zero")]
    Zero {
        /// The setting.
        setting: &'static str,
    },
    /// A share cannot be that.
    #[error("{setting} is {given}, allowed is 1 to 100")]
    Percent {
        /// The setting.
        setting: &'static str,
        /// The value.
        given: u32,
    },
    /// CloudStack would refuse every request.
    #[error("signature_ttl is {given:?}, allowed is more than zero and at most 15 minutes")]
    SignatureTtl {
        /// The value.
        given: Duration,
    },
    /// The pause would hold nothing, or everything.
    #[error("maintenance_pause is {given:?}, allowed is more than zero and at most 10 minutes")]
    MaintenancePause {
        /// The value.
        given: Duration,
    },
    /// The CA file cannot be read.
    #[error("cannot read ca_file {path}")]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CA file holds no usable certificates.
    #[error("ca_file {path} is not a list of PEM certificates: {reason}")]
    CaFileContent {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// [`super::install_tls_provider`] was not called.
    #[error("no TLS provider is installed: call ossea::cloudstack::install_tls_provider() first")]
    NoTlsProvider,
    /// The HTTP client cannot be built, for instance because the system has no CA certificates.
    #[error("the HTTP client cannot be built: {0}")]
    HttpClient(String),
}

impl SettingsError {
    fn bad_certificates(path: &Path, reason: &str) -> Self {
        SettingsError::CaFileContent {
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn settings(endpoint: &str) -> CloudStackSettings {
        CloudStackSettings::new(endpoint, "key-in-the-clear".into(), "secret-in-the-clear".into())
    }

    #[test]
    fn an_ordinary_endpoint_is_accepted() {
        for endpoint in [
            "https://cloud.example.org/client/api",
            "http://127.0.0.1:8080/client/api",
        ] {
            assert!(settings(endpoint).problems().is_empty(), "{endpoint}");
        }
    }

    #[test]
    fn a_url_that_hides_something_is_rejected() {
        let problem = |endpoint| settings(endpoint).problems().remove(0);
        assert!(matches!(problem("cloud.example.org"), SettingsError::Url(_)));
        assert!(matches!(
            problem("ftp://cloud.example.org/"),
            SettingsError::Scheme(_)
        ));
        assert!(matches!(
            problem("https://user@cloud.example.org/"),
            SettingsError::CredentialsInUrl
        ));
        assert!(matches!(
            problem("https://:pw@cloud.example.org/"),
            SettingsError::CredentialsInUrl
        ));
        assert!(matches!(
            problem("https://cloud.example.org/?apikey=x"),
            SettingsError::QueryInUrl
        ));
        assert!(matches!(
            problem("https://cloud.example.org/#x"),
            SettingsError::QueryInUrl
        ));
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let settings = CloudStackSettings {
            api_key: "".into(),
            secret_key: "secret\n".into(),
            ca_file: Some("/does/not/exist.pem".into()),
            request_timeout: Duration::ZERO,
            signature_ttl: Duration::from_secs(901),
            max_in_flight: 0,
            requests_per_second: 0,
            attempts: 0,
            breaker_failures: 0,
            breaker_failure_percent: 101,
            breaker_rest: Duration::ZERO,
            maintenance_pause: Duration::ZERO,
            ..settings("nonsense")
        };
        assert_eq!(settings.problems().len(), 13);
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for content in ["", "not a certificate"] {
            file.write_all(content.as_bytes()).unwrap();
            let with = CloudStackSettings {
                ca_file: Some(file.path().to_owned()),
                ..settings("https://cloud.example.org/")
            };
            assert!(matches!(
                with.problems()[..],
                [SettingsError::CaFileContent { .. }]
            ));
        }
    }

    #[test]
    fn printing_shows_no_secret() {
        let mut texts = vec![format!("{:?}", settings("https://cloud.example.org/"))];
        let broken = settings("https://user:secret-in-the-clear@cloud.example.org/");
        texts.extend(
            broken
                .problems()
                .iter()
                .map(|problem| format!("{problem} {problem:?}")),
        );
        for text in texts {
            assert!(!text.contains("in-the-clear"), "{text}");
        }
    }
}
