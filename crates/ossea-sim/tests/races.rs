//! Commands that meet on one VM or volume: what waits for its turn, and what is looked at again at the end.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use failover_domain::{CloudVmId, VolumeId};
use ossea::{JobReport, OsseaClient, VmState, VolumeState};
use ossea_sim::cloud::command::{
    AfterDeploy, ApiCommand, CreateVolume, DeploySource, Destroy, DestroyEnd, VolumeSource,
};
use ossea_sim::contents::DiskOfferingContents;
use ossea_sim::{FaultRule, Profile, SimContents, SimSettings, WorkFault};
use support::{Caller, start, stop};

const BLANK: &str = "2d000000-0000-4000-8000-000000000009";

/// A caller who can make blank volumes.
fn caller_of(profile: Profile) -> Caller {
    let mut contents = SimContents::sample();
    contents.disk_offerings.push(DiskOfferingContents {
        id: BLANK.parse().unwrap(),
        name: "five".to_owned(),
        size_gib: Some(5),
    });
    Caller::with_contents(contents, SimSettings::of(profile))
}

/// A volume that is on no storage yet.
async fn blank(caller: &Caller) -> VolumeId {
    let job = caller.api_job(ApiCommand::CreateVolume(CreateVolume {
        name: None,
        zone: Some(caller.contents.oma.zone.clone()),
        source: VolumeSource::DiskOffering(BLANK.parse().unwrap()),
        size_gib: None,
    }));
    let report = caller.wait(&job).await;
    let JobReport::Succeeded { object } = report else {
        panic!("{report:?}")
    };
    object.unwrap().parse().unwrap()
}

fn attach(volume: &VolumeId, vm: &CloudVmId) -> ApiCommand {
    ApiCommand::AttachVolume {
        volume: volume.clone(),
        vm: vm.clone(),
        device: None,
    }
}

#[track_caller]
fn failed(report: &JobReport, code: u32) {
    assert!(
        matches!(report, JobReport::Failed(refusal) if refusal.code == code),
        "{report:?}"
    );
}

#[track_caller]
fn succeeded(report: &JobReport) {
    assert!(matches!(report, JobReport::Succeeded { .. }), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn only_one_of_two_vms_gets_a_blank_volume() {
    // Without a root nothing tells 4.18 where to make the volume, so it stays Allocated; 4.22 makes it.
    for (profile, between, code) in [
        (Profile::V4_18, VolumeState::Allocated, 530),
        (Profile::V4_22, VolumeState::Creating, 431),
    ] {
        let caller = caller_of(profile);
        let volume = blank(&caller).await;
        let [first, second] = [caller.emptied_vm("one").await, caller.emptied_vm("two").await];
        let jobs = [
            caller.api_job(attach(&volume, &first)),
            caller.api_job(attach(&volume, &second)),
        ];
        assert_eq!(
            caller.cloud.volume(&volume).await.unwrap().unwrap().state,
            between
        );
        succeeded(&caller.wait(&jobs[0]).await);
        failed(&caller.wait(&jobs[1]).await, code);
        let volume = caller.cloud.volume(&volume).await.unwrap().unwrap();
        assert_eq!(volume.attachment.unwrap().vm, first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blank_volume_whose_attachment_a_restart_cuts_off_is_blank_again() {
    let caller = caller_of(Profile::V4_22);
    let volume = blank(&caller).await;
    let vm = caller.emptied_vm("one").await;
    caller.api_job(attach(&volume, &vm));
    caller.cloud.restart(ossea_sim::Work::NotDone);
    let state = caller.cloud.volume(&volume).await.unwrap().unwrap().state;
    assert_eq!(state, VolumeState::Allocated);
    succeeded(&caller.wait(&caller.api_job(attach(&volume, &vm))).await);
}

fn destroy(vm: &CloudVmId) -> ApiCommand {
    ApiCommand::DestroyVirtualMachine(Destroy {
        vm: vm.clone(),
        end: DestroyEnd::Recoverable,
        volumes: Vec::new(),
    })
}

async fn state(caller: &Caller, vm: &CloudVmId) -> VmState {
    caller.cloud.vm(vm).await.unwrap().unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_disk_is_not_attached_to_a_vm_that_was_destroyed_meanwhile() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let vm = caller.emptied_vm("web").await;
    let slow = WorkFault::Delay { seconds: 600 };
    caller.cloud.add_fault(FaultRule::on("attachVolume", slow));
    let attachment = caller.api_job(ApiCommand::AttachVolume {
        volume: disk.clone(),
        vm: vm.clone(),
        device: Some(0),
    });
    // The VM is stopped, so its destruction waits for nobody.
    succeeded(&caller.wait(&caller.api_job(destroy(&vm))).await);
    failed(&caller.wait(&attachment).await, 530);
    let disk = caller.cloud.volume(&disk).await.unwrap().unwrap();
    assert_eq!((disk.state, disk.attachment), (VolumeState::Ready, None));
}

#[tokio::test(start_paused = true)]
async fn destroying_a_vm_that_runs_or_has_snapshots_waits_for_its_turn() {
    for leave_running in [true, false] {
        let caller = Caller::of_sample();
        let vm = caller.deployed_vm("web").await;
        caller.done(start(&vm)).await;
        let create = ossea::Command::CreateVmSnapshot {
            vm: vm.clone(),
            name: "point".to_owned(),
            description: String::new(),
        };
        caller.done(create).await;
        if !leave_running {
            caller.done(stop(&vm)).await;
        }
        let before = state(&caller, &vm).await;
        let delay = WorkFault::Delay { seconds: 600 };
        let rule = FaultRule::on("deleteVMSnapshot", delay);
        caller.cloud.add_fault(rule);
        let snapshot = caller.cloud.vm_snapshots_of(&vm).await.unwrap()[0].id.clone();
        let deletion = caller.api_job(ApiCommand::DeleteVmSnapshot { snapshot });
        let destruction = caller.api_job(destroy(&vm));
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(state(&caller, &vm).await, before);
        succeeded(&caller.wait(&deletion).await);
        succeeded(&caller.wait(&destruction).await);
        assert_eq!(state(&caller, &vm).await, VmState::Destroyed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_deployment_that_starts_its_vm() {
    let caller = Caller::of_sample();
    let deployment = caller.api_job(ApiCommand::DeployVirtualMachine(Box::new(support::deployment(
        &caller,
        DeploySource::Template(caller.contents.templates[0].id.clone()),
        AfterDeploy::Start,
    ))));
    let vms = caller.cloud.inventory().vms;
    let vm = vms.iter().map(|vm| &vm.id).find(|id| **id != caller.oma());
    let vm = vm.unwrap().clone();
    let JobReport::Succeeded { .. } = caller.run(stop(&vm)).await else {
        panic!("the stop failed")
    };
    assert!(matches!(
        caller.cloud.job(&deployment).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
    assert_eq!(state(&caller, &vm).await, VmState::Stopped);
}
