//! `[oma]`: whom to ask before replica volumes leave the OMA, and whom to tell when they are back.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::seconds;
use crate::kind::Kind;
use crate::reader::{Reader, Section};

/// What is known about the OMA besides its id.
#[derive(Debug, Clone)]
pub struct OmaSettings {
    /// How the migration tool is asked; nobody is asked if absent.
    pub hook: Option<HookSettings>,
}

/// How the migration tool is asked.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where it is asked to let go of replicas.
    pub quiesce: Option<HookAddress>,
    /// Where it is told that they are back.
    pub resume: Option<HookAddress>,
    /// The secret that signs the requests.
    pub secret: SecretString,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// An address and how long an exchange with it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAddress {
    /// The address.
    pub url: String,
    /// How long one exchange may take.
    pub timeout: Duration,
}

impl OmaSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("oma");
        // A wrong address is one too: what is missing besides it is reported together with it.
        let is_wanted = section.raw("quiesce_url").is_some() || section.raw("resume_url").is_some();
        let quiesce = address(&mut section, "quiesce_url", "quiesce_timeout", seconds(60));
        let resume = address(&mut section, "resume_url", "resume_timeout", seconds(30));
        let ca_file = section.optional("hook_ca_file", &Kind::path());
        if !is_wanted {
            // Read all the same, so that a mistake in it does not wait for the day on which an address is added.
            section.secret("hook_secret");
            return Some(Self { hook: None });
        }
        let secret = section.required_secret("hook_secret")?;
        Some(Self {
            hook: Some(HookSettings {
                quiesce,
                resume,
                secret,
                ca_file,
            }),
        })
    }
}

fn address(
    section: &mut Section<'_>,
    url_key: &str,
    timeout_key: &str,
    usual: Duration,
) -> Option<HookAddress> {
    let url = section.optional(url_key, &Kind::web_address());
    let within = Kind::duration(seconds(1)..=seconds(600));
    let timeout = section.or(timeout_key, &within, usual);
    url.map(|url| HookAddress { url, timeout })
}
