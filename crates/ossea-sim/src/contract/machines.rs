//! Deploying, starting, stopping and destroying VMs.

use std::collections::BTreeSet;

use failover_domain::{CloudVmId, Firmware};
use ossea::{
    Accepted, Command, CustomSize, DeployVm, EmptiedVm, NicRequest, StopMode, VmState, VolumeKind,
    VolumeState,
};

use super::world::{
    BACKEND, DISK0, DISK1, FAR_NETWORK, FREE, PASSWORD_TEMPLATE, PRODUCTION, TEMPLATE, TEST_NETWORK, UNKNOWN,
    WEST, World,
};

fn deploy(vm: DeployVm) -> Command {
    Command::DeployVirtualMachine(Box::new(vm))
}

fn nic(network: &str) -> NicRequest {
    NicRequest {
        network: network.parse().unwrap(),
        mac: None,
    }
}

fn start(vm: &CloudVmId) -> Command {
    Command::StartVirtualMachine { vm: vm.clone() }
}

fn stop(vm: &CloudVmId, mode: StopMode) -> Command {
    Command::StopVirtualMachine { vm: vm.clone(), mode }
}

pub async fn a_deployed_vm_is_stopped_marked_and_has_a_scratch_root(world: &World) {
    let key = world.key();
    let accepted = world
        .client()
        .submit(&key, &deploy(world.deployment("web-01")))
        .await
        .unwrap();
    let Accepted::Job {
        job,
        created: Some(created),
    } = accepted
    else {
        panic!("{accepted:?}")
    };
    assert_eq!(job, key.job_id());
    assert_eq!(world.object_of(&job).await.as_deref(), Some(created.as_str()));
    let vm = world
        .client()
        .vm(&created.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (vm.name.as_str(), vm.display_name.as_str(), &vm.state),
        ("web-01", "Web (web-01)", &VmState::Stopped)
    );
    assert_eq!(
        vm.details.get(DeployVm::MARK_DETAIL).map(String::as_str),
        Some("contract")
    );
    assert_eq!(
        (vm.cpus, vm.memory_mib, vm.host.as_deref()),
        (Some(2), Some(4096), None)
    );
    let root = world.root_of(&vm.id).await;
    assert_eq!(
        (root.kind, root.state),
        (VolumeKind::Root, VolumeState::Allocated)
    );
    assert_eq!(root.template, Some(TEMPLATE.parse().unwrap()));
    assert_eq!(world.client().vms_named("web-01").await.unwrap(), [vm]);
}

pub async fn cards_keep_their_order_and_the_first_is_the_default(world: &World) {
    let nics = vec![nic(BACKEND), nic(PRODUCTION)];
    let vm = world
        .deployed(DeployVm {
            nics,
            ..world.deployment("web-01")
        })
        .await;
    let seen = world.vm(&vm).await;
    let cards: Vec<(&str, bool)> = seen
        .nics
        .iter()
        .map(|nic| (nic.network.as_str(), nic.is_default))
        .collect();
    assert_eq!(cards, [(BACKEND, true), (PRODUCTION, false)]);
}

pub async fn a_mac_address_is_given_to_the_card_that_asks_for_it(world: &World) {
    let mac = "00:50:56:9a:01:02";
    let nics = vec![
        nic(PRODUCTION),
        NicRequest {
            mac: Some(mac.parse().unwrap()),
            ..nic(BACKEND)
        },
    ];
    let vm = world
        .deployed(DeployVm {
            nics,
            ..world.deployment("web-01")
        })
        .await;
    let seen = world.vm(&vm).await;
    let cards: Vec<(&str, bool)> = seen
        .nics
        .iter()
        .map(|nic| (nic.network.as_str(), nic.mac == mac))
        .collect();
    assert_eq!(cards, [(PRODUCTION, false), (BACKEND, true)]);
}

