//! `[worker]`: how a worker drives jobs.

use std::time::Duration;

use super::seconds;
use crate::kind::Kind;
use crate::reader::Reader;

/// How a worker drives jobs. Each field has the meaning and the default of the engine's setting of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// How many jobs one worker drives at once.
    pub max_jobs: usize,
    /// How long a worker's lease holds without being renewed.
    pub lease: Duration,
    /// How often a worker looks for free jobs and requests to cancel.
    pub poll_interval: Duration,
    /// The shortest interval at which the cloud is asked about a job.
    pub cloud_poll_min: Duration,
    /// The longest such interval.
    pub cloud_poll_max: Duration,
    /// The first wait before a step is tried again.
    pub retry_min: Duration,
    /// The longest such wait.
    pub retry_max: Duration,
    /// How often a refused step of the way there is tried.
    pub forward_attempts: u32,
    /// How long the cloud may be unavailable before a step is given up.
    pub unavailable_budget: Duration,
    /// How long a state that should pass by itself is waited for.
    pub settle_budget: Duration,
    /// How long a guest is asked to shut down before the stop is forced.
    pub stop_grace: Duration,
    /// How long a started VM must stay Running before its boot counts as verified.
    pub boot_steady: Duration,
    /// How often the VM of an open test is looked at.
    pub health_interval: Duration,
    /// How long a request that the cloud does not know is held to be possibly on its way.
    pub lost_after: Duration,
    /// How long a stopping worker lets its steps come to a safe point.
    pub drain_timeout: Duration,
}

impl WorkerSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("worker");
        let short = Kind::duration(Duration::from_millis(10)..=seconds(60));
        let long = Kind::duration(seconds(1)..=seconds(24 * 3600));
        let settings = Self {
            max_jobs: section.or("max_jobs", &Kind::number(1..=10_000), 64),
            lease: section.or("lease", &Kind::duration(seconds(1)..=seconds(600)), seconds(10)),
            poll_interval: section.or("poll_interval", &short, Duration::from_millis(500)),
            cloud_poll_min: section.or("cloud_poll_min", &short, seconds(1)),
            cloud_poll_max: section.or("cloud_poll_max", &short, seconds(5)),
            retry_min: section.or("retry_min", &short, seconds(2)),
            retry_max: section.or("retry_max", &long, seconds(60)),
            forward_attempts: section.or("forward_attempts", &Kind::number(1..=100), 3),
            unavailable_budget: section.or("unavailable_budget", &long, seconds(15 * 60)),
            settle_budget: section.or("settle_budget", &long, seconds(10 * 60)),
            stop_grace: section.or("stop_grace", &long, seconds(2 * 60)),
            lost_after: section.or("lost_after", &long, seconds(75)),
            boot_steady: section.or("boot_steady", &short, seconds(10)),
            health_interval: section.or("health_interval", &long, seconds(30)),
            drain_timeout: section.or("drain_timeout", &long, seconds(10)),
        };
        let ordered = [
            ("poll_interval", settings.poll_interval, "lease", settings.lease),
            (
                "cloud_poll_min",
                settings.cloud_poll_min,
                "cloud_poll_max",
                settings.cloud_poll_max,
            ),
            ("retry_min", settings.retry_min, "retry_max", settings.retry_max),
        ];
        for (low_key, low, high_key, high) in ordered {
            if low > high {
                let (low, high) = (humantime::format_duration(low), humantime::format_duration(high));
                let message = format!("is {low}, allowed is at most worker.{high_key}, which is {high}");
                section.mistake(low_key, message, section.origin(low_key));
            }
        }
        Some(settings)
    }
}
