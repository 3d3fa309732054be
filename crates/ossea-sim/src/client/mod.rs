//! The cloud as an [`OsseaClient`] inside the process.

mod bearing;
mod convert;
mod infrastructure;
mod process;
mod way;

#[cfg(feature = "http")]
pub(crate) use self::convert::may_expunge;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, RequestKey, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};
use ossea::{
    Accepted, Capabilities, Circuit, CloudVm, Command, JobReport, Network, OsseaClient, OsseaError, Priority,
    ResourceLimit, ServiceOffering, Snapshot, StoragePool, Template, VmSnapshot, Volume, Zone,
};

use self::bearing::Bearing;
pub use self::process::CallingProcess;
use crate::clock::SimClock;
use crate::cloud::Cloud;
use crate::cloud::content::Content;
use crate::cloud::error::ApiError;
use crate::cloud::inventory::CloudInventory;
use crate::cloud::limits::Resource;
use crate::cloud::log::LogEntry;
use crate::contents::SimContents;
use crate::faults::{FaultRule, FaultState, RuleId, Work};
use crate::settings::SimSettings;

use self::way::{Call, seen};

/// How long a request is valid, as the workers of the failover engine have it.
const VALIDITY: TimeDelta = TimeDelta::seconds(60);

/// What the HTTP client waits for an answer when nothing else is set.
const PATIENCE: Duration = Duration::from_secs(60);

/// A simulated cloud that is called directly. Clones share the cloud.
#[derive(Debug, Clone)]
pub struct InProcessCloud {
    cloud: Arc<Mutex<Cloud>>,
    clock: SimClock,
    latency: Duration,
    bearing: Bearing,
    patience: Duration,
    caller: CallingProcess,
}

impl InProcessCloud {
    /// The sample cloud of `samples/cloud.toml`, beginning on 2026-01-05 at 08:00 UTC.
    pub fn sample(settings: SimSettings) -> Self {
        Self::new(&SimContents::sample(), settings)
    }

    /// A cloud with these contents, beginning on 2026-01-05 at 08:00 UTC.
    pub fn new(contents: &SimContents, settings: SimSettings) -> Self {
        let base = DateTime::from_timestamp(1_767_600_000, 0).expect("the instant is within chrono's range");
        let clock = SimClock::starting_at(base);
        Self::over(Arc::new(Mutex::new(Cloud::new(contents, settings, base))), clock)
    }

    /// A door to a cloud that others may use as well, such as the HTTP server.
    pub fn over(cloud: Arc<Mutex<Cloud>>, clock: SimClock) -> Self {
        Self {
            cloud,
            clock,
            latency: Duration::from_millis(20),
            bearing: Bearing::default(),
            patience: PATIENCE,
            caller: CallingProcess::default(),
        }
    }

    /// The same cloud with another time for each request: half of it on the way there, half on the way back.
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// The same cloud for a caller who waits for an answer so long, and then concludes what the HTTP client would.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same cloud for a process that can be stopped and whose clock is its own.
    pub fn called_by(self, caller: CallingProcess) -> Self {
        Self { caller, ..self }
    }

    /// The cloud's clock.
    pub fn clock(&self) -> SimClock {
        self.clock
    }

    /// The cloud itself, up to date. Not to be held across an await.
    pub fn cloud(&self) -> MutexGuard<'_, Cloud> {
        let mut cloud = self.lock();
        cloud.advance(self.clock.now());
        cloud
    }

    /// What [`OsseaClient::circuit`] tells from now on. This door judges nothing by itself, but while the circuit is open it
    /// holds back what the HTTP client holds back: changes of all but the way back.
    pub fn set_circuit(&self, circuit: Circuit) {
        self.bearing.set_circuit(circuit);
    }

    /// The commands that were sent through this door and its clones, each with the urgency of its sender.
    pub fn submitted(&self) -> Vec<(Priority, &'static str)> {
        self.bearing.submitted()
    }

    /// Adds a fault rule.
    pub fn add_fault(&self, rule: FaultRule) -> RuleId {
        self.lock().add_fault(rule)
    }

    /// A fault rule and how often it has struck.
    pub fn fault(&self, id: RuleId) -> Option<FaultState> {
        self.cloud().faults().iter().find(|state| state.id == id).cloned()
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.lock().clear_faults();
    }

    /// The picture of the whole cloud.
    pub fn inventory(&self) -> CloudInventory {
        self.cloud().inventory()
    }

    /// The record of calls and effects.
    pub fn log(&self) -> Vec<LogEntry> {
        self.cloud().log().to_vec()
    }

    /// What is on a volume, while it exists.
    pub fn content_of(&self, volume: &VolumeId) -> Option<Content> {
        self.cloud().content_of(volume).cloned()
    }

    /// Restarts the management server.
    pub fn restart(&self, work: Work) {
        self.lock().restart(self.clock.now(), work);
    }

    fn lock(&self) -> MutexGuard<'_, Cloud> {
        // A test that failed while it held the cloud has said so already.
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One read: there, looking, and back.
    async fn read<T>(
        &self,
        command: &str,
        objects: &[&str],
        look: impl FnOnce(&Cloud) -> Result<T, ApiError>,
    ) -> Result<T, OsseaError> {
        self.caller.goes_on().await;
        pass(self.latency / 2).await;
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let reply = self.lock().read(self.clock.now(), command, &objects, look);
        let (after, seen) = seen(command, Call::Read, reply, self.patience);
        pass(after + self.latency / 2).await;
        self.caller.goes_on().await;
        seen
    }

    /// A read of one object. An id that the cloud has never seen is refused there, and is `None` here.
    async fn one<T>(
        &self,
        command: &str,
        id: &str,
        look: impl FnOnce(&Cloud) -> Option<T>,
    ) -> Result<Option<T>, OsseaError> {
        self.read(command, &[id], |cloud| Ok(look(cloud))).await
    }
}

