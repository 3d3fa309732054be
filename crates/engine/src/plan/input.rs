//! What a plan of a failover is computed from, and the parts that live and test have in common.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use failover_domain::disk::{MAX_DISKS, destination_device};
use failover_domain::{JobStatus, JobType, MissingSpec, NetworkMapping, ShapeSpec, SourceVm, VolumeId};
use failover_validation::Target;
use ossea::{CustomSize, ServiceOffering, Template, Volume};

use super::{
    BootPolicy, Direction, Errand, Lane, Plan, PlannedDisk, PlannedNic, PlannedVm, Stage, Step, StepKind,
    WarningPolicy,
};

/// Everything a plan is computed from: inventory, mappings, configuration and a probe of the cloud.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// The source VM.
    pub vm: &'a SourceVm,
    /// The mappings that apply, keyed by source network.
    pub mappings: &'a BTreeMap<String, NetworkMapping>,
    /// Where to.
    pub target: &'a Target,
    /// The offering as the cloud shows it.
    pub offering: &'a ServiceOffering,
    /// The template as the cloud shows it.
    pub template: &'a Template,
    /// The replica volumes as the cloud shows them.
    pub volumes: &'a BTreeMap<VolumeId, Volume>,
    /// How the boot is verified.
    pub boot: BootPolicy,
    /// What failed warnings mean.
    pub warnings: WarningPolicy,
    /// The present instant: part of the names of rollback points.
    pub now: DateTime<Utc>,
}

/// Why no plan can be made. Readiness finds the same things first and says more; these are the last guard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanMistake {
    /// The specification is incomplete.
    #[error("the specification of {vm} lacks {missing:?}")]
    MissingSpec {
        /// The VM's name.
        vm: String,
        /// What is missing.
        missing: Vec<MissingSpec>,
    },
    /// The VM has no disk or more than CloudStack attaches.
    #[error("the VM has {0} disks, allowed are 1 to {MAX_DISKS}")]
    DiskCount(usize),
    /// A disk has no replica.
    #[error("disk {0} has no replica volume")]
    NoReplica(String),
    /// A replica is not attached to the OMA.
    #[error("replica {volume} of disk {disk} is not attached to the OMA")]
    NotOnOma {
        /// The disk's label.
        disk: String,
        /// The volume.
        volume: VolumeId,
    },
    /// A network has no mapping.
    #[error("network {0:?} is not mapped")]
    Unmapped(String),
    /// A VM of our own cannot have no network: CloudStack would choose one.
    #[error("the VM has no network card")]
    NoNic,
}

impl PlanInput<'_> {
    /// A plan for this input.
    ///
    /// # Errors
    /// [`PlanMistake`], the first one found.
    pub(super) fn plan(
        self,
        job_type: JobType,
        names: DestinationNames,
        errand: Errand,
        stages: impl FnOnce(usize) -> Vec<Stage>,
    ) -> Result<Plan, PlanMistake> {
        let vm = self.vm;
        let shape = vm.spec.shape().map_err(|missing| PlanMistake::MissingSpec {
            vm: vm.name.clone(),
            missing,
        })?;
        let disks = planned_disks(&self, job_type)?;
        let nics = planned_nics(&self)?;
        let stages = stages(disks.len());
        Ok(Plan {
            version: Plan::VERSION,
            job_type,
            vm_id: vm.vm_id.clone(),
            source_vm_name: vm.name.clone(),
            oma: self.target.oma_vm.clone(),
            vm: PlannedVm {
                name: names.name,
                display_name: names.display_name,
                zone: self.target.zone.clone(),
                offering: self.offering.id.clone(),
                offering_name: self.offering.name.clone(),
                template: self.template.id.clone(),
                template_name: self.template.name.clone(),
                shape,
                custom_size: custom_size(self.offering, self.target, shape),
                nics,
            },
            disks,
            boot: self.boot,
            warnings: self.warnings,
            errand,
            stages,
        })
    }
}

/// What the destination VM is called.
pub(super) struct DestinationNames {
    pub(super) name: String,
    pub(super) display_name: String,
}

fn custom_size(offering: &ServiceOffering, target: &Target, shape: ShapeSpec) -> Option<CustomSize> {
    offering.customized.then(|| CustomSize {
        cpus: shape.cpus.get(),
        // An offering that fixes the speed refuses to be given one.
        cpu_speed_mhz: if offering.cpu_speed_mhz.is_some() {
            None
        } else {
            Some(target.cpu_speed_mhz)
        },
        memory_mib: shape.memory_mib.get(),
    })
}

