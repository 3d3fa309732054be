//! What intents, created objects and observed postconditions mean for replicas, VM and ledger.

use super::super::JobState;
use crate::event::{CreatedObject, StepFacts};
use crate::plan::{Plan, Step, StepKind};
use crate::ports::{Custody, ResourceKind, ResourceRow, ResourceState};

impl JobState {
    /// What a committed intent means even if nothing is ever heard of it again.
    pub(super) fn note_intent(&mut self, step: &Step, creates: Option<&CreatedObject>) {
        // Whoever started the VM: from here on, or as the stop shows since before, a guest may write.
        if matches!(step.kind, StepKind::StartVm | StepKind::StopVm) {
            self.note_guest();
        }
        if step.kind == StepKind::Quiesce {
            self.writer_asked = true;
        }
        let (kind, name) = match creates {
            Some(CreatedObject::Vm { name }) => (ResourceKind::Vm, name),
            Some(CreatedObject::Snapshot { name, .. }) => (ResourceKind::Snapshot, name),
            Some(CreatedObject::VmSnapshot { name }) => (ResourceKind::VmSnapshot, name),
            None => return,
        };
        if self
            .resource(kind, name)
            .is_none_or(|r| r.state == ResourceState::Removed)
        {
            self.put_resource(kind, name, None, ResourceState::Intended);
        }
    }

    pub(super) fn note_created(&mut self, plan: &Plan, kind: StepKind, created: Option<&str>) {
        let Some(id) = created else { return };
        match kind {
            StepKind::CreateVm => {
                self.vm = id.parse().ok();
                self.put_resource(ResourceKind::Vm, &plan.vm.name, Some(id), ResourceState::Present);
            }
            StepKind::Snapshot { disk } => {
                let name = &plan.disks[disk].snapshot_name;
                self.put_resource(ResourceKind::Snapshot, name, Some(id), ResourceState::Present);
            }
            StepKind::VmSnapshot => {
                self.vm_snapshot = id.parse().ok();
                if let Some(name) = plan.vm_snapshot_name() {
                    self.put_resource(ResourceKind::VmSnapshot, name, Some(id), ResourceState::Present);
                }
            }
            StepKind::Validate
            | StepKind::Quiesce
            | StepKind::TakeInventory
            | StepKind::DetachFromOma { .. }
            | StepKind::VerifyNetworks
            | StepKind::DetachScratchRoot
            | StepKind::DeleteScratchRoot
            | StepKind::Attach { .. }
            | StepKind::VerifyDisks
            | StepKind::VerifyRollbackPoints
            | StepKind::StartVm
            | StepKind::VerifyBoot
            | StepKind::TestWindow
            | StepKind::StopVm
            | StepKind::RevertVmSnapshot
            | StepKind::DeleteVmSnapshot
            | StepKind::DetachFromDestination { .. }
            | StepKind::Revert { .. }
            | StepKind::Quarantine { .. }
            | StepKind::ReturnToOma { .. }
            | StepKind::Resume
            | StepKind::DestroyVm
            | StepKind::DeleteSnapshot { .. } => {}
        }
    }

    fn put_resource(&mut self, kind: ResourceKind, name: &str, id: Option<&str>, state: ResourceState) {
        let cloud_id = id.map(str::to_owned);
        match self.ledger.iter_mut().find(|r| r.kind == kind && r.name == name) {
            Some(row) => {
                row.cloud_id = cloud_id.or_else(|| row.cloud_id.take());
                row.state = state;
            }
            None => self.ledger.push(ResourceRow {
                kind,
                name: name.to_owned(),
                cloud_id,
                state,
            }),
        }
    }

    fn remove_resource(&mut self, kind: ResourceKind, name: &str) {
        if self.resource(kind, name).is_some() {
            self.put_resource(kind, name, None, ResourceState::Removed);
        }
    }

