//! Stopping, destroying and expunging VMs where it depends on the release and the caller's role, and where it fails.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use failover_domain::{CloudVmId, VolumeId};
use ossea::{Command, EmptiedVm, JobReport, OsseaClient, OsseaError, StopMode, VmState};
use ossea_sim::cloud::command::{Accepted, ApiCommand, Destroy, DestroyEnd};
use ossea_sim::cloud::log::{Effect, LogEvent};
use ossea_sim::cloud::{Agent, Conditions, Delivery, ServerMode};
use ossea_sim::contents::Protection;
use ossea_sim::settings::{Role, UserExpunge, UserForceStop};
use ossea_sim::{BootFailure, FaultRule, NicFault, Profile, SimSettings, Work, WorkFault};
use support::{Caller, start, stop};

/// Sends a command that the client has not in this form, and waits for the end of its job.
async fn run(caller: &Caller, command: ApiCommand) -> JobReport {
    let now = caller.cloud.clock().now();
    let reply = caller.cloud.cloud().submit(now, None, command);
    let Delivery::Answer(Ok(Accepted::Job { job, .. })) = reply.delivery else {
        panic!("{reply:?}")
    };
    caller.wait(&job).await
}

async fn destroy(caller: &Caller, vm: &CloudVmId, end: DestroyEnd, volumes: &[&VolumeId]) -> JobReport {
    let destroy = Destroy {
        vm: vm.clone(),
        end,
        volumes: volumes.iter().copied().cloned().collect(),
    };
    run(caller, ApiCommand::DestroyVirtualMachine(destroy)).await
}

#[track_caller]
fn succeeded(report: &JobReport) {
    assert!(matches!(report, JobReport::Succeeded { .. }), "{report:?}");
}

#[track_caller]
fn failed(report: &JobReport, code: u32) {
    assert!(
        matches!(report, JobReport::Failed(refusal) if refusal.code == code),
        "{report:?}"
    );
}

fn expunge(vm: &CloudVmId) -> Command {
    let vm = EmptiedVm::prove(vm, &[], &BTreeSet::new(), None).unwrap();
    Command::ExpungeVirtualMachine { vm }
}

async fn state(caller: &Caller, vm: &CloudVmId) -> VmState {
    caller.cloud.vm(vm).await.unwrap().unwrap().state
}

/// A running VM with a replica as its only disk.
async fn running_on(caller: &Caller, disk: &VolumeId) -> CloudVmId {
    caller.detach(disk).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(disk, &vm, 0).await;
    caller.done(start(&vm)).await;
    vm
}

