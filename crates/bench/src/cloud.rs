//! A simulated cloud behind a socket of this process, and the real client that talks to it.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use anyhow::Context;
use chrono::{DateTime, Utc};
use http_edge::EdgeSettings;
use ossea::cloudstack::{CloudStackClient, CloudStackSettings, install_tls_provider};
use ossea_sim::http::{Credentials, SimServer};
use ossea_sim::{Cloud, InProcessCloud, SimClock, SimContents, SimSettings};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

const API_KEY: &str = "bench-api-key";
const SECRET_KEY: &str = "bench-secret-key";

/// A served cloud. It is no longer served when this is dropped.
pub(crate) struct ServedCloud {
    /// The same cloud, seen from inside.
    pub(crate) inside: InProcessCloud,
    pub(crate) contents: SimContents,
    endpoint: String,
    clock: SimClock,
    _served: DropGuard,
}

impl ServedCloud {
    /// Serves the sample cloud in real time.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let contents = SimContents::sample();
        let now = DateTime::<Utc>::from(SystemTime::now());
        let cloud = Arc::new(Mutex::new(Cloud::new(&contents, SimSettings::default(), now)));
        let clock = SimClock::starting_at(now);
        let server = SimServer::new(Arc::clone(&cloud), clock, Credentials::new(API_KEY, SECRET_KEY));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no loopback port is free")?;
        let endpoint = format!("http://{}/client/api", listener.local_addr()?);
        let shutdown = CancellationToken::new();
        let served = shutdown.clone().drop_guard();
        tokio::spawn(http_edge::serve(
            listener,
            server.api(),
            EdgeSettings::default(),
            shutdown,
        ));
        Ok(Self {
            inside: InProcessCloud::over(cloud, clock),
            contents,
            endpoint,
            clock,
            _served: served,
        })
    }

    /// The real client, whose budget lets through whatever a bench sends.
    pub(crate) fn client(&self) -> anyhow::Result<CloudStackClient> {
        install_tls_provider();
        let mut settings = CloudStackSettings::new(&self.endpoint, API_KEY.into(), SECRET_KEY.into());
        settings.requests_per_second = 10_000;
        let clock = self.clock;
        CloudStackClient::new(&settings, Arc::new(move || clock.now())).context("the client's settings")
    }
}
