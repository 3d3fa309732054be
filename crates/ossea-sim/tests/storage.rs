//! Storage of other scopes and kinds: where VMs start, and which volumes move (cloudstack-api.md sections 4.3, 4.10).
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use failover_domain::VolumeId;
use ossea::{Accepted, JobReport, OsseaClient, OsseaError, VolumeState};
use ossea_sim::cloud::log::{Effect, LogEvent};
use ossea_sim::contents::{ClusterContents, PoolContents, StorageKind, StorageScope};
use ossea_sim::settings::Role;
use ossea_sim::{InProcessCloud, Profile, SimContents, SimSettings};
use support::{Caller, attach, start};

/// Two clusters, each with a pool of its own, and a disk on one host; the sample's replicas are on the pool of the
/// whole zone.
fn contents() -> SimContents {
    let mut contents = SimContents::sample();
    let zone = contents.oma.zone.clone();
    for (cluster, host) in [("north", "kvm-n1"), ("south", "kvm-s1")] {
        contents.clusters.push(ClusterContents {
            name: cluster.to_owned(),
            zone: zone.clone(),
            hosts: vec![host.to_owned()],
        });
        contents.pools.push(PoolContents {
            id: None,
            name: format!("{cluster}-pool"),
            zone: zone.clone(),
            kind: StorageKind::Rbd,
            scope: StorageScope::Cluster,
            cluster: Some(cluster.to_owned()),
            host: None,
        });
    }
    contents.pools.push(PoolContents {
        id: None,
        name: "local-s1".to_owned(),
        zone,
        kind: StorageKind::Nfs,
        scope: StorageScope::Host,
        cluster: None,
        host: Some("kvm-s1".to_owned()),
    });
    contents
}

/// A caller of a cloud whose first replicas are on these pools, and detached.
async fn with_disks_on(pools: &[&str]) -> (Caller, Vec<VolumeId>) {
    let mut contents = contents();
    let mut disks = Vec::new();
    for (disk, pool) in ["pgwintestbios-disk0", "pgwintestbios-disk1"].iter().zip(pools) {
        let found = contents
            .oma
            .volumes
            .iter_mut()
            .find(|v| v.name == **disk)
            .unwrap();
        found.pool = (*pool).to_owned();
        disks.push(found.id.clone());
    }
    // The text is checked like a file's.
    let contents: SimContents = toml::to_string(&contents).unwrap().parse().unwrap();
    let caller = Caller::with_contents(contents, SimSettings::default());
    for disk in &disks {
        caller.detach(disk).await;
    }
    (caller, disks)
}

async fn pool_of(caller: &Caller, volume: &VolumeId) -> String {
    let seen = caller.cloud.volume(volume).await.unwrap().unwrap();
    seen.storage.unwrap()
}

fn moved(cloud: &InProcessCloud) -> Vec<(VolumeId, String, String)> {
    let entries = cloud.log().into_iter().filter_map(|entry| {
        let LogEvent::Effect { effect, .. } = entry.event else {
            return None;
        };
        let Effect::VolumeMigrated { volume, from, to } = effect else {
            return None;
        };
        Some((volume, from, to))
    });
    entries.collect()
}

