//! A client of the cloud that is not ours: it writes down every command before it goes out, as an auditor wants it, and asks
//! another client. The suite of `ossea_sim::contract` tells whether it keeps the promises that the engine relies on.
//!
//! ```sh
//! cargo run -p ossea-sim --example foreign_client     # one command, and what was written down
//! cargo test -p ossea-sim --example foreign_client    # the whole suite
//! ```

use std::sync::{Arc, Mutex, PoisonError};

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
use ossea_sim::contract::contents;
use ossea_sim::{InProcessCloud, Profile, SimSettings};

/// What was sent, in order.
#[derive(Debug, Clone, Default)]
struct Register(Arc<Mutex<Vec<String>>>);

impl Register {
    fn note(&self, key: &RequestKey, command: &Command) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(format!("{key} {command}"));
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A client that keeps a register.
struct RegisteringClient {
    register: Register,
    cloud: Arc<dyn OsseaClient>,
}

#[async_trait]
impl OsseaClient for RegisteringClient {
    async fn submit(&self, key: &RequestKey, command: &Command) -> Result<Accepted, OsseaError> {
        // Before, not after: a command whose answer is lost was sent all the same.
        self.register.note(key, command);
        self.cloud.submit(key, command).await
    }

    async fn submit_as_of(
        &self,
        entitled_at: DateTime<Utc>,
        key: &RequestKey,
        command: &Command,
    ) -> Result<Accepted, OsseaError> {
        self.register.note(key, command);
        self.cloud.submit_as_of(entitled_at, key, command).await
    }

    fn with_priority(&self, priority: Priority) -> Arc<dyn OsseaClient> {
        Arc::new(Self {
            register: self.register.clone(),
            cloud: self.cloud.with_priority(priority),
        })
    }

    fn clock_skew(&self) -> Option<TimeDelta> {
        self.cloud.clock_skew()
    }

    fn circuit(&self) -> Circuit {
        self.cloud.circuit()
    }

    async fn job(&self, id: &AsyncJobId) -> Result<JobReport, OsseaError> {
        self.cloud.job(id).await
    }

    async fn pending_jobs(&self) -> Result<Vec<AsyncJobId>, OsseaError> {
        self.cloud.pending_jobs().await
    }

    async fn vm(&self, id: &CloudVmId) -> Result<Option<CloudVm>, OsseaError> {
        self.cloud.vm(id).await
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError> {
        self.cloud.vms_named(name).await
    }

    async fn vms(&self) -> Result<Vec<CloudVm>, OsseaError> {
        self.cloud.vms().await
    }

    async fn volume(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError> {
        self.cloud.volume(id).await
    }

    async fn volumes_on(&self, vm: &CloudVmId) -> Result<Vec<Volume>, OsseaError> {
        self.cloud.volumes_on(vm).await
    }

    async fn volumes(&self) -> Result<Vec<Volume>, OsseaError> {
        self.cloud.volumes().await
    }

    async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError> {
        self.cloud.snapshots_of(volume).await
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>, OsseaError> {
        self.cloud.snapshots().await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, OsseaError> {
        self.cloud.snapshot(id).await
    }

    async fn vm_snapshots_of(&self, vm: &CloudVmId) -> Result<Vec<VmSnapshot>, OsseaError> {
        self.cloud.vm_snapshots_of(vm).await
    }

    async fn vm_snapshot(&self, id: &VmSnapshotId) -> Result<Option<VmSnapshot>, OsseaError> {
        self.cloud.vm_snapshot(id).await
    }

    async fn network(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError> {
        self.cloud.network(id).await
    }

    async fn networks(&self, zone: &ZoneId) -> Result<Vec<Network>, OsseaError> {
        self.cloud.networks(zone).await
    }

    async fn zone(&self, id: &ZoneId) -> Result<Option<Zone>, OsseaError> {
        self.cloud.zone(id).await
    }

    async fn zones(&self) -> Result<Vec<Zone>, OsseaError> {
        self.cloud.zones().await
    }

    async fn service_offerings(&self) -> Result<Vec<ServiceOffering>, OsseaError> {
        self.cloud.service_offerings().await
    }

    async fn templates(&self, zone: &ZoneId) -> Result<Vec<Template>, OsseaError> {
        self.cloud.templates(zone).await
    }

    async fn service_offering(&self, id: &OfferingId) -> Result<Option<ServiceOffering>, OsseaError> {
        self.cloud.service_offering(id).await
    }

    async fn template(&self, id: &TemplateId, zone: &ZoneId) -> Result<Option<Template>, OsseaError> {
        self.cloud.template(id, zone).await
    }

    async fn storage_pools(&self, zone: &ZoneId) -> Result<Vec<StoragePool>, OsseaError> {
        self.cloud.storage_pools(zone).await
    }

    async fn resource_limits(&self) -> Result<Vec<ResourceLimit>, OsseaError> {
        self.cloud.resource_limits().await
    }

    async fn capabilities(&self) -> Result<Capabilities, OsseaError> {
        self.cloud.capabilities().await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let register = Register::default();
    let client = RegisteringClient {
        register: register.clone(),
        cloud: Arc::new(InProcessCloud::new(
            &contents(),
            SimSettings::of(Profile::V4_22).scaled(0.0),
        )),
    };
    let disk = client
        .volumes()
        .await?
        .into_iter()
        .find(|volume| volume.attachment.as_ref().is_some_and(|at| at.device == Some(1)))
        .ok_or("the cloud shows no volume at device 1")?;
    let key: RequestKey = "0b0e7a52-6f0e-4b8e-9a55-000000000001".parse()?;
    let accepted = client
        .submit(&key, &Command::DetachVolume { volume: disk.id })
        .await?;
    println!("the cloud answered {accepted:?}");
    for line in register.lines() {
        println!("registered: {line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ossea_sim::contract::World;

    use super::*;

    async fn world() -> World {
        let cloud = InProcessCloud::new(&contents(), SimSettings::of(Profile::V4_22));
        let registering = |cloud: InProcessCloud| RegisteringClient {
            register: Register::default(),
            cloud: Arc::new(cloud),
        };
        let impatient = cloud.clone().with_patience(Duration::from_millis(500));
        World::new(registering(cloud.clone()), registering(impatient), cloud)
    }

    ossea_sim::client_contract!(
        #[tokio::test(start_paused = true)]
        world()
    );

    #[tokio::test(start_paused = true)]
    async fn a_command_is_registered_even_when_its_answer_is_lost() {
        let cloud = InProcessCloud::new(&contents(), SimSettings::of(Profile::V4_22));
        cloud.add_fault(ossea_sim::FaultRule::on(
            "detachVolume",
            ossea_sim::WayFault::LostReply,
        ));
        let register = Register::default();
        let client = RegisteringClient {
            register: register.clone(),
            cloud: Arc::new(cloud),
        };
        let key = "0b0e7a52-6f0e-4b8e-9a55-000000000001"
            .parse()
            .expect("it is a UUID");
        let volume = ossea_sim::contract::ids::DISK0.parse().expect("it is an id");
        let answer = client.submit(&key, &Command::DetachVolume { volume }).await;
        assert!(matches!(answer, Err(OsseaError::OutcomeUnknown(_))), "{answer:?}");
        assert_eq!(register.lines().len(), 1);
    }
}
