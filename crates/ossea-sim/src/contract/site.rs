//! The cloud of the suite over HTTP, for clients that speak the real API.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use http_edge::EdgeSettings;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::contents;
use crate::http::{Credentials, SimServer};
use crate::{Cloud, InProcessCloud, Profile, SimClock, SimSettings};

/// A simulated cloud behind a socket of its own on loopback, with the contents of the suite. Its work takes no time: how
/// long work takes is no part of the contract. It is gone when this value is dropped.
#[derive(Debug)]
pub struct SimulatedSite {
    /// The address of its API.
    pub endpoint: String,
    /// The cloud, to look at and to make fail.
    pub cloud: InProcessCloud,
    /// The clock that it goes by.
    pub clock: SimClock,
    serving: Arc<Serving>,
}

/// The task that answers, for as long as somebody has this.
#[derive(Debug)]
pub(super) struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SimulatedSite {
    /// The API key that it accepts.
    pub const API_KEY: &str = "contract-api-key";
    /// The secret key that goes with it.
    pub const SECRET_KEY: &str = "contract-secret-key";

    /// Starts it. `now` is the present instant: the server dates its answers by the system's clock, so the cloud goes by it
    /// as well.
    ///
    /// # Errors
    /// When there is no free port on loopback.
    pub async fn start(now: DateTime<Utc>) -> std::io::Result<Self> {
        let settings = SimSettings::of(Profile::V4_22).scaled(0.0);
        let cloud = Arc::new(Mutex::new(Cloud::new(&contents(), settings, now)));
        let clock = SimClock::starting_at(now);
        let credentials = Credentials::new(Self::API_KEY, Self::SECRET_KEY);
        let server = SimServer::new(Arc::clone(&cloud), clock, credentials);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}/client/api", listener.local_addr()?);
        let serving = tokio::spawn(http_edge::serve(
            listener,
            server.api(),
            EdgeSettings::default(),
            CancellationToken::new(),
        ));
        Ok(Self {
            endpoint,
            cloud: InProcessCloud::over(cloud, clock),
            clock,
            serving: Arc::new(Serving(serving.abort_handle())),
        })
    }

    /// Keeps it alive.
    pub(super) fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving)
    }
}
