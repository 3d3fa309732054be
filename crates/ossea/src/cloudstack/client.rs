//! The client: the stack of layers and the door to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, RequestKey, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

use super::call::{Answer, Asked, Call, Effect};
use super::concern::Around;
use super::http::HttpSend;
use super::interpret::InterpretLayer;
use super::prober::Prober;
use super::reads::{self, malformed};
use super::retry::{self, Retry};
use super::row::Row;
use super::settings::{CloudStackSettings, SettingsError};
use super::signing::{Signer, SigningLayer, in_transit};
use super::skew::ClockSkew;
use super::stack::Shares;
use super::statistics::CallStatistics;
use super::trace::TraceLayer;
use super::{commands, parse};
use crate::client::OsseaClient;
use crate::clock::Clock;
use crate::command::{Accepted, Command};
use crate::error::OsseaError;
use crate::model::{
    Capabilities, CloudVm, JobReport, Network, ResourceLimit, ServiceOffering, Snapshot, StoragePool,
    Template, VmSnapshot, Volume, Zone,
};
use crate::urgency::{Circuit, Priority};

/// Apache CloudStack over HTTP. Clones share their connections, limits, circuit and clock measurements, whatever
/// their priority.
#[derive(Clone)]
pub struct CloudStackClient {
    shared: Arc<Shared>,
    priority: Priority,
}

/// What all clones have in common.
struct Shared {
    stack: BoxCloneSyncService<Asked, Answer, OsseaError>,
    clock: Clock,
    patience: Patience,
    skew: Arc<ClockSkew>,
    shares: Shares,
    prober: Arc<Prober>,
}

/// How long after it was asked for a call may still be sent.
#[derive(Debug, Clone, Copy)]
struct Patience {
    read: Duration,
    change: Duration,
}

impl CloudStackClient {
    /// Builds a client, whose calls have the priority [`Priority::WayThere`]; nothing is sent.
    /// [`super::install_tls_provider`] must have been called.
    ///
    /// # Errors
    /// The first of [`CloudStackSettings::problems`], or that the HTTP client cannot be built.
    pub fn new(settings: &CloudStackSettings, clock: Clock) -> Result<Self, SettingsError> {
        if let Some(problem) = settings.problems().into_iter().next() {
            return Err(problem);
        }
        let skew = Arc::new(ClockSkew::default());
        let signer = Signer::new(settings, Arc::clone(&clock), Arc::clone(&skew));
        let shares = Shares::new(settings, Arc::clone(&clock));
        let exchange = ServiceBuilder::new()
            .layer(InterpretLayer)
            // Waiting for a turn happens above, before the deadline begins to run: nothing has been sent by then.
            .timeout(settings.request_timeout)
            // Below the deadline, so that a request that is sent again does not get a second one.
            .layer(SigningLayer(signer))
            .service(HttpSend::new(settings)?);
        let rationed = BoxCloneSyncService::new(shares.rationed(exchange));
        let patience = Patience {
            read: settings.request_timeout,
            change: settings.signature_ttl - in_transit(settings.signature_ttl),
        };
        let prober = Prober::new(
            Arc::clone(&shares.breaker),
            rationed.clone(),
            Arc::clone(&clock),
            patience.read,
        );
        let stack = ServiceBuilder::new()
            .layer(TraceLayer)
            // Above the budget, so that every sending has a token of its own, and above the places, so that a call
            // holds none while it pauses.
            .layer(Around(Retry {
                rules: settings.retry_rules(),
                chance: retry::chance(),
            }))
            .service(rationed);
        Ok(Self {
            shared: Arc::new(Shared {
                stack: BoxCloneSyncService::new(stack),
                clock,
                patience,
                skew,
                shares,
                prober,
            }),
            priority: Priority::WayThere,
        })
    }

    pub(crate) async fn ask(&self, call: Arc<Call>) -> Result<Answer, OsseaError> {
        self.ask_as_of((self.shared.clock)(), call).await
    }

