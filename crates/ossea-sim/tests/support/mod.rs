//! What the tests of the simulator share: the sample cloud, and a caller who waits for each job.
#![allow(dead_code, reason = "each test file uses its part")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use failover_domain::{AsyncJobId, CloudVmId, Firmware, JobId, JobType, RequestKey, SnapshotId, VolumeId};
use ossea::{
    Accepted, Command, CustomSize, DeployVm, EmptiedVm, JobReport, NicRequest, OsseaClient, OsseaError,
    Refusal, ScratchRoot,
};
use ossea_sim::cloud::Delivery;
use ossea_sim::cloud::command::{
    self, AfterDeploy, ApiCommand, Deploy, DeploySource, Destroy, DestroyEnd, NicSpec, Owner,
};
use ossea_sim::cloud::objects::Boot;
use ossea_sim::contents::ReplicaContents;
use ossea_sim::{InProcessCloud, SimContents, SimSettings};

/// A caller of the sample cloud.
pub(crate) struct Caller {
    pub(crate) cloud: InProcessCloud,
    pub(crate) contents: SimContents,
    keys: AtomicU32,
}

impl Caller {
    pub(crate) fn of_sample() -> Self {
        Self::with(SimSettings::default())
    }

    pub(crate) fn with(settings: SimSettings) -> Self {
        Self::with_contents(SimContents::sample(), settings)
    }

    pub(crate) fn with_contents(contents: SimContents, settings: SimSettings) -> Self {
        let cloud = InProcessCloud::new(&contents, settings);
        Self {
            cloud,
            contents,
            keys: AtomicU32::new(0),
        }
    }

    pub(crate) fn oma(&self) -> CloudVmId {
        self.contents.oma.id.clone()
    }

    /// The replicas of the three-disk sample VM, in order.
    pub(crate) fn replicas(&self) -> [VolumeId; 3] {
        let named = |name: &str| self.replica(name).id.clone();
        [
            named("pgwintestbios-disk0"),
            named("pgwintestbios-disk1"),
            named("pgwintestbios-disk2"),
        ]
    }

    pub(crate) fn replica(&self, name: &str) -> &ReplicaContents {
        self.contents
            .oma
            .volumes
            .iter()
            .find(|volume| volume.name == name)
            .unwrap()
    }

