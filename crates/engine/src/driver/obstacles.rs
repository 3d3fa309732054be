//! What the way back cannot do by itself, in words for people.

use failover_domain::{Attention, AttentionCode, Severity};

use crate::attention;
use crate::journal::Stop;
use crate::plan::Plan;
use crate::return_planner::Obstacle;
use crate::runner::JobContext;

/// Raises an attention for each obstacle, and clears those that are gone.
pub(super) async fn report(job: &JobContext, obstacles: &[Obstacle]) -> Result<(), Stop> {
    let now = job.parts.clock.now();
    let found: Vec<ObstacleWords> = obstacles.iter().map(|o| obstacle_words(&job.plan, o)).collect();
    let kinds = [
        AttentionCode::ReplicaMissing,
        AttentionCode::ReplicaElsewhere,
        AttentionCode::DestinationDestroyed,
        AttentionCode::DirtyReplicaOnOma,
        AttentionCode::KeptForInspection,
        AttentionCode::ForeignVmSnapshot,
    ];
    let is_over = |a: &&Attention| {
        kinds.contains(&a.code) && !found.iter().any(|f| a.is(f.code, Some(f.object.as_str())))
    };
    for open in job.journal.state().await.attention.iter().filter(is_over) {
        if let Some(object) = open.object() {
            attention::clear_about(&job.journal, open.code, object.to_owned()).await?;
        }
    }
    for words in found {
        attention::raise(
            &job.journal,
            words.code,
            words.severity,
            words.message,
            vec![words.object],
            words.choices,
            now,
        )
        .await?;
    }
    Ok(())
}

struct ObstacleWords {
    code: AttentionCode,
    severity: Severity,
    object: String,
    message: String,
    choices: &'static [&'static str],
}

fn obstacle_words(plan: &Plan, obstacle: &Obstacle) -> ObstacleWords {
    const BY_HAND: &[&str] =
        &["Detach the volume in the cloud, or bring it back; the engine sees it and goes on."];
    let replica = |disk: usize, code, severity, problem: &str, choices| {
        let planned = &plan.disks[disk];
        ObstacleWords {
            code,
            severity,
            object: planned.object(),
            message: format!(
                "Replica {} ({}) cannot return: {problem}",
                planned.volume_name, planned.volume
            ),
            choices,
        }
    };
    match obstacle {
        Obstacle::Missing { disk } => {
            let words = "the cloud does not show it any more";
            replica(
                *disk,
                AttentionCode::ReplicaMissing,
                Severity::Critical,
                words,
                BY_HAND,
            )
        }
        Obstacle::Elsewhere { disk, vm_name } => {
            let words = format!("it hangs on VM {vm_name}, where nobody of us put it");
            replica(
                *disk,
                AttentionCode::ReplicaElsewhere,
                Severity::Critical,
                &words,
                BY_HAND,
            )
        }
        Obstacle::OnDestroyedVm { disk } => {
            let words = "the destination VM was destroyed or is in error, and the replica is deleted with it if it \
                         is the root; recover the VM in the cloud before it is expunged";
            replica(
                *disk,
                AttentionCode::DestinationDestroyed,
                Severity::Critical,
                words,
                BY_HAND,
            )
        }
        Obstacle::DirtyAtHome { disk } => {
            let words = "it was put on the OMA before it was reverted; its content is not the replicated one";
            let choices: &[&str] = &[
                "Detach the volume in the cloud: it is reverted and returns by itself.",
                "keep: it stays as it is for inspection.",
                "force: it is marked for a full synchronisation and stays where it is.",
            ];
            replica(
                *disk,
                AttentionCode::DirtyReplicaOnOma,
                Severity::Critical,
                words,
                choices,
            )
        }
        Obstacle::NothingToRevertTo { disk } => {
            let words = "it is dirty, and the VM snapshot that was its rollback point is gone or in error";
            replica(
                *disk,
                AttentionCode::RevertFailed,
                Severity::Error,
                words,
                attention::REVERT_CHOICES,
            )
        }
        Obstacle::Kept { disk } => {
            let words = "it is kept for inspection, as was decided";
            let choices: &[&str] = &[
                "retry: the engine takes it up again and reverts it.",
                "force: the rollback point is given up; the replica is marked for a full synchronisation and returns.",
            ];
            replica(
                *disk,
                AttentionCode::KeptForInspection,
                Severity::Warning,
                words,
                choices,
            )
        }
        Obstacle::ForeignVmSnapshot { name } => ObstacleWords {
            code: AttentionCode::ForeignVmSnapshot,
            severity: Severity::Error,
            object: format!("VM snapshot {name}"),
            message: format!(
                "Somebody took VM snapshot {name} of destination VM {}: no replica can be detached while it exists",
                plan.vm.name
            ),
            choices: &["Delete the VM snapshot in the cloud; the engine sees it and goes on."],
        },
    }
}
