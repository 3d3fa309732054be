//! The return planner over every kind of scene: what it may never do, and that it converges.

use std::collections::BTreeSet;

use chrono::DateTime;
use failover_domain::{
    AtWindowEnd, CloudVmId, Controller, Decision, DiskPosition, Firmware, JobType, RollbackStrategy,
    ShapeSpec, VolumeId,
};
use failover_engine::event::{StepError, StepErrorKind, StepFacts};
use failover_engine::plan::{
    BootPolicy, Direction, Errand, OnBootFailure, PlannedDisk, PlannedVm, Step, StepKind, TestErrand,
    WarningPolicy,
};
use failover_engine::ports::{Custody, ResourceKind, ResourceRow, ResourceState};
use failover_engine::return_planner::{Busy, Obstacle, plan_commit, plan_return};
use failover_engine::scene::Scene;
use failover_engine::state::{Standing, StepRecord};
use failover_engine::{JobState, Plan};
use ossea::{
    Attachment, CloudVm, VmSnapshot, VmSnapshotKind, VmSnapshotState, VmState, Volume, VolumeKind,
    VolumeState,
};
use proptest::prelude::*;

const DISKS: usize = 3;

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("the id is legal")
}

fn volume_id(disk: usize) -> VolumeId {
    id(&format!("replica-{disk}"))
}

fn plan() -> Plan {
    let disk = |disk: usize| PlannedDisk {
        disk,
        label: format!("Hard disk {disk}"),
        position: DiskPosition {
            controller: Controller::Scsi,
            bus: 0,
            unit: 0,
        },
        size_bytes: 1,
        volume: volume_id(disk),
        volume_name: format!("replica-{disk}"),
        oma_device: 1,
        destination_device: u32::try_from(disk).expect("small"),
        snapshot_name: format!("snapshot-{disk}"),
    };
    let one = std::num::NonZeroU32::MIN;
    Plan {
        version: Plan::VERSION,
        job_type: JobType::Live,
        vm_id: id("4205a841-0265-f4bd-39a6-39fd92196f53"),
        source_vm_name: "web-01".to_owned(),
        oma: id("oma"),
        vm: PlannedVm {
            name: "web-01".to_owned(),
            display_name: "web-01".to_owned(),
            zone: id("zone"),
            offering: id("offering"),
            offering_name: String::new(),
            template: id("template"),
            template_name: String::new(),
            shape: ShapeSpec {
                cpus: one,
                memory_mib: one,
                firmware: Firmware::Bios,
                secure_boot: false,
            },
            custom_size: None,
            nics: Vec::new(),
        },
        disks: (0..DISKS).map(disk).collect(),
        boot: BootPolicy {
            within_seconds: 300,
            grades: BTreeSet::new(),
            on_failure: OnBootFailure::Rollback,
        },
        warnings: WarningPolicy::Count,
        errand: Errand::default(),
        stages: Vec::new(),
    }
}

/// Where a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Oma,
    Destination,
    Foreign,
    Nowhere,
    Missing,
}

fn volume(disk: usize, at: At) -> Option<Volume> {
    let device = u32::try_from(disk).expect("small");
    let on = |vm: &str| {
        Some(Attachment {
            vm: id(vm),
            vm_name: vm.to_owned(),
            device: Some(device),
        })
    };
    let attachment = match at {
        At::Oma => on("oma"),
        At::Destination => on("destination"),
        At::Foreign => on("foreign"),
        At::Nowhere => None,
        At::Missing => return None,
    };
    Some(Volume {
        id: volume_id(disk),
        name: format!("replica-{disk}"),
        kind: VolumeKind::Data,
        state: VolumeState::Ready,
        size_bytes: 1,
        zone: id("zone"),
        attachment,
        storage: None,
        pool: None,
        template: None,
        pending_job: None,
    })
}

fn vm(state: VmState) -> CloudVm {
    CloudVm {
        id: id("destination"),
        name: "web-01".to_owned(),
        display_name: "web-01".to_owned(),
        state,
        zone: id("zone"),
        created: Some(DateTime::UNIX_EPOCH),
        host: None,
        cpus: None,
        memory_mib: None,
        nics: Vec::new(),
        details: std::collections::BTreeMap::new(),
        pending_job: None,
    }
}

