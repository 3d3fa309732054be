//! The failover API as a caller sees it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::http::{Answer, Client};
use crate::sample::{self, SampleVm};
use crate::wait::until;

/// The failover API.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

impl Api {
    /// The API at `url`, for callers with this token.
    pub fn new(url: &str, token: &str) -> Self {
        Self {
            client: Client::new(url).with_token(token),
        }
    }

    /// The API at `url`, for callers who show no token.
    pub fn without_token(url: &str) -> Self {
        Self {
            client: Client::new(url),
        }
    }

    /// The client, for requests that have no method here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Imports the sample inventory.
    ///
    /// # Errors
    /// When the API does not take it. Like all the other methods.
    pub fn import_sample(&self) -> anyhow::Result<()> {
        let answer = self
            .client
            .post("/api/v1/inventory/import", &sample::inventory()?)?;
        answer
            .expect_success()
            .context("the sample inventory was not taken")
            .map(drop)
    }

    /// Maps the networks of a VM, for live and for test failovers.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn map_networks(&self, vm: &SampleVm) -> anyhow::Result<()> {
        for (purpose, networks) in [("production", sample::PRODUCTION), ("test", sample::TEST)] {
            for (source, network) in networks {
                if vm.networks.iter().any(|wanted| wanted == source) {
                    let mapping = json!({
                        "vm_id": vm.vm_id, "source_network": source, "purpose": purpose, "network": network,
                    });
                    self.client
                        .post("/api/v1/network-mappings", &mapping)?
                        .expect_success()?;
                }
            }
        }
        Ok(())
    }

    /// The name that the destination VM will have.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn destination_name(&self, vm: &SampleVm) -> anyhow::Result<String> {
        let request = json!({"vm_id": vm.vm_id});
        let plan = self
            .client
            .post("/api/v1/failover/live?dry_run=true", &request)?
            .expect_success()?;
        let name = plan["plan"]["vm"]["name"].as_str();
        name.map(str::to_owned)
            .with_context(|| format!("the plan names no destination VM: {plan}"))
    }

    /// Asks for a live failover.
    ///
    /// # Errors
    /// See [`Api::import_sample`]; a refusal is an answer.
    pub fn request_live(&self, vm: &SampleVm) -> anyhow::Result<Answer> {
        self.client
            .post("/api/v1/failover/live", &json!({"vm_id": vm.vm_id}))
    }

    /// Starts a live failover with further fields in the request, and gives the job's id.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn start_live(&self, vm: &SampleVm, further: &Value) -> anyhow::Result<String> {
        self.start("live", vm, further)
    }

    /// Starts a test failover with further fields in the request, and gives the job's id.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn start_test(&self, vm: &SampleVm, further: &Value) -> anyhow::Result<String> {
        self.start("test", vm, further)
    }

    fn start(&self, failover: &str, vm: &SampleVm, further: &Value) -> anyhow::Result<String> {
        let mut request = json!({"vm_id": vm.vm_id});
        for (key, value) in further.as_object().into_iter().flatten() {
            request[key] = value.clone();
        }
        let started = self
            .client
            .post(&format!("/api/v1/failover/{failover}"), &request)?
            .expect_success()?;
        let id = started["job_id"].as_str();
        id.map(str::to_owned)
            .with_context(|| format!("the started job has no id: {started}"))
    }

    /// Uses a verb on a job, and gives the answer.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn verb(&self, id: &str, verb: &str, body: &Value) -> anyhow::Result<Value> {
        self.client
            .post(&format!("/api/v1/failover/jobs/{id}/{verb}"), body)?
            .expect_success()
    }

    /// A job in full.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn job(&self, id: &str) -> anyhow::Result<Value> {
        self.client
            .get(&format!("/api/v1/failover/jobs/{id}"))?
            .expect_success()
    }

    /// The jobs of a VM.
    ///
    /// # Errors
    /// See [`Api::import_sample`].
    pub fn jobs_of(&self, vm: &SampleVm) -> anyhow::Result<Vec<Value>> {
        let page = self
            .client
            .get(&format!("/api/v1/failover/jobs?vm_id={}", vm.vm_id))?
            .expect_success()?;
        page["jobs"]
            .as_array()
            .cloned()
            .with_context(|| format!("a page of jobs has no jobs: {page}"))
    }

    /// Looks at a job until `wanted` says so.
    ///
    /// # Errors
    /// When that is not the case within `limit`; with the job's last state.
    pub fn wait_for(
        &self,
        id: &str,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let mut last = Value::Null;
        let found = until(limit, what, || {
            last = self.job(id)?;
            Ok(wanted(&last).then(|| last.clone()))
        });
        found.with_context(|| format!("job {id} is {}", short(&last)))
    }

    /// Waits until a job has ended.
    ///
    /// # Errors
    /// When it has not within `limit`.
    pub fn wait_for_end(&self, id: &str, limit: Duration) -> anyhow::Result<Value> {
        self.wait_for(id, limit, "the job has ended", has_ended)
    }
}

/// Whether a job has ended, one way or the other.
pub fn has_ended(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("completed" | "failed"))
}

/// The name of the step at which a job failed, without its disk: `snapshot` of `disk-1/snapshot`.
///
/// # Errors
/// When the job names no such step.
pub fn failed_step(job: &Value) -> anyhow::Result<&str> {
    let Some(step) = job["failure"]["step"].as_str() else {
        bail!("the job names no step at which it failed: {}", short(job));
    };
    Ok(step.rsplit('/').next().unwrap_or(step))
}

/// What a person wants to know of a job in a message.
fn short(job: &Value) -> String {
    let keys = [
        "status",
        "progress",
        "returning",
        "current_steps",
        "error_message",
        "attention",
    ];
    keys.map(|key| format!("{key}: {}", job[key])).join(", ")
}
