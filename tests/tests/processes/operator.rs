//! Operators: they start failovers, cancel, end, retry and roll them back, and look again when nobody answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use failover_system_tests::api::{Api, has_ended};
use failover_system_tests::sample::SampleVm;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Where the API is now; it comes back elsewhere when it was killed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Address(Arc<Mutex<Option<Api>>>);

impl Address {
    pub(crate) fn set(&self, api: Option<Api>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = api;
    }

    pub(crate) fn api(&self) -> Option<Api> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Operators at work until they are told to stop.
pub(crate) struct Operators {
    stop: Arc<AtomicBool>,
    working: JoinHandle<Vec<String>>,
}

impl Operators {
    pub(crate) fn start(seed: u64, address: Address, vms: Vec<SampleVm>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let working = std::thread::spawn(move || {
            let mut dice = ChaCha8Rng::seed_from_u64(seed);
            let mut accepted = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let vm = vms.choose(&mut dice).expect("there are VMs");
                if let Some(api) = address.api() {
                    // No answer is an answer that the next look replaces.
                    accepted.extend(operate(&api, vm, &mut dice).ok().flatten());
                }
                std::thread::park_timeout(Duration::from_millis(dice.random_range(50..300)));
            }
            accepted
        });
        Self { stop, working }
    }

    /// The jobs that were accepted.
    pub(crate) fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.working.join().expect("operators do not panic")
    }
}

/// The newest job of a VM.
pub(crate) fn newest(api: &Api, vm: &SampleVm) -> anyhow::Result<Option<Value>> {
    Ok(api.jobs_of(vm)?.into_iter().next())
}

fn operate(api: &Api, vm: &SampleVm, dice: &mut ChaCha8Rng) -> anyhow::Result<Option<String>> {
    let roll = dice.random_range(0..100);
    let Some(job) = newest(api, vm)? else {
        return start(api, vm, dice).map(Some);
    };
    let id = job["job_id"].as_str().unwrap_or_default();
    if !has_ended(&job) {
        let path = format!("/api/v1/failover/test/{id}");
        match roll {
            0..4 => return start(api, vm, dice).map(Some),
            4..10 => drop(api.verb(id, "cancel", &json!({"discard_guest_writes": true}))?),
            10..14 => drop(api.verb(id, "cancel", &json!({}))?),
            14..40 => drop(api.client().delete(&path)?),
            40..50 => drop(api.verb(id, "retry", &json!({}))?),
            _ => {}
        }
        return Ok(None);
    }
    if job["job_type"] == "live" && job["status"] == "completed" {
        return roll_back(api, id).map(Some);
    }
    start(api, vm, dice).map(Some)
}

/// Undoes a completed live failover.
pub(crate) fn roll_back(api: &Api, id: &str) -> anyhow::Result<String> {
    let started = api.verb(id, "rollback", &json!({"discard_guest_writes": true}))?;
    Ok(started["job_id"].as_str().unwrap_or_default().to_owned())
}

fn start(api: &Api, vm: &SampleVm, dice: &mut ChaCha8Rng) -> anyhow::Result<String> {
    if dice.random_bool(0.5) {
        return api.start_live(vm, &json!({}));
    }
    let strategy = *["auto", "vm_snapshot", "volume_snapshots"]
        .choose(dice)
        .expect("there are three");
    let wanted = json!({"test_duration": "10s", "auto_cleanup": true, "rollback_strategy": strategy});
    api.start_test(vm, &wanted)
}
