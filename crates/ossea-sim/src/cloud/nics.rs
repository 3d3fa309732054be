//! Network cards: adding, removing, and which one is the default.

use std::net::Ipv4Addr;

use failover_domain::{AsyncJobId, CloudVmId, NetworkId, NicId};

use super::Cloud;
use super::command::NicSpec;
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::Effect;
use super::objects::{AddressShown, NetworkState, Nic, Vm, VmState};

impl Cloud {
    pub(super) fn check_add_nic(
        &self,
        id: &CloudVmId,
        spec: &NicSpec,
    ) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        self.check_cards_not_frozen(vm, "added to")?;
        let network = self
            .networks
            .get(&spec.network)
            .ok_or_else(|| ApiError::invalid("Unable to find the network"))?;
        if network.zone != vm.zone {
            let text = format!("{} is in zone {}, the network is not", vm.instance_name, vm.zone);
            return Err(ApiError::runtime(text));
        }
        self.check_not_on(vm, &spec.network)?;
        if let Some(mac) = &spec.mac
            && self.nics_on(&spec.network).any(|nic| nic.mac == mac.as_str())
        {
            let text = format!("A NIC with this MAC address exists for network: {}", network.id);
            return Err(ApiError::runtime(text));
        }
        if let Some(address) = spec.address {
            self.check_free_address(&spec.network, address)?;
        }
        let others = self.vms_on(&spec.network).filter(|other| other.id != *id);
        if others.into_iter().any(|other| other.has_name(&vm.name)) {
            return Err(ApiError::runtime(format!(
                "A {} with name {} already exists on the network {}",
                self.settings.wording, vm.name, network.id
            )));
        }
        self.check_cards_may_change(vm)?;
        Ok(Some(id.clone()))
    }

    fn check_not_on(&self, vm: &Vm, network: &NetworkId) -> Result<(), ApiError> {
        if vm.nics.iter().any(|nic| nic.network == *network) {
            let text = format!(
                "A NIC already exists for VM:{} in network: {network}",
                vm.instance_name
            );
            return Err(ApiError::runtime(text));
        }
        Ok(())
    }

    fn check_free_address(&self, network: &NetworkId, address: Ipv4Addr) -> Result<(), ApiError> {
        let range = self.networks.get(network).and_then(|network| network.cidr);
        let is_inside = range.is_some_and(|range| range.guests().any(|guest| guest == address));
        if !is_inside || self.nics_on(network).any(|nic| nic.reserved == Some(address)) {
            let text = format!("Unable to acquire the address {address} in network {network}");
            return Err(ApiError::runtime(text));
        }
        Ok(())
    }

    fn check_cards_may_change(&self, vm: &Vm) -> Result<(), ApiError> {
        match vm.state {
            VmState::Running | VmState::Stopped => Ok(()),
            VmState::Starting
            | VmState::Stopping
            | VmState::Destroyed
            | VmState::Expunging
            | VmState::Error => Err(ApiError::runtime(format!(
                "{} is not running or stopped but {}",
                vm.instance_name,
                vm.state.word()
            ))),
        }
    }

    fn check_cards_not_frozen(&self, vm: &Vm, what: &str) -> Result<(), ApiError> {
        if self.is_frozen(&vm.id) {
            let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
            let text = format!("NIC cannot be {what} {wording} with {snapshot}s");
            return Err(ApiError::invalid(text));
        }
        Ok(())
    }

    fn nics_on(&self, network: &NetworkId) -> impl Iterator<Item = &Nic> {
        let nics = self.vms.values().flat_map(|vm| &vm.nics);
        nics.filter(move |nic| nic.network == *network)
    }

    /// The VMs with a card on a network, destroyed ones included.
    pub(super) fn vms_on(&self, network: &NetworkId) -> impl Iterator<Item = &Vm> {
        self.vms
            .values()
            .filter(move |vm| vm.nics.iter().any(|nic| nic.network == *network))
    }

    /// A new card. It shows its address while its VM runs.
    pub(super) fn make_nic(&mut self, spec: &NicSpec, device: u32, shown: AddressShown) -> Nic {
        let mac = spec.mac.as_ref().map(|mac| mac.as_str().to_owned());
        Nic {
            id: self.fresh_id().parse().expect("a UUID is a legal id"),
            device,
            network: spec.network.clone(),
            mac: mac.unwrap_or_else(|| self.fresh_mac()),
            reserved: spec.address.or_else(|| self.free_address(&spec.network)),
            shown,
        }
    }

    pub(super) fn finish_add_nic(
        &mut self,
        job: &AsyncJobId,
        id: &CloudVmId,
        spec: &NicSpec,
    ) -> Result<JobResult, ApiError> {
        let vm = self.vm_row(id)?;
        self.check_cards_may_change(vm)?;
        // Another card may have come before it in the queue.
        self.check_not_on(vm, &spec.network)?;
        let shown = match vm.state {
            VmState::Running => AddressShown::Shown,
            VmState::Starting
            | VmState::Stopping
            | VmState::Stopped
            | VmState::Destroyed
            | VmState::Expunging
            | VmState::Error => AddressShown::Hidden,
        };
        let device = vm.free_card_device();
        let nic = self.make_nic(spec, device, shown);
        match shown {
            AddressShown::Shown => {
                self.network_states
                    .insert(spec.network.clone(), NetworkState::Implemented);
            }
            AddressShown::Hidden => {}
        }
        let effect = Effect::NicAdded {
            vm: id.clone(),
            nic: nic.id.clone(),
            network: spec.network.clone(),
        };
        if let Some(vm) = self.vms.get_mut(id) {
            vm.default_nic.get_or_insert_with(|| nic.id.clone());
            vm.nics.push(nic);
            vm.nics.sort_by_key(|nic| nic.device);
        }
        self.effect(Some(job), effect);
        self.vm_result(id)
    }

    pub(super) fn check_remove_nic(
        &self,
        id: &CloudVmId,
        nic: &NicId,
    ) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        self.check_cards_not_frozen(vm, "removed from")?;
        self.check_on(vm, nic)?;
        if vm.default_nic.as_ref() == Some(nic) {
            let text = format!(
                "Unable to remove NIC {nic} from {}, NIC is default.",
                vm.instance_name
            );
            return Err(ApiError::invalid(text));
        }
        self.check_cards_may_change(vm)?;
        Ok(Some(id.clone()))
    }

    fn check_on(&self, vm: &Vm, nic: &NicId) -> Result<(), ApiError> {
        if vm.nics.iter().any(|card| card.id == *nic) {
            return Ok(());
        }
        let text = format!("NIC {nic} is not on {}", vm.instance_name);
        Err(ApiError::invalid(text))
    }

    pub(super) fn finish_remove_nic(
        &mut self,
        job: &AsyncJobId,
        id: &CloudVmId,
        nic: &NicId,
    ) -> Result<JobResult, ApiError> {
        let vm = self.vm_row(id)?;
        self.check_on(vm, nic)?;
        // It may have become the default since it was checked.
        if vm.default_nic.as_ref() == Some(nic) {
            let text = format!("Unable to remove NIC {nic} from {}", vm.instance_name);
            return Err(ApiError::runtime(text));
        }
        if let Some(vm) = self.vms.get_mut(id) {
            vm.nics.retain(|card| card.id != *nic);
        }
        self.removed.insert(nic.to_string());
        let effect = Effect::NicRemoved {
            vm: id.clone(),
            nic: nic.clone(),
        };
        self.effect(Some(job), effect);
        self.vm_result(id)
    }

    pub(super) fn check_default_nic(
        &self,
        id: &CloudVmId,
        nic: &NicId,
    ) -> Result<Option<CloudVmId>, ApiError> {
        let vm = self.vm_row(id)?;
        self.check_cards_not_frozen(vm, "updated for")?;
        self.check_on(vm, nic)?;
        if vm.default_nic.as_ref() == Some(nic) {
            return Err(ApiError::runtime(
                "refusing to set default NIC because chosen NIC is already the default",
            ));
        }
        self.check_cards_may_change(vm)?;
        Ok(Some(id.clone()))
    }

    pub(super) fn finish_default_nic(
        &mut self,
        job: &AsyncJobId,
        id: &CloudVmId,
        nic: &NicId,
    ) -> Result<JobResult, ApiError> {
        self.check_on(self.vm_row(id)?, nic)?;
        if let Some(vm) = self.vms.get_mut(id) {
            vm.default_nic = Some(nic.clone());
        }
        let effect = Effect::DefaultNicChanged {
            vm: id.clone(),
            nic: nic.clone(),
        };
        self.effect(Some(job), effect);
        self.vm_result(id)
    }
}
