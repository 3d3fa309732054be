//! What is made to fail, and how: for each kind of step one way that the cloud, the migration tool or a person has of
//! spoiling it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::{JobId, JobStatus};
use failover_engine::plan::StepKind;
use failover_engine::ports::{Custody, ResyncMark};
use failover_engine::request::JobRequest;
use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterCall, WriterWish};
use ossea::{Command, OsseaClient};
use ossea_sim::cloud::log::Effect;
use ossea_sim::faults::{BootFailure, NicFault, Work};
use ossea_sim::{FaultRule, WayFault, WorkFault};

use crate::lab::Lab;

/// The disk that stands for all of them.
pub(crate) const DISK: usize = 1;
const VOLUME: &str = "pgwintestbios-disk1";

/// How a step is spoilt.
#[derive(Clone)]
pub(crate) enum Mishap {
    /// The cloud does not do it.
    Cloud(FaultRule),
    /// The migration tool does not do it.
    Tool(WriterWish),
    /// A person changes something at the wrong moment.
    Person(Meddling),
}

/// What a person does.
#[derive(Clone, Copy)]
pub(crate) enum Meddling {
    /// Marks a replica for a full synchronisation before the job looks.
    Mark,
    /// Takes the right to list snapshots from our account, once the rules have passed.
    ForbidLists,
    /// Takes the OS disk off the destination VM while the data disks are attached.
    Detach,
    /// Deletes a rollback point before the guest is started.
    DeleteRollbackPoint,
    /// Cancels the job while its window is open.
    Cancel,
}

fn fails(command: &str) -> FaultRule {
    let fault = WorkFault::JobFails {
        code: 431,
        text: "the cloud says no".to_owned(),
        work: Work::NotDone,
    };
    FaultRule::on(command, fault).forever()
}

/// How a step of the way there is spoilt.
pub(crate) fn there(kind: StepKind) -> Mishap {
    match kind {
        StepKind::Validate => Mishap::Person(Meddling::Mark),
        StepKind::Quiesce => Mishap::Tool(WriterWish::Quiesce),
        StepKind::TakeInventory => Mishap::Person(Meddling::ForbidLists),
        StepKind::DetachFromOma { .. } => Mishap::Cloud(fails("detachVolume").object(VOLUME)),
        StepKind::Snapshot { .. } => Mishap::Cloud(fails("createSnapshot").object(VOLUME)),
        StepKind::CreateVm => {
            Mishap::Cloud(FaultRule::on("deployVirtualMachine", WorkFault::NoCapacity).forever())
        }
        StepKind::VerifyNetworks => {
            let how = NicFault::OtherNetwork;
            Mishap::Cloud(FaultRule::on(
                "deployVirtualMachine",
                WorkFault::WrongNetwork { how },
            ))
        }
        // Three replicas leave the OMA before the scratch root leaves the destination VM.
        StepKind::DetachScratchRoot => Mishap::Cloud(fails("detachVolume").nth(4).times(1)),
        StepKind::DeleteScratchRoot => Mishap::Cloud(fails("deleteVolume").times(1)),
        StepKind::Attach { .. } => Mishap::Cloud(fails("attachVolume").object(VOLUME).times(1)),
        StepKind::VerifyDisks => Mishap::Person(Meddling::Detach),
        StepKind::VmSnapshot => Mishap::Cloud(fails("createVMSnapshot")),
        StepKind::VerifyRollbackPoints => Mishap::Person(Meddling::DeleteRollbackPoint),
        StepKind::StartVm => Mishap::Cloud(fails("startVirtualMachine")),
        StepKind::VerifyBoot => {
            let how = BootFailure::NoAddress;
            Mishap::Cloud(FaultRule::on(
                "startVirtualMachine",
                WorkFault::GuestDoesNotBoot { how },
            ))
        }
        StepKind::TestWindow => Mishap::Person(Meddling::Cancel),
        StepKind::StopVm
        | StepKind::RevertVmSnapshot
        | StepKind::DeleteVmSnapshot
        | StepKind::DetachFromDestination { .. }
        | StepKind::Revert { .. }
        | StepKind::Quarantine { .. }
        | StepKind::ReturnToOma { .. }
        | StepKind::Resume
        | StepKind::DestroyVm
        | StepKind::DeleteSnapshot { .. } => unreachable!("{kind:?} is no step of the way there"),
    }
}

