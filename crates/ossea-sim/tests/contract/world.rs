//! One cloud, one door to it, and the ways in which a test uses them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use failover_domain::{AsyncJobId, CloudVmId, Firmware, RequestKey, VolumeId};
use ossea::{
    Accepted, CloudVm, Command, DeployVm, EmptiedVm, JobReport, NicRequest, OsseaClient, OsseaError, VmState,
    Volume,
};
use ossea_sim::cloud::command::ApiCommand;
use ossea_sim::cloud::{Conditions, Delivery};
use ossea_sim::faults::FaultEffect;
use ossea_sim::{FaultRule, InProcessCloud, RuleId, SimContents};

pub(crate) const EAST: &str = "2a000000-0000-4000-8000-000000000001";
pub(crate) const WEST: &str = "2a000000-0000-4000-8000-000000000002";
pub(crate) const PRODUCTION: &str = "2b000000-0000-4000-8000-000000000001";
pub(crate) const BACKEND: &str = "2b000000-0000-4000-8000-000000000002";
pub(crate) const TEST_NETWORK: &str = "2b000000-0000-4000-8000-000000000003";
pub(crate) const FAR_NETWORK: &str = "2b000000-0000-4000-8000-000000000004";
pub(crate) const FIXED: &str = "2c000000-0000-4000-8000-000000000001";
pub(crate) const FREE: &str = "2c000000-0000-4000-8000-000000000002";
pub(crate) const TEMPLATE: &str = "2d000000-0000-4000-8000-000000000001";
pub(crate) const PASSWORD_TEMPLATE: &str = "2d000000-0000-4000-8000-000000000002";
pub(crate) const OMA: &str = "2e000000-0000-4000-8000-000000000001";
pub(crate) const OMA_ROOT: &str = "2f000000-0000-4000-8000-000000000000";
pub(crate) const DISK0: &str = "2f000000-0000-4000-8000-000000000001";
pub(crate) const DISK1: &str = "2f000000-0000-4000-8000-000000000002";
pub(crate) const MANAGED: &str = "2f000000-0000-4000-8000-000000000004";
/// An id of the right form that nothing ever had.
pub(crate) const UNKNOWN: &str = "ffffffff-0000-4000-8000-000000000000";

/// What is in the cloud of every test.
pub(crate) fn contents() -> SimContents {
    include_str!("cloud.toml").parse().unwrap()
}

/// What the suite asks of an implementation beyond [`OsseaClient`]: to make calls go wrong.
pub(crate) trait Harness: Send + Sync {
    /// Makes the next call of a command go wrong.
    fn add_fault(&self, rule: FaultRule) -> RuleId;

    /// Somebody else sends a command.
    fn interfere(&self, command: ApiCommand);

    /// How often a rule has struck.
    fn struck(&self, rule: RuleId) -> u32;

    /// Makes something be wrong with the whole cloud.
    fn set_conditions(&self, conditions: Conditions);

    /// Forgets all ended jobs.
    fn purge_jobs(&self) -> usize;
}

impl Harness for InProcessCloud {
    fn add_fault(&self, rule: FaultRule) -> RuleId {
        InProcessCloud::add_fault(self, rule)
    }

    fn interfere(&self, command: ApiCommand) {
        let now = self.clock().now();
        let reply = self.cloud().submit(now, None, command);
        assert!(matches!(reply.delivery, Delivery::Answer(Ok(_))), "{reply:?}");
    }

    fn struck(&self, rule: RuleId) -> u32 {
        self.fault(rule).map_or(0, |state| state.fired)
    }

    fn set_conditions(&self, conditions: Conditions) {
        self.cloud().set_conditions(conditions);
    }

    fn purge_jobs(&self) -> usize {
        let now = self.clock().now();
        self.cloud().purge_jobs(now)
    }
}

