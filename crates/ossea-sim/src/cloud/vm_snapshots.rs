//! Snapshots of all disks of a VM: making them and going back to them.
//!
//! While a VM has one, in whatever state, its disks and cards are frozen (cloudstack-api.md section 5(a)).

use std::collections::BTreeMap;

use failover_domain::{AsyncJobId, CloudVmId, VmSnapshotId, VolumeId};

use super::Cloud;
use super::command::{NewVmSnapshot, SnapshotMemory};
use super::error::ApiError;
use super::jobs::JobResult;
use super::log::Effect;
use super::objects::{
    SavedDisk, SnapshotState, Vm, VmSnapshot, VmSnapshotState, VmSnapshotStrategy, VmState, VolumeState,
    VolumeType,
};

/// `vmsnapshot.max`.
const MAX_PER_VM: usize = 10;

/// The longest display name.
const LONGEST_NAME: usize = 255;

impl Cloud {
    /// The part of `createVMSnapshot` that happens inside its HTTP call. Every refusal is a 530, which the command
    /// raises itself.
    pub(super) fn create_vm_snapshot_row(&mut self, new: &NewVmSnapshot) -> Result<String, ApiError> {
        let snapshot = self.settings.wording.vm_snapshot();
        let (vm, strategy) = self
            .check_new_vm_snapshot(new)
            .map_err(|why| ApiError::of_command(530, format!("Failed to create {snapshot}: {why}")))?;
        let name = format!("{}_VS_{}", vm.instance_name, self.time.format("%Y%m%d%H%M%S"));
        let (zone, shape) = (vm.zone.clone(), vm.shape());
        let id = self.fresh_id();
        self.vm_snapshots_made += 1;
        let snapshot = VmSnapshot {
            id: id.parse().expect("a UUID is a legal id"),
            display_name: new.name.clone().unwrap_or_else(|| name.clone()),
            name,
            description: new.description.clone(),
            vm: new.vm.clone(),
            zone,
            state: VmSnapshotState::Allocated,
            kind: new.memory.kind(),
            strategy,
            current: false,
            parent: self.current_vm_snapshot(&new.vm).cloned(),
            created: self.time,
            shape,
            disks: BTreeMap::new(),
            number: self.vm_snapshots_made,
        };
        self.vm_snapshots.insert(snapshot.id.clone(), snapshot);
        Ok(id)
    }

    fn check_new_vm_snapshot(&self, new: &NewVmSnapshot) -> Result<(&Vm, VmSnapshotStrategy), String> {
        let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
        let vm = self
            .vms
            .get(&new.vm)
            .ok_or_else(|| format!("unable to find the {wording} with id {}", new.vm))?;
        if let Some(name) = &new.name {
            if name.chars().count() > LONGEST_NAME {
                return Err(format!("the name is longer than {LONGEST_NAME} characters"));
            }
            if self
                .vm_snapshots_on(&vm.id)
                .any(|other| other.display_name == *name)
            {
                return Err(format!("{snapshot} with name {name} already exists"));
            }
        }
        match (vm.state, new.memory) {
            (VmState::Running, _) | (VmState::Stopped, SnapshotMemory::LeftOut) => {}
            (VmState::Stopped, SnapshotMemory::Included) => {
                return Err(format!(
                    "the memory of a {wording} that is not running cannot be kept"
                ));
            }
            (
                VmState::Starting
                | VmState::Stopping
                | VmState::Destroyed
                | VmState::Expunging
                | VmState::Error,
                _,
            ) => return Err(format!("the {wording} is {}", vm.state.word())),
        }
        let has_root = self
            .volumes_on(&vm.id)
            .any(|volume| volume.kind == VolumeType::Root && volume.state == VolumeState::Ready);
        if !has_root {
            return Err(format!(
                "Unable to find root volume for the user {wording}:{}",
                vm.id
            ));
        }
        let strategy = self
            .strategy_for(vm, new.memory.kind())
            .ok_or_else(|| format!("no strategy can make this {snapshot}"))?;
        if self.vm_snapshots_on(&vm.id).count() >= MAX_PER_VM {
            return Err(format!("there are {MAX_PER_VM} already"));
        }
        let snapshots_a_volume = self
            .volumes_on(&vm.id)
            .any(|volume| self.is_being_snapshotted(&volume.id));
        if snapshots_a_volume || self.has_vm_snapshot_task(&vm.id) {
            return Err("there are other active snapshot tasks, please try again later".to_owned());
        }
        Ok((vm, strategy))
    }