pub async fn a_free_offering_takes_the_size_that_is_given(world: &World) {
    let size = CustomSize {
        cpus: 6,
        cpu_speed_mhz: Some(2400),
        memory_mib: 12_288,
    };
    let free = DeployVm {
        offering: FREE.parse().unwrap(),
        ..world.deployment("web-01")
    };
    let vm = world
        .deployed(DeployVm {
            custom_size: Some(size),
            ..free.clone()
        })
        .await;
    let seen = world.vm(&vm).await;
    assert_eq!((seen.cpus, seen.memory_mib), (Some(6), Some(12_288)));
    let sizes = [
        None,
        Some(CustomSize {
            cpu_speed_mhz: None,
            ..size
        }),
        Some(CustomSize { cpus: 17, ..size }),
        Some(CustomSize {
            memory_mib: 256,
            ..size
        }),
    ];
    for custom_size in sizes {
        let name = "web-02".to_owned();
        assert_eq!(
            world
                .refused(&deploy(DeployVm {
                    name,
                    custom_size,
                    ..free.clone()
                }))
                .await,
            431
        );
    }
    assert_eq!(world.client().vms_named("web-02").await.unwrap(), []);
}

pub async fn a_uefi_vm_can_be_deployed_with_and_without_secure_boot(world: &World) {
    for (name, secure_boot) in [("web-01", false), ("web-02", true)] {
        let vm = DeployVm {
            firmware: Firmware::Uefi,
            secure_boot,
            ..world.deployment(name)
        };
        let vm = world.deployed(vm).await;
        assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
    }
}

pub async fn an_impossible_deployment_is_refused_at_once_and_leaves_nothing(world: &World) {
    let vm = || world.deployment("web-01");
    let size = CustomSize {
        cpus: 2,
        cpu_speed_mhz: Some(2000),
        memory_mib: 2048,
    };
    let impossible = [
        (
            431,
            "no such zone",
            DeployVm {
                zone: UNKNOWN.parse().unwrap(),
                ..vm()
            },
        ),
        (
            431,
            "no such template",
            DeployVm {
                template: UNKNOWN.parse().unwrap(),
                ..vm()
            },
        ),
        (
            431,
            "no such offering",
            DeployVm {
                offering: UNKNOWN.parse().unwrap(),
                ..vm()
            },
        ),
        (
            431,
            "no such network",
            DeployVm {
                nics: vec![nic(UNKNOWN)],
                ..vm()
            },
        ),
        (
            431,
            "size of a fixed offering",
            DeployVm {
                custom_size: Some(size),
                ..vm()
            },
        ),
        (
            431,
            "network of another zone",
            DeployVm {
                nics: vec![nic(FAR_NETWORK)],
                ..vm()
            },
        ),
        (
            431,
            "password server on an L2 network",
            DeployVm {
                template: PASSWORD_TEMPLATE.parse().unwrap(),
                nics: vec![nic(TEST_NETWORK)],
                ..vm()
            },
        ),
        (
            531,
            "disabled zone",
            DeployVm {
                zone: WEST.parse().unwrap(),
                nics: vec![nic(FAR_NETWORK)],
                ..vm()
            },
        ),
    ];
    for (code, why, vm) in impossible {
        assert_eq!(world.refused(&deploy(vm)).await, code, "{why}");
    }
    for name in ["1web", "web_01", "web.01", "-web", "web-", &"w".repeat(64)] {
        assert_eq!(
            world.refused(&deploy(world.deployment(name))).await,
            431,
            "{name}"
        );
    }
    let names: Vec<String> = world
        .client()
        .vms()
        .await
        .unwrap()
        .into_iter()
        .map(|vm| vm.name)
        .collect();
    assert_eq!(names, ["oma"]);
}

pub async fn a_second_vm_of_the_same_name_on_the_network_is_refused(world: &World) {
    let first = world.deploy_stopped("web-01").await;
    assert_eq!(world.refused(&deploy(world.deployment("web-01"))).await, 431);
    // Elsewhere the name is free.
    let second = world
        .deployed(DeployVm {
            nics: vec![nic(TEST_NETWORK)],
            ..world.deployment("web-01")
        })
        .await;
    let found: BTreeSet<CloudVmId> = world
        .client()
        .vms_named("web-01")
        .await
        .unwrap()
        .into_iter()
        .map(|vm| vm.id)
        .collect();
    assert_eq!(found, BTreeSet::from([first, second]));
}

