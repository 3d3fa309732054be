//! The choice of the rollback strategy: by table over versions, storage, snapshots and requests, and what is asked for it.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use failover_domain::{RollbackStrategy, StrategyRequest, VolumeId};
use failover_validation::strategy::{ReplicaFacts, StrategyFacts, choose};
use failover_validation::{StrategyChoice, StrategyError, choose_strategy};
use ossea::{
    Capabilities, Fact, MockOsseaClient, NotTold, OsseaError, PoolKind, PoolScope, Refusal, Snapshot,
    SnapshotState, StoragePool, Volume, VolumeKind, VolumeState,
};

const ZONE: &str = "zone-1";

fn snapshot(volume: &str) -> Snapshot {
    Snapshot {
        id: format!("snapshot-of-{volume}").parse().unwrap(),
        name: "before-patch-day".into(),
        volume: volume.parse().unwrap(),
        state: SnapshotState::BackedUp,
        created: None,
    }
}

fn facts(version: &str, pools: &[Fact<PoolKind>]) -> StrategyFacts {
    let replica = |(place, pool): (usize, &Fact<PoolKind>)| ReplicaFacts {
        volume: format!("volume-{place}").parse().unwrap(),
        pool: pool.clone(),
        snapshots: Vec::new(),
    };
    StrategyFacts {
        version: version.to_owned().into(),
        replicas: pools.iter().enumerate().map(replica).collect(),
    }
}

fn kind(word: &str) -> Fact<PoolKind> {
    Fact::told(word.to_owned().into())
}

#[test]
fn the_choice_over_all_versions_storages_snapshots_and_requests() {
    let untold = Fact::NotTold(NotTold::ToOurRole);
    let storages = [
        (kind("NetworkFilesystem"), "NetworkFilesystem"),
        (kind("SharedMountPoint"), "SharedMountPoint"),
        (kind("RBD"), "RBD"),
        (kind("StorPool"), "StorPool"),
        (kind("Tape"), "Tape"),
        (untold, "storage is not known"),
    ];
    for (version, takes_files) in [
        ("4.18.2.5", false),
        ("4.20.3.0", false),
        ("4.21.0.0", true),
        ("4.22.1.0", true),
        ("4.23.0.0-SNAPSHOT", true),
        ("main", false),
    ] {
        for (place, (storage, word)) in storages.iter().enumerate() {
            for has_snapshot in [false, true] {
                let mut facts = facts(version, &[storage.clone(), storage.clone()]);
                if has_snapshot {
                    facts.replicas[1].snapshots = vec![snapshot("volume-1")];
                }
                let case = format!("{version}, {word}, snapshot: {has_snapshot}");
                let possible = takes_files && place < 2 && !has_snapshot;

                let auto = choose(&facts, StrategyRequest::Auto).unwrap();
                let expected = if possible {
                    RollbackStrategy::VmSnapshot
                } else {
                    RollbackStrategy::VolumeSnapshots
                };
                assert_eq!(auto.strategy, expected, "{case}");
                let names_snapshot = auto.reason.contains("snapshot-of-volume-1");
                assert_eq!(names_snapshot, has_snapshot, "{case}: {}", auto.reason);
                if !takes_files || place >= 2 || possible {
                    assert!(auto.reason.contains(word), "{case}: {}", auto.reason);
                }

                match choose(&facts, StrategyRequest::VmSnapshot) {
                    Ok(choice) => assert_eq!((possible, choice), (true, auto), "{case}"),
                    Err(refused) => {
                        assert!(!possible, "{case}");
                        assert_eq!(refused.reason, auto.reason, "{case}");
                        assert!(refused.remedy.ends_with('.'), "{case}");
                    }
                }
                let asked = choose(&facts, StrategyRequest::VolumeSnapshots).unwrap();
                assert_eq!(asked.strategy, RollbackStrategy::VolumeSnapshots, "{case}");
            }
        }
    }
}

#[test]
fn the_reason_is_a_sentence_that_names_what_decided() {
    let reason = |facts: &StrategyFacts| choose(facts, StrategyRequest::Auto).unwrap().reason;
    assert_eq!(
        reason(&facts("4.22.1.0", &[kind("NetworkFilesystem")])),
        "CloudStack 4.22.1.0 takes a VM snapshot of a stopped VM whose volumes are all on NetworkFilesystem, and no \
         replica has a volume snapshot"
    );
    assert_eq!(
        reason(&facts("4.20.3.0", &[kind("NetworkFilesystem")])),
        "CloudStack 4.20.3.0 fails to take a VM snapshot of a stopped VM with volumes on NetworkFilesystem (replica \
         volume-0)"
    );
    let newer = reason(&facts("4.23.0.0", &[kind("Filesystem")]));
    assert!(newer.contains("taken for 4.22"), "{newer}");
}

#[test]
fn the_one_replica_on_other_storage_decides() {
    let (nfs, shared, rbd) = (kind("NetworkFilesystem"), kind("SharedMountPoint"), kind("RBD"));
    let choice = |pools: &[Fact<PoolKind>]| choose(&facts("4.22.1.0", pools), StrategyRequest::Auto).unwrap();
    let files = choice(&[nfs.clone(), shared.clone()]);
    assert_eq!(files.strategy, RollbackStrategy::VmSnapshot);
    let mixed = choice(&[nfs, rbd, shared]);
    assert_eq!(mixed.strategy, RollbackStrategy::VolumeSnapshots);
    let words = |word| mixed.reason.contains(word);
    assert!(
        words("RBD") && words("volume-1") && !words("volume-0") && !words("volume-2"),
        "{}",
        mixed.reason
    );
}