/// A job that has a destination VM, with replicas at these places and some of them dirty.
fn situation(places: [At; DISKS], dirty: [bool; DISKS], state: VmState) -> (JobState, Scene) {
    let mut job = JobState::new(&plan());
    job.vm = Some(id::<CloudVmId>("destination"));
    job.ledger.push(ResourceRow {
        kind: ResourceKind::Vm,
        name: "web-01".to_owned(),
        cloud_id: Some("destination".to_owned()),
        state: ResourceState::Present,
    });
    for (disk, dirty) in job.disks.iter_mut().zip(dirty) {
        disk.dirty = dirty;
    }
    let replicas = places
        .into_iter()
        .enumerate()
        .map(|(disk, at)| volume(disk, at))
        .collect();
    let scene = Scene {
        vm: Some(vm(state)),
        vm_snapshots: Vec::new(),
        replicas,
        scratch_root: None,
        snapshots: BTreeSet::new(),
    };
    (job, scene)
}

fn kinds(places: [At; DISKS], dirty: [bool; DISKS], state: VmState) -> Vec<StepKind> {
    let (job, scene) = situation(places, dirty, state);
    plan_return(&plan(), &job, &scene, &Busy::default())
        .steps
        .into_iter()
        .map(|s| s.kind)
        .collect()
}

#[test]
fn a_running_vm_is_stopped_before_anything_leaves_it() {
    let steps = kinds([At::Destination; 3], [true; 3], VmState::Running);
    assert_eq!(steps, [StepKind::StopVm]);
}

#[test]
fn data_disks_leave_before_the_os_disk() {
    let steps = kinds([At::Destination; 3], [true; 3], VmState::Stopped);
    let expected = [1, 2].map(|disk| StepKind::DetachFromDestination { disk });
    assert_eq!(steps, expected);
    let steps = kinds(
        [At::Destination, At::Nowhere, At::Oma],
        [false; 3],
        VmState::Stopped,
    );
    let expected = [
        StepKind::ReturnToOma { disk: 1 },
        StepKind::DetachFromDestination { disk: 0 },
    ];
    assert_eq!(steps, expected, "a clean replica does not wait for the others");
}

#[test]
fn a_dirty_replica_is_reverted_and_not_returned() {
    let steps = kinds([At::Nowhere; 3], [true, false, true], VmState::Stopped);
    assert_eq!(
        steps,
        [
            StepKind::ReturnToOma { disk: 1 },
            StepKind::Revert { disk: 0 },
            StepKind::Revert { disk: 2 }
        ]
    );
}

#[test]
fn what_a_person_must_mend_is_reported_and_everything_else_goes_on() {
    let (job, scene) = situation(
        [At::Foreign, At::Missing, At::Nowhere],
        [false; 3],
        VmState::Stopped,
    );
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    let obstacles = [
        Obstacle::Elsewhere {
            disk: 0,
            vm_name: "foreign".to_owned(),
        },
        Obstacle::Missing { disk: 1 },
    ];
    assert_eq!(next.obstacles, obstacles);
    assert_eq!(next.steps[0].kind, StepKind::ReturnToOma { disk: 2 });
    assert!(!next.is_home);
}

#[test]
fn a_dirty_replica_that_somebody_put_on_the_oma_is_not_home() {
    let (job, scene) = situation([At::Oma; 3], [false, true, false], VmState::Stopped);
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    assert_eq!(next.obstacles, [Obstacle::DirtyAtHome { disk: 1 }]);
    assert!(next.steps.is_empty() && !next.is_home);
}

#[test]
fn a_replica_that_a_person_brought_home_is_noted() {
    let (mut job, scene) = situation([At::Oma; 3], [false; 3], VmState::Stopped);
    job.disks[2].custody = Custody::Detached;
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    assert_eq!(next.steps[0].kind, StepKind::ReturnToOma { disk: 2 });
}

