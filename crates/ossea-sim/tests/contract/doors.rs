//! The two doors to the simulated cloud.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use http_edge::EdgeSettings;
use ossea::cloudstack::{CloudStackClient, CloudStackSettings, install_tls_provider};
use ossea_sim::http::{Credentials, SimServer};
use ossea_sim::{Cloud, InProcessCloud, Profile, SimClock, SimSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::world::{World, contents};

pub(crate) const API_KEY: &str = "contract-api-key";
pub(crate) const SECRET_KEY: &str = "contract-secret-key";

/// Waiting longer for an answer that never comes would only make the tests longer.
const IMPATIENCE: Duration = Duration::from_millis(500);

/// The simulator as a client of its own, with the real durations on virtual time.
pub(crate) fn in_process() -> World {
    let cloud = InProcessCloud::new(&contents(), SimSettings::of(Profile::V4_22));
    let impatient = cloud.clone().with_patience(IMPATIENCE);
    World::new(cloud.clone(), cloud).with_impatient(impatient)
}

/// The generated mock, which asks the simulator: whoever counts calls with it can let it answer like a cloud.
pub(crate) fn mocked() -> World {
    let settings = SimSettings::of(Profile::V4_22).scaled(0.0);
    let cloud = InProcessCloud::new(&contents(), settings).with_latency(Duration::ZERO);
    let impatient = cloud.clone().with_patience(IMPATIENCE);
    World::new(crate::mocked::over(cloud.clone()), cloud).with_impatient(impatient)
}

/// The real client, speaking to the simulator over a socket. Work takes no time: its duration is no part of
/// the contract.
pub(crate) async fn over_http() -> World {
    let server = Server::start().await;
    let impatient = server.client_that_waits(API_KEY, SECRET_KEY, TimeDelta::zero(), IMPATIENCE);
    World::new(server.client(), server.cloud)
        .with_impatient(impatient)
        .in_real_time()
}

/// The simulator's HTTP server. It lives as long as the test's runtime.
pub(crate) struct Server {
    pub(crate) cloud: InProcessCloud,
    pub(crate) endpoint: String,
    clock: SimClock,
}

impl Server {
    pub(crate) async fn start() -> Self {
        // The server dates its answers by the system's clock, so the cloud goes by it as well.
        let now = DateTime::<Utc>::from(SystemTime::now());
        let settings = SimSettings::of(Profile::V4_22).scaled(0.0);
        let cloud = Arc::new(Mutex::new(Cloud::new(&contents(), settings, now)));
        let clock = SimClock::starting_at(now);
        let server = SimServer::new(Arc::clone(&cloud), clock, Credentials::new(API_KEY, SECRET_KEY));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/client/api", listener.local_addr().unwrap());
        tokio::spawn(http_edge::serve(
            listener,
            server.api(),
            EdgeSettings::default(),
            CancellationToken::new(),
        ));
        Self {
            cloud: InProcessCloud::over(cloud, clock),
            endpoint,
            clock,
        }
    }

    pub(crate) fn client(&self) -> CloudStackClient {
        self.client_with(API_KEY, SECRET_KEY, TimeDelta::zero())
    }

    /// A client with other credentials, or with a clock that is ahead of the cloud's.
    pub(crate) fn client_with(&self, api_key: &str, secret_key: &str, ahead: TimeDelta) -> CloudStackClient {
        self.client_that_waits(api_key, secret_key, ahead, Duration::from_secs(20))
    }

    fn client_that_waits(
        &self,
        api_key: &str,
        secret_key: &str,
        ahead: TimeDelta,
        request_timeout: Duration,
    ) -> CloudStackClient {
        install_tls_provider();
        let mut settings = CloudStackSettings::new(&self.endpoint, api_key.into(), secret_key.into());
        settings.request_timeout = request_timeout;
        // The suite asks as fast as it can, and counts what it asks.
        settings.requests_per_second = 10_000;
        settings.attempts = 1;
        settings.maintenance_pause = Duration::from_millis(100);
        let clock = self.clock;
        CloudStackClient::new(&settings, Arc::new(move || clock.now() + ahead)).unwrap()
    }
}
