//! Where the migration tool is asked, and what may be wrong with that.

use std::path::PathBuf;
use std::time::Duration;

use failover_engine::writer::WriterWish;
use reqwest::{Certificate, Url};
use secrecy::{ExposeSecret, SecretString};

/// Where the migration tool is asked. Printing it shows no secret.
#[derive(Debug, Clone)]
pub struct HttpWriterSettings {
    /// Where it is asked to let go of replicas; nowhere if absent.
    pub quiesce: Option<Endpoint>,
    /// Where it is told that they are back; nowhere if absent.
    pub resume: Option<Endpoint>,
    /// The secret that signs the requests.
    pub secret: SecretString,
    /// Certificates (PEM) that are trusted **instead of** the system's.
    pub ca_file: Option<PathBuf>,
}

/// An address that takes one kind of wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL, which begins with `http://` or `https://`.
    pub url: String,
    /// How long one exchange may take, connecting included.
    pub timeout: Duration,
}

impl HttpWriterSettings {
    /// Everything that is wrong, so that a configuration check can report all of it at once.
    pub fn problems(&self) -> Vec<SettingsError> {
        let mut problems: Vec<SettingsError> = [WriterWish::Quiesce, WriterWish::Resume]
            .into_iter()
            .filter_map(|wish| self.target(wish).err())
            .collect();
        let secret = self.secret.expose_secret();
        // A secret read from a file easily carries its line end, and the tool would only say 401.
        if secret.is_empty() || secret.contains(char::is_whitespace) {
            problems.push(SettingsError::Secret);
        }
        problems.extend(self.ca_certificates().err());
        problems
    }

    /// The checked address for a wish, if there is one.
    pub(crate) fn target(&self, wish: WriterWish) -> Result<Option<Target>, SettingsError> {
        let endpoint = match wish {
            WriterWish::Quiesce => &self.quiesce,
            WriterWish::Resume => &self.resume,
        };
        endpoint
            .as_ref()
            .map(|endpoint| endpoint.checked(wish))
            .transpose()
    }

    /// The certificates of [`HttpWriterSettings::ca_file`].
    pub(crate) fn ca_certificates(&self) -> Result<Option<Vec<Certificate>>, SettingsError> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let pem = std::fs::read(path).map_err(|source| SettingsError::CaFileUnreadable {
            path: path.clone(),
            source,
        })?;
        let unusable = |reason: String| SettingsError::CaFileContent {
            path: path.clone(),
            reason,
        };
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))?;
        if certificates.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        Ok(Some(certificates))
    }
}

/// An address that was checked.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) timeout: Duration,
}

impl Endpoint {
    fn checked(&self, wish: WriterWish) -> Result<Target, SettingsError> {
        let wish = wish.as_str();
        let url = Url::parse(&self.url).map_err(|error| SettingsError::Url {
            wish,
            reason: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(SettingsError::Scheme { wish, scheme });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::CredentialsInUrl { wish });
        }
        if self.timeout.is_zero() {
            return Err(SettingsError::ZeroTimeout { wish });
        }
        Ok(Target {
            url,
            timeout: self.timeout,
        })
    }
}

/// Why the migration tool cannot be asked. No variant repeats a secret, nor a URL that might hold one.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// An address is not a URL.
    #[error("the address for {wish} is not a URL: {reason}")]
    Url {
        /// For which wish.
        wish: &'static str,
        /// Why.
        reason: String,
    },
    /// An address is not reached by HTTP.
    #[error("the address for {wish} must begin with http:// or https://, not {scheme}:")]
    Scheme {
        /// For which wish.
        wish: &'static str,
        /// What it begins with.
        scheme: String,
    },
    /// An address carries a user name or a password.
    #[error("the address for {wish} must not contain a user name or password")]
    CredentialsInUrl {
        /// For which wish.
        wish: &'static str,
    },
    /// No answer would ever come in time.
    #[error("the timeout for {wish} must be more than zero")]
    ZeroTimeout {
        /// For which wish.
        wish: &'static str,
    },
    /// The secret cannot be one.
    #[error("the shared secret is empty or contains white space")]
    Secret,
    /// The CA file cannot be read.
    #[error("cannot read the certificates in {path}")]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CA file holds no usable certificates.
    #[error("{path} is not a list of PEM certificates: {reason}")]
    CaFileContent {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The process has no TLS implementation yet; reqwest would panic.
    #[error("no TLS provider is installed: install rustls's before the writer is built")]
    NoTlsProvider,
    /// The HTTP client cannot be built, for instance because the system has no CA certificates.
    #[error("the HTTP client cannot be built: {0}")]
    HttpClient(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> HttpWriterSettings {
        HttpWriterSettings {
            quiesce: Some(Endpoint {
                url: url.to_owned(),
                timeout: Duration::from_secs(60),
            }),
            resume: None,
            secret: "secret-in-the-clear".into(),
            ca_file: None,
        }
    }

    #[test]
    fn ordinary_addresses_are_accepted() {
        for url in [
            "https://oma.example.org:8443/failover/quiesce",
            "http://127.0.0.1:9/",
        ] {
            assert!(settings(url).problems().is_empty(), "{url}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let resume = Endpoint {
            url: "https://:secret-in-the-clear@oma/".to_owned(),
            timeout: Duration::from_secs(1),
        };
        let broken = HttpWriterSettings {
            resume: Some(resume),
            secret: "secret-in-the-clear\n".into(),
            ca_file: Some("/does/not/exist.pem".into()),
            ..settings("ftp://oma.example.org/")
        };
        let problems = broken.problems();
        assert!(
            matches!(
                problems[..],
                [
                    SettingsError::Scheme { wish: "quiesce", .. },
                    SettingsError::CredentialsInUrl { wish: "resume" },
                    SettingsError::Secret,
                    SettingsError::CaFileUnreadable { .. }
                ]
            ),
            "{problems:?}"
        );
        for problem in problems {
            let text = format!("{problem} {problem:?}");
            assert!(!text.contains("in-the-clear"), "{text}");
        }
    }

    #[test]
    fn a_timeout_of_zero_and_a_relative_address_are_mistakes() {
        let mut instant = settings("http://127.0.0.1:9/");
        instant.quiesce.as_mut().unwrap().timeout = Duration::ZERO;
        assert!(matches!(
            instant.problems()[..],
            [SettingsError::ZeroTimeout { .. }]
        ));
        assert!(matches!(
            settings("/quiesce").problems()[..],
            [SettingsError::Url { .. }]
        ));
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = HttpWriterSettings {
            ca_file: Some(file.path().to_owned()),
            ..settings("https://oma.example.org/")
        };
        assert!(matches!(
            with.problems()[..],
            [SettingsError::CaFileContent { .. }]
        ));
    }
}