fn place() -> impl Strategy<Value = At> {
    prop_oneof![
        Just(At::Oma),
        Just(At::Destination),
        Just(At::Foreign),
        Just(At::Nowhere),
        Just(At::Missing)
    ]
}

fn vm_state() -> impl Strategy<Value = VmState> {
    prop_oneof![
        Just(VmState::Starting),
        Just(VmState::Running),
        Just(VmState::Stopping),
        Just(VmState::Stopped),
        Just(VmState::Destroyed),
        Just(VmState::Error),
        Just(VmState::Other("Shutdown".to_owned()))
    ]
}

proptest! {
    #[test]
    fn no_scene_leads_to_harm(
        places in prop::array::uniform3(place()),
        dirty in any::<[bool; 3]>(),
        state in vm_state(),
    ) {
        let stopped = state == VmState::Stopped;
        for step in kinds(places, dirty, state) {
            match step {
                StepKind::ReturnToOma { disk } => prop_assert!(!dirty[disk], "a dirty replica would return"),
                StepKind::Revert { disk } => prop_assert!(dirty[disk] && places[disk] == At::Nowhere),
                StepKind::DetachFromDestination { disk } => {
                    prop_assert!(stopped, "a replica would leave a VM that may run");
                    prop_assert_eq!(places[disk], At::Destination);
                }
                StepKind::StopVm => prop_assert!(places.contains(&At::Destination)),
                StepKind::DestroyVm | StepKind::DeleteScratchRoot | StepKind::DeleteSnapshot { .. } => {
                    prop_assert_eq!(places, [At::Oma; 3], "tidying would come before the replicas");
                    prop_assert_eq!(dirty, [false; 3]);
                }
                StepKind::RevertVmSnapshot | StepKind::DeleteVmSnapshot => {
                    prop_assert!(false, "{step:?} is for plans with a VM snapshot");
                }
                StepKind::Quarantine { .. } => prop_assert!(false, "nobody gave a rollback point up"),
                StepKind::Resume => prop_assert!(false, "nobody was asked to quiesce"),
                forward @ (StepKind::Validate
                | StepKind::Quiesce
                | StepKind::TakeInventory
                | StepKind::VmSnapshot
                | StepKind::VerifyRollbackPoints
                | StepKind::TestWindow
                | StepKind::DetachFromOma { .. }
                | StepKind::Snapshot { .. }
                | StepKind::CreateVm
                | StepKind::VerifyNetworks
                | StepKind::DetachScratchRoot
                | StepKind::Attach { .. }
                | StepKind::VerifyDisks
                | StepKind::StartVm
                | StepKind::VerifyBoot) => {
                    prop_assert!(false, "{forward:?} is no step of the way back");
                }
            }
        }
    }

    #[test]
    fn it_is_home_only_when_nothing_is_left(
        places in prop::array::uniform3(place()),
        dirty in any::<[bool; 3]>(),
        state in vm_state(),
    ) {
        let (mut job, scene) = situation(places, dirty, state);
        job.ledger[0].state = ResourceState::Removed;
        let next = plan_return(&plan(), &job, &scene, &Busy::default());
        prop_assert_eq!(next.is_home, places == [At::Oma; 3] && dirty == [false; 3]);
    }
}

#[test]
fn a_destroyed_vm_with_replicas_is_told_to_people_and_left_alone() {
    for state in [VmState::Destroyed, VmState::Error] {
        let (job, scene) = situation([At::Destination, At::Oma, At::Oma], [true; 3], state);
        let next = plan_return(&plan(), &job, &scene, &Busy::default());
        assert!(
            next.obstacles.contains(&Obstacle::OnDestroyedVm { disk: 0 }),
            "{:?}",
            next.obstacles
        );
        assert!(next.steps.is_empty() && !next.is_home);
    }
}

/// The plan of a test whose rollback point is a VM snapshot.
fn test_plan() -> Plan {
    Plan {
        job_type: JobType::Test,
        errand: Errand::Test(TestErrand {
            strategy: RollbackStrategy::VmSnapshot,
            strategy_reason: String::new(),
            vm_snapshot_name: Some("ours".to_owned()),
            window_seconds: 3600,
            at_window_end: AtWindowEnd::CleanUp,
        }),
        ..plan()
    }
}

