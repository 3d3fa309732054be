//! Raising and clearing attentions, and which ones the way back raises.

use chrono::{DateTime, Utc};
use failover_domain::{Attention, AttentionCode, Severity};

use crate::event::{Event, StepError};
use crate::journal::{JobJournal, Stop};
use crate::plan::{Plan, Step, StepKind};

/// Raises an attention, once: the same one with the same words is not journaled again.
pub(crate) async fn raise(
    journal: &JobJournal,
    code: AttentionCode,
    severity: Severity,
    message: String,
    objects: Vec<String>,
    choices: &[&str],
    now: DateTime<Utc>,
) -> Result<(), Stop> {
    let open = journal.state().await.attention;
    if open.iter().any(|a| a.code == code) {
        return Ok(());
    }
    let choices = choices.iter().map(|c| (*c).to_owned()).collect();
    let attention = Attention {
        code,
        severity,
        message,
        objects,
        choices,
        decisions: Vec::new(),
        since: now,
    };
    journal.record(Event::AttentionRaised { attention }).await
}

/// Clears an attention, if it is open.
pub(crate) async fn clear(journal: &JobJournal, code: AttentionCode) -> Result<(), Stop> {
    if journal.state().await.attention.iter().any(|a| a.code == code) {
        journal.record(Event::AttentionCleared { code }).await?;
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
        StepKind::Revert { .. } => trouble(
            AttentionCode::RevertFailed,
            Severity::Error,
            3,
            &[
                "Mend the cause in the cloud; the engine goes on trying. The replica stays detached until its revert is proven.",
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
        StepKind::DestroyVm
        | StepKind::DeleteSnapshot { .. }
        | StepKind::DeleteScratchRoot
        | StepKind::DetachScratchRoot
        | StepKind::Validate
        | StepKind::Quiesce
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

/// The objects and the sentence for a step that was tried in vain.
pub(crate) fn describe(plan: &Plan, step: &Step, error: &StepError) -> (Vec<String>, String) {
    let object = match step.kind.disk() {
        Some(disk) => format!(
            "volume {} ({})",
            plan.disks[disk].volume, plan.disks[disk].volume_name
        ),
        None => format!("VM {}", plan.vm.name),
    };
    let cloud = error
        .refusal
        .as_ref()
        .map(|r| format!(" ({r})"))
        .unwrap_or_default();
    let message = format!(
        "{} of {object} fails on the way back: {}{cloud}",
        step.kind.name(),
        error.message
    );
    (vec![object], message)
}
