//! What the routes work with.

use std::sync::Arc;
use std::time::Duration;

use failover_engine::service::FailoverService;
use secrecy::SecretString;

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The bearer token that callers show; without one everybody who reaches the API is served.
    pub token: Option<SecretString>,
    /// Within which time a destination VM must pass boot verification, unless a request says otherwise.
    pub boot_within: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The largest body in bytes. An inventory import may be [`ApiSettings::IMPORT_FACTOR`] times larger.
    pub body_limit: usize,
}

impl ApiSettings {
    /// How much larger than other bodies an inventory import may be.
    pub const IMPORT_FACTOR: usize = 32;
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            token: None,
            boot_within: Duration::from_secs(5 * 60),
            request_timeout: Duration::from_secs(60),
            body_limit: 1024 * 1024,
        }
    }
}

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The front door of the engine.
    pub service: FailoverService,
    /// How the API behaves.
    pub settings: Arc<ApiSettings>,
}

impl ApiState {
    /// The state of an API over `service`.
    pub fn new(service: FailoverService, settings: ApiSettings) -> Self {
        Self {
            service,
            settings: Arc::new(settings),
        }
    }
}
