//! Volume snapshots.

use failover_domain::{SnapshotId, VolumeId};
use ossea::{Accepted, Command, SnapshotState, VolumeState};

use super::world::{DISK0, DISK1, UNKNOWN, World};

fn create(volume: &VolumeId, name: &str) -> Command {
    Command::CreateSnapshot {
        volume: volume.clone(),
        name: name.to_owned(),
    }
}

fn revert(snapshot: &SnapshotId) -> Command {
    Command::RevertSnapshot {
        snapshot: snapshot.clone(),
    }
}

fn delete(snapshot: &SnapshotId) -> Command {
    Command::DeleteSnapshot {
        snapshot: snapshot.clone(),
    }
}

/// A snapshot of a detached replica.
async fn point(world: &World) -> (VolumeId, SnapshotId) {
    let disk: VolumeId = DISK0.parse().unwrap();
    world.done(&Command::DetachVolume { volume: disk.clone() }).await;
    let snapshot = world
        .done(&create(&disk, "point"))
        .await
        .unwrap()
        .parse()
        .unwrap();
    (disk, snapshot)
}

pub async fn a_detached_volume_is_snapshotted(world: &World) {
    let disk: VolumeId = DISK0.parse().unwrap();
    world.done(&Command::DetachVolume { volume: disk.clone() }).await;
    assert_eq!(world.client().snapshots_of(&disk).await.unwrap(), []);
    let accepted = world.submit(&create(&disk, "point 0~ä")).await.unwrap();
    let Accepted::Job {
        job,
        created: Some(created),
    } = accepted
    else {
        panic!("{accepted:?}")
    };
    assert_eq!(world.object_of(&job).await, Some(created.clone()));
    let seen = world
        .client()
        .snapshot(&created.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (seen.name.as_str(), &seen.volume, &seen.state),
        ("point 0~ä", &disk, &SnapshotState::BackedUp)
    );
    assert_eq!(world.client().snapshots_of(&disk).await.unwrap(), [seen]);
    assert_eq!(
        world
            .client()
            .snapshots_of(&DISK1.parse().unwrap())
            .await
            .unwrap(),
        []
    );
    assert_eq!(world.volume(&disk).await.state, VolumeState::Ready);
}

pub async fn the_snapshots_of_all_volumes_are_one_list(world: &World) {
    assert_eq!(world.client().snapshots().await.unwrap(), []);
    let (_, first) = point(world).await;
    let disk: VolumeId = DISK1.parse().unwrap();
    world.done(&Command::DetachVolume { volume: disk.clone() }).await;
    let second = world.done(&create(&disk, "another")).await.unwrap();
    let all = world.client().snapshots().await.unwrap();
    let mut shown: Vec<(&str, &str)> = all.iter().map(|s| (s.id.as_str(), s.volume.as_str())).collect();
    let mut made = vec![(first.as_str(), DISK0), (second.as_str(), DISK1)];
    shown.sort_unstable();
    made.sort_unstable();
    assert_eq!(shown, made);
    world.done(&delete(&first)).await;
    assert_eq!(world.client().snapshots().await.unwrap().len(), 1);
}

pub async fn names_of_snapshots_are_not_unique(world: &World) {
    let (disk, first) = point(world).await;
    let second = world.done(&create(&disk, "point")).await.unwrap();
    assert_ne!(first.as_str(), second);
    assert_eq!(world.client().snapshots_of(&disk).await.unwrap().len(), 2);
}

pub async fn a_detached_volume_is_reverted_as_often_as_wanted(world: &World) {
    let (disk, snapshot) = point(world).await;
    for _ in 0..2 {
        world.done(&revert(&snapshot)).await;
        assert_eq!(world.volume(&disk).await.state, VolumeState::Ready);
    }
    assert_eq!(world.client().snapshots_of(&disk).await.unwrap().len(), 1);
}

pub async fn a_volume_of_a_running_vm_is_not_reverted(world: &World) {
    let (disk, snapshot) = point(world).await;
    let oma = super::world::OMA.parse().unwrap();
    world
        .done(&Command::AttachVolume {
            volume: disk,
            vm: oma,
            device: Some(1),
        })
        .await;
    assert_eq!(world.failed(&revert(&snapshot)).await, 431);
}

pub async fn a_deleted_snapshot_is_gone_and_deleted_only_once(world: &World) {
    let (disk, snapshot) = point(world).await;
    assert_eq!(world.done(&delete(&snapshot)).await, None);
    assert_eq!(world.client().snapshot(&snapshot).await.unwrap(), None);
    assert_eq!(world.client().snapshots_of(&disk).await.unwrap(), []);
    assert_eq!(world.failed(&delete(&snapshot)).await, 431);
    assert_eq!(world.failed(&revert(&snapshot)).await, 431);
}

pub async fn a_snapshot_of_nothing_is_refused_at_once(world: &World) {
    assert_eq!(
        world.refused(&create(&UNKNOWN.parse().unwrap(), "point")).await,
        431
    );
    let snapshot = UNKNOWN.parse().unwrap();
    assert_eq!(world.refused(&revert(&snapshot)).await, 431);
    assert_eq!(world.refused(&delete(&snapshot)).await, 431);
}

pub async fn a_root_that_is_on_no_storage_yet_is_not_snapshotted(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await.id;
    assert_eq!(world.refused(&create(&root, "point")).await, 431);
    assert_eq!(world.client().snapshots_of(&root).await.unwrap(), []);
}
