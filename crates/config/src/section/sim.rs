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

/// The kind of all storage of the simulated cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimStorage {
    /// QCOW2 files on NFS.
    Nfs,
    /// Ceph RBD.
    Rbd,
    /// A storage system that makes a LUN per volume.
    Managed,
}

impl SimStorage {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Nfs, Self::Rbd, Self::Managed];

    /// The kind as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            SimStorage::Nfs => "nfs",
            SimStorage::Rbd => "rbd",
            SimStorage::Managed => "managed",
        }
    }
}

const STORAGES: [(&str, SimStorage); 3] = [
    ("nfs", SimStorage::Nfs),
    ("rbd", SimStorage::Rbd),
    ("managed", SimStorage::Managed),
];

/// How much of a zone reaches its storage pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimScope {
    /// All of it.
    Zone,
    /// One cluster.
    Cluster,
}

impl SimScope {
    /// All scopes.
    pub const ALL: [Self; 2] = [Self::Zone, Self::Cluster];

    /// The scope as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            SimScope::Zone => "zone",
            SimScope::Cluster => "cluster",
        }
    }
}

const SCOPES: [(&str, SimScope); 2] = [("zone", SimScope::Zone), ("cluster", SimScope::Cluster)];

/// A key pair.
#[derive(Debug, Clone)]
pub struct SimCredentials {
    /// The API key.
    pub api_key: SecretString,
    /// The secret key.
    pub secret_key: SecretString,
}

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
    /// The kind of all storage pools; as the contents say when left out.
    pub storage: Option<SimStorage>,
    /// The scope of all storage pools; as the contents say when left out.
    pub scope: Option<SimScope>,
    /// Where chance begins.
    pub seed: u64,
    /// The factor for all durations: 1 is real time, 0.1 ten times faster.
    pub latency_scale: f64,
    /// The key pair that callers must sign with; the simulator's documented development pair when left out.
    pub credentials: Option<SimCredentials>,
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
        let storages = Kind::choice(&STORAGES, |storage: &SimStorage| {
            format!("{:?}", storage.as_str())
        });
        let storage = section.optional("storage", &storages);
        let scopes = Kind::choice(&SCOPES, |scope: &SimScope| format!("{:?}", scope.as_str()));
        let scope = section.optional("scope", &scopes);
        let seed = section.or("seed", &Kind::number(0..=u64::MAX), 1);
        let latency_scale = section.or("latency_scale", &Kind::fraction(0.0..=100.0), 1.0);
        let credentials = match (section.secret("api_key"), section.secret("secret_key")) {
            (Some(api_key), Some(secret_key)) => Some(SimCredentials { api_key, secret_key }),
            (None, None) => None,
            (Some(_), None) => {
                section.mistake("secret_key", "is missing beside api_key: give both or none", None);
                None
            }
            (None, Some(_)) => {
                section.mistake("api_key", "is missing beside secret_key: give both or none", None);
                None
            }
        };
        if admin_listen.is_some_and(|address| !address.ip().is_loopback()) {
            let message = "is not a loopback address: everybody who reaches it may break the simulated cloud";
            section.warning("admin_listen", message);
        }
        Some(Self {
            listen,
            admin_listen,
            contents,
            profile,
            storage,
            scope,
            seed,
            latency_scale,
            credentials,
        })
    }
}
