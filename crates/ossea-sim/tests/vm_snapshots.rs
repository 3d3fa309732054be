//! VM snapshots: which release and storage can make them, what they keep, and what becomes of them when something
//! goes wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use failover_domain::{AsyncJobId, CloudVmId, VmSnapshotId, VolumeId};
use ossea::{Command, JobReport, OsseaClient, OsseaError, VmSnapshotState};
use ossea_sim::cloud::command::{Accepted, ApiCommand, NewVmSnapshot, SnapshotMemory};
use ossea_sim::cloud::error::ApiError;
use ossea_sim::cloud::log::{Effect, LogEvent};
use ossea_sim::cloud::objects::VmSnapshotState as State;
use ossea_sim::cloud::{Delivery, Reply};
use ossea_sim::contents::StorageKind;
use ossea_sim::settings::{Role, Wording};
use ossea_sim::{FaultRule, Profile, SimContents, SimSettings, Work, WorkFault};
use support::{Caller, start, stop};

const PROFILES: [Profile; 3] = [Profile::V4_18, Profile::V4_21, Profile::V4_22];

fn caller_on(profile: Profile, storage: StorageKind) -> Caller {
    let mut contents = SimContents::sample();
    contents.pools.iter_mut().for_each(|pool| pool.kind = storage);
    Caller::with_contents(contents, SimSettings::of(profile))
}

/// A stopped VM with the first two replicas.
async fn failed_over(caller: &Caller) -> CloudVmId {
    let [root, disk, _] = caller.replicas();
    let vm = caller.emptied_vm("web").await;
    for (replica, device) in [(&root, 0), (&disk, 1)] {
        caller.detach(replica).await;
        caller.attach(replica, &vm, device).await;
    }
    vm
}

/// A VM with its scratch root on storage, as after a first start; managed storage refuses other roots.
async fn started_once(caller: &Caller) -> CloudVmId {
    let vm = caller.deployed_vm("web").await;
    caller.done(start(&vm)).await;
    vm
}

/// Asks for a VM snapshot: the job, or the code of the refusal.
fn ask(caller: &Caller, vm: &CloudVmId, name: &str, memory: SnapshotMemory) -> Result<AsyncJobId, u32> {
    let command = ApiCommand::CreateVmSnapshot(NewVmSnapshot {
        vm: vm.clone(),
        name: Some(name.to_owned()),
        description: None,
        memory,
    });
    let now = caller.cloud.clock().now();
    let Reply { delivery, .. } = caller.cloud.cloud().submit(now, None, command);
    let Delivery::Answer(answer) = delivery else {
        panic!("{delivery:?}")
    };
    match answer {
        Ok(Accepted::Job { job, .. }) => Ok(job),
        Ok(Accepted::Done(result)) => panic!("{result:?}"),
        Err(ApiError { code, .. }) => Err(code),
    }
}

/// How asking for one ends: `Ok` when it is taken, else the code and where it shows.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Ready,
    RefusedAtOnce(u32),
    FailedInTheJob(u32),
}

async fn end(caller: &Caller, vm: &CloudVmId, name: &str, memory: SnapshotMemory) -> End {
    let job = match ask(caller, vm, name, memory) {
        Err(code) => return End::RefusedAtOnce(code),
        Ok(job) => job,
    };
    match caller.wait(&job).await {
        JobReport::Succeeded { .. } => End::Ready,
        JobReport::Failed(refusal) => End::FailedInTheJob(refusal.code),
        other @ (JobReport::Pending | JobReport::Interrupted { .. } | JobReport::NotKnown) => {
            panic!("{other:?}")
        }
    }
}

fn create(vm: &CloudVmId, name: &str) -> Command {
    Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: name.to_owned(),
        description: String::new(),
    }
}

fn revert(snapshot: &VmSnapshotId) -> Command {
    Command::RevertToVmSnapshot {
        snapshot: snapshot.clone(),
    }
}

fn delete(snapshot: &VmSnapshotId) -> Command {
    Command::DeleteVmSnapshot {
        snapshot: snapshot.clone(),
    }
}