/// How a step of the way back is spoilt, until somebody mends it.
pub(crate) fn back(kind: StepKind) -> Mishap {
    match kind {
        StepKind::StopVm => Mishap::Cloud(fails("stopVirtualMachine")),
        StepKind::RevertVmSnapshot => {
            Mishap::Cloud(FaultRule::on("revertToVMSnapshot", WorkFault::Unrevertable).forever())
        }
        StepKind::DeleteVmSnapshot => Mishap::Cloud(fails("deleteVMSnapshot")),
        StepKind::DetachFromDestination { .. } => Mishap::Cloud(fails("detachVolume").object(VOLUME)),
        StepKind::Revert { .. } => Mishap::Cloud(
            FaultRule::on("revertSnapshot", WorkFault::Unrevertable)
                .forever()
                .object(VOLUME),
        ),
        StepKind::ReturnToOma { .. } => Mishap::Cloud(
            FaultRule::on("attachVolume", WorkFault::Unattachable)
                .forever()
                .object(VOLUME),
        ),
        StepKind::Resume => Mishap::Tool(WriterWish::Resume),
        StepKind::DestroyVm => Mishap::Cloud(fails("destroyVirtualMachine")),
        StepKind::DeleteScratchRoot => Mishap::Cloud(fails("deleteVolume")),
        StepKind::DeleteSnapshot { .. } => Mishap::Cloud(fails("deleteSnapshot")),
        StepKind::Quarantine { .. }
        | StepKind::Validate
        | StepKind::Quiesce
        | StepKind::TakeInventory
        | StepKind::DetachFromOma { .. }
        | StepKind::Snapshot { .. }
        | StepKind::CreateVm
        | StepKind::VerifyNetworks
        | StepKind::DetachScratchRoot
        | StepKind::Attach { .. }
        | StepKind::VerifyDisks
        | StepKind::VmSnapshot
        | StepKind::VerifyRollbackPoints
        | StepKind::StartVm
        | StepKind::VerifyBoot
        | StepKind::TestWindow => unreachable!("{kind:?} is not asked for on any way back here"),
    }
}

/// Does what the person does, at the moment for it.
pub(crate) async fn meddle(lab: &Lab, job: &JobId, meddling: Meddling) {
    match meddling {
        Meddling::Mark => {
            let (volume, _) = lab.replicas().remove(DISK);
            lab.store
                .mark_resync(&volume, ResyncMark::Needed)
                .await
                .expect("the store answers");
        }
        Meddling::ForbidLists => {
            lab.until(job, |r| r.projection.status == JobStatus::Executing)
                .await;
            let refuse = WayFault::Refuse {
                code: 530,
                text: "internal error".to_owned(),
            };
            lab.fault(FaultRule::on("listSnapshots", refuse).forever());
        }
        Meddling::Detach => {
            let (os_disk, _) = lab.replicas().remove(0);
            // Before the job has seen it there, the job would attach it again.
            while !matches!(lab.state(job).await.disks[0].custody, Custody::Destination { .. }) {
                lab.parts.clock.sleep(lab.look_every).await;
            }
            lab.by_hand("detach", &Command::DetachVolume { volume: os_disk })
                .await;
        }
        Meddling::DeleteRollbackPoint => {
            lab.until(job, |_| {
                lab.count(|e| matches!(e, Effect::SnapshotTaken { .. })) == 3
            })
            .await;
            let (volume, _) = lab.replicas().remove(DISK);
            let taken = lab.cloud.snapshots_of(&volume).await.expect("the cloud answers");
            let snapshot = taken.first().expect("it was taken").id.clone();
            // The job has to see it before it is deleted.
            while lab.state(job).await.disks[DISK].snapshot.is_none() {
                lab.parts.clock.sleep(lab.look_every).await;
            }
            lab.by_hand("delete", &Command::DeleteSnapshot { snapshot }).await;
        }
        Meddling::Cancel => {
            lab.until(job, |r| r.projection.window.is_some()).await;
            lab.ask(job, JobRequest::Cancel).await;
        }
    }
}

/// A migration tool that can be made to refuse.
#[derive(Default)]
pub(crate) struct Tool {
    refuses_quiesce: AtomicBool,
    refuses_resume: AtomicBool,
    has_refused: AtomicBool,
}

impl Tool {
    pub(crate) fn refuse(self: &Arc<Self>, wish: WriterWish) {
        self.switch(wish).store(true, Ordering::Relaxed);
    }

    pub(crate) fn mend(&self) {
        for wish in [WriterWish::Quiesce, WriterWish::Resume] {
            self.switch(wish).store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_refused(&self) -> bool {
        self.has_refused.load(Ordering::Relaxed)
    }

    fn switch(&self, wish: WriterWish) -> &AtomicBool {
        match wish {
            WriterWish::Quiesce => &self.refuses_quiesce,
            WriterWish::Resume => &self.refuses_resume,
        }
    }
}

#[async_trait]
impl ReplicaWriter for Tool {
    fn hears(&self, _: WriterWish) -> bool {
        true
    }

    async fn ask(&self, call: &WriterCall) -> WriterAnswer {
        // Long enough for a person to do something meanwhile.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if self.switch(call.wish).load(Ordering::Relaxed) {
            self.has_refused.store(true, Ordering::Relaxed);
            WriterAnswer::Refused("the tool says no (409)".to_owned())
        } else {
            WriterAnswer::Done
        }
    }
}
