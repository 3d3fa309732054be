//! Serving over TLS: who the server says it is, read from files.
//!
//! Only safe versions and ciphers are offered, those that rustls thinks so; there is nothing to configure but the
//! certificate and its key. New files are taken at the next start, which a rolling restart is made for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a server shows to prove who it is.
#[derive(Clone)]
pub struct TlsIdentity(TlsAcceptor);

/// Why a server cannot prove who it is.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the certificates cannot be read as such.
    #[error("{path} cannot be read as certificates in PEM form: {problem}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file with the key cannot be read as such.
    #[error("{path} cannot be read as a private key in PEM form: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong; never what is in the file.
        problem: String,
    },
    /// The key is not the certificate's, or of a kind that is not supported.
    #[error("the key {key} and the certificate {certificates} do not go together: {problem}")]
    Mismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificates.
        certificates: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TlsIdentity {
    /// Reads the server's certificate, with those of its issuers after it, and its key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable = |problem: String| TlsError::Certificates {
            path: certificates.to_owned(),
            problem,
        };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(error.to_string()))?;
        if chain.is_empty() {
            return Err(unreadable("there is none in it".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Key {
            path: key.to_owned(),
            problem: error.to_string(),
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
            .map_err(|error| TlsError::Mismatch {
                key: key.to_owned(),
                certificates: certificates.to_owned(),
                problem: error.to_string(),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
