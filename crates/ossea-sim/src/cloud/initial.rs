//! The cloud at the beginning: what the contents say, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::chance::{Chance, Purpose};
use super::conditions::Conditions;
use super::content::Content;
use super::limit::Calls;
use super::log::Log;
use super::objects::{
    AddressShown, Attached, Boot, Guest, NetworkState, Nic, Vm, VmState, Volume, VolumeState, VolumeType,
};
use super::table::Table;
use super::{Cloud, GIB};
use crate::contents::{OmaContents, Protection, ReplicaContents, SimContents};
use crate::faults::Faults;
use crate::settings::SimSettings;

impl Cloud {
    /// A cloud with `contents`, as it is at `now`.
    pub fn new(contents: &SimContents, settings: SimSettings, now: DateTime<Utc>) -> Self {
        let mut cloud = Self {
            settings,
            time: now,
            rng: Chance::new(settings.seed, Purpose::Ids),
            zones: contents.zones.iter().map(|z| (z.id.clone(), z.clone())).collect(),
            clusters: contents.all_clusters(),
            pools: contents.pools.clone(),
            networks: contents
                .networks
                .iter()
                .map(|n| (n.id.clone(), n.clone()))
                .collect(),
            network_states: BTreeMap::new(),
            offerings: contents
                .offerings
                .iter()
                .map(|o| (o.id.clone(), o.clone()))
                .collect(),
            templates: contents
                .templates
                .iter()
                .map(|t| (t.id.clone(), t.clone()))
                .collect(),
            disk_offerings: contents
                .disk_offerings
                .iter()
                .map(|o| (o.id.clone(), o.clone()))
                .collect(),
            limits: contents.limits,
            vms: Table::default(),
            strays: BTreeMap::new(),
            volumes: Table::default(),
            snapshots: Table::default(),
            vm_snapshots: BTreeMap::new(),
            tags: BTreeMap::new(),
            removed: BTreeSet::new(),
            jobs: BTreeMap::new(),
            job_sequence: 0,
            unfinished: BTreeMap::new(),
            pending: BTreeMap::new(),
            queues: BTreeMap::new(),
            agenda: BTreeMap::new(),
            agenda_sequence: 0,
            faults: Faults::new(settings.seed),
            conditions: Conditions::default(),
            calls: Calls::default(),
            log: Log::default(),
            writes: 0,
            vms_made: 0,
            vm_snapshots_made: 0,
        };
        cloud.place_oma(&contents.oma);
        cloud.place_disks(&contents.oma);
        cloud
    }

    fn place_oma(&mut self, oma: &OmaContents) {
        let offering = self.offerings.get(&oma.offering).cloned();
        let fixed = |value: Option<u32>, otherwise: u32| value.unwrap_or(otherwise);
        let nic = Nic {
            id: self.fresh_id().parse().expect("a UUID is a legal id"),
            device: 0,
            network: oma.network.clone(),
            mac: oma.mac.as_str().to_owned(),
            reserved: self.free_address(&oma.network),
            shown: AddressShown::Shown,
        };
        let vm = Vm {
            id: oma.id.clone(),
            name: oma.name.clone(),
            display_name: oma.name.clone(),
            instance_name: self.instance_name(),
            state: VmState::Running,
            zone: oma.zone.clone(),
            host: self.host_near(&oma.zone, self.pool(&oma.root.pool)),
            offering: oma.offering.clone(),
            template: None,
            cpus: fixed(offering.as_ref().and_then(|o| o.cpus), 1),
            cpu_speed: fixed(offering.as_ref().and_then(|o| o.cpu_speed_mhz), 1000),
            memory_mib: fixed(offering.as_ref().and_then(|o| o.memory_mib), 1024),
            boot: Boot::Bios,
            default_nic: Some(nic.id.clone()),
            protection: oma.delete_protection,
            nics: vec![nic],
            details: BTreeMap::new(),
            created: self.time,
            guest: Guest::Appliance,
            run: 1,
        };
        self.network_states
            .insert(oma.network.clone(), NetworkState::Implemented);
        self.vms.insert(vm.id.clone(), vm);
    }

    fn place_disks(&mut self, oma: &OmaContents) {
        let root = ReplicaContents {
            id: oma.root.id.clone(),
            name: oma.root.name.clone(),
            device: 0,
            pool: oma.root.pool.clone(),
            size_gib: oma.root.size_gib,
            delete_protection: Protection::Off,
        };
        self.place_disk(oma, &root, VolumeType::Root, "appliance");
        for replica in &oma.volumes {
            self.place_disk(oma, replica, VolumeType::DataDisk, "replica");
        }
    }

    fn place_disk(&mut self, oma: &OmaContents, disk: &ReplicaContents, kind: VolumeType, origin: &str) {
        let attached = Attached {
            vm: oma.id.clone(),
            device: disk.device,
            at: self.time,
        };
        let volume = Volume {
            id: disk.id.clone(),
            name: disk.name.clone(),
            kind,
            state: VolumeState::Ready,
            size_bytes: disk.size_gib * GIB,
            zone: oma.zone.clone(),
            attached: Some(attached),
            pool: Some(disk.pool.clone()),
            template: None,
            offering: None,
            created: self.time,
            protection: disk.delete_protection,
            content: Content::pristine(format!("{origin} {}", disk.name)),
        };
        self.volumes.insert(volume.id.clone(), volume);
    }
}
