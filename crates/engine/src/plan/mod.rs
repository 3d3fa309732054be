//! The plan of a job: a value, computed once, stored with the job, and printed as the dry run.
//!
//! A plan is a list of **stages**. A stage holds **lanes** that run side by side and is over when all lanes
//! have settled. A lane is a list of **steps**, one after another. There is no free graph: histories of free
//! graphs turned out elsewhere to be unrecoverable.

mod errand;
mod input;
mod live;
mod settlement;
mod test;
mod way_back;

use std::collections::BTreeSet;
use std::fmt;

use failover_domain::{
    CloudVmId, DiskPosition, FailoverType, JobStatus, JobType, MacAddress, NetworkId, OfferingId,
    RollbackStrategy, ShapeSpec, TemplateId, VmId, VolumeId, ZoneId,
};
use ossea::CustomSize;
use serde::{Deserialize, Serialize};

pub use errand::{CommitPolicy, Errand, Settled, TestErrand};
pub use input::{PlanInput, PlanMistake};
pub use live::live_plan;
pub use settlement::{commit_plan, rollback_plan};
pub use test::{TestPlanInput, test_plan};
pub use way_back::{WayBackLine, way_back};

/// One disk of the job: its replica and where that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedDisk {
    /// Place in source order, from 0; 0 is the OS disk.
    pub disk: usize,
    /// The label in VMware.
    pub label: String,
    /// Where it hangs on the source VM.
    pub position: DiskPosition,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The replica volume.
    pub volume: VolumeId,
    /// The replica volume's name.
    pub volume_name: String,
    /// The device on the OMA where it hung when the plan was made, and where it returns to.
    pub oma_device: u32,
    /// The device on the destination VM.
    pub destination_device: u32,
    /// The name of its rollback point: unique to job and disk, so that it is found after a lost reply.
    pub snapshot_name: String,
}

impl PlannedDisk {
    /// The replica as attentions name it.
    pub fn object(&self) -> String {
        format!("volume {}", self.volume)
    }
}

/// One network card of the destination VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedNic {
    /// The VMware network it was on.
    pub source_network: String,
    /// The cloud network.
    pub network: NetworkId,
    /// The cloud network's name.
    pub network_name: String,
    /// The MAC address to give; `None` lets the cloud choose.
    pub mac: Option<MacAddress>,
}

/// The destination VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedVm {
    /// The host name.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The zone.
    pub zone: ZoneId,
    /// The service offering.
    pub offering: OfferingId,
    /// The service offering's name.
    pub offering_name: String,
    /// The template that gives the scratch root.
    pub template: TemplateId,
    /// The template's name.
    pub template_name: String,
    /// CPUs, memory, firmware.
    pub shape: ShapeSpec,
    /// The size to ask for, where the offering leaves it free.
    pub custom_size: Option<CustomSize>,
    /// The cards in order; the first is the default one.
    pub nics: Vec<PlannedNic>,
}

/// A grade of boot verification. Each one is looked for after the VM runs, and recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BootGrade {
    /// Every network card has an address.
    Address,
    /// The guest answers a ping on one of its addresses.
    Ping,
    /// The guest accepts connections on this TCP port on one of its addresses.
    Tcp(u16),
}
impl fmt::Display for BootGrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootGrade::Address => f.write_str("address"),
            BootGrade::Ping => f.write_str("ping"),
            BootGrade::Tcp(port) => write!(f, "tcp:{port}"),
        }
    }
}

/// What happens when boot verification fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnBootFailure {
    /// Everything is undone and the replicas return to the OMA.
    #[default]
    Rollback,
    /// The VM is left running for a person to look at; the engine goes on verifying until it succeeds or the
    /// job is cancelled.
    Hold,
}

/// How the boot is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BootPolicy {
    /// Within how many seconds the VM must be Running and pass all grades, counted from the start command.
    pub within_seconds: u64,
    /// The grades asked for, beyond the state Running.
    pub grades: BTreeSet<BootGrade>,
    /// What happens otherwise.
    pub on_failure: OnBootFailure,
}

/// What a step does. Each kind has a file of its own in `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each kind is documented in its own module of `step`")]
pub enum StepKind {
    Validate,
    Quiesce,
    TakeInventory,
    DetachFromOma { disk: usize },
    Snapshot { disk: usize },
    CreateVm,
    VerifyNetworks,
    DetachScratchRoot,
    DeleteScratchRoot,
    Attach { disk: usize },
    VerifyDisks,
    VmSnapshot,
    VerifyRollbackPoints,
    StartVm,
    VerifyBoot,
    TestWindow,
    StopVm,
    RevertVmSnapshot,
    DeleteVmSnapshot,
    DetachFromDestination { disk: usize },
    Revert { disk: usize },
    Quarantine { disk: usize },
    ReturnToOma { disk: usize },
    Resume,
    DestroyVm,
    DeleteSnapshot { disk: usize },
}

