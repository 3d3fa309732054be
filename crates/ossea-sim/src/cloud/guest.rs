//! What guests do by themselves: take addresses, write to their disks, power off.

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{AsyncJobId, CloudVmId, NetworkId, VolumeId};

use super::Cloud;
use super::jobs::Due;
use super::log::{Effect, StopCause};
use super::objects::{AddressShown, BootFailure, Guest, NetworkState, VmState};
use super::unlucky::StrayGuest;

/// How often a running guest writes to its disks.
const WRITES_EVERY: TimeDelta = TimeDelta::seconds(60);

/// What a guest would have written in a longer gap than this it writes at once, so that a cloud that was saved long ago
/// goes on without delay.
const LONGEST_CATCH_UP: TimeDelta = TimeDelta::hours(1);

impl Cloud {
    /// The guest begins to run.
    pub(super) fn guest_starts(&mut self, job: &AsyncJobId, id: &CloudVmId, failure: Option<BootFailure>) {
        let host = self.vms.get(id).and_then(|vm| self.host_for(vm));
        let Some(vm) = self.vms.get_mut(id) else { return };
        vm.state = VmState::Running;
        vm.host = host;
        vm.run += 1;
        let run = vm.run;
        // Whatever was left behind on the host gives way.
        self.strays.remove(id);
        let shown = match failure {
            Some(BootFailure::NoAddress) => AddressShown::Hidden,
            Some(BootFailure::PowersOff) | None => AddressShown::Shown,
        };
        let mut networks = Vec::new();
        for nic in &mut vm.nics {
            nic.shown = shown;
            networks.push(nic.network.clone());
        }
        for network in networks {
            self.network_states.insert(network, NetworkState::Implemented);
        }
        self.effect(Some(job), Effect::VmStarted { vm: id.clone() });
        self.write_to_all_disks(id);
        self.plan(self.time + WRITES_EVERY, Due::GuestWrites { vm: id.clone(), run });
        match failure {
            Some(BootFailure::PowersOff) => {
                let at = self.time + self.settings.time(self.settings.durations.boot);
                self.plan(at, Due::GuestPowersOff { vm: id.clone(), run });
            }
            Some(BootFailure::NoAddress) | None => {}
        }
    }

    /// The guest no longer runs.
    pub(super) fn guest_ends(&mut self, job: Option<&AsyncJobId>, id: &CloudVmId, cause: StopCause) {
        let Some(vm) = self.vms.get_mut(id) else { return };
        vm.state = VmState::Stopped;
        vm.host = None;
        vm.nics
            .iter_mut()
            .for_each(|nic| nic.shown = AddressShown::Hidden);
        self.effect(
            job,
            Effect::VmStopped {
                vm: id.clone(),
                cause,
            },
        );
    }

    pub(super) fn guest_powers_off(&mut self, id: &CloudVmId, run: u64) {
        if self.runs(id, run) {
            self.guest_ends(None, id, StopCause::Guest);
        }
    }

    /// `until` is the instant up to which the cloud is to go.
    pub(super) fn guest_writes(&mut self, id: &CloudVmId, run: u64, until: DateTime<Utc>) {
        if self.is_on(id, run) {
            self.write_to_all_disks(id);
        } else if let Some(stray) = self.strays.get(id).filter(|stray| stray.run == run) {
            self.write_to(id, stray.disks.clone());
        } else {
            return;
        }
        let last = match until - self.time > LONGEST_CATCH_UP {
            true => until,
            false => self.time,
        };
        self.plan(last + WRITES_EVERY, Due::GuestWrites { vm: id.clone(), run });
    }

    /// The VM is marked stopped, but its guest runs on, with the disks that it has now.
    pub(super) fn guest_is_left_behind(&mut self, job: &AsyncJobId, id: &CloudVmId, run: u64) {
        let disks = self.disks_written_by(id);
        self.strays.insert(id.clone(), StrayGuest { run, disks });
        self.guest_ends(Some(job), id, StopCause::LeftBehind);
    }

    fn runs(&self, id: &CloudVmId, run: u64) -> bool {
        self.vms
            .get(id)
            .is_some_and(|vm| vm.run == run && vm.state == VmState::Running)
    }

    /// Whether the guest of this run is on: also while it is asked to stop.
    fn is_on(&self, id: &CloudVmId, run: u64) -> bool {
        self.vms
            .get(id)
            .is_some_and(|vm| vm.run == run && matches!(vm.state, VmState::Running | VmState::Stopping))
    }

    /// The guest writes to every disk it has.
    pub(super) fn write_to_all_disks(&mut self, id: &CloudVmId) {
        let disks = self.disks_written_by(id);
        self.write_to(id, disks);
    }

    fn disks_written_by(&self, id: &CloudVmId) -> Vec<VolumeId> {
        match self.vms.get(id).map(|vm| vm.guest) {
            Some(Guest::Workload) => self.volumes_on(id).map(|volume| volume.id.clone()).collect(),
            Some(Guest::Appliance) | None => Vec::new(),
        }
    }

    /// The guest writes to those of the disks that still exist.
    fn write_to(&mut self, id: &CloudVmId, disks: Vec<VolumeId>) {
        for disk in disks {
            let Some(volume) = self.volumes.get_mut(&disk) else {
                continue;
            };
            self.writes += 1;
            let generation = self.writes;
            volume.content.write(id, generation);
            self.effect(
                None,
                Effect::GuestWrote {
                    vm: id.clone(),
                    volume: disk,
                    generation,
                },
            );
        }
    }

    /// The next address of a network that nobody has; `None` on L2 networks and on full ones.
    pub(super) fn free_address(&self, network: &NetworkId) -> Option<std::net::Ipv4Addr> {
        let range = self.networks.get(network)?.cidr?;
        self.vms.free_address(network, range.guests())
    }
}