#[tokio::test(start_paused = true)]
async fn plain_users_expunge_never_by_itself_and_recover_only_where_that_is_allowed() {
    for (user_expunge, may) in [(UserExpunge::Denied, false), (UserExpunge::Allowed, true)] {
        let caller = Caller::with(SimSettings {
            role: Role::User,
            user_expunge,
            ..SimSettings::default()
        });
        let vm = caller.deployed_vm("web").await;
        succeeded(&destroy(&caller, &vm, DestroyEnd::Recoverable, &[]).await);
        // Plain users do not see it, and may name it all the same.
        assert_eq!(caller.cloud.vm(&vm).await.unwrap(), None);
        assert!(matches!(
            caller.submit(expunge(&vm)).await,
            Err(OsseaError::Unauthorized(_))
        ));
        let recovered = caller
            .submit(Command::RecoverVirtualMachine { vm: vm.clone() })
            .await;
        if may {
            assert_eq!(recovered, Ok(ossea::Accepted::Done));
            assert_eq!(state(&caller, &vm).await, VmState::Stopped);
        } else {
            let Err(OsseaError::Refused(refusal)) = recovered else {
                panic!("{recovered:?}")
            };
            assert_eq!(refusal.code, 531);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_users_force_a_stop_only_where_that_is_allowed() {
    for (role, user_force_stop, may) in [
        (Role::User, UserForceStop::Allowed, true),
        (Role::User, UserForceStop::Denied, false),
        (Role::RootAdmin, UserForceStop::Denied, true),
    ] {
        let caller = Caller::with(SimSettings {
            role,
            user_force_stop,
            ..SimSettings::default()
        });
        let vm = caller.deployed_vm("web").await;
        caller.done(start(&vm)).await;
        let forced = Command::StopVirtualMachine {
            vm: vm.clone(),
            mode: StopMode::Forced,
        };
        if may {
            caller.done(forced).await;
        } else {
            assert_eq!(caller.fails(forced).await.code, 530);
            assert_eq!(state(&caller, &vm).await, VmState::Running);
            caller.done(stop(&vm)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_could_not_be_expunged_is_in_error_only_in_new_releases() {
    for (profile, left) in [
        (Profile::V4_18, VmState::Expunging),
        (Profile::V4_21, VmState::Expunging),
        (Profile::V4_22, VmState::Error),
    ] {
        let caller = Caller::with(SimSettings::of(profile));
        let vm = caller.deployed_vm("web").await;
        let rule = FaultRule::on("destroyVirtualMachine", WorkFault::ExpungeFails);
        caller.cloud.add_fault(rule);
        failed(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await, 530);
        assert_eq!(state(&caller, &vm).await, left, "{profile}");
        caller.done(expunge(&vm)).await;
        assert_eq!(caller.cloud.vm(&vm).await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn expunging_that_a_restart_cuts_off_can_be_asked_for_again() {
    for (work, is_gone) in [(Work::NotDone, false), (Work::Done, true)] {
        let caller = Caller::of_sample();
        let vm = caller.deployed_vm("web").await;
        succeeded(&destroy(&caller, &vm, DestroyEnd::Recoverable, &[]).await);
        caller.submit(expunge(&vm)).await.unwrap();
        assert_eq!(state(&caller, &vm).await, VmState::Expunging);
        caller.cloud.restart(work);
        assert_eq!(caller.cloud.vm(&vm).await.unwrap().is_none(), is_gone);
        if !is_gone {
            assert_eq!(state(&caller, &vm).await, VmState::Error);
            caller.done(expunge(&vm)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vm_in_error_is_destroyed_into_expunging() {
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    let rule = FaultRule::on("destroyVirtualMachine", WorkFault::ExpungeFails);
    caller.cloud.add_fault(rule);
    failed(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await, 530);
    succeeded(&destroy(&caller, &vm, DestroyEnd::Recoverable, &[]).await);
    assert_eq!(state(&caller, &vm).await, VmState::Expunging);
    succeeded(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await);
    assert_eq!(caller.cloud.vm(&vm).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_vm_is_destroyed_again_without_effect() {
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    for _ in 0..2 {
        succeeded(&destroy(&caller, &vm, DestroyEnd::Recoverable, &[]).await);
    }
    let log = caller.cloud.log();
    let destroyed = log.iter().filter(|entry| {
        matches!(&entry.event, LogEvent::Effect { effect: Effect::VmDestroyed { vm: id }, .. } if *id == vm)
    });
    assert_eq!(destroyed.count(), 1);
    assert_eq!(state(&caller, &vm).await, VmState::Destroyed);
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_vm_is_expunged_a_day_later_unless_it_is_recovered() {
    let day = Duration::from_secs(24 * 3600);
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    let root = caller.cloud.volumes_on(&vm).await.unwrap()[0].id.clone();
    caller.destroy_recoverably(&vm).await;
    tokio::time::sleep(day / 2).await;
    let recover = Command::RecoverVirtualMachine { vm: vm.clone() };
    assert_eq!(caller.submit(recover).await, Ok(ossea::Accepted::Done));
    caller.destroy_recoverably(&vm).await;
    // The first destruction counts no more.
    tokio::time::sleep(day * 3 / 4).await;
    assert_eq!(state(&caller, &vm).await, VmState::Destroyed);
    tokio::time::sleep(day / 2).await;
    assert_eq!(caller.cloud.vm(&vm).await.unwrap(), None);
    assert_eq!(caller.cloud.volume(&root).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn named_data_disks_die_with_their_vm_and_others_are_kept() {
    let caller = Caller::of_sample();
    let [doomed, kept, elsewhere] = caller.replicas();
    let vm = caller.deployed_vm("web").await;
    let root = caller.cloud.volumes_on(&vm).await.unwrap()[0].id.clone();
    for (disk, device) in [(&doomed, 1), (&kept, 2)] {
        caller.detach(disk).await;
        caller.attach(disk, &vm, device).await;
    }
    for wrong in [&root, &elsewhere] {
        failed(
            &destroy(&caller, &vm, DestroyEnd::Expunged, &[&doomed, wrong]).await,
            431,
        );
    }
    assert_eq!(caller.cloud.volumes_on(&vm).await.unwrap().len(), 3);
    succeeded(&destroy(&caller, &vm, DestroyEnd::Expunged, &[&doomed]).await);
    assert_eq!(caller.cloud.volume(&doomed).await.unwrap(), None);
    assert_eq!(caller.cloud.volume(&root).await.unwrap(), None);
    let kept = caller.cloud.volume(&kept).await.unwrap().unwrap();
    assert_eq!(kept.attachment, None);
}

#[tokio::test(start_paused = true)]
async fn a_vm_whose_guest_does_not_stop_is_not_destroyed() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    let vm = running_on(&caller, &disk).await;
    let rule = FaultRule::on("destroyVirtualMachine", WorkFault::GuestDoesNotStop);
    let rule = caller.cloud.add_fault(rule);
    failed(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await, 530);
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
    assert_eq!(state(&caller, &vm).await, VmState::Running);
    assert!(caller.cloud.volume(&disk).await.unwrap().is_some());
    // It goes on as before: the guest writes.
    let written = caller.cloud.content_of(&disk).unwrap().generation;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(caller.cloud.content_of(&disk).unwrap().generation > written);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_is_left_behind_goes_on_writing_wherever_its_disks_are() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    let vm = running_on(&caller, &disk).await;
    let rule = FaultRule::on("stopVirtualMachine", WorkFault::GuestDoesNotStop).forever();
    let rule = caller.cloud.add_fault(rule);
    let forced = Command::StopVirtualMachine {
        vm: vm.clone(),
        mode: StopMode::Forced,
    };
    assert_eq!(caller.fails(stop(&vm)).await.code, 530);
    caller.done(forced).await;
    assert_eq!(state(&caller, &vm).await, VmState::Stopped);
    assert_eq!(caller.cloud.inventory().stray_guests, std::slice::from_ref(&vm));
    caller.detach(&disk).await;
    caller.attach(&disk, &caller.oma(), 1).await;
    let back = caller.cloud.content_of(&disk).unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let later = caller.cloud.content_of(&disk).unwrap();
    assert!(later.writers[&vm] > back.writers[&vm], "{later:?}");
    // A VM that is stopped already has no guest to ask, so nothing fails.
    caller.done(stop(&vm)).await;
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 2);
    caller.detach(&disk).await;
    caller.attach(&disk, &vm, 0).await;
    caller.cloud.cloud().clear_faults();
    // Starting it anew ends what was left behind.
    caller.done(start(&vm)).await;
    assert_eq!(caller.cloud.inventory().stray_guests, []);
    caller.done(stop(&vm)).await;
    let stopped = caller.cloud.content_of(&disk).unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(caller.cloud.content_of(&disk).unwrap(), stopped);
}

fn without_agent(caller: &Caller) {
    caller.cloud.cloud().set_conditions(Conditions {
        server: ServerMode::Up,
        agent: Agent::Unreachable,
    });
}

#[tokio::test(start_paused = true)]
async fn a_forced_stop_without_an_agent_leaves_the_guest_behind() {
    for by_rule in [true, false] {
        let caller = Caller::of_sample();
        let [disk, ..] = caller.replicas();
        let vm = running_on(&caller, &disk).await;
        if by_rule {
            let rule = FaultRule::on("stopVirtualMachine", WorkFault::AgentUnreachable).forever();
            caller.cloud.add_fault(rule);
        } else {
            without_agent(&caller);
        }
        assert_eq!(caller.fails(stop(&vm)).await.code, 530);
        caller
            .done(Command::StopVirtualMachine {
                vm: vm.clone(),
                mode: StopMode::Forced,
            })
            .await;
        assert_eq!(state(&caller, &vm).await, VmState::Stopped);
        assert_eq!(caller.cloud.inventory().stray_guests, std::slice::from_ref(&vm));
        let written = caller.cloud.content_of(&disk).unwrap().generation;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert!(caller.cloud.content_of(&disk).unwrap().generation > written);
    }
}

#[tokio::test(start_paused = true)]
async fn no_other_fault_gets_past_a_host_that_does_not_answer() {
    let faults = [
        WorkFault::Delay { seconds: 1 },
        WorkFault::GuestDoesNotBoot {
            how: BootFailure::NoAddress,
        },
        WorkFault::GuestDoesNotStop,
        WorkFault::WrongNetwork {
            how: NicFault::LeftOut,
        },
    ];
    for fault in faults {
        let caller = Caller::of_sample();
        let vm = caller.deployed_vm("web").await;
        without_agent(&caller);
        let rule = FaultRule::on("startVirtualMachine", fault.clone());
        caller.cloud.add_fault(rule);
        assert_eq!(caller.fails(start(&vm)).await.code, 534, "{fault:?}");
        assert_eq!(state(&caller, &vm).await, VmState::Stopped, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_cannot_be_reverted_stays_written() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disk, &vm, 0).await;
    let create = Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: "point".to_owned(),
        description: String::new(),
    };
    let snapshot = caller.done(create).await.parse().unwrap();
    caller.done(start(&vm)).await;
    caller.done(stop(&vm)).await;
    let written = caller.cloud.content_of(&disk).unwrap();
    let rule = FaultRule::on("revertToVMSnapshot", WorkFault::Unrevertable).times(2);
    let rule = caller.cloud.add_fault(rule);
    let revert = Command::RevertToVmSnapshot { snapshot };
    for _ in 0..2 {
        assert_eq!(caller.fails(revert.clone()).await.code, 530);
        assert_eq!(caller.cloud.content_of(&disk).unwrap(), written);
    }
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 2);
    caller.done(revert).await;
    assert_eq!(caller.cloud.content_of(&disk).unwrap().generation, 0);
}

fn protected_disk(profile: Profile) -> Caller {
    let mut contents = ossea_sim::SimContents::sample();
    contents.oma.volumes[0].delete_protection = Protection::On;
    Caller::with_contents(contents, SimSettings::of(profile))
}

#[tokio::test(start_paused = true)]
async fn protected_disks_are_not_deleted_by_releases_that_know_protection() {
    for (profile, protects) in [
        (Profile::V4_18, false),
        (Profile::V4_21, true),
        (Profile::V4_22, true),
    ] {
        let caller = protected_disk(profile);
        let [disk, ..] = caller.replicas();
        let vm = caller.deployed_vm("web").await;
        caller.detach(&disk).await;
        caller.attach(&disk, &vm, 1).await;
        let report = destroy(&caller, &vm, DestroyEnd::Expunged, &[&disk]).await;
        if !protects {
            succeeded(&report);
            assert_eq!(caller.cloud.volume(&disk).await.unwrap(), None);
            continue;
        }
        failed(&report, 431);
        // Without naming it the VM can go, and the disk is kept.
        succeeded(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await);
        let delete = || ApiCommand::DeleteVolume { volume: disk.clone() };
        assert_eq!(at_once(&caller, delete()), Err(431));
        let update = ApiCommand::UpdateVolume {
            volume: disk.clone(),
            protection: Protection::Off,
        };
        succeeded(&run(&caller, update).await);
        assert_eq!(at_once(&caller, delete()), Ok(()));
    }
}

/// Sends a command without a job.
fn at_once(caller: &Caller, command: ApiCommand) -> Result<(), u32> {
    let now = caller.cloud.clock().now();
    let reply = caller.cloud.cloud().submit(now, None, command);
    match reply.delivery {
        Delivery::Answer(Ok(Accepted::Done(_))) => Ok(()),
        Delivery::Answer(Err(error)) => Err(error.code),
        other @ (Delivery::Answer(Ok(Accepted::Job { .. }))
        | Delivery::Damaged(..)
        | Delivery::Garbage(_)
        | Delivery::Nothing) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_protected_vm_is_not_destroyed_until_the_protection_is_taken_away() {
    let protect = |vm: &CloudVmId, protection| ApiCommand::UpdateVirtualMachine {
        vm: vm.clone(),
        protection,
    };
    let caller = Caller::of_sample();
    let vm = caller.deployed_vm("web").await;
    assert_eq!(at_once(&caller, protect(&vm, Protection::On)), Ok(()));
    for end in [DestroyEnd::Recoverable, DestroyEnd::Expunged] {
        failed(&destroy(&caller, &vm, end, &[]).await, 431);
    }
    assert_eq!(state(&caller, &vm).await, VmState::Stopped);
    assert_eq!(at_once(&caller, protect(&vm, Protection::Off)), Ok(()));
    succeeded(&destroy(&caller, &vm, DestroyEnd::Expunged, &[]).await);
    // Releases that do not know protection ignore the parameter.
    let old = Caller::with(SimSettings::of(Profile::V4_18));
    let vm = old.deployed_vm("web").await;
    assert_eq!(at_once(&old, protect(&vm, Protection::On)), Ok(()));
    succeeded(&destroy(&old, &vm, DestroyEnd::Expunged, &[]).await);
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_can_be_recovered_has_lost_its_snapshots_all_the_same() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    let vm = running_on(&caller, &disk).await;
    let create = Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: "point".to_owned(),
        description: String::new(),
    };
    caller.done(create).await;
    succeeded(&destroy(&caller, &vm, DestroyEnd::Recoverable, &[]).await);
    assert_eq!(caller.cloud.inventory().vm_snapshots, []);
    let recover = Command::RecoverVirtualMachine { vm: vm.clone() };
    assert_eq!(caller.submit(recover).await, Ok(ossea::Accepted::Done));
    caller.detach(&disk).await;
}