/// A cloud behind one of its doors.
pub(crate) struct World {
    client: Box<dyn OsseaClient>,
    impatient: Option<Box<dyn OsseaClient>>,
    harness: Box<dyn Harness>,
    keys: AtomicU32,
    patience: Duration,
}

/// How often a world is looked at while it changes.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// No work takes longer, jobs that are cancelled included. It costs nothing where time is virtual.
const LONGEST_WORK: Duration = Duration::from_secs(25 * 3600);

/// No work takes longer where the cloud takes no time and only the network does.
const LONGEST_REAL_WORK: Duration = Duration::from_secs(120);

impl World {
    pub(crate) fn new(client: impl OsseaClient + 'static, harness: impl Harness + 'static) -> Self {
        Self {
            client: Box::new(client),
            impatient: None,
            harness: Box::new(harness),
            keys: AtomicU32::new(0),
            patience: LONGEST_WORK,
        }
    }

    /// The same world, where time is real.
    pub(crate) fn in_real_time(self) -> Self {
        Self {
            patience: LONGEST_REAL_WORK,
            ..self
        }
    }

    /// The same world with a second client, which soon stops waiting for an answer.
    pub(crate) fn with_impatient(self, client: impl OsseaClient + 'static) -> Self {
        Self {
            impatient: Some(Box::new(client)),
            ..self
        }
    }

    pub(crate) fn impatient(&self) -> &dyn OsseaClient {
        self.impatient.as_deref().unwrap()
    }

    pub(crate) fn harness(&self) -> &dyn Harness {
        &*self.harness
    }

    pub(crate) fn client(&self) -> &dyn OsseaClient {
        &*self.client
    }

    /// A key that was not used before.
    pub(crate) fn key(&self) -> RequestKey {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        format!("0b0e7a52-6f0e-4b8e-9a55-{number:012x}").parse().unwrap()
    }

    /// The next call of `command` goes wrong.
    pub(crate) fn fault(&self, command: &str, effect: impl Into<FaultEffect>) -> RuleId {
        self.harness.add_fault(FaultRule::on(command, effect))
    }

    /// Somebody else sends a command, in a way that our client has not.
    pub(crate) fn interfere(&self, command: ApiCommand) {
        self.harness.interfere(command);
    }

    /// Waits until the cloud shows a VM in a state.
    pub(crate) async fn becomes(&self, vm: &CloudVmId, state: VmState) {
        let seen = async {
            while self.vm(vm).await.state != state {
                tokio::time::sleep(LOOKS_EVERY).await;
            }
        };
        let seen = tokio::time::timeout(self.patience, seen).await;
        seen.unwrap_or_else(|_| panic!("{vm} did not become {state:?} within {:?}", self.patience));
    }

    #[track_caller]
    pub(crate) fn struck_once(&self, rule: RuleId) {
        assert_eq!(
            self.harness.struck(rule),
            1,
            "the fault did not happen as planned"
        );
    }

    /// Sends a command under a fresh key.
    pub(crate) async fn submit(&self, command: &Command) -> Result<Accepted, OsseaError> {
        self.client.submit(&self.key(), command).await
    }

    /// Waits for the end of a job.
    pub(crate) async fn ended(&self, job: &AsyncJobId) -> JobReport {
        let end = async {
            loop {
                match self.client.job(job).await.unwrap() {
                    JobReport::Pending => tokio::time::sleep(LOOKS_EVERY).await,
                    report @ (JobReport::Succeeded { .. }
                    | JobReport::Failed(_)
                    | JobReport::Interrupted { .. }
                    | JobReport::NotKnown) => return report,
                }
            }
        };
        let end = tokio::time::timeout(self.patience, end).await;
        end.unwrap_or_else(|_| panic!("job {job} did not end within {:?}", self.patience))
    }

    /// The object that a successful job names.
    pub(crate) async fn object_of(&self, job: &AsyncJobId) -> Option<String> {
        let report = self.ended(job).await;
        let JobReport::Succeeded { object } = report else {
            panic!("the job did not succeed: {report:?}")
        };
        object
    }