#[async_trait]
impl OsseaClient for InProcessCloud {
    async fn submit(&self, key: &RequestKey, command: &Command) -> Result<Accepted, OsseaError> {
        let now = self.caller.time(self.clock.now());
        self.submit_as_of(now, key, command).await
    }

    async fn submit_as_of(
        &self,
        entitled_at: DateTime<Utc>,
        key: &RequestKey,
        command: &Command,
    ) -> Result<Accepted, OsseaError> {
        // Between here and the request's way out there is nothing at which a process could be stopped.
        self.caller.goes_on().await;
        if self.caller.time(self.clock.now()) > entitled_at + VALIDITY {
            let why = format!("not sent: the right to send it was known more than {VALIDITY} ago");
            return Err(OsseaError::Unreachable(why));
        }
        self.bearing.may_send()?;
        self.bearing.submitting(command.api_name());
        pass(self.latency / 2).await;
        let (name, key, sent) = (command.api_name(), key.to_string(), convert::command(command));
        let sent = sent.map_err(convert::error)?;
        let reply = self.lock().submit(self.clock.now(), Some(&key), sent);
        let (after, seen) = seen(name, Call::Change, reply, self.patience);
        pass(after + self.latency / 2).await;
        self.caller.goes_on().await;
        seen.map(convert::accepted)
            .map_err(|error| command.concluded_from(error))
    }