    /// The snapshots of a VM in any state.
    pub(super) fn vm_snapshots_on(&self, vm: &CloudVmId) -> impl Iterator<Item = &VmSnapshot> {
        self.vm_snapshots
            .values()
            .filter(move |snapshot| snapshot.vm == *vm)
    }

    /// Whether the disks and cards of a VM are frozen: by a VM snapshot in any state, failed and hidden ones included.
    pub(super) fn is_frozen(&self, vm: &CloudVmId) -> bool {
        self.vm_snapshots_on(vm).next().is_some()
    }

    /// Whether a VM snapshot of the VM is being made, gone back to or deleted.
    pub(super) fn has_vm_snapshot_task(&self, vm: &CloudVmId) -> bool {
        self.vm_snapshots_on(vm).any(|snapshot| snapshot.state.is_task())
    }

    fn current_vm_snapshot(&self, vm: &CloudVmId) -> Option<&VmSnapshotId> {
        self.vm_snapshots_on(vm)
            .find(|snapshot| snapshot.current)
            .map(|snapshot| &snapshot.id)
    }

    /// Whether a volume has a snapshot that is being made.
    pub(super) fn is_being_snapshotted(&self, volume: &VolumeId) -> bool {
        self.snapshots.values().any(|snapshot| {
            snapshot.volume == *volume
                && matches!(snapshot.state, SnapshotState::Creating | SnapshotState::BackingUp)
        })
    }

    pub(super) fn begin_vm_snapshot(&mut self, job: &AsyncJobId) -> Result<f64, ApiError> {
        let wording = self.settings.wording;
        let failed = || ApiError::runtime(format!("Failed to create {}", wording.vm_snapshot()));
        let id = self.vm_snapshot_of_job(job).ok_or_else(failed)?;
        let row = self.vm_snapshots.get(&id).ok_or_else(failed)?;
        let vm = self.vms.get(&row.vm);
        // What fitted when it was asked for may no longer fit.
        let chosen = vm.and_then(|vm| Some((self.strategy_for(vm, row.kind)?, vm.shape())));
        let disks = self.saved_disks(&row.vm);
        let row = self.vm_snapshots.get_mut(&id).ok_or_else(failed)?;
        let Some((strategy, shape)) = chosen else {
            row.state = VmSnapshotState::Error;
            return Err(failed());
        };
        row.state = VmSnapshotState::Creating;
        row.strategy = strategy;
        row.shape = shape;
        // The content is that of the instant at which the snapshot begins.
        row.disks = disks;
        Ok(self.settings.durations.create_vm_snapshot)
    }

    fn saved_disks(&self, vm: &CloudVmId) -> BTreeMap<VolumeId, SavedDisk> {
        let saved = |size_bytes, content| SavedDisk { size_bytes, content };
        self.volumes_on(vm)
            .map(|volume| {
                (
                    volume.id.clone(),
                    saved(volume.size_bytes, volume.content.clone()),
                )
            })
            .collect()
    }

    /// The snapshot that a `createVMSnapshot` job makes.
    fn vm_snapshot_of_job(&self, job: &AsyncJobId) -> Option<VmSnapshotId> {
        let id: VmSnapshotId = self.jobs.get(job)?.object.as_ref()?.id.parse().ok()?;
        self.vm_snapshots.contains_key(&id).then_some(id)
    }

    pub(super) fn finish_vm_snapshot(&mut self, job: &AsyncJobId) -> Result<JobResult, ApiError> {
        let wording = self.settings.wording;
        let failed = || ApiError::runtime(format!("Failed to create {}", wording.vm_snapshot()));
        let id = self.vm_snapshot_of_job(job).ok_or_else(failed)?;
        let row = self.vm_snapshots.get(&id).ok_or_else(failed)?;
        let vm = self.vm_row(&row.vm)?;
        match row.strategy {
            VmSnapshotStrategy::Libvirt if vm.state != VmState::Running => {
                return Err(ApiError::runtime(format!(
                    "Creating {} Failed due to can not find {wording}: {}",
                    wording.vm_snapshot(),
                    vm.instance_name
                )));
            }
            VmSnapshotStrategy::Libvirt
            | VmSnapshotStrategy::FileBased
            | VmSnapshotStrategy::ByVolume
            | VmSnapshotStrategy::OfStorage => {}
        }
        let effect = Effect::VmSnapshotTaken {
            snapshot: id.clone(),
            vm: vm.id.clone(),
            generations: row.generations(),
        };
        self.make_current(&id);
        let row = self.vm_snapshots.get_mut(&id).ok_or_else(failed)?;
        row.state = VmSnapshotState::Ready;
        let result = JobResult::VmSnapshot(Box::new(row.clone()));
        self.effect(Some(job), effect);
        Ok(result)
    }