fn vm_snapshot(name: &str, state: VmSnapshotState) -> VmSnapshot {
    VmSnapshot {
        id: id("vm-snapshot"),
        name: name.to_owned(),
        vm: id("destination"),
        state,
        kind: VmSnapshotKind::Disk,
        current: true,
        created: None,
    }
}

/// The steps of a test with a VM snapshot.
fn test_return(job: &JobState, scene: &Scene) -> (Vec<StepKind>, Vec<Obstacle>) {
    let next = plan_return(&test_plan(), job, scene, &Busy::default());
    (next.steps.into_iter().map(|s| s.kind).collect(), next.obstacles)
}

#[test]
fn a_vm_snapshot_is_reverted_to_then_deleted_and_only_then_anything_is_detached() {
    let (mut job, mut scene) = situation([At::Destination; 3], [true; 3], VmState::Stopped);
    scene.vm_snapshots = vec![vm_snapshot("ours", VmSnapshotState::Ready)];
    assert_eq!(
        test_return(&job, &scene),
        (vec![StepKind::RevertVmSnapshot], vec![])
    );
    job.disks.iter_mut().for_each(|d| d.dirty = false);
    assert_eq!(
        test_return(&job, &scene),
        (vec![StepKind::DeleteVmSnapshot], vec![])
    );
    scene.vm_snapshots.clear();
    let detach = [1, 2].map(|disk| StepKind::DetachFromDestination { disk });
    assert_eq!(test_return(&job, &scene), (detach.to_vec(), vec![]));
}

#[test]
fn a_vm_snapshot_in_error_before_any_guest_is_deleted_without_a_revert() {
    let (job, mut scene) = situation([At::Destination; 3], [false; 3], VmState::Stopped);
    scene.vm_snapshots = vec![vm_snapshot("ours", VmSnapshotState::Error)];
    assert_eq!(
        test_return(&job, &scene),
        (vec![StepKind::DeleteVmSnapshot], vec![])
    );
}

#[test]
fn dirty_replicas_whose_vm_snapshot_is_gone_wait_for_a_decision() {
    for (places, shown) in [
        ([At::Destination; 3], None),
        ([At::Destination; 3], Some(VmSnapshotState::Error)),
        ([At::Nowhere; 3], None),
    ] {
        let (mut job, mut scene) = situation(places, [true; 3], VmState::Stopped);
        scene.vm_snapshots = shown
            .into_iter()
            .map(|state| vm_snapshot("ours", state))
            .collect();
        let nothing: Vec<Obstacle> = (0..DISKS)
            .map(|disk| Obstacle::NothingToRevertTo { disk })
            .collect();
        assert_eq!(test_return(&job, &scene), (vec![], nothing));
        job.disks
            .iter_mut()
            .for_each(|d| d.decision = Some(Decision::Force));
        let marks: Vec<StepKind> = (0..DISKS).map(|disk| StepKind::Quarantine { disk }).collect();
        assert_eq!(test_return(&job, &scene), (marks, vec![]));
    }
}

#[test]
fn a_vm_snapshot_that_somebody_else_took_is_not_touched() {
    let (job, mut scene) = situation([At::Destination; 3], [false; 3], VmState::Stopped);
    scene.vm_snapshots = vec![vm_snapshot("a person's", VmSnapshotState::Ready)];
    let name = "a person's".to_owned();
    assert_eq!(
        test_return(&job, &scene),
        (vec![], vec![Obstacle::ForeignVmSnapshot { name }])
    );
}

#[test]
fn a_replica_that_is_kept_is_left_alone_and_the_others_return() {
    let (mut job, scene) = situation([At::Nowhere; 3], [true, false, true], VmState::Stopped);
    job.disks[0].decision = Some(Decision::Keep);
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    let kinds: Vec<StepKind> = next.steps.into_iter().map(|s| s.kind).collect();
    assert_eq!(
        kinds,
        [StepKind::ReturnToOma { disk: 1 }, StepKind::Revert { disk: 2 }]
    );
    assert_eq!(next.obstacles, [Obstacle::Kept { disk: 0 }]);
}

