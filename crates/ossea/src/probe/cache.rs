//! Keeps the last probe, and asks again when it has grown old.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::ZoneId;

use super::CloudProbe;
use crate::client::OsseaClient;
use crate::clock::Clock;
use crate::error::OsseaError;

/// For so long after a failure nobody is made to wait for another attempt, unless they insist.
const PAUSE_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(10);

/// A cloud that takes longer than this is not there, for whoever waits for the probe.
const DEADLINE: Duration = Duration::from_secs(15);

/// How new a probe has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// No older than its time to live.
    Recent,
    /// Taken after asking, or under way at that moment.
    New,
}

/// The last probe of a cloud.
///
/// # Guarantees
/// * However many ask at once, the cloud is probed once, and all get its outcome, failures included.
/// * A failed refresh keeps the probe of before; the reading tells its age and the failure.
/// * A caller who goes away in the middle leaves everything as it was; the next one begins anew.
pub struct ProbeCache {
    client: Arc<dyn OsseaClient>,
    zone: ZoneId,
    clock: Clock,
    time_to_live: TimeDelta,
    held: Mutex<Held>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    probe: Option<Arc<CloudProbe>>,
    /// The last attempt, where it failed.
    failed: Option<FailedRefresh>,
    /// How many attempts have ended.
    attempts: u64,
}

/// An attempt that brought no probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cloud could not be probed at {at}")]
pub struct FailedRefresh {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Why.
    #[source]
    pub error: OsseaError,
}

/// A probe with its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReading {
    /// The probe.
    pub probe: Arc<CloudProbe>,
    /// How old it is.
    pub age: TimeDelta,
    /// The last attempt to take a newer one, where it failed.
    pub failed_refresh: Option<FailedRefresh>,
}

impl ProbeCache {
    /// A cache without a probe. Nothing is asked yet.
    pub fn new(client: Arc<dyn OsseaClient>, zone: ZoneId, clock: Clock, time_to_live: TimeDelta) -> Self {
        Self {
            client,
            zone,
            clock,
            time_to_live,
            held: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    /// The probe, asked for if need be.
    ///
    /// # Errors
    /// When there is none yet and the cloud does not give one.
    pub async fn read(&self, wanted: Wanted) -> Result<ProbeReading, FailedRefresh> {
        let before = self.held().clone();
        if wanted == Wanted::Recent && self.is_recent(&before) {
            return self.reading(before);
        }
        let _flight = self.flight.lock().await;
        // If an attempt ended while we waited, its outcome is ours as well.
        let joined = self.held().attempts != before.attempts;
        if !joined {
            self.attempt().await;
        }
        let held = self.held().clone();
        self.reading(held)
    }

    /// What the last attempt left, without asking anybody; `None` before the first one has ended.
    pub fn last(&self) -> Option<Result<ProbeReading, FailedRefresh>> {
        let held = self.held().clone();
        (held.attempts > 0).then(|| self.reading(held))
    }

    async fn attempt(&self) {
        let probing = CloudProbe::take(self.client.as_ref(), &self.zone, (self.clock)());
        let outcome = tokio::time::timeout(DEADLINE, probing).await.unwrap_or_else(|_| {
            Err(OsseaError::Unreachable(format!(
                "no answer within {} s",
                DEADLINE.as_secs()
            )))
        });
        let mut held = self.held();
        held.attempts += 1;
        match outcome {
            Ok(probe) => {
                held.probe = Some(Arc::new(probe));
                held.failed = None;
            }
            Err(error) => {
                held.failed = Some(FailedRefresh {
                    at: (self.clock)(),
                    error,
                });
            }
        }
    }

    /// Whether nobody needs to ask. A clock that was set back makes everything old.
    fn is_recent(&self, held: &Held) -> bool {
        let (since, lasts) = match (&held.failed, &held.probe) {
            (Some(failed), _) => (failed.at, PAUSE_AFTER_FAILURE),
            (None, Some(probe)) => (probe.taken_at, self.time_to_live),
            (None, None) => return false,
        };
        let age = (self.clock)() - since;
        age >= TimeDelta::zero() && age < lasts
    }

    fn reading(&self, held: Held) -> Result<ProbeReading, FailedRefresh> {
        match (held.probe, held.failed) {
            (Some(probe), failed_refresh) => Ok(ProbeReading {
                age: ((self.clock)() - probe.taken_at).max(TimeDelta::zero()),
                probe,
                failed_refresh,
            }),
            (None, Some(failed)) => Err(failed),
            (None, None) => unreachable!("an attempt has ended, and each leaves a probe or a failure"),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // The lock is never held across anything that panics.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