    /// Runs an asynchronous command that the cloud accepts to its end.
    pub(crate) async fn run(&self, command: &Command) -> JobReport {
        match self.submit(command).await.unwrap() {
            Accepted::Job { job, .. } => self.ended(&job).await,
            Accepted::Done => panic!("{command} has no job"),
        }
    }

    /// Runs a command that must succeed; answers the job's object.
    pub(crate) async fn done(&self, command: &Command) -> Option<String> {
        let report = self.run(command).await;
        let JobReport::Succeeded { object } = report else {
            panic!("{command}: {report:?}")
        };
        object
    }

    /// Runs a command whose job must fail; answers the code.
    pub(crate) async fn failed(&self, command: &Command) -> u32 {
        let report = self.run(command).await;
        let JobReport::Failed(refusal) = report else {
            panic!("{command}: {report:?}")
        };
        refusal.code
    }

    /// Sends a command that must be refused at once; answers the code.
    pub(crate) async fn refused(&self, command: &Command) -> u32 {
        match self.submit(command).await {
            Err(OsseaError::Refused(refusal)) => refusal.code,
            other => panic!("{command}: {other:?}"),
        }
    }

    pub(crate) async fn vm(&self, id: &CloudVmId) -> CloudVm {
        self.client.vm(id).await.unwrap().unwrap()
    }

    pub(crate) async fn volume(&self, id: &VolumeId) -> Volume {
        self.client.volume(id).await.unwrap().unwrap()
    }

    pub(crate) async fn volumes_on(&self, vm: &CloudVmId) -> Vec<Volume> {
        self.client.volumes_on(vm).await.unwrap()
    }

    /// The volume at device 0.
    pub(crate) async fn root_of(&self, vm: &CloudVmId) -> Volume {
        let volumes = self.volumes_on(vm).await;
        let mut roots = volumes
            .into_iter()
            .filter(|v| v.attachment.as_ref().is_some_and(|at| at.device == Some(0)));
        roots.next().unwrap()
    }

    /// A VM with a fixed offering and one card on the production network.
    pub(crate) fn deployment(&self, name: &str) -> DeployVm {
        DeployVm {
            name: name.to_owned(),
            display_name: format!("Web ({name})"),
            mark: "contract".to_owned(),
            zone: EAST.parse().unwrap(),
            offering: FIXED.parse().unwrap(),
            template: TEMPLATE.parse().unwrap(),
            custom_size: None,
            firmware: Firmware::Bios,
            secure_boot: false,
            nics: vec![NicRequest {
                network: PRODUCTION.parse().unwrap(),
                mac: None,
            }],
        }
    }

    pub(crate) async fn deployed(&self, vm: DeployVm) -> CloudVmId {
        self.done(&Command::DeployVirtualMachine(Box::new(vm)))
            .await
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) async fn deploy_stopped(&self, name: &str) -> CloudVmId {
        self.deployed(self.deployment(name)).await
    }

    /// A VM whose scratch root was taken off.
    pub(crate) async fn deploy_with_loose_root(&self, name: &str) -> (CloudVmId, Volume) {
        let vm = self.deploy_stopped(name).await;
        let root = self.root_of(&vm).await.id;
        self.done(&Command::DetachVolume { volume: root.clone() }).await;
        let root = self.volume(&root).await;
        (vm, root)
    }

    pub(crate) async fn deploy_without_root(&self, name: &str) -> CloudVmId {
        self.deploy_with_loose_root(name).await.0
    }

    /// Destroys a VM that has nothing but its scratch root.
    pub(crate) async fn destroy(&self, vm: &CloudVmId) {
        let root = self.root_of(vm).await.id;
        let proof = EmptiedVm::prove(vm, &self.volumes_on(vm).await, &BTreeSet::new(), Some(&root)).unwrap();
        self.done(&Command::DestroyVirtualMachine { vm: proof }).await;
    }
}
