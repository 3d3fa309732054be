//! What is shown, and what is not.

use failover_domain::{CloudVmId, ZoneId};
use ossea::{OsseaError, VmState, VolumeKind, VolumeState};

use super::world::{
    BACKEND, DISK0, DISK1, EAST, FAR_NETWORK, FIXED, FREE, MANAGED, OMA, OMA_ROOT, PASSWORD_TEMPLATE,
    PRODUCTION, TEMPLATE, TEST_NETWORK, UNKNOWN, WEST, World,
};

pub async fn the_appliance_is_shown_with_its_card(world: &World) {
    let oma = world.vm(&OMA.parse().unwrap()).await;
    assert_eq!(
        (oma.name.as_str(), &oma.state, oma.zone.as_str()),
        ("oma", &VmState::Running, EAST)
    );
    assert!(oma.host.is_some() && oma.created.is_some() && oma.pending_job.is_none());
    let [card] = &oma.nics[..] else {
        panic!("{:?}", oma.nics)
    };
    assert_eq!(
        (card.network.as_str(), card.network_name.as_str()),
        (PRODUCTION, "production")
    );
    assert_eq!(
        (card.mac.as_str(), card.is_default, card.device),
        ("02:00:00:00:00:01", true, Some(0))
    );
    assert!(card.address.is_some());
    assert_eq!(world.client().vms().await.unwrap(), [oma]);
}

pub async fn the_volumes_of_the_appliance_are_shown_at_their_devices(world: &World) {
    let mut shown: Vec<(Option<u32>, String, VolumeKind)> = world
        .volumes_on(&OMA.parse().unwrap())
        .await
        .into_iter()
        .map(|volume| {
            (
                volume.attachment.and_then(|at| at.device),
                volume.id.to_string(),
                volume.kind,
            )
        })
        .collect();
    shown.sort_by_key(|(device, _, _)| *device);
    assert_eq!(
        shown,
        [
            (Some(0), OMA_ROOT.to_owned(), VolumeKind::Root),
            (Some(1), DISK0.to_owned(), VolumeKind::Data),
            (Some(2), DISK1.to_owned(), VolumeKind::Data),
            (Some(4), MANAGED.to_owned(), VolumeKind::Data),
        ]
    );
    let disk = world.volume(&DISK0.parse().unwrap()).await;
    assert_eq!(
        (disk.name.as_str(), disk.size_bytes, disk.state),
        ("web-01-disk0", 40 << 30, VolumeState::Ready)
    );
    assert_eq!(
        (disk.zone.as_str(), disk.storage.as_deref(), disk.template),
        (EAST, Some("nfs-east"), None)
    );
    assert_eq!(disk.attachment.map(|at| at.vm_name), Some("oma".to_owned()));
}

pub async fn an_id_that_never_was_finds_nothing(world: &World) {
    let client = world.client();
    assert_eq!(client.vm(&UNKNOWN.parse().unwrap()).await.unwrap(), None);
    assert_eq!(client.volume(&UNKNOWN.parse().unwrap()).await.unwrap(), None);
    assert_eq!(client.snapshot(&UNKNOWN.parse().unwrap()).await.unwrap(), None);
    assert_eq!(client.network(&UNKNOWN.parse().unwrap()).await.unwrap(), None);
    assert_eq!(client.zone(&UNKNOWN.parse().unwrap()).await.unwrap(), None);
    assert_eq!(
        client.service_offering(&UNKNOWN.parse().unwrap()).await.unwrap(),
        None
    );
    assert_eq!(
        client
            .template(&UNKNOWN.parse().unwrap(), &EAST.parse().unwrap())
            .await
            .unwrap(),
        None
    );
    assert_eq!(client.vms_named("nobody").await.unwrap(), []);
}

pub async fn what_belongs_to_an_object_that_never_was_is_not_an_empty_list(world: &World) {
    let client = world.client();
    let no_vm: CloudVmId = UNKNOWN.parse().unwrap();
    assert!(matches!(
        client.volumes_on(&no_vm).await,
        Err(OsseaError::NotFound(_))
    ));
    assert!(matches!(
        client.snapshots_of(&UNKNOWN.parse().unwrap()).await,
        Err(OsseaError::NotFound(_))
    ));
    assert!(matches!(
        client.networks(&UNKNOWN.parse().unwrap()).await,
        Err(OsseaError::NotFound(_))
    ));
}

pub async fn what_belonged_to_a_removed_vm_is_an_empty_list(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.destroy(&vm).await;
    assert_eq!(world.volumes_on(&vm).await, []);
}

pub async fn networks_are_shown_by_zone(world: &World) {
    let names = async |zone: &str| {
        let zone: ZoneId = zone.parse().unwrap();
        let mut names: Vec<String> = world
            .client()
            .networks(&zone)
            .await
            .unwrap()
            .into_iter()
            .map(|network| network.name)
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(EAST).await, ["backend", "production", "test"]);
    assert_eq!(names(WEST).await, ["far away"]);
    for (id, kind) in [
        (PRODUCTION, "Isolated"),
        (BACKEND, "Shared"),
        (TEST_NETWORK, "L2"),
        (FAR_NETWORK, "Isolated"),
    ] {
        let network = world
            .client()
            .network(&id.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((network.kind.as_str(), network.can_deploy), (kind, true));
    }
}

pub async fn zones_say_whether_they_take_vms(world: &World) {
    for (id, name, enabled) in [(EAST, "east", true), (WEST, "west", false)] {
        let zone = world.client().zone(&id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((zone.name.as_str(), zone.enabled), (name, enabled));
    }
}

pub async fn offerings_say_what_is_free(world: &World) {
    let fixed = world
        .client()
        .service_offering(&FIXED.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(!fixed.customized);
    assert_eq!(
        (fixed.cpus, fixed.cpu_speed_mhz, fixed.memory_mib),
        (Some(2), Some(2000), Some(4096))
    );
    assert_eq!((fixed.cpu_bounds, fixed.memory_bounds_mib), (None, None));
    let free = world
        .client()
        .service_offering(&FREE.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(free.customized);
    assert_eq!(
        (free.cpus, free.cpu_speed_mhz, free.memory_mib),
        (None, None, None)
    );
    assert_eq!(
        (free.cpu_bounds, free.memory_bounds_mib),
        (Some((1, 16)), Some((512, 65_536)))
    );
}

pub async fn a_template_is_shown_only_in_its_zones(world: &World) {
    let (east, west) = (EAST.parse().unwrap(), WEST.parse().unwrap());
    let template = world
        .client()
        .template(&TEMPLATE.parse().unwrap(), &east)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (template.name.as_str(), template.ready, template.size_bytes),
        ("tiny", true, 1 << 30)
    );
    assert_eq!(
        (template.hypervisor.as_str(), template.password_enabled),
        ("KVM", false)
    );
    let other = world
        .client()
        .template(&PASSWORD_TEMPLATE.parse().unwrap(), &east)
        .await
        .unwrap();
    assert!(other.is_some_and(|template| template.password_enabled));
    assert_eq!(
        world
            .client()
            .template(&TEMPLATE.parse().unwrap(), &west)
            .await
            .unwrap(),
        None
    );
}

pub async fn the_cloud_tells_its_version_and_what_we_may(world: &World) {
    let capabilities = world.client().capabilities().await.unwrap();
    assert_eq!(capabilities.version, "4.22.1.0");
    assert!(capabilities.kvm_snapshot_enabled && capabilities.may_expunge_vm);
    assert_eq!(capabilities.api_limit, None);
}