pub async fn a_name_is_found_only_whole(world: &World) {
    world.deploy_stopped("web-01").await;
    for part in ["web", "web-0", "eb-01", "web-011", "Web (web-01)"] {
        assert_eq!(world.client().vms_named(part).await.unwrap(), [], "{part}");
    }
}

pub async fn a_vm_runs_after_its_start_and_starts_only_once(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.done(&start(&vm)).await;
    let seen = world.vm(&vm).await;
    assert_eq!(seen.state, VmState::Running);
    assert!(seen.host.is_some());
    assert_eq!(world.failed(&start(&vm)).await, 431);
    assert_eq!(world.vm(&vm).await.state, VmState::Running);
}

pub async fn a_vm_without_a_root_does_not_start(world: &World) {
    let vm = world.deploy_without_root("web-01").await;
    assert_eq!(world.failed(&start(&vm)).await, 530);
    assert_eq!(world.vm(&vm).await.state, VmState::Stopped);
}

pub async fn stopping_can_be_repeated(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    world.done(&stop(&vm, StopMode::Graceful)).await;
    for mode in [StopMode::Graceful, StopMode::Forced] {
        world.done(&start(&vm)).await;
        world.done(&stop(&vm, mode)).await;
        world.done(&stop(&vm, mode)).await;
        let seen = world.vm(&vm).await;
        assert_eq!((seen.state, seen.host), (VmState::Stopped, None));
    }
}

pub async fn destroying_keeps_data_disks_and_deletes_what_is_at_device_zero(world: &World) {
    let vm = world.deploy_stopped("web-01").await;
    let root = world.root_of(&vm).await.id;
    let disk = DISK1.parse().unwrap();
    world
        .done(&Command::DetachVolume {
            volume: world.volume(&disk).await.id,
        })
        .await;
    world
        .done(&Command::AttachVolume {
            volume: world.volume(&disk).await.id,
            vm: vm.clone(),
            device: Some(1),
        })
        .await;
    // A foreign data disk is no obstacle to the proof: the cloud detaches and keeps it.
    let proof = EmptiedVm::prove(&vm, &world.volumes_on(&vm).await, &BTreeSet::new(), Some(&root)).unwrap();
    let destroy = Command::DestroyVirtualMachine { vm: proof };
    world.done(&destroy).await;
    assert_eq!(world.client().vm(&vm).await.unwrap(), None);
    assert_eq!(world.client().vms_named("web-01").await.unwrap(), []);
    assert_eq!(world.client().volume(&root).await.unwrap(), None);
    assert_eq!(world.volume(&disk).await.attachment, None);
    assert_eq!(world.failed(&destroy).await, 431);
}

pub async fn a_vm_that_never_was_is_refused_at_once(world: &World) {
    let vm = UNKNOWN.parse().unwrap();
    assert_eq!(world.refused(&start(&vm)).await, 431);
    assert_eq!(world.refused(&stop(&vm, StopMode::Graceful)).await, 431);
    let proof = EmptiedVm::prove(&vm, &[], &BTreeSet::new(), None).unwrap();
    assert_eq!(
        world.refused(&Command::DestroyVirtualMachine { vm: proof }).await,
        431
    );
}

pub async fn a_failed_over_vm_runs_with_its_disks_in_order(world: &World) {
    let vm = world.deploy_without_root("web-01").await;
    for (disk, device) in [(DISK0, 0), (DISK1, 1)] {
        let disk: failover_domain::VolumeId = disk.parse().unwrap();
        world.done(&Command::DetachVolume { volume: disk.clone() }).await;
        world
            .done(&Command::AttachVolume {
                volume: disk,
                vm: vm.clone(),
                device: Some(device),
            })
            .await;
    }
    world.done(&start(&vm)).await;
    assert_eq!(world.vm(&vm).await.state, VmState::Running);
    let mut places: Vec<(Option<u32>, String)> = world
        .volumes_on(&vm)
        .await
        .into_iter()
        .map(|volume| (volume.attachment.and_then(|at| at.device), volume.id.to_string()))
        .collect();
    places.sort();
    assert_eq!(places, [(Some(0), DISK0.to_owned()), (Some(1), DISK1.to_owned())]);
}
