//! A site where everything is right. A test breaks one thing and expects one finding.

#![expect(clippy::unwrap_used, reason = "test fixtures may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use chrono::DateTime;
use failover_domain::{
    CheckStatus, Controller, DiskPosition, FailoverType, Finding, Firmware, NetworkMapping, PowerState,
    Provenance, Purpose, Readiness, ReplicaVolume, SourceDisk, SourceNic, SourceVm, StrategyRequest,
    SyncState, VmId, VmSpec,
};
use failover_validation::{Subject, Target, assess};
use ossea::{
    Attachment, Capabilities, CloudVm, MockOsseaClient, Network, OsseaError, PoolKind, PoolScope,
    ResourceLimit, ServiceOffering, Snapshot, SnapshotState, StoragePool, Template, VmState, Volume,
    VolumeKind, VolumeState, Zone,
};

pub(crate) const GIB: u64 = 1 << 30;

/// What our database says, and what the cloud would answer.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) subject: Subject,
    pub(crate) target: Target,
    pub(crate) capabilities: Result<Capabilities, OsseaError>,
    pub(crate) zone: Option<Zone>,
    pub(crate) offering: Option<ServiceOffering>,
    pub(crate) template: Option<Template>,
    pub(crate) vms: Vec<CloudVm>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) networks: Vec<Network>,
    pub(crate) pools: Result<Vec<StoragePool>, OsseaError>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) limits: Result<Vec<ResourceLimit>, OsseaError>,
    /// When set, every read fails like this.
    pub(crate) outage: Option<OsseaError>,
}

impl Site {
    /// A three-disk VM with two cards, off, synchronised, mapped; its replicas on the OMA.
    pub(crate) fn clean() -> Self {
        let target = Target {
            oma_vm: "oma".parse().unwrap(),
            zone: "zone-1".parse().unwrap(),
            offering: "offering".parse().unwrap(),
            template: "template".parse().unwrap(),
            cpu_speed_mhz: 2000,
            test_networks: BTreeSet::new(),
        };
        Self {
            subject: subject(),
            capabilities: Ok(Capabilities {
                version: "4.22.1.0".into(),
                kvm_snapshot_enabled: false,
                may_expunge_vm: true,
                may_expunge_volume: None,
                may_force_stop: None,
                shows_destroyed_vms: None,
                api_limit: None,
            }),
            zone: Some(Zone {
                id: target.zone.clone(),
                name: "Zone 1".into(),
                enabled: true,
            }),
            offering: Some(ServiceOffering {
                id: target.offering.clone(),
                name: "custom".into(),
                customized: true,
                cpus: None,
                cpu_speed_mhz: None,
                memory_mib: None,
                cpu_bounds: Some((1, 16)),
                memory_bounds_mib: Some((512, 65_536)),
            }),
            template: Some(Template {
                id: target.template.clone(),
                name: "blank".into(),
                ready: true,
                hypervisor: "KVM".into(),
                password_enabled: false,
                size_bytes: GIB,
            }),
            vms: vec![cloud_vm("oma", "oma", VmState::Running)],
            volumes: (0..3).map(replica_on_oma).collect(),
            networks: vec![
                network("net-prod", "zone-1"),
                network("net-db", "zone-1"),
                network("net-far", "zone-2"),
            ],
            pools: Ok(vec![pool("primary", PoolKind::NetworkFilesystem)]),
            snapshots: Vec::new(),
            limits: Ok(Vec::new()),
            outage: None,
            target,
        }
    }

    /// The same before a test failover: mapped to test networks, one marked by a stored mapping and one by the
    /// configuration.
    pub(crate) fn clean_test() -> Self {
        let mut site = Self::clean();
        site.subject.failover = FailoverType::Test;
        for (source, id) in [("VM Network", "net-test"), ("DB Network", "net-lab")] {
            site.networks.push(network(id, "zone-1"));
            site.map(source, id);
        }
        site.subject.marked_networks = ["net-test".parse().unwrap()].into();
        site.target.test_networks = ["net-lab".parse().unwrap()].into();
        site
    }

    /// Maps a source network for the subject's failover.
    pub(crate) fn map(&mut self, source: &str, network: &str) {
        let purpose = match self.subject.failover {
            FailoverType::Live => Purpose::Production,
            FailoverType::Test => Purpose::Test,
        };
        let mapping = NetworkMapping {
            purpose,
            ..mapping(source, network)
        };
        self.subject.mappings.insert(source.into(), mapping);
    }

    pub(crate) fn vm(&mut self) -> &mut SourceVm {
        self.subject.vm.as_mut().unwrap()
    }

