//! What VMs and volumes stand on: storage pools, limits, tags.

use std::collections::BTreeMap;

use failover_domain::ZoneId;
use ossea::{Command, LimitedResource, OsseaError, PoolKind, PoolScope, Tagged};

use super::world::{DISK0, DISK1, EAST, OMA, UNKNOWN, WEST, World};

pub async fn pools_are_shown_by_zone_with_kind_and_scope(world: &World) {
    let pools = world
        .client()
        .storage_pools(&EAST.parse().unwrap())
        .await
        .unwrap();
    let seen: Vec<_> = pools
        .iter()
        .map(|pool| (pool.name.as_str(), &pool.kind, &pool.scope, pool.managed))
        .collect();
    let lun = PoolKind::Other("Iscsi".to_owned());
    assert_eq!(
        seen,
        [
            (
                "nfs-east",
                &PoolKind::NetworkFilesystem,
                &PoolScope::Zone,
                Some(false)
            ),
            ("lun-east", &lun, &PoolScope::Zone, Some(true)),
        ]
    );
    let west: ZoneId = WEST.parse().unwrap();
    assert_eq!(world.client().storage_pools(&west).await.unwrap(), []);
    let unknown = world.client().storage_pools(&UNKNOWN.parse().unwrap()).await;
    assert!(matches!(unknown, Err(OsseaError::NotFound(_))), "{unknown:?}");
}

pub async fn a_volume_tells_its_pool_once_it_is_on_one(world: &World) {
    let pools = world
        .client()
        .storage_pools(&EAST.parse().unwrap())
        .await
        .unwrap();
    let disk = world.volume(&DISK0.parse().unwrap()).await;
    assert_eq!(
        (disk.storage.as_deref(), disk.pool.as_ref()),
        (Some("nfs-east"), Some(&pools[0].id))
    );
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await;
    assert_eq!((root.storage, root.pool), (None, None));
}

pub async fn limits_are_told_and_kept(world: &World) {
    let limits = world.client().resource_limits().await.unwrap();
    let (snapshots, others): (Vec<_>, Vec<_>) = limits
        .into_iter()
        .partition(|limit| limit.resource == LimitedResource::Snapshots);
    assert_eq!((snapshots.len(), snapshots[0].max), (1, Some(6)));
    let others: Vec<Option<u64>> = others.into_iter().map(|limit| limit.max).collect();
    assert_eq!(others, [None; 6]);
    let disk = DISK0.parse().unwrap();
    world
        .done(&Command::DetachVolume {
            volume: DISK0.parse().unwrap(),
        })
        .await;
    let take = Command::CreateSnapshot {
        volume: disk,
        name: "point".to_owned(),
    };
    let mut last = None;
    for _ in 0..6 {
        last = world.done(&take).await;
    }
    assert_eq!(world.refused(&take).await, 535);
    let snapshot = last.unwrap().parse().unwrap();
    world.done(&Command::DeleteSnapshot { snapshot }).await;
    world.done(&take).await;
}

fn create(on: &Tagged, tags: &[(&str, &str)]) -> Command {
    let tags: BTreeMap<String, String> = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Command::CreateTags { on: on.clone(), tags }
}

fn delete(on: &Tagged, key: &str) -> Command {
    Command::DeleteTags {
        on: on.clone(),
        keys: [key.to_owned()].into(),
    }
}

pub async fn a_tag_is_put_on_once_and_taken_off_as_often_as_wanted(world: &World) {
    let vm = world.deploy_stopped("tagged").await;
    world.done(&Command::StartVirtualMachine { vm: vm.clone() }).await;
    let of_vm = Command::CreateVmSnapshot {
        vm: vm.clone(),
        name: "point".to_owned(),
        description: "tagged".to_owned(),
    };
    let vm_snapshot = world.done(&of_vm).await.unwrap();
    for on in [
        Tagged::Vm(OMA.parse().unwrap()),
        Tagged::Volume(DISK1.parse().unwrap()),
        Tagged::VmSnapshot(vm_snapshot.parse().unwrap()),
    ] {
        world
            .done(&create(&on, &[("job", "job/42+retry*1"), ("owner", "Zoë")]))
            .await;
        // One key that is there refuses all of them.
        let again = create(&on, &[("job", "another"), ("new", "1")]);
        assert_eq!(world.failed(&again).await, 530, "{on}");
        world.done(&delete(&on, "job")).await;
        world.done(&delete(&on, "job")).await;
        world.done(&again).await;
    }
}

pub async fn what_a_tag_is_put_on_is_looked_up_in_the_job(world: &World) {
    let unknown = Tagged::Volume(UNKNOWN.parse().unwrap());
    assert_eq!(world.failed(&create(&unknown, &[("job", "1")])).await, 431);
    assert_eq!(world.failed(&delete(&unknown, "job")).await, 431);
}
