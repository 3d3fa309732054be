//! A laboratory: the simulated cloud and the memory store on virtual time, with as many workers as a test wants.

#![expect(
    clippy::unwrap_used,
    reason = "in a test an unexpected error is a failed test"
)]

pub(crate) mod clock;
pub(crate) mod gate;
mod sizing;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::ProcessClock;
use failover_access::Actor;
use failover_domain::inventory::InventoryFile;
use failover_domain::{
    AtWindowEnd, CloudVmId, JobId, JobStatus, JobType, RequestKey, StrategyRequest, VmId, VolumeId,
};
use failover_engine::plan::{BootGrade, BootPolicy, CommitPolicy, OnBootFailure, WarningPolicy};
use failover_engine::ports::{
    Inventory, JobRecord, JobStore, Mappings, RequestOutcome, ResourceRow, ResourceState, VolumeRow, WorkerId,
};
use failover_engine::probe::GuestProbe;
use failover_engine::request::JobRequest;
use failover_engine::service::{FailoverRequest, StartError, Wanted, WantedTest};
use failover_engine::writer::NobodyToAsk;
use failover_engine::{
    EngineParts, EngineSettings, JobState, MemoryStore, SharedClock, StoredEvent, TokioClock, Worker,
};
use failover_validation::Target;
use futures::future::BoxFuture;
use ossea::{Command, OsseaClient};
use ossea_sim::cloud::log::{Effect, LogEntry, LogEvent};
use ossea_sim::faults::{FaultEffect, Garbage, Work};
use ossea_sim::{
    CallingProcess, CloudInventory, FaultRule, InProcessCloud, RuleId, SimContents, SimSettings, WayFault,
    WorkFault,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The network of the sample that is marked for tests.
pub(crate) const TEST_NETWORK: &str = "5e28f04f-fe7b-534c-84ed-67767603c2e2";
pub(crate) const OMA: &str = "96a97275-4e8a-57b5-8b40-27fc35dccb1e";
/// The sample VM with three disks.
pub(crate) const THREE_DISKS: &str = "4205a841-0265-f4bd-39a6-39fd92196f53";

/// A guest network in which every guest answers.
pub(crate) struct EverybodyAnswers;

#[async_trait]
impl GuestProbe for EverybodyAnswers {
    async fn ping(&self, _: IpAddr, _: Duration) -> Result<(), String> {
        Ok(())
    }
    async fn tcp(&self, _: IpAddr, _: u16, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// What keeps everything of a laboratory.
pub(crate) trait LabStore: JobStore + Inventory + Mappings {}

impl<S: JobStore + Inventory + Mappings> LabStore for S {}

/// Where everything is kept, and the clock by which leases are judged there.
pub(crate) type MakeStore<'a> = &'a (dyn Fn(SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> + Sync);

fn in_memory(clock: SharedClock) -> BoxFuture<'static, Arc<dyn LabStore>> {
    Box::pin(async move { Arc::new(MemoryStore::new(clock)) as Arc<dyn LabStore> })
}

pub(crate) struct Lab {
    /// How many disks the VM has that requests are about.
    pub(crate) disks: usize,
    pub(crate) cloud: InProcessCloud,
    pub(crate) store: Arc<dyn LabStore>,
    /// The process of the database, whose clock judges leases.
    pub(crate) database: CallingProcess,
    pub(crate) parts: EngineParts,
    pub(crate) before: CloudInventory,
    /// How often `until` looks, in virtual time.
    pub(crate) look_every: Duration,
}

/// A worker under test.
pub(crate) struct RunningWorker {
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl RunningWorker {
    /// Stops it the hard way: whatever it was doing is cut off in the middle, and its lease is left to lapse.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }
}

impl Lab {
    /// The sample cloud and inventory.
    pub(crate) async fn new() -> Self {
        Self::with(SimSettings::default()).await
    }

    pub(crate) async fn with(settings: SimSettings) -> Self {
        Self::over(&SimContents::sample(), settings).await
    }

    pub(crate) async fn over(contents: &SimContents, settings: SimSettings) -> Self {
        Self::set_up(contents, &sample_inventory(), settings, &in_memory).await
    }

    /// The sample with so many disks at the VM that has three there.
    pub(crate) async fn of_disks(disks: usize) -> Self {
        Self::kept_in(&in_memory, disks).await
    }

    /// The same, kept elsewhere.
    pub(crate) async fn kept_in(store: MakeStore<'_>, disks: usize) -> Self {
        let (mut contents, mut file) = (SimContents::sample(), sample_inventory());
        sizing::give_disks(&mut contents, &mut file, disks);
        let lab = Self::set_up(&contents, &file, SimSettings::default(), store).await;
        Self { disks, ..lab }
    }

    async fn set_up(
        contents: &SimContents,
        file: &InventoryFile,
        settings: SimSettings,
        store: MakeStore<'_>,
    ) -> Self {
        let cloud = InProcessCloud::new(contents, settings);
        let clock: SharedClock = Arc::new(TokioClock::starting_at(cloud.clock().now()));
        let database = CallingProcess::default();
        let database_clock = ProcessClock {
            right: Arc::clone(&clock),
            process: database.clone(),
        };
        let store = store(Arc::new(database_clock)).await;
        for vm in &file.vms {
            store
                .put_vm(vm, clock.now(), &Actor::named("the lab"))
                .await
                .expect("the sample fits together");
        }
        let parts = EngineParts {
            jobs: Arc::clone(&store) as _,
            inventory: Arc::clone(&store) as _,
            mappings: Arc::clone(&store) as _,
            cloud: Arc::new(cloud.clone()),
            probe: Arc::new(EverybodyAnswers),
            writer: Arc::new(NobodyToAsk),
            target: Target {
                oma_vm: OMA.parse().unwrap(),
                zone: "d09f07e6-b7a4-5140-84b5-b4cd531a237c".parse().unwrap(),
                offering: "d03174c8-8bd8-5402-9406-e9df7c62a007".parse().unwrap(),
                template: "1dcf7bcc-2cf6-5232-a4ea-a726fb9e3ac2".parse().unwrap(),
                cpu_speed_mhz: 2000,
                test_networks: [TEST_NETWORK.parse().unwrap()].into(),
            },
            clock,
            settings: EngineSettings::default(),
        };
        let before = cloud.inventory();
        Self {
            disks: 3,
            cloud,
            store,
            database,
            parts,
            before,
            look_every: Duration::from_millis(200),
        }
    }

    /// A request for the VM with three disks.
    pub(crate) fn request(&self) -> FailoverRequest {
        FailoverRequest {
            vm_id: THREE_DISKS.parse().unwrap(),
            vm_name: Some("PGWINTESTBIOS".to_owned()),
            warnings: WarningPolicy::Count,
            network_mappings: BTreeMap::from([("VM Network".to_owned(), "production-app".to_owned())]),
            boot: BootPolicy {
                within_seconds: 300,
                grades: [BootGrade::Address].into(),
                on_failure: OnBootFailure::Rollback,
            },
            wanted: Wanted::Live {
                commit: CommitPolicy::Manual,
            },
            requested_by: Actor::named("operator"),
        }
    }

    /// A request for a test of the VM with three disks.
    pub(crate) fn test_request(&self, strategy: StrategyRequest) -> FailoverRequest {
        FailoverRequest {
            network_mappings: BTreeMap::from([("VM Network".to_owned(), "test-isolated".to_owned())]),
            wanted: Wanted::Test(WantedTest {
                window: Duration::from_secs(3600),
                at_window_end: AtWindowEnd::CleanUp,
                strategy,
            }),
            ..self.request()
        }
    }

    /// Starts a test with a window of 20 seconds.
    pub(crate) async fn start_short_test(&self, strategy: StrategyRequest) -> JobId {
        let mut request = self.test_request(strategy);
        request.wanted = Wanted::Test(WantedTest {
            window: Duration::from_secs(20),
            at_window_end: AtWindowEnd::CleanUp,
            strategy,
        });
        self.start_as(&request)
            .await
            .expect("the sample VM is ready for a test")
    }

    /// Starts a test of the VM with three disks.
    pub(crate) async fn start_test(&self, strategy: StrategyRequest) -> JobId {
        self.start_as(&self.test_request(strategy))
            .await
            .expect("the sample VM is ready for a test")
    }

    /// The fold of a job's journal.
    pub(crate) async fn state(&self, job: &JobId) -> JobState {
        let plan = self.store.plan(job).await.unwrap().expect("the job exists");
        JobState::replay(&plan, &self.events(job).await).expect("the journal is sound")
    }

    pub(crate) async fn start(&self) -> JobId {
        self.start_as(&self.request())
            .await
            .expect("the sample VM is ready")
    }

    pub(crate) async fn start_as(&self, request: &FailoverRequest) -> Result<JobId, StartError> {
        self.parts.service().start(request).await
    }

    pub(crate) fn worker(&self) -> RunningWorker {
        self.worker_over(self.parts.clone())
    }

    pub(crate) fn worker_over(&self, parts: EngineParts) -> RunningWorker {
        self.worker_named(WorkerId::fresh("lab"), parts)
    }

    pub(crate) fn worker_named(&self, id: WorkerId, parts: EngineParts) -> RunningWorker {
        let shutdown = CancellationToken::new();
        let worker = Worker::new(parts, id);
        let task = tokio::spawn(worker.run(shutdown.clone()));
        RunningWorker { shutdown, task }
    }

    /// Runs a worker until the job has ended, within four virtual hours.
    pub(crate) async fn run(&self, job: &JobId) -> JobRecord {
        let worker = self.worker();
        let record = self.until(job, |r| r.projection.status.is_final()).await;
        worker.shutdown.cancel();
        worker.task.await.expect("the worker does not panic");
        record
    }

    /// Waits on virtual time until the job's row satisfies `condition`.
    pub(crate) async fn until(&self, job: &JobId, condition: impl Fn(&JobRecord) -> bool) -> JobRecord {
        let wait = async {
            loop {
                let record = self.record(job).await;
                if condition(&record) {
                    return record;
                }
                self.parts.clock.sleep(self.look_every).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(4 * 3600), wait).await {
            Ok(record) => record,
            Err(_) => panic!("not within four hours: {:#?}", self.record(job).await),
        }
    }

    /// Asks something of a job.
    pub(crate) async fn ask(&self, job: &JobId, request: JobRequest) {
        let asked = self
            .store
            .submit_request(job, &Actor::named("operator"), &request)
            .await
            .unwrap();
        assert!(
            matches!(asked, RequestOutcome::Noted { .. }),
            "{request:?}: {asked:?}"
        );
    }

    pub(crate) async fn record(&self, job: &JobId) -> JobRecord {
        self.store.job(job).await.unwrap().expect("the job exists")
    }

    pub(crate) async fn events(&self, job: &JobId) -> Vec<StoredEvent> {
        self.store.events(job, 0, 10_000).await.unwrap()
    }

    pub(crate) async fn volumes(&self, job: &JobId) -> Vec<VolumeRow> {
        self.store.volumes(job).await.unwrap()
    }

    pub(crate) async fn ledger(&self, job: &JobId) -> Vec<ResourceRow> {
        self.store.resources(job).await.unwrap()
    }

    /// The networks of the sample cloud, with their names.
    pub(crate) fn networks(&self) -> Vec<(failover_domain::NetworkId, String)> {
        let contents = SimContents::sample();
        let networks = contents.networks.into_iter();
        networks.map(|network| (network.id, network.name)).collect()
    }

    pub(crate) fn fault(&self, rule: FaultRule) -> RuleId {
        self.cloud.add_fault(rule)
    }

    pub(crate) fn fired(&self, rule: RuleId) -> u32 {
        self.cloud.fault(rule).expect("the rule exists").fired
    }

    /// What a person does in the cloud.
    pub(crate) async fn by_hand(&self, step: &str, command: &Command) {
        let person = JobId::new(JobType::Live, &vm_id(), self.parts.clock.now(), 7);
        let key = RequestKey::derive(&person, step, 0);
        self.cloud
            .submit(&key, command)
            .await
            .expect("the cloud takes it");
    }

    /// The statuses that a job went through. Insists that its progress never fell.
    pub(crate) async fn statuses(&self, job: &JobId) -> Vec<JobStatus> {
        let plan = self.store.plan(job).await.unwrap().expect("the job exists");
        let mut state = JobState::new(&plan);
        let (mut statuses, mut progress) = (vec![state.status], 0.0);
        for event in self.events(job).await {
            state.apply(&plan, &event).expect("the journal is sound");
            assert!(
                state.progress >= progress,
                "progress fell from {progress} at {event:?}"
            );
            progress = state.progress;
            if statuses.last() != Some(&state.status) {
                statuses.push(state.status);
            }
        }
        statuses
    }

    /// Nothing goes wrong any more.
    pub(crate) fn clear_faults(&self) {
        self.cloud.clear_faults();
    }

    /// The effects that the cloud has recorded.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let effect = |entry: ossea_sim::cloud::log::LogEntry| match entry.event {
            LogEvent::Effect { effect, .. } => Some(effect),
            LogEvent::Call(_) | LogEvent::Restarted { .. } => None,
        };
        self.cloud.log().into_iter().filter_map(effect).collect()
    }

    pub(crate) fn count(&self, matches: impl Fn(&Effect) -> bool) -> usize {
        self.effects().iter().filter(|e| matches(e)).count()
    }

    /// The replicas of the VM with three disks, with their devices on the OMA.
    pub(crate) fn replicas(&self) -> Vec<(VolumeId, u32)> {
        let oma: CloudVmId = OMA.parse().unwrap();
        let disks = &self.before.vm(&oma).expect("the OMA exists").disks;
        let ours = disks
            .iter()
            .filter(|d| d.volume.name.starts_with("pgwintestbios-"));
        ours.map(|d| (d.volume.id.clone(), d.device)).collect()
    }

    /// Everything is as it was before, contents included, and the ledger is empty.
    pub(crate) async fn assert_everything_is_back(&self, job: &JobId) {
        assert_eq!(
            self.cloud.inventory(),
            self.before,
            "the cloud is not as it was before"
        );
        for row in self.ledger(job).await {
            assert_eq!(row.state, ResourceState::Removed, "{row:?} is left in the ledger");
        }
        for row in self.volumes(job).await {
            assert!(!row.dirty, "{row:?} is dirty");
            assert_eq!(row.custody.device(), Some(row.oma_device));
        }
    }

    /// The destination VM runs with exactly the replicas, at devices 0, 1, 2, on the mapped network.
    pub(crate) async fn assert_moved(&self, job: &JobId) {
        let record = self.record(job).await;
        let vm = record
            .projection
            .destination_vm_id
            .expect("a completed job has a VM");
        let inventory = self.cloud.inventory();
        let vm = inventory.vm(&vm).expect("the VM exists");
        assert_eq!(format!("{:?}", vm.state), "Running");
        let disks: Vec<(u32, VolumeId)> = vm.disks.iter().map(|d| (d.device, d.volume.id.clone())).collect();
        // Device 3 belongs to the CD-ROM.
        let wanted: Vec<(u32, VolumeId)> = self
            .replicas()
            .into_iter()
            .zip((0..).filter(|device| *device != 3))
            .map(|((id, _), device)| (device, id))
            .collect();
        assert_eq!(disks, wanted);
        let networks: Vec<&str> = vm.nics.iter().map(|n| n.network_name.as_str()).collect();
        assert_eq!(networks, ["production-app"]);
        assert_eq!(
            self.count(|e| matches!(e, Effect::VmCreated { .. })),
            1,
            "one VM was created"
        );
        assert_eq!(
            inventory.snapshots.len(),
            self.disks,
            "the rollback points are kept"
        );
        assert!(
            inventory.detached.is_empty(),
            "nothing lies about: {:?}",
            inventory.detached
        );
        // Everything that is not ours is untouched.
        for other in self.before.vms.iter().filter(|v| v.id.as_str() != OMA) {
            assert_eq!(inventory.vm(&other.id), Some(other));
        }
    }
}

impl Lab {
    /// The cloud was asked for nothing twice. (A cloud that loses work makes it necessary; a crash of ours never.)
    pub(crate) fn assert_nothing_was_done_twice(&self) {
        assert_eq!(
            self.count(|e| matches!(e, Effect::SnapshotTaken { .. })),
            self.disks,
            "one snapshot of each disk was taken"
        );
        assert_eq!(
            self.count(|e| matches!(e, Effect::VolumeAttached { .. })),
            self.disks,
            "each volume was attached"
        );
        assert_eq!(
            self.count(|e| matches!(e, Effect::VmStarted { .. })),
            1,
            "the VM was started once"
        );
    }
}

fn sample_inventory() -> InventoryFile {
    serde_json::from_str(include_str!("../../../../samples/inventory.json")).expect("the sample is legal")
}

/// The commands that the cloud has taken from the entry of this number in its record on, each as often as it took it.
pub(crate) fn taken(lab: &Lab, from: usize) -> Vec<String> {
    let command = |entry: LogEntry| match entry.event {
        LogEvent::Call(call) => call.refused.is_none().then_some(call.command),
        LogEvent::Effect { .. } | LogEvent::Restarted { .. } => None,
    };
    let entries = lab.cloud.log().into_iter().skip(from);
    let mut taken: Vec<String> = entries.filter_map(command).collect();
    taken.sort();
    taken
}

pub(crate) fn vm_id() -> VmId {
    THREE_DISKS.parse().unwrap()
}

/// What a cloud may lose of a command without having refused it.
pub(crate) fn losses() -> [(&'static str, FaultEffect); 9] {
    [
        ("lost request", WayFault::LostRequest.into()),
        ("lost reply", WayFault::LostReply.into()),
        (
            "garbage",
            WayFault::Garbage {
                work: Work::Done,
                body: Garbage::Html,
            }
            .into(),
        ),
        ("throttled", WayFault::Throttled { retry_after_ms: 700 }.into()),
        ("busy", WayFault::Busy.into()),
        (
            "interrupted, done",
            WorkFault::JobInterrupted { work: Work::Done }.into(),
        ),
        (
            "interrupted, not done",
            WorkFault::JobInterrupted { work: Work::NotDone }.into(),
        ),
        (
            "cancelled, done",
            WorkFault::JobCancelled { work: Work::Done }.into(),
        ),
        ("purged", WorkFault::JobPurged { work: Work::Done }.into()),
    ]
}