    /// Asks on behalf of somebody who was entitled to at an instant, from which on a change is valid.
    async fn ask_as_of(&self, at: DateTime<Utc>, call: Arc<Call>) -> Result<Answer, OsseaError> {
        let used_up = ((self.shared.clock)() - at).to_std().unwrap_or_default();
        let patience = match call.effect {
            Effect::Read => self.shared.patience.read,
            Effect::Change => self.shared.patience.change,
        };
        let asked = Asked {
            call,
            priority: self.priority,
            at,
            give_up: Instant::now() + patience.saturating_sub(used_up),
        };
        let answer = self.shared.stack.clone().oneshot(asked).await;
        self.shared.prober.attend();
        answer
    }

    /// What has been done so far, by all clones together.
    pub fn statistics(&self) -> CallStatistics {
        let shares = &self.shared.shares;
        let (requests_per_second, waiting, waits, throttled) = shares.budget.figures();
        CallStatistics {
            requests: shares.counters.requests(),
            waits: waits.into_all(),
            waiting,
            under_way: shares.places.taken(),
            throttled,
            requests_per_second,
            circuit: self.circuit(),
        }
    }
}

impl fmt::Debug for CloudStackClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudStackClient")
            .field("priority", &self.priority)
            .field("skew", &self.shared.skew)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl OsseaClient for CloudStackClient {
    async fn submit(&self, key: &RequestKey, command: &Command) -> Result<Accepted, OsseaError> {
        self.submit_as_of((self.shared.clock)(), key, command).await
    }

    async fn submit_as_of(
        &self,
        entitled_at: DateTime<Utc>,
        key: &RequestKey,
        command: &Command,
    ) -> Result<Accepted, OsseaError> {
        let answer = self.ask_as_of(entitled_at, commands::call(key, command)).await;
        let answer = answer.map_err(|error| command.concluded_from(error))?;
        commands::accepted(command, &answer)
    }

    async fn job(&self, id: &AsyncJobId) -> Result<JobReport, OsseaError> {
        self.job_report(id).await
    }

    async fn pending_jobs(&self) -> Result<Vec<AsyncJobId>, OsseaError> {
        self.unfinished_jobs().await
    }

    async fn vm(&self, id: &CloudVmId) -> Result<Option<CloudVm>, OsseaError> {
        self.one(reads::VMS, &[("id", id.as_str())], parse::vm, |vm| vm.id == *id)
            .await
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError> {
        let mut vms = self.all(reads::VMS, &[("name", name)], parse::vm).await?;
        // Adopting a VM depends on this, so it does not rest on the cloud's idea of equality alone.
        vms.retain(|vm| vm.name == name);
        Ok(vms)
    }

    async fn vms(&self) -> Result<Vec<CloudVm>, OsseaError> {
        self.all(reads::VMS, &[], parse::vm).await
    }

    async fn volume(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError> {
        self.one(reads::VOLUMES, &[("id", id.as_str())], parse::volume, |volume| {
            volume.id == *id
        })
        .await
    }

    async fn volumes_on(&self, vm: &CloudVmId) -> Result<Vec<Volume>, OsseaError> {
        self.all_of(reads::VOLUMES, ("virtualmachineid", vm.as_str()), parse::volume)
            .await
    }

    async fn volumes(&self) -> Result<Vec<Volume>, OsseaError> {
        self.all(reads::VOLUMES, &[], parse::volume).await
    }

    async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError> {
        self.all_of(reads::SNAPSHOTS, ("volumeid", volume.as_str()), parse::snapshot)
            .await
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>, OsseaError> {
        self.all(reads::SNAPSHOTS, &[], parse::snapshot).await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, OsseaError> {
        self.one(
            reads::SNAPSHOTS,
            &[("id", id.as_str())],
            parse::snapshot,
            |snapshot| snapshot.id == *id,
        )
        .await
    }

    async fn vm_snapshots_of(&self, vm: &CloudVmId) -> Result<Vec<VmSnapshot>, OsseaError> {
        let owner = ("virtualmachineid", vm.as_str());
        self.all_of(reads::VM_SNAPSHOTS, owner, parse::vm_snapshot).await
    }

    async fn vm_snapshot(&self, id: &VmSnapshotId) -> Result<Option<VmSnapshot>, OsseaError> {
        let filter = [("vmsnapshotid", id.as_str())];
        self.one(reads::VM_SNAPSHOTS, &filter, parse::vm_snapshot, |found| {
            found.id == *id
        })
        .await
    }

    async fn network(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError> {
        self.one(
            reads::NETWORKS,
            &[("id", id.as_str())],
            parse::network,
            |network| network.id == *id,
        )
        .await
    }

    async fn networks(&self, zone: &ZoneId) -> Result<Vec<Network>, OsseaError> {
        self.all_of(reads::NETWORKS, ("zoneid", zone.as_str()), parse::network)
            .await
    }

    async fn zone(&self, id: &ZoneId) -> Result<Option<Zone>, OsseaError> {
        self.one(reads::ZONES, &[("id", id.as_str())], parse::zone, |zone| {
            zone.id == *id
        })
        .await
    }

    async fn zones(&self) -> Result<Vec<Zone>, OsseaError> {
        self.all(reads::ZONES, &[], parse::zone).await
    }

    async fn service_offerings(&self) -> Result<Vec<ServiceOffering>, OsseaError> {
        self.all(reads::SERVICE_OFFERINGS, &[], parse::service_offering)
            .await
    }

    async fn templates(&self, zone: &ZoneId) -> Result<Vec<Template>, OsseaError> {
        self.all_of(reads::TEMPLATES, ("zoneid", zone.as_str()), parse::template)
            .await
    }

    async fn service_offering(&self, id: &OfferingId) -> Result<Option<ServiceOffering>, OsseaError> {
        let filter = [("id", id.as_str())];
        self.one(
            reads::SERVICE_OFFERINGS,
            &filter,
            parse::service_offering,
            |found| found.id == *id,
        )
        .await
    }

    async fn template(&self, id: &TemplateId, zone: &ZoneId) -> Result<Option<Template>, OsseaError> {
        let filter = [("id", id.as_str()), ("zoneid", zone.as_str())];
        self.one(reads::TEMPLATES, &filter, parse::template, |template| {
            template.id == *id
        })
        .await
    }

    async fn storage_pools(&self, zone: &ZoneId) -> Result<Vec<StoragePool>, OsseaError> {
        self.all_of(
            reads::STORAGE_POOLS,
            ("zoneid", zone.as_str()),
            parse::storage_pool,
        )
        .await
    }

    async fn resource_limits(&self) -> Result<Vec<ResourceLimit>, OsseaError> {
        self.all(reads::RESOURCE_LIMITS, &[], parse::resource_limit).await
    }

    fn clock_skew(&self) -> Option<TimeDelta> {
        self.shared.skew.measured()
    }

    fn with_priority(&self, priority: Priority) -> Arc<dyn OsseaClient> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            priority,
        })
    }

    fn circuit(&self) -> Circuit {
        // Whoever waits for the circuit to close may have stopped asking the cloud anything.
        self.shared.prober.attend();
        self.shared.shares.breaker.lock().circuit()
    }

    async fn capabilities(&self) -> Result<Capabilities, OsseaError> {
        let Answer(content) = self.ask(Call::read("listCapabilities", Vec::new())).await?;
        let row = Row::new("listCapabilities", &content);
        let capability = row
            .object("capability", "capability")
            .ok_or_else(|| row.unreadable("capability"));
        let capabilities = capability.and_then(parse::capabilities).map_err(malformed)?;
        self.shared.shares.budget.learn(capabilities.api_limit);
        Ok(capabilities)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn without_a_tls_provider_the_error_says_what_to_call() {
        // No unit test of this crate installs one; the tests that talk are programs of their own.
        let settings = CloudStackSettings::new("https://cloud.example.org/", "key".into(), "secret".into());
        let error = CloudStackClient::new(&settings, Arc::new(|| DateTime::UNIX_EPOCH)).unwrap_err();
        assert!(matches!(error, SettingsError::NoTlsProvider));
        assert!(error.to_string().contains("install_tls_provider"));
    }

    #[test]
    fn a_wrong_setting_is_reported_before_anything_is_built() {
        let settings = CloudStackSettings::new("cloud", "key".into(), "secret".into());
        let error = CloudStackClient::new(&settings, Arc::new(|| DateTime::UNIX_EPOCH)).unwrap_err();
        assert!(matches!(error, SettingsError::Url(_)));
    }
}