fn planned_disks(input: &PlanInput<'_>, job_type: JobType) -> Result<Vec<PlannedDisk>, PlanMistake> {
    let count = input.vm.disks.len();
    if count == 0 || count > MAX_DISKS {
        return Err(PlanMistake::DiskCount(count));
    }
    let (unix, prefix) = (input.now.timestamp(), job_type.id_prefix());
    let mut planned = Vec::with_capacity(count);
    for (place, disk) in input.vm.disks.iter().enumerate() {
        let replica = disk
            .replica
            .as_ref()
            .ok_or_else(|| PlanMistake::NoReplica(disk.label.clone()))?;
        let on_oma = input
            .volumes
            .get(&replica.volume_id)
            .and_then(|v| v.attachment.as_ref())
            .filter(|at| at.vm == input.target.oma_vm);
        let oma_device = on_oma
            .and_then(|at| at.device)
            .ok_or_else(|| PlanMistake::NotOnOma {
                disk: disk.label.clone(),
                volume: replica.volume_id.clone(),
            })?;
        planned.push(PlannedDisk {
            disk: place,
            label: disk.label.clone(),
            position: disk.position,
            size_bytes: disk.size_bytes,
            volume: replica.volume_id.clone(),
            volume_name: replica.name.clone(),
            oma_device,
            destination_device: destination_device(place).ok_or(PlanMistake::DiskCount(count))?,
            snapshot_name: format!("{prefix}-{}-{unix}-disk-{place}", input.vm.vm_id),
        });
    }
    Ok(planned)
}

fn planned_nics(input: &PlanInput<'_>) -> Result<Vec<PlannedNic>, PlanMistake> {
    if input.vm.nics.is_empty() {
        return Err(PlanMistake::NoNic);
    }
    let mut nics = Vec::with_capacity(input.vm.nics.len());
    for nic in &input.vm.nics {
        let mapping = input
            .mappings
            .get(&nic.network)
            .ok_or_else(|| PlanMistake::Unmapped(nic.network.clone()))?;
        nics.push(PlannedNic {
            source_network: nic.network.clone(),
            network: mapping.network_id.clone(),
            network_name: mapping.network_name.clone(),
            mac: nic.mac.clone(),
        });
    }
    Ok(nics)
}

pub(super) fn lane(name: &str, status: JobStatus, kinds: Vec<StepKind>) -> Lane {
    Lane {
        name: name.to_owned(),
        status,
        steps: kinds
            .into_iter()
            .map(|k| Step::new(Direction::Forward, k))
            .collect(),
    }
}

pub(super) fn stage(name: &str, lanes: Vec<Lane>) -> Stage {
    Stage {
        name: name.to_owned(),
        lanes,
    }
}

/// Nothing is touched in these: the rules, the quiesce gate, and the inventory to which the cloud is compared when the
/// replicas are back.
pub(super) fn opening_stages() -> Vec<Stage> {
    vec![
        stage(
            "readiness",
            vec![lane("rules", JobStatus::Validating, vec![StepKind::Validate])],
        ),
        stage(
            "secure",
            vec![lane(
                "quiesce gate",
                JobStatus::Executing,
                vec![StepKind::Quiesce, StepKind::TakeInventory],
            )],
        ),
    ]
}

pub(super) fn destination_lane() -> Lane {
    lane(
        "destination VM",
        JobStatus::CreatingVm,
        vec![
            StepKind::CreateVm,
            StepKind::VerifyNetworks,
            StepKind::DetachScratchRoot,
            StepKind::DeleteScratchRoot,
        ],
    )
}

/// The replicas become the destination VM's disks, and the cloud is asked whether they are.
pub(super) fn switch_stages(disks: usize) -> Vec<Stage> {
    let switch = JobStatus::SwitchingVolume;
    // The OS disk goes first: a VM without a root takes part in nothing else.
    let mut stages = vec![stage(
        "switch OS disk",
        vec![lane("disk 0", switch, vec![StepKind::Attach { disk: 0 }])],
    )];
    if disks > 1 {
        let lanes =
            (1..disks).map(|disk| lane(&format!("disk {disk}"), switch, vec![StepKind::Attach { disk }]));
        stages.push(stage("switch data disks", lanes.collect()));
    }
    stages.push(stage(
        "read back",
        vec![lane("destination VM", switch, vec![StepKind::VerifyDisks])],
    ));
    stages
}

pub(super) fn start_stage() -> Stage {
    stage(
        "start",
        vec![lane(
            "destination VM",
            JobStatus::PoweringOn,
            vec![StepKind::StartVm, StepKind::VerifyBoot],
        )],
    )
}
