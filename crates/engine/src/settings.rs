//! The engine's settings, with the reason for each default.

use std::time::Duration;

/// How the engine behaves in time. All limits are per process unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// How many jobs one worker drives at once.
    pub max_jobs: usize,
    /// How long a worker's lease holds without being renewed. It is renewed three times in that span, so two
    /// renewals may fail before another worker takes over.
    pub lease: Duration,
    /// How often a worker looks for free jobs and requests to cancel.
    pub poll_interval: Duration,
    /// The first and shortest interval at which the cloud is asked about a job. CloudStack itself looks every
    /// 3 s, so faster than 1 s brings nothing.
    pub cloud_poll_min: Duration,
    /// The longest such interval.
    pub cloud_poll_max: Duration,
    /// The first wait before a step is tried again; it doubles up to the longest one, with jitter.
    pub retry_min: Duration,
    /// The longest wait before a step is tried again.
    pub retry_max: Duration,
    /// How long a request that the cloud does not know is held to be possibly on its way. Longer than the
    /// signature of a request is valid, so that a request that is taken for lost can no longer be accepted.
    pub lost_after: Duration,
    /// How often a step of the way there is tried when the cloud refuses it in a way that may pass. The way
    /// back has no such limit: it is tried until it succeeds or a person takes over.
    pub forward_attempts: u32,
    /// How long the cloud may be unavailable before a step of the way there is given up, or, where giving up
    /// is not safe, an attention is raised.
    pub unavailable_budget: Duration,
    /// How long a state that should pass by itself (a volume `Attaching`, a VM `Stopping`) is waited for.
    pub settle_budget: Duration,
    /// How long a guest is asked to shut down before the stop is forced.
    pub stop_grace: Duration,
    /// How long a started VM must stay Running before its boot counts as verified: a guest that finds no boot
    /// disk, or crashes, is off again within seconds.
    pub boot_steady: Duration,
    /// How often the VM of an open test is looked at.
    pub health_interval: Duration,
    /// How long a stopping worker lets its steps come to a safe point.
    pub drain: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_jobs: 64,
            lease: Duration::from_secs(10),
            poll_interval: Duration::from_millis(500),
            cloud_poll_min: Duration::from_secs(1),
            cloud_poll_max: Duration::from_secs(5),
            retry_min: Duration::from_secs(2),
            retry_max: Duration::from_secs(60),
            lost_after: Duration::from_secs(75),
            forward_attempts: 3,
            unavailable_budget: Duration::from_secs(15 * 60),
            settle_budget: Duration::from_secs(10 * 60),
            stop_grace: Duration::from_secs(2 * 60),
            boot_steady: Duration::from_secs(10),
            health_interval: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

impl EngineSettings {
    /// The wait before attempt number `attempt` (from 1), without jitter.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self
            .retry_min
            .saturating_mul(1_u32 << attempt.saturating_sub(1).min(16));
        doubled.min(self.retry_max)
    }
}