async fn snapshotted(caller: &Caller, vm: &CloudVmId, name: &str) -> VmSnapshotId {
    caller.done(create(vm, name)).await.parse().unwrap()
}

async fn job_of(caller: &Caller, command: Command) -> AsyncJobId {
    match caller.submit(command).await.unwrap() {
        ossea::Accepted::Job { job, .. } => job,
        ossea::Accepted::Done => panic!("a job was expected"),
    }
}

fn generation(caller: &Caller, disk: &VolumeId) -> u64 {
    caller.cloud.content_of(disk).unwrap().generation
}

/// The states of all VM snapshots, hidden ones included, by name.
fn states(caller: &Caller) -> Vec<(String, State)> {
    let pictures = caller.cloud.inventory().vm_snapshots.into_iter();
    let mut states: Vec<_> = pictures.map(|picture| (picture.name, picture.state)).collect();
    states.sort();
    states
}

#[tokio::test(start_paused = true)]
async fn a_stopped_vm_in_files_is_snapshotted_only_from_4_21_on() {
    for (profile, expected) in [
        (Profile::V4_18, End::FailedInTheJob(530)),
        (Profile::V4_21, End::Ready),
        (Profile::V4_22, End::Ready),
    ] {
        let caller = caller_on(profile, StorageKind::Nfs);
        let vm = failed_over(&caller).await;
        assert_eq!(
            end(&caller, &vm, "point", SnapshotMemory::LeftOut).await,
            expected,
            "{profile}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_vm_snapshot_freezes_its_vm_until_it_is_deleted() {
    let caller = caller_on(Profile::V4_18, StorageKind::Nfs);
    let vm = failed_over(&caller).await;
    let [root, _, spare] = caller.replicas();
    caller.detach(&spare).await;
    assert_eq!(caller.fails(create(&vm, "point")).await.code, 530);
    let [left] = &caller.cloud.vm_snapshots_of(&vm).await.unwrap()[..] else {
        panic!("the row stays")
    };
    assert_eq!(left.state, VmSnapshotState::Error);
    let detach = Command::DetachVolume { volume: root.clone() };
    assert_eq!(caller.fails(detach).await.code, 431);
    assert_eq!(caller.fails(support::attach(&spare, &vm, 2)).await.code, 431);
    caller.done(delete(&left.id)).await;
    caller.attach(&spare, &vm, 2).await;
    caller.detach(&root).await;
}

#[tokio::test(start_paused = true)]
async fn raw_disks_of_a_stopped_vm_are_refused_at_once_by_every_release() {
    for profile in PROFILES {
        let caller = caller_on(profile, StorageKind::Rbd);
        let vm = failed_over(&caller).await;
        assert_eq!(
            end(&caller, &vm, "point", SnapshotMemory::LeftOut).await,
            End::RefusedAtOnce(530)
        );
        assert_eq!(states(&caller), []);
    }
}

#[tokio::test(start_paused = true)]
async fn storage_with_a_strategy_of_its_own_snapshots_running_and_stopped_vms_alike() {
    for profile in PROFILES {
        let caller = caller_on(profile, StorageKind::Managed);
        let vm = started_once(&caller).await;
        assert_eq!(
            end(&caller, &vm, "running", SnapshotMemory::LeftOut).await,
            End::Ready
        );
        assert_eq!(
            end(&caller, &vm, "memory", SnapshotMemory::Included).await,
            End::RefusedAtOnce(530)
        );
        caller.done(stop(&vm)).await;
        assert_eq!(
            end(&caller, &vm, "stopped", SnapshotMemory::LeftOut).await,
            End::Ready
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_disks_of_a_running_vm_are_snapshotted_by_files_or_else_by_volume() {
    let refused = End::RefusedAtOnce(530);
    for (profile, storage, expected) in [
        (Profile::V4_18, StorageKind::Nfs, &refused),
        (Profile::V4_21, StorageKind::Nfs, &End::Ready),
        (Profile::V4_22, StorageKind::Nfs, &End::Ready),
        (Profile::V4_18, StorageKind::Rbd, &refused),
        (Profile::V4_21, StorageKind::Rbd, &refused),
        (Profile::V4_22, StorageKind::Rbd, &End::Ready),
    ] {
        let caller = caller_on(profile, storage);
        let vm = started_once(&caller).await;
        assert_eq!(
            end(&caller, &vm, "point", SnapshotMemory::LeftOut).await,
            *expected,
            "{profile} {storage:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_kept_of_running_vms_in_files_only() {
    for profile in PROFILES {
        let caller = caller_on(profile, StorageKind::Nfs);
        let vm = started_once(&caller).await;
        assert_eq!(
            end(&caller, &vm, "memory", SnapshotMemory::Included).await,
            End::Ready
        );
        caller.done(stop(&vm)).await;
        assert_eq!(
            end(&caller, &vm, "stopped", SnapshotMemory::Included).await,
            End::RefusedAtOnce(530)
        );
        // Beside one with memory the file-based strategy does not fit.
        assert_eq!(
            end(&caller, &vm, "disks", SnapshotMemory::LeftOut).await,
            End::FailedInTheJob(530)
        );
        let raw = caller_on(profile, StorageKind::Rbd);
        let vm = started_once(&raw).await;
        assert_eq!(
            end(&raw, &vm, "memory", SnapshotMemory::Included).await,
            End::RefusedAtOnce(530)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn beside_a_file_based_snapshot_no_memory_is_kept() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    snapshotted(&caller, &vm, "point").await;
    caller.done(start(&vm)).await;
    assert_eq!(
        end(&caller, &vm, "memory", SnapshotMemory::Included).await,
        End::RefusedAtOnce(530)
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_with_memory_is_gone_back_to_while_the_vm_runs() {
    let caller = Caller::of_sample();
    let vm = started_once(&caller).await;
    let [root] = &caller.cloud.volumes_on(&vm).await.unwrap()[..] else {
        panic!("only the root")
    };
    let job = ask(&caller, &vm, "memory", SnapshotMemory::Included).unwrap();
    caller.wait(&job).await;
    let kept = caller.cloud.vm_snapshots_of(&vm).await.unwrap().remove(0);
    let then = generation(&caller, &root.id);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(generation(&caller, &root.id) > then);
    caller.done(revert(&kept.id)).await;
    assert_eq!(generation(&caller, &root.id), then);
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        ossea::VmState::Running
    );
    caller.done(stop(&vm)).await;
    assert_eq!(caller.fails(revert(&kept.id)).await.code, 431);
}

#[tokio::test(start_paused = true)]
async fn what_a_test_wrote_is_gone_after_going_back_and_deleting() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, disk, _] = caller.replicas();
    let clean = [&root, &disk].map(|replica| caller.cloud.content_of(replica).unwrap());
    let point = snapshotted(&caller, &vm, "point").await;
    caller.done(start(&vm)).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    caller.done(stop(&vm)).await;
    for replica in [&root, &disk] {
        assert!(caller.cloud.content_of(replica).unwrap().written_by(&vm));
    }
    caller.done(revert(&point)).await;
    caller.done(delete(&point)).await;
    let after = [&root, &disk].map(|replica| caller.cloud.content_of(replica).unwrap());
    assert_eq!(after, clean);
    caller.detach(&disk).await;
    caller.detach(&root).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_test_wrote_is_permanent_after_deleting_without_going_back() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, disk, _] = caller.replicas();
    let point = snapshotted(&caller, &vm, "point").await;
    caller.done(start(&vm)).await;
    caller.done(stop(&vm)).await;
    let written = [&root, &disk].map(|replica| caller.cloud.content_of(replica).unwrap());
    caller.done(delete(&point)).await;
    let after = [&root, &disk].map(|replica| caller.cloud.content_of(replica).unwrap());
    assert_eq!(after, written);
    assert!(after.iter().all(|content| content.written_by(&vm)));
    assert_eq!(caller.fails(revert(&point)).await.code, 431, "nothing leads back");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_keeps_the_content_of_the_instant_at_which_it_began() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, ..] = caller.replicas();
    caller.done(start(&vm)).await;
    // The guest writes while the job takes its time.
    let slow = WorkFault::Delay { seconds: 300 };
    caller.cloud.add_fault(FaultRule::on("createVMSnapshot", slow));
    let began = generation(&caller, &root);
    let point = snapshotted(&caller, &vm, "point").await;
    assert!(generation(&caller, &root) > began);
    caller.done(stop(&vm)).await;
    caller.done(revert(&point)).await;
    assert_eq!(generation(&caller, &root), began);
}

#[tokio::test(start_paused = true)]
async fn going_back_chooses_among_snapshots_and_makes_the_chosen_one_current() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, ..] = caller.replicas();
    let mut points = Vec::new();
    for name in ["one", "two"] {
        points.push((snapshotted(&caller, &vm, name).await, generation(&caller, &root)));
        caller.done(start(&vm)).await;
        caller.done(stop(&vm)).await;
    }
    for (point, expected) in points {
        caller.done(revert(&point)).await;
        assert_eq!(generation(&caller, &root), expected);
        let shown = caller.cloud.vm_snapshots_of(&vm).await.unwrap();
        let current: Vec<_> = shown.into_iter().filter(|snapshot| snapshot.current).collect();
        assert_eq!(current.len(), 1);
        assert_eq!(current[0].id, point);
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_on_which_another_rests_is_hidden_and_freezes_until_that_one_is_deleted() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, ..] = caller.replicas();
    let detach = Command::DetachVolume { volume: root.clone() };
    let first = snapshotted(&caller, &vm, "one").await;
    let second = snapshotted(&caller, &vm, "two").await;
    caller.done(delete(&first)).await;
    assert_eq!(
        states(&caller),
        [
            ("one".to_owned(), State::Hidden),
            ("two".to_owned(), State::Ready)
        ]
    );
    assert_eq!(caller.cloud.vm_snapshot(&first).await.unwrap(), None);
    assert_eq!(caller.cloud.vm_snapshots_of(&vm).await.unwrap().len(), 1);
    assert_eq!(caller.fails(delete(&first)).await.code, 431);
    assert_eq!(caller.fails(detach.clone()).await.code, 431);
    caller.done(delete(&second)).await;
    assert_eq!(states(&caller), []);
    caller.done(detach).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_leaves_a_vm_snapshot_in_error_and_forgets_one_that_waited() {
    for work in [Work::Done, Work::NotDone] {
        let caller = Caller::of_sample();
        let vm = failed_over(&caller).await;
        let job = job_of(&caller, create(&vm, "point")).await;
        assert_eq!(states(&caller), [("point".to_owned(), State::Creating)]);
        caller.cloud.restart(work);
        assert_eq!(
            caller.cloud.job(&job).await.unwrap(),
            JobReport::Interrupted { code: 530 }
        );
        assert_eq!(states(&caller), [("point".to_owned(), State::Error)]);
        let left = caller.cloud.vm_snapshots_of(&vm).await.unwrap().remove(0);
        caller.done(delete(&left.id)).await;
        // One that waits for its turn.
        let busy = job_of(
            &caller,
            Command::DetachVolume {
                volume: caller.replicas()[1].clone(),
            },
        )
        .await;
        job_of(&caller, create(&vm, "waiting")).await;
        assert_eq!(states(&caller), [("waiting".to_owned(), State::Allocated)]);
        caller.cloud.restart(work);
        assert_eq!(states(&caller), []);
        assert_eq!(
            caller.cloud.job(&busy).await.unwrap(),
            JobReport::Interrupted { code: 530 }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_revert_that_is_cut_off_or_fails_leaves_a_ready_snapshot_and_can_be_repeated() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [root, ..] = caller.replicas();
    let point = snapshotted(&caller, &vm, "point").await;
    let clean = generation(&caller, &root);
    caller.done(start(&vm)).await;
    caller.done(stop(&vm)).await;
    let written = generation(&caller, &root);
    job_of(&caller, revert(&point)).await;
    assert_eq!(states(&caller), [("point".to_owned(), State::Reverting)]);
    caller.cloud.restart(Work::NotDone);
    assert_eq!(states(&caller), [("point".to_owned(), State::Ready)]);
    assert_eq!(generation(&caller, &root), written);
    job_of(&caller, revert(&point)).await;
    caller.cloud.restart(Work::Done);
    assert_eq!(states(&caller), [("point".to_owned(), State::Ready)]);
    assert_eq!(generation(&caller, &root), clean);
    caller.done(revert(&point)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_stays_in_expunging_by_files_and_in_error_otherwise() {
    let failing = WorkFault::JobFails {
        code: 530,
        text: "Failed to delete".to_owned(),
        work: Work::NotDone,
    };
    for (storage, left) in [
        (StorageKind::Nfs, State::Expunging),
        (StorageKind::Rbd, State::Error),
    ] {
        let caller = caller_on(Profile::V4_22, storage);
        let vm = started_once(&caller).await;
        let point = snapshotted(&caller, &vm, "point").await;
        caller
            .cloud
            .add_fault(FaultRule::on("deleteVMSnapshot", failing.clone()));
        assert_eq!(caller.fails(delete(&point)).await.code, 530);
        assert_eq!(states(&caller), [("point".to_owned(), left)]);
        let detached = caller.cloud.volumes_on(&vm).await.unwrap().remove(0);
        let detach = Command::DetachVolume { volume: detached.id };
        assert_eq!(caller.fails(detach).await.code, 431);
        caller.done(delete(&point)).await;
        assert_eq!(states(&caller), []);
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_on_snapshots_of_one_vm_exclude_each_other() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [_, disk, _] = caller.replicas();
    let point = snapshotted(&caller, &vm, "point").await;
    let other = snapshotted(&caller, &vm, "other").await;
    let reverting = job_of(&caller, revert(&point)).await;
    assert_eq!(
        ask(&caller, &vm, "third", SnapshotMemory::LeftOut),
        Err(530),
        "another is gone back to"
    );
    assert_eq!(caller.fails(revert(&other)).await.code, 431);
    assert_eq!(caller.fails(delete(&other)).await.code, 431);
    assert_eq!(caller.fails(delete(&point)).await.code, 431);
    let of_volume = Command::CreateSnapshot {
        volume: disk.clone(),
        name: "volume".to_owned(),
    };
    assert!(caller.submit(of_volume.clone()).await.is_err());
    caller.wait(&reverting).await;
    caller.done(delete(&other)).await;
    caller.done(delete(&point)).await;
    // The other way round: while a volume is being snapshotted the VM is not.
    job_of(&caller, of_volume).await;
    assert_eq!(ask(&caller, &vm, "fourth", SnapshotMemory::LeftOut), Err(530));
}

#[tokio::test(start_paused = true)]
async fn a_vm_snapshot_waits_for_the_work_on_its_vm() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let [_, disk, _] = caller.replicas();
    let detaching = job_of(&caller, Command::DetachVolume { volume: disk.clone() }).await;
    let creating = job_of(&caller, create(&vm, "point")).await;
    caller.wait(&detaching).await;
    assert_eq!(caller.cloud.job(&creating).await.unwrap(), JobReport::Pending);
    caller.wait(&creating).await;
    // What was detached before its turn came is not in it.
    let picture = caller.cloud.inventory().vm_snapshots.remove(0);
    assert_eq!(picture.generations.len(), 1);
    assert!(!picture.generations.contains_key(&disk));
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_vm_loses_its_snapshots_and_keeps_the_content_of_its_data_disks() {
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    caller.attach(&disk, &vm, 1).await;
    caller.done(start(&vm)).await;
    let first = snapshotted(&caller, &vm, "one").await;
    snapshotted(&caller, &vm, "two").await;
    caller.done(delete(&first)).await;
    caller.done(stop(&vm)).await;
    let written = caller.cloud.content_of(&disk).unwrap();
    let shown = caller.cloud.volumes_on(&vm).await.unwrap();
    let root = shown.iter().find(|volume| volume.id != disk).unwrap().id.clone();
    let foreign = std::collections::BTreeSet::new();
    let proof = ossea::EmptiedVm::prove(&vm, &shown, &foreign, Some(&root)).unwrap();
    caller.done(Command::DestroyVirtualMachine { vm: proof }).await;
    assert_eq!(states(&caller), []);
    assert_eq!(caller.cloud.content_of(&disk).unwrap(), written);
    assert_eq!(caller.cloud.content_of(&root), None);
}

#[tokio::test(start_paused = true)]
async fn the_record_and_the_inventory_tell_of_vm_snapshots() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let before = caller.cloud.inventory();
    let point = snapshotted(&caller, &vm, "point").await;
    assert_ne!(caller.cloud.inventory(), before);
    caller.done(revert(&point)).await;
    caller.done(delete(&point)).await;
    assert_eq!(caller.cloud.inventory(), before);
    let [root, disk, _] = caller.replicas();
    let generations = std::collections::BTreeMap::from([(root, 0), (disk, 0)]);
    let effects: Vec<Effect> = caller
        .cloud
        .log()
        .into_iter()
        .filter_map(|entry| match entry.event {
            LogEvent::Effect { effect, .. } => Some(effect),
            LogEvent::Call(_) | LogEvent::Restarted { .. } => None,
        })
        .collect();
    let expected = [
        Effect::VmSnapshotTaken {
            snapshot: point.clone(),
            vm: vm.clone(),
            generations: generations.clone(),
        },
        Effect::VmSnapshotReverted {
            snapshot: point.clone(),
            vm: vm.clone(),
            generations,
        },
        Effect::VmSnapshotDeleted { snapshot: point, vm },
    ];
    assert_eq!(effects[effects.len() - 3..], expected);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_to_everybody_in_the_words_of_the_release() {
    for (wording, prefix) in [
        (Wording::Vm, "Failed to create VM snapshot: "),
        (Wording::Instance, "Failed to create Instance Snapshot: "),
    ] {
        let caller = Caller::with(SimSettings {
            wording,
            role: Role::User,
            ..SimSettings::default()
        });
        let vm = caller.emptied_vm("web").await;
        let Err(OsseaError::Refused(refusal)) = caller.submit(create(&vm, "point")).await else {
            panic!("a VM without a root is refused")
        };
        assert_eq!(refusal.code, 530);
        assert!(refusal.text.starts_with(prefix), "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_repeated_under_its_key_leaves_a_row_that_blocks_all_others() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let key = caller.key();
    caller.cloud.submit(&key, &create(&vm, "point")).await.unwrap();
    caller.wait(&key.job_id()).await;
    let again = caller.cloud.submit(&key, &create(&vm, "again")).await;
    assert!(again.is_err(), "the key is known");
    assert_eq!(
        states(&caller),
        [
            ("again".to_owned(), State::Allocated),
            ("point".to_owned(), State::Ready)
        ]
    );
    let point = caller.cloud.vm_snapshots_of(&vm).await.unwrap().remove(1);
    assert_eq!(caller.fails(revert(&point.id)).await.code, 431);
    assert_eq!(caller.fails(delete(&point.id)).await.code, 431);
}

#[tokio::test(start_paused = true)]
async fn cards_change_in_the_queue_of_their_vm() {
    let caller = Caller::of_sample();
    let vm = failed_over(&caller).await;
    let networks = &caller.contents.networks;
    let other = networks.iter().find(|network| network.name == "production-db");
    let starting = job_of(&caller, start(&vm)).await;
    let add = Command::AddNic {
        vm: vm.clone(),
        network: other.unwrap().id.clone(),
        mac: None,
        address: None,
    };
    // It is checked at once and refused, as the VM is starting; later it waits for its turn.
    assert_eq!(caller.fails(add.clone()).await.code, 530);
    caller.wait(&starting).await;
    let detaching = Command::DetachVolume {
        volume: caller.replicas()[1].clone(),
    };
    let detaching = job_of(&caller, detaching).await;
    let adding = job_of(&caller, add).await;
    caller.wait(&detaching).await;
    assert_eq!(caller.cloud.job(&adding).await.unwrap(), JobReport::Pending);
    caller.wait(&adding).await;
    assert_eq!(caller.cloud.vm(&vm).await.unwrap().unwrap().nics.len(), 2);
}