    /// The row stays behind in Error, and freezes the VM.
    pub(super) fn abandon_vm_snapshot(&mut self, job: &AsyncJobId) {
        if let Some(row) = self
            .vm_snapshot_of_job(job)
            .and_then(|id| self.vm_snapshots.get_mut(&id))
        {
            row.state = VmSnapshotState::Error;
        }
    }

    /// The row of a snapshot that was never begun goes away.
    pub(super) fn forget_vm_snapshot_row(&mut self, job: &AsyncJobId) {
        if let Some(id) = self.vm_snapshot_of_job(job) {
            self.vm_snapshots.remove(&id);
            self.removed.insert(id.to_string());
        }
    }

    /// Of the snapshots of a VM the one becomes the current one.
    pub(super) fn make_current(&mut self, id: &VmSnapshotId) {
        let Some(vm) = self.vm_snapshots.get(id).map(|row| row.vm.clone()) else {
            return;
        };
        for row in self.vm_snapshots.values_mut().filter(|row| row.vm == vm) {
            row.current = row.id == *id;
        }
    }

    pub(super) fn check_revert_to_vm_snapshot(
        &self,
        id: &VmSnapshotId,
    ) -> Result<Option<CloudVmId>, ApiError> {
        let (wording, snapshot) = (self.settings.wording, self.settings.wording.vm_snapshot());
        let row = self.vm_snapshot_row(id)?;
        let vm = self.vm_row(&row.vm)?;
        if self.has_vm_snapshot_task(&vm.id) {
            return Err(ApiError::invalid(format!(
                "There is other active {snapshot} tasks on the {wording}, please try again later"
            )));
        }
        let needed = row.kind.needed_to_revert();
        if vm.state != needed {
            return Err(ApiError::invalid(format!(
                "Reverting to a {snapshot} of type {} needs the {wording} {}, it is {}",
                row.kind.word(),
                needed.word(),
                vm.state.word()
            )));
        }
        if row.state != VmSnapshotState::Ready {
            return Err(ApiError::invalid(format!(
                "{snapshot} {id} is {}, wanted is Ready",
                row.state.word()
            )));
        }
        Ok(Some(vm.id.clone()))
    }

    pub(super) fn vm_snapshot_row(&self, id: &VmSnapshotId) -> Result<&VmSnapshot, ApiError> {
        let snapshot = self.settings.wording.vm_snapshot();
        self.vm_snapshots
            .get(id)
            .ok_or_else(|| ApiError::invalid(format!("Unable to find the {snapshot} with id {id}")))
    }

    pub(super) fn begin_revert_to_vm_snapshot(&mut self, id: &VmSnapshotId) -> Result<f64, ApiError> {
        let failed = self.revert_failed();
        match self.vm_snapshots.get_mut(id) {
            Some(row) if row.state == VmSnapshotState::Ready => {
                row.state = VmSnapshotState::Reverting;
                Ok(self.settings.durations.revert_vm_snapshot)
            }
            Some(_) | None => Err(failed),
        }
    }

    fn revert_failed(&self) -> ApiError {
        ApiError::runtime(format!(
            "Failed to revert {}",
            self.settings.wording.vm_snapshot()
        ))
    }

    /// The content of every disk becomes what it was; the snapshot stays, and so does the state of the VM.
    pub(super) fn finish_revert_to_vm_snapshot(
        &mut self,
        job: &AsyncJobId,
        id: &VmSnapshotId,
    ) -> Result<JobResult, ApiError> {
        let row = self.vm_snapshots.get(id).ok_or_else(|| self.revert_failed())?;
        let vm = self.vm_row(&row.vm)?;
        if vm.state != row.kind.needed_to_revert() {
            return Err(self.revert_failed());
        }
        let has_free_shape = self
            .offerings
            .get(&vm.offering)
            .is_some_and(crate::contents::OfferingContents::is_customized);
        let (vm, shape, disks) = (vm.id.clone(), row.shape, row.disks.clone());
        let effect = Effect::VmSnapshotReverted {
            snapshot: id.clone(),
            vm: vm.clone(),
            generations: row.generations(),
        };
        for (disk, saved) in disks {
            if let Some(volume) = self.volumes.get_mut(&disk) {
                volume.content = saved.content;
                volume.size_bytes = saved.size_bytes;
            }
        }
        if let Some(vm) = self.vms.get_mut(&vm)
            && has_free_shape
        {
            vm.reshape(shape);
        }
        self.make_current(id);
        self.abandon_revert_to_vm_snapshot(id);
        self.effect(Some(job), effect);
        self.vm_result(&vm)
    }