#[test]
fn the_rollback_point_of_a_quarantined_replica_is_kept() {
    let (mut job, scene) = situation([At::Oma; 3], [true, false, false], VmState::Stopped);
    job.disks[0].quarantined = true;
    for disk in 0..DISKS {
        job.ledger.push(ResourceRow {
            kind: ResourceKind::Snapshot,
            name: format!("snapshot-{disk}"),
            cloud_id: Some(format!("snapshot-{disk}")),
            state: ResourceState::Present,
        });
    }
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    let kinds: Vec<StepKind> = next.steps.into_iter().map(|s| s.kind).collect();
    let deleted = [1, 2].map(|disk| StepKind::DeleteSnapshot { disk });
    assert_eq!(kinds, [vec![StepKind::DestroyVm], deleted.to_vec()].concat());
}

fn shown_vm_snapshots() -> impl Strategy<Value = Vec<VmSnapshot>> {
    let state = prop_oneof![
        Just(VmSnapshotState::Allocated),
        Just(VmSnapshotState::Creating),
        Just(VmSnapshotState::Ready),
        Just(VmSnapshotState::Reverting),
        Just(VmSnapshotState::Expunging),
        Just(VmSnapshotState::Error),
        Just(VmSnapshotState::Other("Hidden".to_owned())),
    ];
    let name = prop_oneof![4 => Just("ours"), 1 => Just("foreign")];
    prop::collection::vec((name, state), 0..3).prop_map(|shown| {
        shown
            .into_iter()
            .map(|(name, state)| vm_snapshot(name, state))
            .collect()
    })
}

fn decision() -> impl Strategy<Value = Option<Decision>> {
    prop_oneof![3 => Just(None), 1 => Just(Some(Decision::Keep)), 1 => Just(Some(Decision::Force))]
}

proptest! {
    #[test]
    fn no_scene_with_a_vm_snapshot_leads_to_harm(
        places in prop::array::uniform3(place()),
        dirty in any::<[bool; 3]>(),
        quarantined in any::<[bool; 3]>(),
        doubtful in any::<[bool; 3]>(),
        decisions in prop::array::uniform3(decision()),
        state in vm_state(),
        shown in shown_vm_snapshots(),
    ) {
        let stopped = state == VmState::Stopped;
        let (mut job, mut scene) = situation(places, dirty, state);
        for ((disk, quarantined), decision) in job.disks.iter_mut().zip(quarantined).zip(decisions) {
            disk.quarantined = quarantined;
            disk.decision = decision;
        }
        for (disk, doubtful) in job.disks.iter_mut().zip(doubtful) {
            disk.doubtful = doubtful;
        }
        scene.vm_snapshots = shown.clone();
        let needs: Vec<bool> = job.disks.iter().map(|d| d.needs_revert()).collect();
        let marks: Vec<bool> = job.disks.iter().map(|d| d.needs_mark()).collect();
        let holds_writes = (0..DISKS).any(|d| needs[d] && places[d] == At::Destination);
        let given_up = (0..DISKS).any(|d| needs[d] && decisions[d] == Some(Decision::Force));
        // What was decided of a replica that hangs elsewhere says nothing of those on the VM.
        let given_up_on_vm =
            (0..DISKS).any(|d| needs[d] && places[d] == At::Destination && decisions[d] == Some(Decision::Force));
        for step in test_return(&job, &scene).0 {
            match step {
                StepKind::RevertVmSnapshot => prop_assert!(stopped && holds_writes && !given_up_on_vm),
                StepKind::DeleteVmSnapshot => {
                    prop_assert!(!holds_writes, "the guest's writes would become permanent");
                    prop_assert!(stopped || places == [At::Oma; 3]);
                    prop_assert!(shown.iter().all(|s| s.name == "ours"), "a foreign one is in the way");
                }
                StepKind::DetachFromDestination { disk } => {
                    prop_assert!(stopped && shown.is_empty(), "the cloud would refuse it");
                    prop_assert!(!needs[disk], "it could not be reverted any more");
                }
                StepKind::Quarantine { disk } => prop_assert!((needs[disk] && given_up) || marks[disk]),
                StepKind::ReturnToOma { disk } => prop_assert!(!needs[disk] && !marks[disk]),
                StepKind::StopVm => prop_assert!(!stopped && places.contains(&At::Destination)),
                StepKind::DestroyVm | StepKind::DeleteScratchRoot | StepKind::DeleteSnapshot { .. } => {
                    prop_assert_eq!(places, [At::Oma; 3]);
                    prop_assert_eq!(&needs, &[false; 3]);
                    prop_assert_eq!(&marks, &[false; 3]);
                }
                StepKind::Revert { .. }
                | StepKind::Resume
                | StepKind::Validate
                | StepKind::Quiesce
                | StepKind::TakeInventory
                | StepKind::VmSnapshot
                | StepKind::VerifyRollbackPoints
                | StepKind::TestWindow
                | StepKind::DetachFromOma { .. }
                | StepKind::Snapshot { .. }
                | StepKind::CreateVm
                | StepKind::VerifyNetworks
                | StepKind::DetachScratchRoot
                | StepKind::Attach { .. }
                | StepKind::VerifyDisks
                | StepKind::StartVm
                | StepKind::VerifyBoot => prop_assert!(false, "{step:?} is no step of this way back"),
            }
        }
    }
}