    /// A key that was never used before.
    pub(crate) fn key(&self) -> RequestKey {
        let vm = "4205a841-0265-f4bd-39a6-39fd92196f53".parse().unwrap();
        let job = JobId::new(JobType::Live, &vm, chrono::DateTime::UNIX_EPOCH, 0);
        RequestKey::derive(&job, "test", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a command under a fresh key.
    pub(crate) async fn submit(&self, command: Command) -> Result<Accepted, OsseaError> {
        self.cloud.submit(&self.key(), &command).await
    }

    /// Sends a command that the client has not in this form.
    pub(crate) fn api(&self, command: ApiCommand) -> Delivery<command::Accepted> {
        let now = self.cloud.clock().now();
        self.cloud.cloud().submit(now, None, command).delivery
    }

    /// The job of such a command.
    pub(crate) fn api_job(&self, command: ApiCommand) -> AsyncJobId {
        let delivery = self.api(command);
        let Delivery::Answer(Ok(command::Accepted::Job { job, .. })) = delivery else {
            panic!("{delivery:?}")
        };
        job
    }

    /// The code with which such a command is refused.
    pub(crate) fn api_refuses(&self, command: ApiCommand) -> u32 {
        let delivery = self.api(command);
        let Delivery::Answer(Err(error)) = delivery else {
            panic!("{delivery:?}")
        };
        error.code
    }

    /// Sends a command and waits for the end of its job.
    pub(crate) async fn run(&self, command: Command) -> JobReport {
        match self.submit(command).await.unwrap() {
            Accepted::Job { job, .. } => self.wait(&job).await,
            Accepted::Done => JobReport::Succeeded { object: None },
        }
    }

    /// Sends a command whose job must succeed; the id of the object of the result.
    pub(crate) async fn done(&self, command: Command) -> String {
        let text = command.to_string();
        let report = self.run(command).await;
        let JobReport::Succeeded { object } = report else {
            panic!("{text}: {report:?}")
        };
        object.unwrap_or_default()
    }

    /// Sends a command whose job must fail; the refusal.
    pub(crate) async fn fails(&self, command: Command) -> Refusal {
        let text = command.to_string();
        let report = self.run(command).await;
        let JobReport::Failed(refusal) = report else {
            panic!("{text}: {report:?}")
        };
        refusal
    }

    pub(crate) async fn wait(&self, job: &AsyncJobId) -> JobReport {
        loop {
            let report = self.cloud.job(job).await.unwrap();
            if report != JobReport::Pending {
                return report;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(crate) fn deployment(&self, name: &str, networks: &[&str]) -> DeployVm {
        let network = |name: &&str| {
            let found = self
                .contents
                .networks
                .iter()
                .find(|network| network.name == *name)
                .unwrap();
            NicRequest {
                network: found.id.clone(),
                mac: None,
            }
        };
        let offering = self
            .contents
            .offerings
            .iter()
            .find(|offering| offering.is_customized())
            .unwrap();
        DeployVm {
            name: name.to_owned(),
            display_name: name.to_uppercase(),
            mark: "live-failover-x-1".to_owned(),
            zone: self.contents.oma.zone.clone(),
            offering: offering.id.clone(),
            template: self.contents.templates[0].id.clone(),
            custom_size: Some(CustomSize {
                cpus: 2,
                cpu_speed_mhz: Some(2000),
                memory_mib: 2048,
            }),
            firmware: Firmware::Bios,
            secure_boot: false,
            nics: networks.iter().map(network).collect(),
        }
    }

    /// A stopped VM without any disk.
    pub(crate) async fn emptied_vm(&self, name: &str) -> CloudVmId {
        let vm = self.deployed_vm(name).await;
        let root = self.cloud.volumes_on(&vm).await.unwrap()[0].id.clone();
        self.done(Command::DetachVolume { volume: root.clone() }).await;
        let seen = self.cloud.volume(&root).await.unwrap().unwrap();
        let volume = ScratchRoot::prove(&seen, &self.replica_set()).unwrap();
        self.done(Command::DeleteVolume { volume }).await;
        vm
    }

    /// A stopped VM with its scratch root.
    pub(crate) async fn deployed_vm(&self, name: &str) -> CloudVmId {
        let deployment = self.deployment(name, &["production-app"]);
        self.done(Command::DeployVirtualMachine(Box::new(deployment)))
            .await
            .parse()
            .unwrap()
    }

    pub(crate) fn replica_set(&self) -> BTreeSet<VolumeId> {
        self.contents
            .oma
            .volumes
            .iter()
            .map(|volume| volume.id.clone())
            .collect()
    }

    pub(crate) async fn detach(&self, volume: &VolumeId) {
        self.done(Command::DetachVolume {
            volume: volume.clone(),
        })
        .await;
    }

    pub(crate) async fn attach(&self, volume: &VolumeId, vm: &CloudVmId, device: u32) {
        self.done(attach(volume, vm, device)).await;
    }

    pub(crate) async fn snapshot(&self, volume: &VolumeId) -> SnapshotId {
        let command = Command::CreateSnapshot {
            volume: volume.clone(),
            name: "point".to_owned(),
        };
        self.done(command).await.parse().unwrap()
    }

    /// Destroys a VM that can be recovered.
    pub(crate) async fn destroy_recoverably(&self, vm: &CloudVmId) {
        let job = self.api_job(ApiCommand::DestroyVirtualMachine(Destroy {
            vm: vm.clone(),
            end: DestroyEnd::Recoverable,
            volumes: Vec::new(),
        }));
        let report = self.wait(&job).await;
        assert!(matches!(report, JobReport::Succeeded { .. }), "{report:?}");
    }

    /// Destroys a VM that carries no replica.
    pub(crate) async fn destroy(&self, vm: &CloudVmId) {
        let shown = self.cloud.volumes_on(vm).await.unwrap();
        let root = shown.first().map(|volume| volume.id.clone());
        let vm = EmptiedVm::prove(vm, &shown, &self.replica_set(), root.as_ref()).unwrap();
        self.done(Command::DestroyVirtualMachine { vm }).await;
    }
}

pub(crate) fn attach(volume: &VolumeId, vm: &CloudVmId, device: u32) -> Command {
    Command::AttachVolume {
        volume: volume.clone(),
        vm: vm.clone(),
        device: Some(device),
    }
}

pub(crate) fn start(vm: &CloudVmId) -> Command {
    Command::StartVirtualMachine { vm: vm.clone() }
}

pub(crate) fn stop(vm: &CloudVmId) -> Command {
    Command::StopVirtualMachine {
        vm: vm.clone(),
        mode: ossea::StopMode::Graceful,
    }
}

/// A deployment with parameters that the client has not.
pub(crate) fn deployment(caller: &Caller, source: DeploySource, after: AfterDeploy) -> Deploy {
    let mut offerings = caller.contents.offerings.iter();
    let fixed = offerings.find(|offering| !offering.is_customized());
    Deploy {
        name: None,
        display_name: None,
        zone: caller.contents.oma.zone.clone(),
        offering: fixed.unwrap().id.clone(),
        source,
        data_disk: None,
        nics: vec![NicSpec {
            network: caller.contents.networks[0].id.clone(),
            mac: None,
            address: None,
        }],
        details: BTreeMap::new(),
        boot: Boot::Bios,
        root_disk_gib: None,
        after,
        custom_id: None,
        owner: Owner::default(),
        hypervisor: None,
    }
}