#[tokio::test(start_paused = true)]
async fn a_volume_of_another_cluster_moves_to_the_vms_when_it_is_attached() {
    let (caller, disks) = with_disks_on(&["north-pool", "south-pool"]).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disks[0], &vm, 0).await;
    assert_eq!(
        pool_of(&caller, &disks[0]).await,
        "north-pool",
        "the first one stays"
    );
    let content = caller.cloud.content_of(&disks[1]);
    let Accepted::Job { job, .. } = caller.submit(attach(&disks[1], &vm, 1)).await.unwrap() else {
        panic!("an attachment is a job");
    };
    let under_way = caller.cloud.volume(&disks[1]).await.unwrap().unwrap();
    assert_eq!(under_way.state, VolumeState::Migrating);
    // Longer than any attachment without a move.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(caller.cloud.job(&job).await.unwrap(), JobReport::Pending);
    assert!(matches!(caller.wait(&job).await, JobReport::Succeeded { .. }));
    let there = caller.cloud.volume(&disks[1]).await.unwrap().unwrap();
    assert_eq!(
        (there.state, there.attachment.unwrap().device),
        (VolumeState::Ready, Some(1))
    );
    let wanted = (disks[1].clone(), "south-pool".to_owned(), "north-pool".to_owned());
    assert_eq!(moved(&caller.cloud), [wanted]);
    assert_eq!(
        caller.cloud.content_of(&disks[1]),
        content,
        "a move changes no content"
    );
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_the_whole_zone_reaches_stays_where_it_is() {
    let (caller, disks) = with_disks_on(&["north-pool", "primary-nfs-1"]).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disks[0], &vm, 0).await;
    caller.attach(&disks[1], &vm, 1).await;
    caller.done(start(&vm)).await;
    assert_eq!(moved(&caller.cloud), []);
    assert_eq!(pool_of(&caller, &disks[1]).await, "primary-nfs-1");
}

#[tokio::test(start_paused = true)]
async fn a_volume_of_a_cluster_moves_to_a_vm_on_zone_wide_storage_that_does_not_run_there() {
    let (caller, disks) = with_disks_on(&["primary-nfs-1", "south-pool"]).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disks[0], &vm, 0).await;
    caller.attach(&disks[1], &vm, 1).await;
    assert_eq!(pool_of(&caller, &disks[1]).await, "primary-nfs-1");
}

#[tokio::test(start_paused = true)]
async fn a_local_volume_cannot_move_between_scopes() {
    let (caller, disks) = with_disks_on(&["primary-nfs-1", "local-s1"]).await;
    let vm = caller.emptied_vm("web").await;
    caller.attach(&disks[0], &vm, 0).await;
    let refusal = caller.fails(attach(&disks[1], &vm, 1)).await;
    assert_eq!(refusal.code, 431);
    assert!(
        refusal.text.contains("between scope: HOST and ZONE"),
        "{refusal:?}"
    );
    let seen = caller.cloud.volume(&disks[1]).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.attachment), (VolumeState::Ready, None));
}

#[tokio::test(start_paused = true)]
async fn a_vm_starts_where_its_root_is() {
    for (pool, host) in [
        ("north-pool", "kvm-n1"),
        ("south-pool", "kvm-s1"),
        ("local-s1", "kvm-s1"),
    ] {
        let (caller, disks) = with_disks_on(&[pool]).await;
        let vm = caller.emptied_vm("web").await;
        caller.attach(&disks[0], &vm, 0).await;
        caller.done(start(&vm)).await;
        let seen = caller.cloud.vm(&vm).await.unwrap().unwrap();
        assert_eq!(seen.host.as_deref(), Some(host), "{pool}");
        assert_eq!(pool_of(&caller, &disks[0]).await, pool);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sample_fails_over_on_every_kind_and_scope_of_storage() {
    for kind in [StorageKind::Nfs, StorageKind::Rbd, StorageKind::Managed] {
        for scope in [StorageScope::Zone, StorageScope::Cluster] {
            let contents = SimContents::sample().with_storage(Some(kind), Some(scope));
            let caller = Caller::with_contents(contents, SimSettings::default());
            let [root, data, _] = caller.replicas();
            caller.detach(&root).await;
            caller.detach(&data).await;
            let vm = caller.emptied_vm("web").await;
            if kind == StorageKind::Managed {
                assert_eq!(caller.fails(attach(&root, &vm, 0)).await.code, 431);
                continue;
            }
            caller.attach(&root, &vm, 0).await;
            caller.attach(&data, &vm, 1).await;
            caller.done(start(&vm)).await;
            assert_eq!(moved(&caller.cloud), [], "{kind} {scope:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_users_are_shown_no_pools() {
    let settings = SimSettings {
        role: Role::User,
        ..SimSettings::of(Profile::V4_22)
    };
    let caller = Caller::with(settings);
    let zone = caller.contents.oma.zone.clone();
    let answer = caller.cloud.storage_pools(&zone).await;
    assert!(matches!(answer, Err(OsseaError::Unauthorized(_))), "{answer:?}");
}
