//! Hosts without room, limits that are reached, an agent that does not answer, and a server that forgets its jobs.

use crate::WorkFault;
use crate::cloud::{Agent, Conditions, ServerMode};
use failover_domain::CloudVmId;
use ossea::{Command, JobReport, StopMode, VmState};

use super::world::{DISK0, OMA, World};

fn start(vm: &CloudVmId) -> Command {
    Command::StartVirtualMachine { vm: vm.clone() }
}

fn detach() -> Command {
    Command::DetachVolume {
        volume: DISK0.parse().unwrap(),
    }
}

fn without_agent(world: &World) {
    world.harness().set_conditions(Conditions {
        server: ServerMode::Up,
        agent: Agent::Unreachable,
    });
}

pub async fn a_host_without_room_refuses_a_start_in_the_job_and_a_deployment_at_once(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let rule = world.fault("startVirtualMachine", WorkFault::NoCapacity);
    assert_eq!(world.failed(&start(&vm)).await, 533);
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
    world.struck_once(rule);
    let deployment = Command::DeployVirtualMachine(Box::new(world.deployment("web-02")));
    for (fault, code) in [(WorkFault::NoCapacity, 533), (WorkFault::LimitReached, 535)] {
        let rule = world.fault("deployVirtualMachine", fault);
        assert_eq!(world.refused(&deployment).await, code);
        assert_eq!(world.client().vms_named("web-02").await.unwrap(), []);
        world.struck_once(rule);
    }
    world.done(&start(&vm)).await;
}

pub async fn a_limit_refuses_a_snapshot_at_once(world: &World) {
    world.done(&detach()).await;
    let rule = world.fault("createSnapshot", WorkFault::LimitReached);
    let snapshot = Command::CreateSnapshot {
        volume: DISK0.parse().unwrap(),
        name: "point".to_owned(),
    };
    assert_eq!(world.refused(&snapshot).await, 535);
    assert_eq!(
        world
            .client()
            .snapshots_of(&DISK0.parse().unwrap())
            .await
            .unwrap(),
        []
    );
    world.struck_once(rule);
}

pub async fn a_busy_device_fails_once_and_can_be_tried_again(world: &World) {
    let rule = world.fault("detachVolume", WorkFault::DeviceBusy);
    assert_eq!(world.failed(&detach()).await, 530);
    assert!(world.volume(&DISK0.parse().unwrap()).await.attachment.is_some());
    world.struck_once(rule);
    world.done(&detach()).await;
    let attach = Command::AttachVolume {
        volume: DISK0.parse().unwrap(),
        vm: OMA.parse().unwrap(),
        device: None,
    };
    let rule = world.fault("attachVolume", WorkFault::DeviceBusy);
    assert_eq!(world.failed(&attach).await, 530);
    assert_eq!(world.volume(&DISK0.parse().unwrap()).await.attachment, None);
    world.struck_once(rule);
    world.done(&attach).await;
}

pub async fn without_an_agent_nothing_starts_and_running_vms_keep_their_disks(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    without_agent(world);
    assert_eq!(world.failed(&start(&vm)).await, 534);
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
    assert_eq!(world.failed(&detach()).await, 530);
    assert!(world.volume(&DISK0.parse().unwrap()).await.attachment.is_some());
    // What is only in the database goes on: here a stopped VM loses its root.
    let root = world.root_of(&vm).await.id;
    world.done(&Command::DetachVolume { volume: root }).await;
    world.harness().set_conditions(Conditions::default());
    world.done(&detach()).await;
}

pub async fn without_an_agent_only_a_forced_stop_says_that_it_worked(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.done(&start(&vm)).await;
    without_agent(world);
    let stop = |mode| Command::StopVirtualMachine { vm: vm.clone(), mode };
    assert_eq!(world.failed(&stop(StopMode::Graceful)).await, 530);
    assert_eq!(world.vm(&vm).await.state, VmState::Running);
    world.done(&stop(StopMode::Forced)).await;
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
}

pub async fn purged_jobs_are_not_known_and_what_they_did_remains(world: &World) {
    let key = world.key();
    world.client().submit(&key, &detach()).await.unwrap();
    assert!(matches!(
        world.ended(&key.job_id()).await,
        JobReport::Succeeded { .. }
    ));
    assert_eq!(world.harness().purge_jobs(), 1);
    assert_eq!(world.client().job(&key.job_id()).await, Ok(JobReport::NotKnown));
    assert_eq!(world.volume(&DISK0.parse().unwrap()).await.attachment, None);
}