    /// Done or not, the snapshot is Ready again. (What a restart of the real management server leaves is not known.)
    pub(super) fn abandon_revert_to_vm_snapshot(&mut self, id: &VmSnapshotId) {
        if let Some(row) = self.vm_snapshots.get_mut(id)
            && row.state == VmSnapshotState::Reverting
        {
            row.state = VmSnapshotState::Ready;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::command::{Accepted, ApiCommand, Deploy, DeploySource, Owner};
    use crate::cloud::objects::{Boot, Shape};
    use crate::contents::SimContents;
    use crate::{Cloud, SimSettings};

    /// A cloud whose work takes no time, with a VM of the free offering that has run once.
    fn cloud_with_vm() -> (Cloud, CloudVmId) {
        let contents = SimContents::sample();
        let free = contents
            .offerings
            .iter()
            .find(|offering| offering.is_customized());
        let details = [("cpuNumber", "2"), ("cpuSpeed", "2000"), ("memory", "2048")];
        let deploy = Deploy {
            name: Some("web".to_owned()),
            display_name: None,
            zone: contents.oma.zone.clone(),
            offering: free.unwrap().id.clone(),
            source: DeploySource::Template(contents.templates[0].id.clone()),
            data_disk: None,
            nics: vec![crate::cloud::command::NicSpec {
                network: contents.networks[0].id.clone(),
                mac: None,
                address: None,
            }],
            details: details
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            boot: Boot::Bios,
            root_disk_gib: None,
            after: crate::cloud::command::AfterDeploy::Start,
            custom_id: None,
            owner: Owner::default(),
            hypervisor: None,
        };
        let now = chrono::DateTime::UNIX_EPOCH;
        let mut cloud = Cloud::new(&contents, SimSettings::default().scaled(0.0), now);
        let vm = run(&mut cloud, ApiCommand::DeployVirtualMachine(Box::new(deploy)))
            .parse()
            .unwrap();
        run(&mut cloud, stop(&vm));
        (cloud, vm)
    }

    fn stop(vm: &CloudVmId) -> ApiCommand {
        ApiCommand::StopVirtualMachine {
            vm: vm.clone(),
            mode: ossea::StopMode::Graceful,
        }
    }

    /// Does the work of a command; answers the id of what it made.
    fn run(cloud: &mut Cloud, command: ApiCommand) -> String {
        let reply = cloud.submit(chrono::DateTime::UNIX_EPOCH, None, command);
        let crate::cloud::Delivery::Answer(Ok(Accepted::Job { job, created })) = reply.delivery else {
            panic!("{reply:?}")
        };
        let outcome = &cloud.job(&job).unwrap().phase;
        let crate::cloud::jobs::Phase::Ended {
            outcome: crate::cloud::jobs::JobOutcome::Succeeded(_),
            ..
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        created.unwrap_or_default()
    }

    #[test]
    fn going_back_restores_the_size_of_a_vm_with_a_free_offering() {
        let (mut cloud, vm) = cloud_with_vm();
        let then = cloud.vms.get(&vm).unwrap().shape();
        let new = NewVmSnapshot {
            vm: vm.clone(),
            name: Some("point".to_owned()),
            description: None,
            memory: SnapshotMemory::LeftOut,
        };
        let snapshot: VmSnapshotId = run(&mut cloud, ApiCommand::CreateVmSnapshot(new))
            .parse()
            .unwrap();
        let scaled = Shape {
            cpus: 8,
            cpu_speed: 3000,
            memory_mib: 16_384,
        };
        // No command of the simulator scales a VM, but an administrator of a real cloud does.
        cloud.vms.get_mut(&vm).unwrap().reshape(scaled);
        let revert = ApiCommand::RevertToVmSnapshot { snapshot };
        run(&mut cloud, revert.clone());
        assert_eq!(cloud.vms.get(&vm).unwrap().shape(), then);
        // A fixed offering decides by itself.
        let fixed = SimContents::sample()
            .offerings
            .into_iter()
            .find(|offering| !offering.is_customized());
        let row = cloud.vms.get_mut(&vm).unwrap();
        row.offering = fixed.unwrap().id;
        row.reshape(scaled);
        run(&mut cloud, revert);
        assert_eq!(cloud.vms.get(&vm).unwrap().shape(), scaled);
    }
}
