//! One cloud, one door to it, and the ways in which a test uses them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[cfg(feature = "http")]
use super::SimulatedSite;
use crate::cloud::command::ApiCommand;
use crate::cloud::{Conditions, Delivery};
use crate::faults::FaultEffect;
use crate::{FaultRule, InProcessCloud, RuleId};
use failover_domain::{AsyncJobId, CloudVmId, Firmware, RequestKey, VolumeId};
use ossea::{
    Accepted, CloudVm, Command, DeployVm, EmptiedVm, JobReport, NicRequest, OsseaClient, OsseaError, VmState,
    Volume,
};

/// The zone of everything.
pub const EAST: &str = "2a000000-0000-4000-8000-000000000001";
/// A zone that takes no VMs.
pub const WEST: &str = "2a000000-0000-4000-8000-000000000002";
/// An isolated network.
pub const PRODUCTION: &str = "2b000000-0000-4000-8000-000000000001";
/// A shared network.
pub const BACKEND: &str = "2b000000-0000-4000-8000-000000000002";
/// An L2 network.
pub const TEST_NETWORK: &str = "2b000000-0000-4000-8000-000000000003";
/// A network of the other zone.
pub const FAR_NETWORK: &str = "2b000000-0000-4000-8000-000000000004";
/// An offering with a size.
pub const FIXED: &str = "2c000000-0000-4000-8000-000000000001";
/// An offering without a size.
pub const FREE: &str = "2c000000-0000-4000-8000-000000000002";
/// A small template.
pub const TEMPLATE: &str = "2d000000-0000-4000-8000-000000000001";
/// A template that asks for a password.
pub const PASSWORD_TEMPLATE: &str = "2d000000-0000-4000-8000-000000000002";
/// The appliance.
pub const OMA: &str = "2e000000-0000-4000-8000-000000000001";
/// The appliance's root.
pub const OMA_ROOT: &str = "2f000000-0000-4000-8000-000000000000";
/// The first replica.
pub const DISK0: &str = "2f000000-0000-4000-8000-000000000001";
/// The second replica.
pub const DISK1: &str = "2f000000-0000-4000-8000-000000000002";
/// A volume on managed storage.
pub const MANAGED: &str = "2f000000-0000-4000-8000-000000000004";
/// An id of the right form that nothing ever had.
pub const UNKNOWN: &str = "ffffffff-0000-4000-8000-000000000000";

/// What the suite asks of an implementation beyond [`OsseaClient`]: to make calls go wrong.
pub trait Harness: Send + Sync {
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
pub struct World {
    client: Box<dyn OsseaClient>,
    impatient: Box<dyn OsseaClient>,
    harness: Box<dyn Harness>,
    keys: AtomicU32,
    patience: Duration,
    /// What must live as long as the world.
    _kept: Box<dyn Send + Sync>,
}

/// How long a client over a real network waits for an answer.
#[cfg(feature = "http")]
const PATIENCE: Duration = Duration::from_secs(20);

/// Waiting longer for an answer that never comes would only make the tests longer.
#[cfg(feature = "http")]
const IMPATIENCE: Duration = Duration::from_millis(500);

/// How often a world is looked at while it changes.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// No work takes longer, jobs that are cancelled included. It costs nothing where time is virtual.
const LONGEST_WORK: Duration = Duration::from_secs(25 * 3600);

/// No work takes longer where the cloud takes no time and only the network does.
#[cfg(feature = "http")]
const LONGEST_REAL_WORK: Duration = Duration::from_secs(120);

impl World {
    /// A cloud on virtual time, and a client of it inside the process. `impatient` is a second one, which gives an answer up
    /// that does not come within half a second.
    pub fn new(
        client: impl OsseaClient + 'static,
        impatient: impl OsseaClient + 'static,
        harness: impl Harness + 'static,
    ) -> Self {
        Self {
            client: Box::new(client),
            impatient: Box::new(impatient),
            harness: Box::new(harness),
            keys: AtomicU32::new(0),
            patience: LONGEST_WORK,
            _kept: Box::new(()),
        }
    }

    /// A cloud over HTTP in real time. `connect` makes a client of the site that waits so long for an answer.
    #[cfg(feature = "http")]
    pub fn over_http<C: OsseaClient + 'static>(
        site: SimulatedSite,
        connect: impl Fn(&SimulatedSite, Duration) -> C,
    ) -> Self {
        let (client, impatient) = (connect(&site, PATIENCE), connect(&site, IMPATIENCE));
        Self {
            patience: LONGEST_REAL_WORK,
            _kept: Box::new(site.serving()),
            ..Self::new(client, impatient, site.cloud)
        }
    }

    /// The client that soon stops waiting for an answer.
    pub fn impatient(&self) -> &dyn OsseaClient {
        &*self.impatient
    }

    /// The means to make calls go wrong.
    pub fn harness(&self) -> &dyn Harness {
        &*self.harness
    }

    /// The client under test.
    pub fn client(&self) -> &dyn OsseaClient {
        &*self.client
    }

    /// A key that was not used before.
    pub fn key(&self) -> RequestKey {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        format!("0b0e7a52-6f0e-4b8e-9a55-{number:012x}").parse().unwrap()
    }

