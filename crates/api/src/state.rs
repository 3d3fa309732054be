//! What the routes work with.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_access::Tokens;
use failover_engine::idempotency::IdempotencyKeys;
use failover_engine::looks::ReadinessLooks;
use failover_engine::ports::{AuditTrail, Workers};
use failover_engine::service::FailoverService;
use log_ring::LogRing;
use ossea::{OsseaClient, Priority, ProbeCache};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::journal_feed::JournalFeeds;
use crate::lanes::Lanes;
use crate::rate_limit::CallerRates;

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// A bearer token that makes whoever shows it an admin, beside those that are stored: the way in before there are any.
    pub token: Option<SecretString>,
    /// Whether callers who show no token are served, as admins. Only for an API that nobody else can reach.
    pub allow_anonymous: bool,
    /// Within which time a destination VM must pass boot verification, unless a request says otherwise.
    pub boot_within: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The largest body in bytes. An inventory import may be [`ApiSettings::IMPORT_FACTOR`] times larger.
    pub body_limit: usize,
    /// How long what the cloud told of its version, settings and permissions is taken for true. They change with an
    /// upgrade or by an administrator's hand, and whoever has just changed them can ask for new ones.
    pub probe_time_to_live: TimeDelta,
    /// How long a completed live failover may be neither committed nor rolled back before people are told: its rollback
    /// points take room, and are worth less every day.
    pub retention_warn_after: Duration,
    /// How many event streams are open at once. Each holds a connection for as long as its job runs.
    pub max_event_streams: usize,
    /// How long the answers of requests with an idempotency key are kept.
    pub idempotency_kept_for: Duration,
    /// How many requests that ask the cloud or import an inventory are served at once.
    pub heavy_requests: usize,
    /// How many other requests are served at once.
    pub light_requests: usize,
    /// How many requests one caller may make in a second, for longer than a moment.
    pub requests_per_second: NonZeroU32,
    /// The origins whose pages may call the API from a browser, such as `https://console.example.org`; none by default.
    pub allowed_origins: Vec<String>,
}

impl ApiSettings {
    /// How much larger than other bodies an inventory import may be.
    pub const IMPORT_FACTOR: usize = 32;

    /// What no caller needs that waits for an answer before it asks again.
    pub const USUAL_RATE: NonZeroU32 = match NonZeroU32::new(500) {
        Some(rate) => rate,
        None => NonZeroU32::MIN,
    };
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            token: None,
            allow_anonymous: false,
            boot_within: Duration::from_secs(5 * 60),
            request_timeout: Duration::from_secs(60),
            body_limit: 1024 * 1024,
            probe_time_to_live: TimeDelta::minutes(5),
            retention_warn_after: Duration::from_secs(7 * 24 * 3600),
            max_event_streams: 256,
            idempotency_kept_for: Duration::from_secs(24 * 3600),
            heavy_requests: 32,
            light_requests: 512,
            requests_per_second: Self::USUAL_RATE,
            allowed_origins: Vec::new(),
        }
    }
}

/// What the API itself asks of the database, beside what the service asks.
#[derive(Clone)]
pub struct ApiPorts {
    /// The keys of requests that may come twice.
    pub keys: Arc<dyn IdempotencyKeys>,
    /// Who drives jobs.
    pub workers: Arc<dyn Workers>,
    /// What was seen last of the readiness of source VMs.
    pub looks: Arc<dyn ReadinessLooks>,
    /// The tokens of callers.
    pub tokens: Arc<dyn Tokens>,
    /// What was done, by whom.
    pub audit: Arc<dyn AuditTrail>,
}

impl ApiPorts {
    /// The ports of one store.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: IdempotencyKeys + Workers + ReadinessLooks + Tokens + AuditTrail + 'static,
    {
        Self {
            keys: store.clone(),
            workers: store.clone(),
            looks: store.clone(),
            tokens: store.clone(),
            audit: store,
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
    /// The cloud for those who only ask: after everything that belongs to a job.
    pub(crate) cloud: Arc<dyn OsseaClient>,
    /// What the cloud is like.
    pub(crate) probes: Arc<ProbeCache>,
    /// The journals that event streams follow.
    pub(crate) journals: JournalFeeds,
    /// What else is asked of the database.
    pub(crate) ports: ApiPorts,
    /// The newest log records of this process, where they are kept.
    pub(crate) log_ring: Option<LogRing>,
    /// When this process began to serve.
    pub(crate) started_at: DateTime<Utc>,
    /// The places for requests.
    pub(crate) lanes: Lanes,
    /// How often callers ask.
    pub(crate) rates: CallerRates,
    /// Cancelled when the process is told to stop.
    pub(crate) shutdown: CancellationToken,
}

impl ApiState {
    /// The state of an API over `service`, with the ports of the database that the service works on.
    pub fn new(service: FailoverService, ports: ApiPorts, settings: ApiSettings) -> Self {
        let cloud = service.cloud.with_priority(Priority::Background);
        let clock = Arc::clone(&service.clock);
        let probes = ProbeCache::new(
            Arc::clone(&cloud),
            service.target.zone.clone(),
            Arc::new(move || clock.now()),
            settings.probe_time_to_live,
        );
        let clock = Arc::clone(&service.clock);
        Self {
            started_at: clock.now(),
            lanes: Lanes::new(&settings),
            rates: CallerRates::new(settings.requests_per_second, Arc::clone(&clock)),
            journals: JournalFeeds::new(Arc::clone(&service.jobs), clock, settings.max_event_streams),
            service,
            ports,
            log_ring: None,
            settings: Arc::new(settings),
            cloud,
            probes: Arc::new(probes),
            shutdown: CancellationToken::new(),
        }
    }

    /// The same, with the newest log records of this process to be shown.
    #[must_use]
    pub fn with_log_ring(self, ring: LogRing) -> Self {
        let log_ring = Some(ring);
        Self { log_ring, ..self }
    }

    /// The same, with a token that is cancelled when the process is told to stop: event streams end then.
    #[must_use]
    pub fn until(self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self }
    }
}