/// A detach whose job was cut off may still take it away.
#[test]
fn a_replica_that_the_cloud_is_still_at_work_on_is_not_home() {
    let (mut job, mut scene) = situation([At::Oma; 3], [false; 3], VmState::Stopped);
    job.ledger.clear();
    assert!(plan_return(&plan(), &job, &scene, &Busy::default()).is_home);
    for volume in scene.replicas.iter_mut().flatten().take(1) {
        volume.pending_job = Some(id("job-1"));
    }
    let next = plan_return(&plan(), &job, &scene, &Busy::default());
    assert!(!next.is_home);
    let kinds: Vec<StepKind> = next.steps.into_iter().map(|s| s.kind).collect();
    assert_eq!(kinds, [StepKind::ReturnToOma { disk: 0 }], "it waits and looks");
}

/// What is begun while these steps are under way.
fn begun_beside(
    running: &[StepKind],
    waiting: &[StepKind],
    places: [At; DISKS],
    dirty: [bool; DISKS],
) -> Vec<StepKind> {
    let step = |kind: &StepKind| Step::new(Direction::Return, *kind);
    let busy = Busy {
        running: running.iter().map(step).collect(),
        waiting: waiting.iter().map(|kind| step(kind).id).collect(),
    };
    let (job, scene) = situation(places, dirty, VmState::Stopped);
    let next = plan_return(&plan(), &job, &scene, &busy);
    next.steps.into_iter().map(|s| s.kind).collect()
}

#[test]
fn nothing_leaves_a_vm_whose_stop_is_not_known_to_be_done() {
    let all = [At::Destination; 3];
    assert_eq!(begun_beside(&[StepKind::StopVm], &[], all, [true; 3]), []);
    assert_eq!(begun_beside(&[], &[StepKind::StopVm], all, [true; 3]), []);
}

#[test]
fn no_step_overtakes_another_one_about_the_same_disk() {
    let places = [At::Destination, At::Nowhere, At::Nowhere];
    let detaching = StepKind::DetachFromDestination { disk: 1 };
    assert_eq!(
        begun_beside(&[detaching], &[], places, [false; 3]),
        [
            StepKind::ReturnToOma { disk: 2 },
            StepKind::DetachFromDestination { disk: 0 }
        ],
        "disk 1 is seen detached before its detach is known to be done"
    );
}

#[test]
fn a_step_that_waits_for_its_next_attempt_is_not_begun() {
    let places = [At::Nowhere, At::Nowhere, At::Oma];
    let begun = begun_beside(&[], &[StepKind::ReturnToOma { disk: 0 }], places, [false; 3]);
    assert_eq!(begun, [StepKind::ReturnToOma { disk: 1 }]);
}

