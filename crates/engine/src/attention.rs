//! Raising and clearing attentions, and which ones the way back raises.

use chrono::{DateTime, Utc};
use failover_domain::{Attention, AttentionCode, Decision, Severity};

use crate::event::{Event, StepError};
use crate::journal::{JobJournal, Stop};
use crate::plan::{Plan, Step, StepKind};

/// Raises an attention, once: while one of its code about its object is open, it is not journaled again.
pub(crate) async fn raise(
    journal: &JobJournal,
    code: AttentionCode,
    severity: Severity,
    message: String,
    objects: Vec<String>,
    choices: &[&str],
    now: DateTime<Utc>,
) -> Result<(), Stop> {
    let choices = choices.iter().map(|c| (*c).to_owned()).collect();
    let attention = Attention {
        code,
        severity,
        message,
        objects,
        choices,
        decisions: decisions_about(code).to_vec(),
        since: now,
    };
    let open = journal.state().await.attention;
    if open.iter().any(|a| a.is(code, attention.object())) {
        return Ok(());
    }
    journal.record(Event::AttentionRaised { attention }).await
}

/// What a person may decide through the product about an attention of this code.
fn decisions_about(code: AttentionCode) -> &'static [Decision] {
    match code {
        AttentionCode::RevertFailed | AttentionCode::DirtyReplicaOnOma => &Decision::ALL,
        AttentionCode::KeptForInspection => &[Decision::Retry, Decision::Force],
        AttentionCode::ReplicaDetached
        | AttentionCode::DetachFailed
        | AttentionCode::StopFailed
        | AttentionCode::LeftoverObject
        | AttentionCode::ResumeFailed => &[Decision::Retry],
        AttentionCode::ReplicaElsewhere
        | AttentionCode::DestinationDestroyed
        | AttentionCode::ReplicaMissing
        | AttentionCode::BootNotVerified
        | AttentionCode::CloudUnavailable
        | AttentionCode::InvariantGuard
        | AttentionCode::TestWindowOver
        | AttentionCode::TestVmUnhealthy
        | AttentionCode::ForeignVmSnapshot
        | AttentionCode::ReplicaQuarantined
        | AttentionCode::RollbackPointsOld => &[],
    }
}

/// Clears all open attentions of a code.
pub(crate) async fn clear(journal: &JobJournal, code: AttentionCode) -> Result<(), Stop> {
    if journal.state().await.attention.iter().any(|a| a.code == code) {
        let object = None;
        journal.record(Event::AttentionCleared { code, object }).await?;
    }
    Ok(())
}

/// Clears the attention of a code about one object, if it is open.
pub(crate) async fn clear_about(
    journal: &JobJournal,
    code: AttentionCode,
    object: String,
) -> Result<(), Stop> {
    let open = journal.state().await.attention;
    if open.iter().any(|a| a.is(code, Some(&object))) {
        let object = Some(object);
        journal.record(Event::AttentionCleared { code, object }).await?;
    }
    Ok(())
}

/// What a step of the way back means for a person once it was tried in vain so often.
pub(crate) struct ReturnTrouble {
    pub(crate) code: AttentionCode,
    pub(crate) severity: Severity,
    pub(crate) after_attempts: u32,
    pub(crate) choices: &'static [&'static str],
}

/// What a person may do about a replica that cannot be reverted.
pub(crate) const REVERT_CHOICES: &[&str] = &[
    "retry: mend the cause in the cloud; the engine goes on trying, and at once after this decision.",
    "keep: the replica stays as it is for inspection, and nothing more is tried until somebody decides otherwise.",
    "force: the rollback point is given up; the replica is marked for a full synchronisation and returns as it is.",
];

/// The attention that belongs to a step of the way back. A replica that cannot be attached is reported after
/// two attempts, everything else after three: one failure alone is often only the cloud's mood.
pub(crate) fn trouble_of(kind: StepKind) -> ReturnTrouble {
    let trouble = |code, severity, after_attempts, choices| ReturnTrouble {
        code,
        severity,
        after_attempts,
        choices,
    };
    match kind {
        StepKind::ReturnToOma { .. } => trouble(
            AttentionCode::ReplicaDetached,
            Severity::Critical,
            2,
            &[
                "Mend the cause in the cloud; the engine goes on trying and finishes by itself.",
                "Attach the volume to the OMA by hand; the engine sees it and goes on.",
            ],
        ),
        StepKind::Revert { .. } | StepKind::RevertVmSnapshot => {
            trouble(AttentionCode::RevertFailed, Severity::Error, 3, REVERT_CHOICES)
        }
        StepKind::Quarantine { .. } => trouble(
            AttentionCode::RevertFailed,
            Severity::Error,
            3,
            &["Put the replica back into the inventory: its mark must be where the migration tool reads it."],
        ),
        StepKind::Resume => trouble(
            AttentionCode::ResumeFailed,
            Severity::Warning,
            3,
            &[
                "Make the migration tool's hook answer, or resume its replication by hand; the replicas are on the OMA.",
            ],
        ),
        StepKind::StopVm => trouble(
            AttentionCode::StopFailed,
            Severity::Error,
            3,
            &["Stop the VM in the cloud; the engine sees it and goes on."],
        ),
        StepKind::DetachFromDestination { .. } => trouble(
            AttentionCode::DetachFailed,
            Severity::Error,
            3,
            &["Detach the volume in the cloud; the engine sees it and goes on."],
        ),
        StepKind::DeleteVmSnapshot => trouble(
            AttentionCode::DetachFailed,
            Severity::Error,
            3,
            &[
                "Delete the VM snapshot in the cloud: nothing can be detached before; the engine sees it and goes on.",
            ],
        ),
        StepKind::DestroyVm
        | StepKind::DeleteSnapshot { .. }
        | StepKind::DeleteScratchRoot
        | StepKind::DetachScratchRoot
        | StepKind::Validate
        | StepKind::Quiesce
        | StepKind::TakeInventory
        | StepKind::VmSnapshot
        | StepKind::VerifyRollbackPoints
        | StepKind::TestWindow
        | StepKind::DetachFromOma { .. }
        | StepKind::Snapshot { .. }
        | StepKind::CreateVm
        | StepKind::VerifyNetworks
        | StepKind::Attach { .. }
        | StepKind::VerifyDisks
        | StepKind::StartVm
        | StepKind::VerifyBoot => trouble(
            AttentionCode::LeftoverObject,
            Severity::Warning,
            3,
            &["Remove the object in the cloud; the engine sees it and goes on."],
        ),
    }
}

/// The object that a step's attention is about.
pub(crate) fn object_of(plan: &Plan, step: &Step) -> String {
    match step.kind.disk() {
        Some(disk) => plan.disks[disk].object(),
        None => format!("VM {}", plan.vm.name),
    }
}

/// The objects and the sentence for a step that was tried in vain.
pub(crate) fn describe(plan: &Plan, step: &Step, error: &StepError) -> (Vec<String>, String) {
    let object = object_of(plan, step);
    let name = match step.kind.disk() {
        Some(disk) => format!("replica {}", plan.disks[disk].volume_name),
        None => format!("VM {}", plan.vm.name),
    };
    let cloud = error
        .refusal
        .as_ref()
        .map(|r| format!(" ({r})"))
        .unwrap_or_default();
    let message = format!(
        "{} of {name} fails on the way back: {}{cloud}",
        step.kind.name(),
        error.message
    );
    (vec![object], message)
}
