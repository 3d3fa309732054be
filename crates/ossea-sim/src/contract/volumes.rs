//! Attaching, detaching and deleting volumes.

use std::collections::BTreeSet;

use failover_domain::{CloudVmId, VolumeId};
use ossea::{Accepted, Attachment, Command, JobReport, ScratchRoot, Volume, VolumeKind, VolumeState};

use super::world::{DISK0, DISK1, MANAGED, OMA, OMA_ROOT, UNKNOWN, World};

fn detach(volume: &VolumeId) -> Command {
    Command::DetachVolume {
        volume: volume.clone(),
    }
}

fn attach(volume: &VolumeId, vm: &CloudVmId, device: Option<u32>) -> Command {
    Command::AttachVolume {
        volume: volume.clone(),
        vm: vm.clone(),
        device,
    }
}

fn place(volume: &Volume) -> Option<(&str, Option<u32>)> {
    volume
        .attachment
        .as_ref()
        .map(|Attachment { vm, device, .. }| (vm.as_str(), *device))
}

pub async fn a_volume_moves_and_the_cloud_shows_where_it_is(world: &World) {
    let (disk, oma) = (DISK0.parse().unwrap(), OMA.parse().unwrap());
    assert_eq!(place(&world.volume(&disk).await), Some((OMA, Some(1))));
    let report = world.done(&detach(&disk)).await;
    assert_eq!(report, Some(DISK0.to_owned()));
    let seen = world.volume(&disk).await;
    assert_eq!(
        (seen.attachment, seen.kind, seen.state),
        (None, VolumeKind::Data, VolumeState::Ready)
    );
    assert!(
        world
            .volumes_on(&oma)
            .await
            .iter()
            .all(|volume| volume.id != disk)
    );
    world.done(&attach(&disk, &oma, Some(7))).await;
    assert_eq!(place(&world.volume(&disk).await), Some((OMA, Some(7))));
    assert!(
        world
            .volumes_on(&oma)
            .await
            .iter()
            .any(|volume| volume.id == disk)
    );
}

pub async fn a_repeated_detach_is_refused_in_the_job(world: &World) {
    let disk = DISK0.parse().unwrap();
    world.done(&detach(&disk)).await;
    assert_eq!(world.failed(&detach(&disk)).await, 431);
}

pub async fn a_repeated_attach_is_refused_in_the_job(world: &World) {
    let (disk, oma) = (DISK0.parse().unwrap(), OMA.parse().unwrap());
    assert_eq!(world.failed(&attach(&disk, &oma, Some(1))).await, 431);
    assert_eq!(place(&world.volume(&disk).await), Some((OMA, Some(1))));
}

pub async fn a_device_that_is_taken_or_reserved_is_refused_in_the_job(world: &World) {
    let (disk, oma) = (DISK0.parse().unwrap(), OMA.parse().unwrap());
    world.done(&detach(&disk)).await;
    for device in [2, 3, 34] {
        assert_eq!(
            world.failed(&attach(&disk, &oma, Some(device))).await,
            530,
            "device {device}"
        );
    }
    assert_eq!(place(&world.volume(&disk).await), None);
}

pub async fn the_cloud_chooses_the_lowest_free_data_device(world: &World) {
    let oma = OMA.parse().unwrap();
    let (first, second) = (DISK0.parse().unwrap(), DISK1.parse().unwrap());
    world.done(&detach(&first)).await;
    world.done(&detach(&second)).await;
    world.done(&attach(&first, &oma, None)).await;
    world.done(&attach(&second, &oma, None)).await;
    assert_eq!(place(&world.volume(&first).await), Some((OMA, Some(1))));
    assert_eq!(place(&world.volume(&second).await), Some((OMA, Some(2))));
}

pub async fn the_root_of_a_running_vm_stays(world: &World) {
    assert_eq!(world.failed(&detach(&OMA_ROOT.parse().unwrap())).await, 431);
}

pub async fn a_replica_becomes_the_root_of_a_stopped_vm_and_data_again(world: &World) {
    let (disk, vm) = (DISK0.parse().unwrap(), world.deploy_stopped("web-01").await);
    world.done(&detach(&disk)).await;
    // The scratch root is in the way.
    assert_eq!(world.failed(&attach(&disk, &vm, Some(0))).await, 431);
    let root = world.root_of(&vm).await;
    world.done(&detach(&root.id)).await;
    world.done(&attach(&disk, &vm, Some(0))).await;
    let seen = world.volume(&disk).await;
    assert_eq!(
        (place(&seen), &seen.kind),
        (Some((vm.as_str(), Some(0))), &VolumeKind::Root)
    );
    world.done(&detach(&disk)).await;
    assert_eq!(world.volume(&disk).await.kind, VolumeKind::Data);
}

pub async fn device_zero_of_a_running_vm_and_managed_storage_are_refused(world: &World) {
    let (oma, managed) = (OMA.parse().unwrap(), MANAGED.parse().unwrap());
    let disk = DISK0.parse().unwrap();
    world.done(&detach(&disk)).await;
    world.done(&detach(&managed)).await;
    assert_eq!(world.failed(&attach(&disk, &oma, Some(0))).await, 431);
    let vm = world.deploy_without_root("web-01").await;
    assert_eq!(world.failed(&attach(&managed, &vm, Some(0))).await, 431);
}

pub async fn ids_that_never_were_are_refused_at_once(world: &World) {
    let (disk, oma) = (DISK0.parse().unwrap(), OMA.parse().unwrap());
    let (no_volume, no_vm) = (UNKNOWN.parse().unwrap(), UNKNOWN.parse().unwrap());
    assert_eq!(world.refused(&detach(&no_volume)).await, 431);
    assert_eq!(world.refused(&attach(&no_volume, &oma, None)).await, 431);
    assert_eq!(world.refused(&attach(&disk, &no_vm, None)).await, 431);
}

pub async fn a_scratch_root_is_deleted_at_once_and_only_detached(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await;
    world.done(&detach(&root.id)).await;
    let proof = ScratchRoot::prove(&world.volume(&root.id).await, &BTreeSet::new()).unwrap();
    let delete = Command::DeleteVolume { volume: proof };
    // Somebody attaches it between the proof and the deletion: the cloud's own rule still stands.
    world.done(&attach(&root.id, &vm, Some(0))).await;
    assert_eq!(world.refused(&delete).await, 431);
    world.done(&detach(&root.id)).await;
    assert_eq!(world.submit(&delete).await.unwrap(), Accepted::Done);
    assert_eq!(world.client().volume(&root.id).await.unwrap(), None);
    assert_eq!(world.refused(&delete).await, 431);
}

pub async fn a_deleted_volume_is_known_to_the_job_but_not_found(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await;
    world.done(&detach(&root.id)).await;
    let proof = ScratchRoot::prove(&world.volume(&root.id).await, &BTreeSet::new()).unwrap();
    world
        .submit(&Command::DeleteVolume { volume: proof })
        .await
        .unwrap();
    // The id is still understood, so the refusal comes from the job and not with the answer.
    assert!(matches!(world.run(&detach(&root.id)).await, JobReport::Failed(refusal) if refusal.code == 431));
}