#[test]
fn a_replica_that_hangs_on_no_vm_does_not_wait_for_the_stop_of_the_vm() {
    let places = [At::Destination, At::Nowhere, At::Nowhere];
    let begun = begun_beside(&[StepKind::StopVm], &[], places, [false, false, true]);
    let expected = [StepKind::ReturnToOma { disk: 1 }, StepKind::Revert { disk: 2 }];
    assert_eq!(begun, expected);
}

#[test]
fn a_vm_is_not_destroyed_while_its_stop_is_not_known_to_be_done() {
    assert_eq!(
        begun_beside(&[StepKind::StopVm], &[], [At::Oma; 3], [false; 3]),
        []
    );
    assert_eq!(
        begun_beside(&[], &[StepKind::StopVm], [At::Oma; 3], [false; 3]),
        []
    );
}

/// What is begun of the way back of a test while these steps are under way.
fn test_begun_beside(
    job: &JobState,
    scene: &Scene,
    running: &[StepKind],
    waiting: &[StepKind],
) -> Vec<StepKind> {
    let step = |kind: &StepKind| Step::new(Direction::Return, *kind);
    let busy = Busy {
        running: running.iter().map(step).collect(),
        waiting: waiting.iter().map(|kind| step(kind).id).collect(),
    };
    let next = plan_return(&test_plan(), job, scene, &busy);
    next.steps.into_iter().map(|s| s.kind).collect()
}

#[test]
fn nothing_leaves_a_vm_whose_snapshot_is_still_being_deleted() {
    let (job, scene) = situation([At::Destination; 3], [false; 3], VmState::Stopped);
    assert_eq!(
        test_begun_beside(&job, &scene, &[StepKind::DeleteVmSnapshot], &[]),
        []
    );
    assert_eq!(
        test_begun_beside(&job, &scene, &[], &[]).len(),
        2,
        "the data disks leave"
    );
}

#[test]
fn a_vm_snapshot_is_not_reverted_to_before_the_stop_is_known_to_be_done() {
    let (job, mut scene) = situation([At::Destination; 3], [true; 3], VmState::Stopped);
    scene.vm_snapshots = vec![vm_snapshot("ours", VmSnapshotState::Ready)];
    assert_eq!(test_begun_beside(&job, &scene, &[], &[StepKind::StopVm]), []);
    assert_eq!(
        test_begun_beside(&job, &scene, &[], &[]),
        [StepKind::RevertVmSnapshot]
    );
}

#[test]
fn the_migration_tool_is_told_once_and_waits_for_nothing_about_the_vm() {
    let (mut job, scene) = situation([At::Oma; 3], [false; 3], VmState::Stopped);
    job.writer_asked = true;
    let step = |kind| Step::new(Direction::Return, kind);
    let destroying = Busy {
        running: vec![step(StepKind::DestroyVm)],
        ..Busy::default()
    };
    let begun = plan_return(&plan(), &job, &scene, &destroying).steps;
    assert_eq!(begun, [step(StepKind::Resume)]);
    let told = Standing::Done {
        facts: StepFacts::Plain,
    };
    note(&mut job, StepKind::Resume, told, false);
    assert_eq!(plan_return(&plan(), &job, &scene, &destroying).steps, []);
}

/// Notes how a step of the way back stands.
fn note(job: &mut JobState, kind: StepKind, standing: Standing, doubted: bool) {
    let step = Step::new(Direction::Return, kind);
    let record = StepRecord {
        step: step.clone(),
        attempts: 1,
        delays: 0,
        forced: doubted,
        doubted,
        standing,
        since: DateTime::UNIX_EPOCH,
        until: DateTime::UNIX_EPOCH,
    };
    job.steps.insert(step.id, record);
}

/// A stop that was put off.
fn unfinished() -> Standing {
    Standing::Delayed {
        error: StepError {
            kind: StepErrorKind::Unavailable,
            message: "the host does not answer".to_owned(),
            refusal: None,
        },
        retry_at: DateTime::UNIX_EPOCH,
    }
}

fn return_kinds(job: &JobState, scene: &Scene) -> Vec<StepKind> {
    let next = plan_return(&plan(), job, scene, &Busy::default());
    next.steps.into_iter().map(|s| s.kind).collect()
}

