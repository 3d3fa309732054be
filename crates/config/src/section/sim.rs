//! `[sim]`: the simulated cloud as a process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;

use crate::kind::Kind;
use crate::reader::Reader;

/// Which line of CloudStack releases is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are CloudStack's versions")]
pub enum SimProfile {
    V4_18,
    V4_21,
    V4_22,
}

impl SimProfile {
    /// The version as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            SimProfile::V4_18 => "4.18",
            SimProfile::V4_21 => "4.21",
            SimProfile::V4_22 => "4.22",
        }
    }
}

const PROFILES: [(&str, SimProfile); 3] = [
    ("4.18", SimProfile::V4_18),
    ("4.21", SimProfile::V4_21),
    ("4.22", SimProfile::V4_22),
];

/// The simulated cloud.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// Where the CloudStack API is served.
    pub listen: SocketAddr,
    /// Where the switches for tests are served; not at all when left out.
    pub admin_listen: Option<SocketAddr>,
    /// What is in the cloud at first; the built-in sample when left out.
    pub contents: Option<PathBuf>,
    /// Which releases are simulated.
    pub profile: SimProfile,
    /// Where chance begins.
    pub seed: u64,
    /// The factor for all durations: 1 is real time, 0.1 ten times faster.
    pub latency_scale: f64,
    /// The API key that callers must use.
    pub api_key: SecretString,
    /// The secret key that callers must sign with.
    pub secret_key: SecretString,
}

impl SimSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("sim");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 8085));
        let profiles = Kind::choice(&PROFILES, |profile: &SimProfile| {
            format!("{:?}", profile.as_str())
        });
        let listen = section.or("listen", &Kind::listen_address(), local);
        let admin_listen = section.optional("admin_listen", &Kind::listen_address());
        let contents = section.optional("contents", &Kind::path());
        let profile = section.or("profile", &profiles, SimProfile::V4_22);
        let seed = section.or("seed", &Kind::number(0..=u64::MAX), 1);
        let latency_scale = section.or("latency_scale", &Kind::fraction(0.0..=100.0), 1.0);
        let api_key = section.required_secret("api_key");
        let secret_key = section.required_secret("secret_key");
        if admin_listen.is_some_and(|address| !address.ip().is_loopback()) {
            let message = "is not a loopback address: everybody who reaches it may break the simulated cloud";
            section.warning("admin_listen", message);
        }
        Some(Self {
            listen,
            admin_listen,
            contents,
            profile,
            seed,
            latency_scale,
            api_key: api_key?,
            secret_key: secret_key?,
        })
    }
}