impl StepKind {
    /// The name of the kind alone, as in `--fault`, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            StepKind::Validate => "validate",
            StepKind::Quiesce => "quiesce",
            StepKind::TakeInventory => "take-inventory",
            StepKind::DetachFromOma { .. } => "detach-from-oma",
            StepKind::Snapshot { .. } => "snapshot",
            StepKind::CreateVm => "create-vm",
            StepKind::VerifyNetworks => "verify-networks",
            StepKind::DetachScratchRoot => "detach-scratch-root",
            StepKind::DeleteScratchRoot => "delete-scratch-root",
            StepKind::Attach { .. } => "attach",
            StepKind::VerifyDisks => "verify-disks",
            StepKind::VmSnapshot => "vm-snapshot",
            StepKind::VerifyRollbackPoints => "verify-rollback-points",
            StepKind::StartVm => "start-vm",
            StepKind::VerifyBoot => "verify-boot",
            StepKind::TestWindow => "test-window",
            StepKind::StopVm => "stop-vm",
            StepKind::RevertVmSnapshot => "revert-vm-snapshot",
            StepKind::DeleteVmSnapshot => "delete-vm-snapshot",
            StepKind::DetachFromDestination { .. } => "detach-from-destination",
            StepKind::Revert { .. } => "revert",
            StepKind::Quarantine { .. } => "quarantine",
            StepKind::ReturnToOma { .. } => "return-to-oma",
            StepKind::Resume => "resume",
            StepKind::DestroyVm => "destroy-vm",
            StepKind::DeleteSnapshot { .. } => "delete-snapshot",
        }
    }

    /// The disk that the step is about.
    pub const fn disk(self) -> Option<usize> {
        match self {
            StepKind::DetachFromOma { disk }
            | StepKind::Snapshot { disk }
            | StepKind::Attach { disk }
            | StepKind::DetachFromDestination { disk }
            | StepKind::Revert { disk }
            | StepKind::Quarantine { disk }
            | StepKind::ReturnToOma { disk }
            | StepKind::DeleteSnapshot { disk } => Some(disk),
            StepKind::Validate
            | StepKind::Quiesce
            | StepKind::TakeInventory
            | StepKind::CreateVm
            | StepKind::VerifyNetworks
            | StepKind::DetachScratchRoot
            | StepKind::DeleteScratchRoot
            | StepKind::VerifyDisks
            | StepKind::VmSnapshot
            | StepKind::VerifyRollbackPoints
            | StepKind::StartVm
            | StepKind::VerifyBoot
            | StepKind::TestWindow
            | StepKind::StopVm
            | StepKind::RevertVmSnapshot
            | StepKind::DeleteVmSnapshot
            | StepKind::Resume
            | StepKind::DestroyVm => None,
        }
    }

    /// How long the step should take in seconds, before any history: typical job times of a CloudStack on KVM.
    pub const fn expected_seconds(self) -> u64 {
        match self {
            StepKind::Validate => 5,
            // How long a window is open is the request's choice and no part of the work.
            StepKind::TestWindow => 0,
            StepKind::Quiesce
            | StepKind::TakeInventory
            | StepKind::VerifyNetworks
            | StepKind::VerifyDisks
            | StepKind::VerifyRollbackPoints
            | StepKind::Quarantine { .. }
            | StepKind::Resume
            | StepKind::DeleteScratchRoot => 1,
            StepKind::VmSnapshot | StepKind::RevertVmSnapshot | StepKind::DeleteVmSnapshot => 10,
            StepKind::DetachFromOma { .. }
            | StepKind::Attach { .. }
            | StepKind::DetachFromDestination { .. } => 5,
            StepKind::ReturnToOma { .. } => 6,
            StepKind::DetachScratchRoot => 4,
            StepKind::DeleteSnapshot { .. } => 10,
            StepKind::DestroyVm => 12,
            StepKind::StopVm => 15,
            StepKind::CreateVm | StepKind::StartVm => 20,
            StepKind::Revert { .. } => 30,
            StepKind::VerifyBoot => 45,
            StepKind::Snapshot { .. } => 60,
        }
    }
}

/// The id of a step within its job, such as `disk-0/snapshot`, `vm/create-vm` or `return/disk-0/revert`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The way there.
    Forward,
    /// The way back.
    Return,
}

/// One step of a lane, or one action of the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Which way it belongs to.
    pub direction: Direction,
}