#[test]
fn a_stop_that_was_begun_is_taken_to_its_end_although_the_vm_shows_stopped() {
    let (mut job, scene) = situation([At::Destination; 3], [true; 3], VmState::Stopped);
    note(&mut job, StepKind::StopVm, unfinished(), false);
    assert_eq!(return_kinds(&job, &scene), [StepKind::StopVm]);
    let off = Standing::Done {
        facts: StepFacts::GuestOff,
    };
    note(&mut job, StepKind::StopVm, off, false);
    let leaving = [1, 2].map(|disk| StepKind::DetachFromDestination { disk });
    assert_eq!(return_kinds(&job, &scene), leaving);
}

/// Its guest may run on where nobody reaches it, and write to what it had.
#[test]
fn what_a_vm_had_whose_forced_stop_has_not_ended_goes_nowhere() {
    let (mut job, mut scene) = situation([At::Nowhere; 3], [false, false, true], VmState::Stopped);
    for disk in &mut job.disks {
        disk.custody = Custody::Destination { device: 0 };
    }
    job.disks[0].custody = Custody::Detached;
    note(&mut job, StepKind::StopVm, unfinished(), true);
    let free = StepKind::ReturnToOma { disk: 0 };
    assert_eq!(
        return_kinds(&job, &scene),
        [free, StepKind::StopVm],
        "disk 0 was on no VM"
    );
    let mut marked = job.clone();
    marked.disks[1].quarantined = true;
    let expected = [free, StepKind::ReturnToOma { disk: 1 }, StepKind::StopVm];
    assert_eq!(
        return_kinds(&marked, &scene),
        expected,
        "what is marked may return"
    );
    let mut graceful = job.clone();
    note(&mut graceful, StepKind::StopVm, unfinished(), false);
    let expected = [
        free,
        StepKind::ReturnToOma { disk: 1 },
        StepKind::Revert { disk: 2 },
    ];
    assert_eq!(
        return_kinds(&graceful, &scene),
        expected,
        "nobody doubts a graceful stop"
    );
    // Nothing tells any more whether the guest is off.
    scene.vm = None;
    let expected = [
        free,
        StepKind::Quarantine { disk: 1 },
        StepKind::Quarantine { disk: 2 },
    ];
    assert_eq!(return_kinds(&job, &scene), expected);
}

#[test]
fn a_doubtful_replica_is_marked_wherever_it_is_found() {
    for places in [[At::Oma; 3], [At::Nowhere, At::Oma, At::Oma]] {
        let (mut job, scene) = situation(places, [false; 3], VmState::Stopped);
        job.ledger.clear();
        job.disks[0].doubtful = true;
        assert_eq!(return_kinds(&job, &scene), [StepKind::Quarantine { disk: 0 }]);
        job.disks[0].quarantined = true;
        let next = plan_return(&plan(), &job, &scene, &Busy::default());
        assert_eq!(next.is_home, places == [At::Oma; 3]);
    }
}

#[test]
fn a_commit_deletes_each_rollback_point_once() {
    let (mut job, _) = situation([At::Destination; 3], [true; 3], VmState::Running);
    job.ledger.clear();
    for (disk, state) in (0..).zip([
        ResourceState::Present,
        ResourceState::Intended,
        ResourceState::Removed,
    ]) {
        job.ledger.push(ResourceRow {
            kind: ResourceKind::Snapshot,
            name: format!("snapshot-{disk}"),
            cloud_id: None,
            state,
        });
    }
    let delete = |disk| Step::new(Direction::Return, StepKind::DeleteSnapshot { disk });
    let next = plan_commit(&plan(), &job, &Busy::default());
    assert_eq!(next.steps, [delete(0), delete(1)]);
    assert!(!next.is_home);
    let busy = Busy {
        running: vec![delete(0)],
        waiting: [delete(1).id].into(),
    };
    let next = plan_commit(&plan(), &job, &busy);
    assert_eq!(next.steps, []);
    assert!(!next.is_home, "they are not gone yet");
    for row in &mut job.ledger {
        row.state = ResourceState::Removed;
    }
    assert!(plan_commit(&plan(), &job, &Busy::default()).is_home);
}
