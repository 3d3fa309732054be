//! Fills a cloud with a [`Population`]: VMs of all ages on a network of their own, in the zone of the OMA.

use chrono::TimeDelta;
use failover_domain::{CloudVmId, NetworkId, OfferingId, VolumeId};

use super::chance::{Chance, Purpose};
use super::content::Content;
use super::jobs::Due;
use super::objects::{
    AddressShown, Attached, Boot, Guest, NetworkState, NetworkType, Nic, Vm, VmState, Volume, VolumeState,
    VolumeType,
};
use super::{Cloud, GIB};
use crate::contents::{NetworkContents, Protection, is_data_device};
use crate::population::Population;

/// The network of the population.
const NETWORK: &str = "population";

/// Its addresses; nobody is behind them.
const ADDRESSES: &str = "10.200.0.0/16";

/// How long ago the oldest VM was made.
const OLDEST_DAYS: u64 = 365;

/// Guests write once a minute, but not all in the same second.
const SECONDS_OF_WRITES: u64 = 60;

impl Cloud {
    /// Adds a population. The same seed and contents give the same one.
    pub fn populate(&mut self, population: Population) {
        let mut chance = Chance::new(self.settings.seed, Purpose::Population);
        let Some(zone) = self.zones.values().next().map(|zone| zone.id.clone()) else {
            return;
        };
        let zone = self
            .vms
            .values()
            .find(|vm| vm.guest == Guest::Appliance)
            .map_or(zone, |oma| oma.zone.clone());
        let network: NetworkId = self.fresh_id().parse().expect("a UUID is a legal id");
        let contents = NetworkContents {
            id: network.clone(),
            name: NETWORK.to_owned(),
            zone: zone.clone(),
            kind: NetworkType::Isolated,
            cidr: ADDRESSES.to_owned().try_into().ok(),
        };
        self.networks.insert(network.clone(), contents);
        self.network_states
            .insert(network.clone(), NetworkState::Implemented);
        let Some(offering) = self.offerings.values().next().map(|offering| offering.id.clone()) else {
            return;
        };
        for number in 1..=population.vms {
            let place = Place {
                number,
                network: &network,
                offering: &offering,
                zone: &zone,
            };
            let id = self.settle_vm(&place, &mut chance);
            let devices = (0..=33).filter(|device| *device == 0 || is_data_device(*device));
            for device in devices.take(population.volumes_per_vm as usize) {
                self.settle_volume(&id, &place, device, &mut chance);
            }
        }
    }

    fn settle_vm(&mut self, place: &Place<'_>, chance: &mut Chance) -> CloudVmId {
        let id: CloudVmId = self.fresh_id().parse().expect("a UUID is a legal id");
        let runs = place.number.is_multiple_of(2);
        let age = i64::try_from(chance.below(OLDEST_DAYS * 86_400)).unwrap_or(0);
        let nic = Nic {
            id: self.fresh_id().parse().expect("a UUID is a legal id"),
            device: 0,
            network: place.network.clone(),
            mac: self.fresh_mac(),
            reserved: self.free_address(place.network),
            shown: if runs {
                AddressShown::Shown
            } else {
                AddressShown::Hidden
            },
        };
        let vm = Vm {
            id: id.clone(),
            name: place.name(),
            display_name: format!("Population {}", place.number),
            instance_name: self.instance_name(),
            state: if runs { VmState::Running } else { VmState::Stopped },
            zone: place.zone.clone(),
            host: if runs {
                self.host_near(place.zone, None)
            } else {
                None
            },
            offering: place.offering.clone(),
            template: None,
            protection: Protection::Off,
            cpus: 1 << chance.below(4),
            cpu_speed: 2000,
            memory_mib: 1024 << chance.below(5),
            boot: Boot::Bios,
            default_nic: Some(nic.id.clone()),
            nics: vec![nic],
            details: std::collections::BTreeMap::new(),
            created: self.time - TimeDelta::seconds(age),
            guest: Guest::Workload,
            run: u64::from(runs),
        };
        self.vms.insert(id.clone(), vm);
        if runs {
            let first = i64::try_from(chance.below(SECONDS_OF_WRITES)).unwrap_or(0);
            let writes = Due::GuestWrites {
                vm: id.clone(),
                run: 1,
            };
            self.plan(self.time + TimeDelta::seconds(first), writes);
        }
        id
    }

    fn settle_volume(&mut self, vm: &CloudVmId, place: &Place<'_>, device: u32, chance: &mut Chance) {
        let id: VolumeId = self.fresh_id().parse().expect("a UUID is a legal id");
        let name = format!("{}-disk{device}", place.name());
        let volume = Volume {
            id: id.clone(),
            kind: if device == 0 {
                VolumeType::Root
            } else {
                VolumeType::DataDisk
            },
            state: VolumeState::Ready,
            size_bytes: (8 + chance.below(500)) * GIB,
            zone: place.zone.clone(),
            attached: Some(Attached {
                vm: vm.clone(),
                device,
                at: self.time,
            }),
            pool: self.first_pool(place.zone),
            template: None,
            protection: Protection::Off,
            offering: None,
            created: self.time,
            content: Content::pristine(format!("population {name}")),
            name,
        };
        self.volumes.insert(id, volume);
    }
}

/// Where a VM of the population belongs.
struct Place<'a> {
    number: u32,
    network: &'a NetworkId,
    offering: &'a OfferingId,
    zone: &'a failover_domain::ZoneId,
}

impl Place<'_> {
    fn name(&self) -> String {
        format!("population-{:05}", self.number)
    }
}