    async fn job(&self, id: &AsyncJobId) -> Result<JobReport, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.job(id).map_or(JobReport::NotKnown, convert::job));
        self.read("queryAsyncJobResult", &[id.as_str()], look).await
    }

    async fn pending_jobs(&self) -> Result<Vec<AsyncJobId>, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.unfinished_jobs().map(|job| job.id.clone()).collect());
        self.read("listAsyncJobs", &[], look).await
    }

    async fn vm(&self, id: &CloudVmId) -> Result<Option<CloudVm>, OsseaError> {
        self.one("listVirtualMachines", id.as_str(), |cloud| {
            cloud.visible_vm(id).map(|vm| convert::vm(cloud, vm))
        })
        .await
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError> {
        let look = |cloud: &Cloud| {
            let named = cloud.visible_vms_named(name);
            Ok(named.map(|vm| convert::vm(cloud, vm)).collect())
        };
        self.read("listVirtualMachines", &[name], look).await
    }

    async fn vms(&self) -> Result<Vec<CloudVm>, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.visible_vms().map(|vm| convert::vm(cloud, vm)).collect());
        self.read("listVirtualMachines", &[], look).await
    }

    async fn volume(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError> {
        self.one("listVolumes", id.as_str(), |cloud| {
            cloud.volume(id).map(|v| convert::volume(cloud, v))
        })
        .await
    }

    async fn volumes_on(&self, vm: &CloudVmId) -> Result<Vec<Volume>, OsseaError> {
        let look = |cloud: &Cloud| {
            if cloud.vm(vm).is_none() && !cloud.is_removed(vm.as_str()) {
                return Ok(Err(OsseaError::NotFound(format!("virtualmachineid {vm}"))));
            }
            let on = cloud.volumes_on(vm);
            Ok(Ok(on.map(|volume| convert::volume(cloud, volume)).collect()))
        };
        self.read("listVolumes", &[vm.as_str()], look).await?
    }

    async fn volumes(&self) -> Result<Vec<Volume>, OsseaError> {
        let look = |cloud: &Cloud| {
            let all = cloud.volumes();
            Ok(all.map(|volume| convert::volume(cloud, volume)).collect())
        };
        self.read("listVolumes", &[], look).await
    }

    async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError> {
        let look = |cloud: &Cloud| {
            if cloud.volume(volume).is_none() && !cloud.is_removed(volume.as_str()) {
                return Ok(Err(OsseaError::NotFound(format!("volumeid {volume}"))));
            }
            let of = cloud.snapshots_of(volume);
            Ok(Ok(of.map(convert::snapshot).collect()))
        };
        self.read("listSnapshots", &[volume.as_str()], look).await?
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.snapshots().map(convert::snapshot).collect());
        self.read("listSnapshots", &[], look).await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, OsseaError> {
        self.one("listSnapshots", id.as_str(), |cloud| {
            cloud.snapshot(id).map(convert::snapshot)
        })
        .await
    }

    async fn vm_snapshots_of(&self, vm: &CloudVmId) -> Result<Vec<VmSnapshot>, OsseaError> {
        let look = |cloud: &Cloud| {
            if cloud.vm(vm).is_none() && !cloud.is_removed(vm.as_str()) {
                return Ok(Err(OsseaError::NotFound(format!("virtualmachineid {vm}"))));
            }
            let all = cloud.vm_snapshots().into_iter();
            let of = all.filter(|snapshot| snapshot.vm == *vm);
            Ok(Ok(of.filter_map(convert::vm_snapshot).collect()))
        };
        self.read("listVMSnapshot", &[vm.as_str()], look).await?
    }

    async fn vm_snapshot(&self, id: &VmSnapshotId) -> Result<Option<VmSnapshot>, OsseaError> {
        self.one("listVMSnapshot", id.as_str(), |cloud| {
            cloud.vm_snapshot(id).and_then(convert::vm_snapshot)
        })
        .await
    }

    async fn network(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError> {
        self.one("listNetworks", id.as_str(), |cloud| {
            cloud.network(id).map(|n| convert::network(cloud, n))
        })
        .await
    }

    async fn networks(&self, zone: &ZoneId) -> Result<Vec<Network>, OsseaError> {
        let look = |cloud: &Cloud| {
            if cloud.zone(zone).is_none() {
                return Ok(Err(OsseaError::NotFound(format!("zoneid {zone}"))));
            }
            let within = cloud.networks().filter(|network| network.zone == *zone);
            Ok(Ok(within
                .map(|network| convert::network(cloud, network))
                .collect()))
        };
        self.read("listNetworks", &[zone.as_str()], look).await?
    }

    async fn zone(&self, id: &ZoneId) -> Result<Option<Zone>, OsseaError> {
        self.one("listZones", id.as_str(), |cloud| {
            cloud.zone(id).map(convert::zone)
        })
        .await
    }

    async fn zones(&self) -> Result<Vec<Zone>, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.zones().map(convert::zone).collect());
        self.read("listZones", &[], look).await
    }

    async fn service_offerings(&self) -> Result<Vec<ServiceOffering>, OsseaError> {
        let look = |cloud: &Cloud| Ok(cloud.offerings().map(convert::offering).collect());
        self.read("listServiceOfferings", &[], look).await
    }

    async fn templates(&self, zone: &ZoneId) -> Result<Vec<Template>, OsseaError> {
        let look = |cloud: &Cloud| {
            let within = cloud.templates().filter(|template| template.zones.contains(zone));
            Ok(within.map(convert::template).collect())
        };
        self.read("listTemplates", &[zone.as_str()], look).await
    }

    async fn service_offering(&self, id: &OfferingId) -> Result<Option<ServiceOffering>, OsseaError> {
        let look = |cloud: &Cloud| cloud.offering(id).map(convert::offering);
        self.one("listServiceOfferings", id.as_str(), look).await
    }

    async fn template(&self, id: &TemplateId, zone: &ZoneId) -> Result<Option<Template>, OsseaError> {
        self.one("listTemplates", id.as_str(), |cloud| {
            cloud
                .template(id)
                .filter(|template| template.zones.contains(zone))
                .map(convert::template)
        })
        .await
    }

    async fn storage_pools(&self, zone: &ZoneId) -> Result<Vec<StoragePool>, OsseaError> {
        let look = |cloud: &Cloud| {
            cloud.check_root_admin("listStoragePools")?;
            if cloud.zone(zone).is_none() {
                return Ok(Err(OsseaError::NotFound(format!("zoneid {zone}"))));
            }
            let within = cloud.pools().filter(|pool| pool.zone == *zone);
            let pools = within.map(|pool| infrastructure::storage_pool(cloud, pool));
            Ok(Ok(pools.collect()))
        };
        self.read("listStoragePools", &[zone.as_str()], look).await?
    }

    async fn resource_limits(&self) -> Result<Vec<ResourceLimit>, OsseaError> {
        let look = |cloud: &Cloud| {
            let limits = Resource::ALL.map(|resource| infrastructure::resource_limit(cloud, resource));
            Ok(limits.to_vec())
        };
        self.read("listResourceLimits", &[], look).await
    }

    fn clock_skew(&self) -> Option<TimeDelta> {
        None
    }

    fn with_priority(&self, priority: Priority) -> Arc<dyn OsseaClient> {
        Arc::new(Self {
            bearing: self.bearing.with_priority(priority),
            ..self.clone()
        })
    }

    fn circuit(&self) -> Circuit {
        self.bearing.circuit()
    }

    async fn capabilities(&self) -> Result<Capabilities, OsseaError> {
        self.read("listCapabilities", &[], |cloud| Ok(convert::capabilities(cloud)))
            .await
    }
}

/// Lets time pass. No time is really none: the timer would round it up to its next millisecond.
async fn pass(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
