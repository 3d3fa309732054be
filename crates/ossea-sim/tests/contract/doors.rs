//! The doors to the simulated cloud.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use ossea::cloudstack::{CloudStackClient, CloudStackSettings, install_tls_provider};
use ossea_sim::contract::{SimulatedSite, World, contents};
use ossea_sim::{InProcessCloud, Profile, SimClock, SimSettings};

/// Waiting longer for an answer that never comes would only make the tests longer.
const IMPATIENCE: Duration = Duration::from_millis(500);

/// The simulator as a client of its own, with the real durations on virtual time.
pub(crate) async fn in_process() -> World {
    let cloud = InProcessCloud::new(&contents(), SimSettings::of(Profile::V4_22));
    let impatient = cloud.clone().with_patience(IMPATIENCE);
    World::new(cloud.clone(), impatient, cloud)
}

/// The generated mock, which asks the simulator: whoever counts calls with it can let it answer like a cloud.
pub(crate) async fn mocked() -> World {
    let settings = SimSettings::of(Profile::V4_22).scaled(0.0);
    let cloud = InProcessCloud::new(&contents(), settings).with_latency(Duration::ZERO);
    let impatient = cloud.clone().with_patience(IMPATIENCE);
    World::new(crate::mocked::over(cloud.clone()), impatient, cloud)
}

/// The real client, speaking to the simulator over a socket.
pub(crate) async fn over_http() -> World {
    World::over_http(site().await, |site, patience| {
        let connection = Connection {
            patience,
            ..Connection::to(site)
        };
        connection.client()
    })
}

pub(crate) async fn site() -> SimulatedSite {
    SimulatedSite::start(DateTime::<Utc>::from(SystemTime::now()))
        .await
        .unwrap()
}

/// How a client reaches a site.
pub(crate) struct Connection {
    pub(crate) endpoint: String,
    pub(crate) api_key: &'static str,
    pub(crate) secret_key: &'static str,
    /// How far the client's clock is ahead of the cloud's.
    pub(crate) ahead: TimeDelta,
    pub(crate) patience: Duration,
    pub(crate) clock: SimClock,
}

impl Connection {
    pub(crate) fn to(site: &SimulatedSite) -> Self {
        Self {
            endpoint: site.endpoint.clone(),
            api_key: SimulatedSite::API_KEY,
            secret_key: SimulatedSite::SECRET_KEY,
            ahead: TimeDelta::zero(),
            patience: Duration::from_secs(20),
            clock: site.clock,
        }
    }

    pub(crate) fn client(&self) -> CloudStackClient {
        install_tls_provider();
        let (api_key, secret_key) = (self.api_key.into(), self.secret_key.into());
        let mut settings = CloudStackSettings::new(&self.endpoint, api_key, secret_key);
        settings.request_timeout = self.patience;
        // The suite asks as fast as it can, and counts what it asks.
        settings.requests_per_second = 10_000;
        settings.attempts = 1;
        settings.maintenance_pause = Duration::from_millis(100);
        let (clock, ahead) = (self.clock, self.ahead);
        CloudStackClient::new(&settings, Arc::new(move || clock.now() + ahead)).unwrap()
    }
}
