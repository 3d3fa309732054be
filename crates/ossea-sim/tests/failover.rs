//! A whole failover and its way back, by hand.

mod support;

use ossea::{Command, OsseaClient, VmState, VolumeKind};
use ossea_sim::SimSettings;
use support::{Caller, start, stop};

/// The way there: the replicas leave the OMA, get a rollback point and become the disks of a running VM.
async fn fail_over(caller: &Caller) -> (failover_domain::CloudVmId, Vec<failover_domain::SnapshotId>) {
    let mut points = Vec::new();
    for replica in caller.replicas() {
        caller.detach(&replica).await;
        points.push(caller.snapshot(&replica).await);
    }
    let vm = caller.emptied_vm("pgwintestbios").await;
    for (replica, device) in caller.replicas().iter().zip([0, 1, 2]) {
        caller.attach(replica, &vm, device).await;
    }
    caller.done(start(&vm)).await;
    (vm, points)
}

#[tokio::test(start_paused = true)]
async fn a_failed_over_vm_runs_with_its_disks_and_networks() {
    let caller = Caller::of_sample();
    let (vm, _) = fail_over(&caller).await;
    let seen = caller.cloud.vm(&vm).await.unwrap().unwrap();
    assert_eq!(seen.state, VmState::Running);
    assert_eq!(seen.nics[0].network_name, "production-app");
    assert!(seen.nics[0].address.is_some_and(|address| address.is_loopback()));
    assert_eq!(seen.details["failoverjob"], "live-failover-x-1");
    let mut disks = caller.cloud.volumes_on(&vm).await.unwrap();
    disks.sort_by_key(|disk| disk.attachment.as_ref().unwrap().device);
    let ids: Vec<_> = disks.iter().map(|disk| disk.id.clone()).collect();
    assert_eq!(ids, caller.replicas());
    assert_eq!(disks[0].kind, VolumeKind::Root);
    for replica in caller.replicas() {
        assert!(caller.cloud.content_of(&replica).unwrap().written_by(&vm));
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_back_leaves_the_cloud_as_it_was() {
    let caller = Caller::of_sample();
    let before = caller.cloud.inventory();
    let (vm, points) = fail_over(&caller).await;
    caller.done(stop(&vm)).await;
    for replica in caller.replicas().iter().rev() {
        caller.detach(replica).await;
    }
    for point in &points {
        caller
            .done(Command::RevertSnapshot {
                snapshot: point.clone(),
            })
            .await;
    }
    for (replica, name) in caller.replicas().iter().zip(["disk0", "disk1", "disk2"]) {
        let device = caller.replica(&format!("pgwintestbios-{name}")).device;
        caller.attach(replica, &caller.oma(), device).await;
    }
    caller.destroy(&vm).await;
    for point in points {
        caller.done(Command::DeleteSnapshot { snapshot: point }).await;
    }
    assert_eq!(caller.cloud.inventory(), before);
}

#[tokio::test(start_paused = true)]
async fn the_same_requests_at_the_same_instants_give_the_same_cloud() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let caller = Caller::of_sample();
        fail_over(&caller).await;
        seen.push((caller.cloud.inventory(), caller.cloud.log()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn at_scale_zero_all_work_is_done_at_once() {
    let caller = Caller::with(SimSettings::default().scaled(0.0));
    let (vm, _) = fail_over(&caller).await;
    assert_eq!(
        caller.cloud.vm(&vm).await.unwrap().unwrap().state,
        VmState::Running
    );
}