impl Step {
    /// A step of the way there or back.
    pub fn new(direction: Direction, kind: StepKind) -> Self {
        let subject = match kind.disk() {
            Some(disk) => format!("disk-{disk}/"),
            None => match kind {
                StepKind::CreateVm
                | StepKind::VerifyNetworks
                | StepKind::DetachScratchRoot
                | StepKind::DeleteScratchRoot
                | StepKind::VerifyDisks
                | StepKind::VmSnapshot
                | StepKind::StartVm
                | StepKind::VerifyBoot
                | StepKind::TestWindow
                | StepKind::StopVm
                | StepKind::RevertVmSnapshot
                | StepKind::DeleteVmSnapshot
                | StepKind::DestroyVm => "vm/".to_owned(),
                StepKind::Validate
                | StepKind::Quiesce
                | StepKind::TakeInventory
                | StepKind::VerifyRollbackPoints
                | StepKind::Resume
                | StepKind::DetachFromOma { .. }
                | StepKind::Snapshot { .. }
                | StepKind::Attach { .. }
                | StepKind::DetachFromDestination { .. }
                | StepKind::Revert { .. }
                | StepKind::Quarantine { .. }
                | StepKind::ReturnToOma { .. }
                | StepKind::DeleteSnapshot { .. } => String::new(),
            },
        };
        let prefix = match direction {
            Direction::Forward => "",
            Direction::Return => "return/",
        };
        Self {
            id: StepId(format!("{prefix}{subject}{}", kind.name())),
            kind,
            direction,
        }
    }
}

/// Steps one after another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lane {
    /// The name for people, such as `disk 0` or `destination VM`.
    pub name: String,
    /// The steps.
    pub steps: Vec<Step>,
    /// The status that the job shows while this lane is the least advanced one of its stage.
    pub status: JobStatus,
}

/// Lanes side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stage {
    /// The name for people.
    pub name: String,
    /// The lanes.
    pub lanes: Vec<Lane>,
}

impl Stage {
    /// The statuses that the job passes in this stage, in the customer's order.
    pub fn statuses(&self, job_type: JobType) -> Vec<JobStatus> {
        let mut passed = Vec::new();
        for status in JobStatus::sequence(job_type) {
            if self.lanes.iter().any(|l| l.status == *status) && !passed.contains(status) {
                passed.push(*status);
            }
        }
        passed
    }

    /// How long the stage should take: its longest lane.
    pub fn expected_seconds(&self) -> u64 {
        let lane = |l: &Lane| l.steps.iter().map(|s| s.kind.expected_seconds()).sum::<u64>();
        self.lanes.iter().map(lane).max().unwrap_or(0)
    }
}

/// The plan of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// The form of this value; a worker refuses a plan of a form it does not know.
    pub version: u32,
    /// What the job does.
    pub job_type: JobType,
    /// The source VM.
    pub vm_id: VmId,
    /// The source VM's name.
    pub source_vm_name: String,
    /// The appliance VM.
    pub oma: CloudVmId,
    /// The destination VM.
    pub vm: PlannedVm,
    /// The disks in source order.
    pub disks: Vec<PlannedDisk>,
    /// How the boot is verified.
    pub boot: BootPolicy,
    /// Whether warnings of the readiness rules are passed over.
    pub warnings: WarningPolicy,
    /// What the job is for, with what only such a job needs.
    #[serde(default)]
    pub errand: Errand,
    /// What is done, in order.
    pub stages: Vec<Stage>,
}

/// The stages of a failover of so many disks. A live failover always makes volume snapshots.
pub fn stages_of(failover: FailoverType, disks: usize, strategy: RollbackStrategy) -> Vec<Stage> {
    match failover {
        FailoverType::Live => live::live_stages(disks),
        FailoverType::Test => test::test_stages(disks, strategy),
    }
}

/// What a failed warning rule means for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarningPolicy {
    /// It counts, as the score says.
    #[default]
    Count,
    /// It is passed over (`skip_validation`). Critical rules protect data and are never passed over.
    Skip,
}

impl Plan {
    /// The form that this version writes. It reads the ones before it: what they lack has a default.
    pub const VERSION: u32 = 2;

    /// The replicas of the job: volumes that must never be deleted.
    pub fn replicas(&self) -> BTreeSet<VolumeId> {
        self.disks.iter().map(|d| d.volume.clone()).collect()
    }

    /// All steps of the way there.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|s| &s.lanes).flat_map(|l| &l.steps)
    }

    /// The test that this plan is of.
    pub fn test(&self) -> Option<&TestErrand> {
        match &self.errand {
            Errand::Test(test) => Some(test),
            Errand::Live { .. } | Errand::Rollback(_) | Errand::Commit(_) => None,
        }
    }

    /// The completed live failover that this plan settles.
    pub fn settles(&self) -> Option<&Settled> {
        match &self.errand {
            Errand::Rollback(settled) | Errand::Commit(settled) => Some(settled),
            Errand::Live { .. } | Errand::Test(_) => None,
        }
    }

    /// The name of the job's VM snapshot, where its rollback point is one.
    pub fn vm_snapshot_name(&self) -> Option<&str> {
        self.test().and_then(|test| test.vm_snapshot_name.as_deref())
    }

    /// How long the way there should take.
    pub fn expected_seconds(&self) -> u64 {
        self.stages.iter().map(Stage::expected_seconds).sum()
    }
}