    /// The next call of `command` goes wrong.
    pub fn fault(&self, command: &str, effect: impl Into<FaultEffect>) -> RuleId {
        self.harness.add_fault(FaultRule::on(command, effect))
    }

    /// Somebody else sends a command, in a way that our client has not.
    pub fn interfere(&self, command: ApiCommand) {
        self.harness.interfere(command);
    }

    /// Waits until the cloud shows a VM in a state.
    pub async fn becomes(&self, vm: &CloudVmId, state: VmState) {
        let seen = async {
            while self.vm(vm).await.state != state {
                tokio::time::sleep(LOOKS_EVERY).await;
            }
        };
        let seen = tokio::time::timeout(self.patience, seen).await;
        seen.unwrap_or_else(|_| panic!("{vm} did not become {state:?} within {:?}", self.patience));
    }

    /// Checks that a rule has struck exactly once.
    #[track_caller]
    pub fn struck_once(&self, rule: RuleId) {
        assert_eq!(
            self.harness.struck(rule),
            1,
            "the fault did not happen as planned"
        );
    }

    /// Sends a command under a fresh key.
    pub async fn submit(&self, command: &Command) -> Result<Accepted, OsseaError> {
        self.client.submit(&self.key(), command).await
    }

    /// Waits for the end of a job.
    pub async fn ended(&self, job: &AsyncJobId) -> JobReport {
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
    pub async fn object_of(&self, job: &AsyncJobId) -> Option<String> {
        let report = self.ended(job).await;
        let JobReport::Succeeded { object } = report else {
            panic!("the job did not succeed: {report:?}")
        };
        object
    }

    /// Runs an asynchronous command that the cloud accepts to its end.
    pub async fn run(&self, command: &Command) -> JobReport {
        match self.submit(command).await.unwrap() {
            Accepted::Job { job, .. } => self.ended(&job).await,
            Accepted::Done => panic!("{command} has no job"),
        }
    }

    /// Runs a command that must succeed; answers the job's object.
    pub async fn done(&self, command: &Command) -> Option<String> {
        let report = self.run(command).await;
        let JobReport::Succeeded { object } = report else {
            panic!("{command}: {report:?}")
        };
        object
    }

    /// Runs a command whose job must fail; answers the code.
    pub async fn failed(&self, command: &Command) -> u32 {
        let report = self.run(command).await;
        let JobReport::Failed(refusal) = report else {
            panic!("{command}: {report:?}")
        };
        refusal.code
    }

    /// Sends a command that must be refused at once; answers the code.
    pub async fn refused(&self, command: &Command) -> u32 {
        match self.submit(command).await {
            Err(OsseaError::Refused(refusal)) => refusal.code,
            other => panic!("{command}: {other:?}"),
        }
    }

    /// A VM that the cloud must show.
    pub async fn vm(&self, id: &CloudVmId) -> CloudVm {
        self.client.vm(id).await.unwrap().unwrap()
    }

    /// A volume that the cloud must show.
    pub async fn volume(&self, id: &VolumeId) -> Volume {
        self.client.volume(id).await.unwrap().unwrap()
    }

    /// The volumes on a VM.
    pub async fn volumes_on(&self, vm: &CloudVmId) -> Vec<Volume> {
        self.client.volumes_on(vm).await.unwrap()
    }

    /// The volume at device 0.
    pub async fn root_of(&self, vm: &CloudVmId) -> Volume {
        let volumes = self.volumes_on(vm).await;
        let mut roots = volumes
            .into_iter()
            .filter(|v| v.attachment.as_ref().is_some_and(|at| at.device == Some(0)));
        roots.next().unwrap()
    }

    /// A VM with a fixed offering and one card on the production network.
    pub fn deployment(&self, name: &str) -> DeployVm {
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

    /// Deploys a VM; answers its id.
    pub async fn deployed(&self, vm: DeployVm) -> CloudVmId {
        self.done(&Command::DeployVirtualMachine(Box::new(vm)))
            .await
            .unwrap()
            .parse()
            .unwrap()
    }

    /// A stopped VM with its scratch root.
    pub async fn deploy_stopped(&self, name: &str) -> CloudVmId {
        self.deployed(self.deployment(name)).await
    }

    /// A VM whose scratch root was taken off.
    pub async fn deploy_with_loose_root(&self, name: &str) -> (CloudVmId, Volume) {
        let vm = self.deploy_stopped(name).await;
        let root = self.root_of(&vm).await.id;
        self.done(&Command::DetachVolume { volume: root.clone() }).await;
        let root = self.volume(&root).await;
        (vm, root)
    }

    /// A stopped VM without any volume.
    pub async fn deploy_without_root(&self, name: &str) -> CloudVmId {
        self.deploy_with_loose_root(name).await.0
    }

    /// Destroys a VM that has nothing but its scratch root.
    pub async fn destroy(&self, vm: &CloudVmId) {
        let root = self.root_of(vm).await.id;
        let proof = EmptiedVm::prove(vm, &self.volumes_on(vm).await, &BTreeSet::new(), Some(&root)).unwrap();
        self.done(&Command::DestroyVirtualMachine { vm: proof }).await;
    }
}