    /// What an observed postcondition means.
    pub(super) fn learn(&mut self, plan: &Plan, kind: StepKind, facts: &StepFacts) -> Result<(), String> {
        match kind {
            StepKind::CreateVm => {
                let StepFacts::VmCreated { vm, scratch_root } = facts else {
                    return Err("a created VM needs its id".to_owned());
                };
                self.vm = Some(vm.clone());
                self.put_resource(
                    ResourceKind::Vm,
                    &plan.vm.name,
                    Some(vm.as_str()),
                    ResourceState::Present,
                );
                if let Some(root) = scratch_root {
                    self.scratch_root = Some(root.clone());
                    let id = root.as_str();
                    self.put_resource(ResourceKind::ScratchRoot, id, Some(id), ResourceState::Present);
                }
            }
            StepKind::Snapshot { disk } => {
                let StepFacts::SnapshotTaken { snapshot, .. } = facts else {
                    return Err("a taken snapshot needs its id".to_owned());
                };
                self.disks[disk].snapshot = Some(snapshot.clone());
                let name = &plan.disks[disk].snapshot_name;
                let id = Some(snapshot.as_str());
                self.put_resource(ResourceKind::Snapshot, name, id, ResourceState::Present);
            }
            StepKind::TakeInventory => {
                let StepFacts::InventoryTaken { survey } = facts else {
                    return Err("an inventory that was taken is needed".to_owned());
                };
                self.before = Some((**survey).clone());
            }
            StepKind::VmSnapshot => {
                let StepFacts::VmSnapshotTaken { vm_snapshot } = facts else {
                    return Err("a taken VM snapshot needs its id".to_owned());
                };
                self.vm_snapshot = Some(vm_snapshot.clone());
                if let Some(name) = plan.vm_snapshot_name() {
                    let id = Some(vm_snapshot.as_str());
                    self.put_resource(ResourceKind::VmSnapshot, name, id, ResourceState::Present);
                }
            }
            StepKind::DetachFromOma { disk } | StepKind::DetachFromDestination { disk } => {
                self.disks[disk].custody = Custody::Detached;
            }
            StepKind::Attach { disk } | StepKind::ReturnToOma { disk } => {
                let StepFacts::Attached { device, .. } = facts else {
                    return Err("an attached volume needs its device".to_owned());
                };
                self.disks[disk].custody = if kind == (StepKind::Attach { disk }) {
                    Custody::Destination { device: *device }
                } else {
                    Custody::Oma { device: *device }
                };
            }
            StepKind::Revert { disk } => self.disks[disk].dirty = false,
            StepKind::RevertVmSnapshot => {
                for disk in &mut self.disks {
                    disk.dirty &= !matches!(disk.custody, Custody::Destination { .. });
                }
            }
            StepKind::DeleteVmSnapshot => {
                self.vm_snapshot = None;
                if let Some(name) = plan.vm_snapshot_name() {
                    self.remove_resource(ResourceKind::VmSnapshot, name);
                }
            }
            StepKind::Quarantine { disk } => self.disks[disk].quarantined = true,
            StepKind::DeleteScratchRoot => self.forget_scratch_root(),
            StepKind::DestroyVm => {
                self.forget_scratch_root();
                self.remove_resource(ResourceKind::Vm, &plan.vm.name);
            }
            StepKind::DeleteSnapshot { disk } => {
                self.disks[disk].snapshot = None;
                self.remove_resource(ResourceKind::Snapshot, &plan.disks[disk].snapshot_name);
            }
            // The VM was seen Running, whoever started it.
            StepKind::StartVm | StepKind::VerifyBoot => self.note_guest(),
            StepKind::Validate
            | StepKind::Quiesce
            | StepKind::VerifyNetworks
            | StepKind::DetachScratchRoot
            | StepKind::VerifyDisks
            | StepKind::VerifyRollbackPoints
            | StepKind::TestWindow
            | StepKind::Resume
            | StepKind::StopVm => {}
        }
        Ok(())
    }

    /// A guest may have written to every replica that hangs on the destination VM.
    fn note_guest(&mut self) {
        for disk in &mut self.disks {
            if matches!(disk.custody, Custody::Destination { .. }) {
                disk.dirty = true;
            }
        }
    }

    /// The VM shows `Stopped`. After a forced stop its guest may run on all the same, unless a graceful one has succeeded:
    /// then the host itself has said that it is off.
    pub(super) fn note_forced_stop(&mut self, step: &Step, facts: &StepFacts) {
        let Some(record) = self
            .steps
            .get_mut(&step.id)
            .filter(|_| step.kind == StepKind::StopVm)
        else {
            return;
        };
        let was_doubted = std::mem::take(&mut record.doubted);
        if was_doubted && *facts != StepFacts::GuestOff {
            for disk in &mut self.disks {
                disk.doubtful |= matches!(disk.custody, Custody::Destination { .. });
            }
        }
    }

    fn forget_scratch_root(&mut self) {
        if let Some(root) = self.scratch_root.clone() {
            self.remove_resource(ResourceKind::ScratchRoot, root.as_str());
        }
    }
}
