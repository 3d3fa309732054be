//! Volume snapshots that go wrong, or are used at the wrong moment.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use failover_domain::{CloudVmId, SnapshotId, VolumeId};
use ossea::{Command, JobReport, OsseaClient, SnapshotState, VolumeState};
use ossea_sim::cloud::command::{AfterDeploy, ApiCommand, Backup, DeploySource, Quiesce, SnapshotLocation};
use ossea_sim::{FaultRule, Work, WorkFault};
use support::{Caller, start, stop};

fn job_fails() -> WorkFault {
    WorkFault::JobFails {
        code: 530,
        text: "no".to_owned(),
        work: Work::NotDone,
    }
}

fn create(volume: &VolumeId) -> Command {
    Command::CreateSnapshot {
        volume: volume.clone(),
        name: "point".to_owned(),
    }
}

async fn only_snapshot_of(caller: &Caller, volume: &VolumeId) -> (SnapshotId, SnapshotState) {
    let snapshots = caller.cloud.snapshots_of(volume).await.unwrap();
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    (snapshots[0].id.clone(), snapshots[0].state.clone())
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_failed_stays_in_error_when_its_deletion_fails() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    caller
        .cloud
        .add_fault(FaultRule::on("createSnapshot", job_fails()));
    caller.fails(create(&disk)).await;
    let (snapshot, state) = only_snapshot_of(&caller, &disk).await;
    assert_eq!(state, SnapshotState::Error);
    caller
        .cloud
        .add_fault(FaultRule::on("deleteSnapshot", job_fails()));
    let delete = Command::DeleteSnapshot {
        snapshot: snapshot.clone(),
    };
    caller.fails(delete.clone()).await;
    assert_eq!(
        only_snapshot_of(&caller, &disk).await.1,
        SnapshotState::Error,
        "there is nothing in it"
    );
    caller.done(delete).await;
    // A good one is good again.
    let snapshot = caller.snapshot(&disk).await;
    caller
        .cloud
        .add_fault(FaultRule::on("deleteSnapshot", job_fails()));
    caller.fails(Command::DeleteSnapshot { snapshot }).await;
    assert_eq!(only_snapshot_of(&caller, &disk).await.1, SnapshotState::BackedUp);
}

fn deploy_from(caller: &Caller, snapshot: &SnapshotId) -> ApiCommand {
    let source = DeploySource::Snapshot(snapshot.clone());
    ApiCommand::DeployVirtualMachine(Box::new(support::deployment(
        caller,
        source,
        AfterDeploy::LeaveStopped,
    )))
}

/// A stopped VM, and its root that is on storage.
async fn stopped_vm_with_root(caller: &Caller) -> (CloudVmId, VolumeId) {
    let vm = caller.deployed_vm("web").await;
    caller.done(start(&vm)).await;
    caller.done(stop(&vm)).await;
    let root = caller.cloud.volumes_on(&vm).await.unwrap()[0].id.clone();
    (vm, root)
}

#[tokio::test(start_paused = true)]
async fn a_vm_is_deployed_only_from_a_snapshot_that_is_backed_up() {
    let caller = Caller::of_sample();
    let (_, root) = stopped_vm_with_root(&caller).await;
    let command = ApiCommand::CreateSnapshot {
        volume: root.clone(),
        name: None,
        quiesce: Quiesce::No,
        location: SnapshotLocation::Usual,
        backup: Backup::AfterJob,
        tags: BTreeMap::new(),
    };
    let job = caller.api_job(command);
    assert!(matches!(caller.wait(&job).await, JobReport::Succeeded { .. }));
    let (snapshot, state) = only_snapshot_of(&caller, &root).await;
    assert_eq!(state, SnapshotState::BackingUp);
    assert_eq!(caller.api_refuses(deploy_from(&caller, &snapshot)), 431);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(only_snapshot_of(&caller, &root).await.1, SnapshotState::BackedUp);
    let deployment = caller.api_job(deploy_from(&caller, &snapshot));
    assert!(matches!(
        caller.wait(&deployment).await,
        JobReport::Succeeded { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_deleted_while_its_volume_is_reverted_to_it() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let snapshot = caller.snapshot(&disk).await;
    let revert = caller.api_job(ApiCommand::RevertSnapshot {
        snapshot: snapshot.clone(),
    });
    let delete = Command::DeleteSnapshot { snapshot };
    assert_eq!(caller.fails(delete.clone()).await.code, 530);
    assert!(matches!(caller.wait(&revert).await, JobReport::Succeeded { .. }));
    let volume = caller.cloud.volume(&disk).await.unwrap().unwrap();
    assert_eq!(volume.state, VolumeState::Ready);
    caller.done(delete).await;
}