    pub(crate) async fn assess(&self) -> Readiness {
        assess(&self.subject, &self.target, &self.cloud()).await
    }

    /// What one rule found.
    pub(crate) async fn finding(&self, rule: &str) -> Finding {
        let mut checks = self.assess().await.checks.into_iter();
        checks.find(|finding| finding.rule == rule).unwrap()
    }

    /// The one failed finding; panics with all of them when there are more or fewer.
    pub(crate) async fn only_failure(&self) -> Finding {
        let readiness = self.assess().await;
        let failures: Vec<Finding> = readiness.failures().cloned().collect();
        assert_eq!(failures.len(), 1, "{failures:#?}");
        failures.into_iter().next().unwrap()
    }

    /// A mock that answers from this site, however often it is asked.
    pub(crate) fn cloud(&self) -> MockOsseaClient {
        self.cloud_asked(0..=1000, 0..=1000)
    }

    /// A mock that answers from this site and insists on being asked so often: for the things that rules share,
    /// and for single volumes and networks.
    pub(crate) fn cloud_asked(
        &self,
        shared: RangeInclusive<usize>,
        single: RangeInclusive<usize>,
    ) -> MockOsseaClient {
        let mut cloud = MockOsseaClient::new();
        let outage = self.outage.clone();
        let answer = move || outage.clone().map_or(Ok(()), Err);
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_capabilities()
            .times(shared.clone())
            .returning(move || ok().and(site.capabilities.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_zone()
            .times(shared.clone())
            .returning(move |_| ok().map(|()| site.zone.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_service_offering()
            .times(shared.clone())
            .returning(move |_| ok().map(|()| site.offering.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_template()
            .times(shared.clone())
            .returning(move |_, _| ok().map(|()| site.template.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_vm()
            .times(shared.clone())
            .returning(move |id| ok().map(|()| site.vms.iter().find(|v| v.id == *id).cloned()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_vms_named()
            // Of two names: that of the destination VM, and the first one of the other type's.
            .times(*shared.start()..=shared.end() + 1)
            .returning(move |name| {
                ok().map(|()| site.vms.iter().filter(|v| v.name == name).cloned().collect())
            });
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_vms()
            .times(single.clone())
            .returning(move || ok().map(|()| site.vms.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_volume()
            .times(single.clone())
            .returning(move |id| ok().map(|()| site.volumes.iter().find(|v| v.id == *id).cloned()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_volumes_on()
            .times(shared.clone())
            .returning(move |vm| {
                let on = |v: &&Volume| v.attachment.as_ref().is_some_and(|at| at.vm == *vm);
                ok().map(|()| site.volumes.iter().filter(on).cloned().collect())
            });
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_storage_pools()
            .times(0..)
            .returning(move |_| ok().and(site.pools.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_resource_limits()
            .times(0..)
            .returning(move || ok().and(site.limits.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_snapshots()
            .times(0..)
            .returning(move || ok().map(|()| site.snapshots.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_volumes()
            .times(0..)
            .returning(move || ok().map(|()| site.volumes.clone()));
        let (site, ok) = (self.clone(), answer.clone());
        cloud.expect_snapshots_of().times(0..).returning(move |volume| {
            let of = |s: &&Snapshot| s.volume == *volume;
            ok().map(|()| site.snapshots.iter().filter(of).cloned().collect())
        });
        let (site, ok) = (self.clone(), answer.clone());
        cloud
            .expect_network()
            .times(single.clone())
            .returning(move |id| ok().map(|()| site.networks.iter().find(|n| n.id == *id).cloned()));
        let (site, ok) = (self.clone(), answer);
        cloud
            .expect_networks()
            .times(shared.clone())
            .returning(move |zone| {
                ok().map(|()| {
                    site.networks
                        .iter()
                        .filter(|n| n.zone == *zone)
                        .cloned()
                        .collect()
                })
            });
        cloud
    }
}

fn subject() -> Subject {
    let vm_id: VmId = "4205a841-0265-f4bd-39a6-39fd92196f53".parse().unwrap();
    let vm = SourceVm {
        vm_id: vm_id.clone(),
        name: "ERP 01".into(),
        display_name: "ERP 01".into(),
        power_state: PowerState::PoweredOff,
        spec: VmSpec {
            cpus: NonZeroU32::new(4),
            memory_mib: NonZeroU32::new(8192),
            guest_os: Some("Debian 12".into()),
            firmware: Some(Firmware::Uefi),
            secure_boot: false,
            provenance: Provenance {
                source: "inventory import".into(),
                recorded_at: DateTime::UNIX_EPOCH,
            },
        },
        disks: (0..3).map(disk).collect(),
        nics: vec![nic("VM Network"), nic("DB Network")],
        sync: SyncState {
            change_id: Some("52 3c ec 11/5".into()),
            synced_at: Some(DateTime::UNIX_EPOCH),
            active_replications: Vec::new(),
        },
    };
    let mappings = [("VM Network", "net-prod"), ("DB Network", "net-db")]
        .into_iter()
        .map(|(source, network)| (source.to_owned(), mapping(source, network)))
        .collect::<BTreeMap<_, _>>();
    Subject {
        vm_id: vm_id.clone(),
        failover: FailoverType::Live,
        vm: Some(vm),
        active_job: None,
        mappings,
        marked_networks: BTreeSet::new(),
        production_networks: ["net-prod", "net-db"]
            .map(|id| (id.parse().unwrap(), vm_id.clone()))
            .into(),
        strategy: StrategyRequest::Auto,
    }
}

pub(crate) fn mapping(source: &str, network: &str) -> NetworkMapping {
    NetworkMapping {
        source_network: source.into(),
        purpose: Purpose::Production,
        network_id: network.parse().unwrap(),
        network_name: network.into(),
    }
}

/// The devices of data disks are 1, 2, 4, 5 and so on.
fn oma_device(place: u16) -> u32 {
    u32::from(if place < 2 { place + 1 } else { place + 2 })
}

pub(crate) fn disk(place: u16) -> SourceDisk {
    SourceDisk {
        position: DiskPosition {
            controller: Controller::Scsi,
            bus: place / 16,
            unit: place % 16,
        },
        label: format!("Hard disk {}", place + 1),
        size_bytes: 10 * GIB,
        replica: Some(ReplicaVolume {
            volume_id: format!("volume-{place}").parse().unwrap(),
            name: format!("erp-disk-{place}"),
            oma_device: Some(oma_device(place)),
            needs_full_resync: false,
        }),
        synced_at: Some(DateTime::UNIX_EPOCH),
    }
}

pub(crate) fn replica_on_oma(place: u16) -> Volume {
    Volume {
        id: format!("volume-{place}").parse().unwrap(),
        name: format!("erp-disk-{place}"),
        kind: VolumeKind::Data,
        state: VolumeState::Ready,
        size_bytes: 10 * GIB,
        zone: "zone-1".parse().unwrap(),
        attachment: Some(Attachment {
            vm: "oma".parse().unwrap(),
            vm_name: "oma".into(),
            device: Some(oma_device(place)),
        }),
        storage: Some("primary".into()),
        pool: None,
        template: None,
        pending_job: None,
    }
}

pub(crate) fn pool(name: &str, kind: PoolKind) -> StoragePool {
    StoragePool {
        id: format!("pool-{name}").parse().unwrap(),
        name: name.into(),
        zone: "zone-1".parse().unwrap(),
        kind,
        scope: PoolScope::Zone,
        cluster: None,
        managed: Some(false),
    }
}

pub(crate) fn snapshot(id: &str, volume: &str, state: SnapshotState) -> Snapshot {
    Snapshot {
        id: id.parse().unwrap(),
        name: format!("name of {id}"),
        volume: volume.parse().unwrap(),
        state,
        created: None,
    }
}

pub(crate) fn cloud_vm(id: &str, name: &str, state: VmState) -> CloudVm {
    CloudVm {
        id: id.parse().unwrap(),
        name: name.into(),
        display_name: name.into(),
        state,
        zone: "zone-1".parse().unwrap(),
        created: None,
        host: None,
        cpus: None,
        memory_mib: None,
        nics: Vec::new(),
        details: BTreeMap::new(),
        pending_job: None,
    }
}

fn network(id: &str, zone: &str) -> Network {
    Network {
        id: id.parse().unwrap(),
        name: id.into(),
        kind: "Isolated".into(),
        zone: zone.parse().unwrap(),
        state: "Implemented".into(),
        can_deploy: true,
    }
}

fn nic(network: &str) -> SourceNic {
    SourceNic {
        label: format!("card of {network}"),
        network: network.into(),
        mac: None,
        address: None,
    }
}

/// Asserts what a finding says and that a person is told what to do.
pub(crate) fn assert_finding(finding: &Finding, rule: &str, words: &[&str]) {
    assert_eq!(
        (finding.rule.as_str(), finding.status),
        (rule, CheckStatus::Fail),
        "{finding:#?}"
    );
    for word in words {
        assert!(
            finding.message.contains(word),
            "{word:?} is not in: {}",
            finding.message
        );
    }
    assert!(
        finding.remedy.as_ref().is_some_and(|r| r.ends_with('.')),
        "{finding:#?}"
    );
}