#[test]
fn a_vm_without_known_replicas_gets_no_vm_snapshot() {
    let none = facts("4.22.1.0", &[]);
    let refused = choose(&none, StrategyRequest::VmSnapshot).unwrap_err();
    assert!(refused.to_string().contains("no replica is known"), "{refused}");
}

#[test]
fn of_many_replicas_a_few_are_named() {
    let many = facts("4.18.2.5", &vec![kind("NetworkFilesystem"); 33]);
    let reason = choose(&many, StrategyRequest::Auto).unwrap().reason;
    assert!(reason.contains("volume-2 and 30 more"), "{reason}");
}

/// A cloud with replicas `volume-0` and `volume-1` on pool `primary`.
fn cloud(pools: Result<Vec<StoragePool>, OsseaError>, snapshots: Vec<Snapshot>) -> MockOsseaClient {
    let mut cloud = MockOsseaClient::new();
    cloud.expect_capabilities().returning(|| {
        Ok(Capabilities {
            version: "4.22.1.0".into(),
            kvm_snapshot_enabled: false,
            may_expunge_vm: true,
            may_expunge_volume: None,
            may_force_stop: None,
            shows_destroyed_vms: None,
            api_limit: None,
        })
    });
    cloud.expect_storage_pools().returning(move |_| pools.clone());
    cloud.expect_volume().returning(|id| {
        let shown = ["volume-0", "volume-1"].contains(&id.as_str());
        Ok(shown.then(|| volume(id)))
    });
    cloud
        .expect_snapshots_of()
        .withf(|volume| volume.as_str() != "volume-gone")
        .returning(move |volume| {
            Ok(snapshots
                .iter()
                .filter(|s| s.volume == *volume)
                .cloned()
                .collect())
        });
    cloud
}

fn volume(id: &VolumeId) -> Volume {
    Volume {
        id: id.clone(),
        name: id.to_string(),
        kind: VolumeKind::Data,
        state: VolumeState::Ready,
        size_bytes: 1,
        zone: ZONE.parse().unwrap(),
        attachment: None,
        storage: Some("primary".into()),
        pool: None,
        template: None,
        pending_job: None,
    }
}

fn nfs() -> StoragePool {
    StoragePool {
        id: "pool".parse().unwrap(),
        name: "primary".into(),
        zone: ZONE.parse().unwrap(),
        kind: PoolKind::NetworkFilesystem,
        scope: PoolScope::Zone,
        cluster: None,
        managed: Some(false),
    }
}

async fn chosen(
    cloud: &MockOsseaClient,
    replicas: &[&str],
    request: StrategyRequest,
) -> Result<StrategyChoice, StrategyError> {
    let replicas: Vec<VolumeId> = replicas.iter().map(|id| id.parse().unwrap()).collect();
    choose_strategy(cloud, &ZONE.parse().unwrap(), &replicas, request).await
}

#[tokio::test]
async fn the_facts_are_gathered_from_the_cloud() {
    let both = ["volume-0", "volume-1"];
    let clean = cloud(Ok(vec![nfs()]), Vec::new());
    let choice = chosen(&clean, &both, StrategyRequest::Auto).await.unwrap();
    assert_eq!(choice.strategy, RollbackStrategy::VmSnapshot);

    let second = cloud(Ok(vec![nfs()]), vec![snapshot("volume-1")]);
    let choice = chosen(&second, &both, StrategyRequest::Auto).await.unwrap();
    assert_eq!(choice.strategy, RollbackStrategy::VolumeSnapshots);
    let refused = chosen(&second, &both, StrategyRequest::VmSnapshot).await;
    let Err(StrategyError::Refused(refused)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        refused.reason.contains("before-patch-day") && refused.remedy.contains("delete"),
        "{refused:?}"
    );
    assert!(
        chosen(&second, &both[..1], StrategyRequest::VmSnapshot)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_the_cloud_does_not_tell_is_no_error_and_takes_volume_snapshots() {
    let refusal = OsseaError::Refused(Refusal {
        code: 432,
        text: "not for you".into(),
    });
    let unauthorized = OsseaError::Unauthorized("401".into());
    for (pools, replica, word) in [
        (Err(unauthorized), "volume-0", "our account's role"),
        (Err(refusal), "volume-0", "not for you"),
        (Ok(Vec::new()), "volume-0", "no pool of the zone"),
        (Ok(vec![nfs()]), "volume-gone", "volume-gone"),
    ] {
        let cloud = cloud(pools, Vec::new());
        let choice = chosen(&cloud, &[replica], StrategyRequest::Auto).await.unwrap();
        assert_eq!(choice.strategy, RollbackStrategy::VolumeSnapshots);
        assert!(choice.reason.contains(word), "{}", choice.reason);
    }
}

#[tokio::test]
async fn a_cloud_that_stays_silent_is_an_error_and_no_reason_for_a_choice() {
    let silent = OsseaError::Unreachable("no route".into());
    let cloud = cloud(Err(silent.clone()), Vec::new());
    let choice = chosen(&cloud, &["volume-0"], StrategyRequest::Auto).await;
    assert_eq!(choice, Err(StrategyError::Cloud(silent)));
}

#[tokio::test]
async fn for_volume_snapshots_nothing_is_asked() {
    let nobody_is_asked = MockOsseaClient::new();
    let choice = chosen(&nobody_is_asked, &["volume-0"], StrategyRequest::VolumeSnapshots).await;
    assert_eq!(choice.unwrap().strategy, RollbackStrategy::VolumeSnapshots);
}
