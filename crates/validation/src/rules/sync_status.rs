//! `sync_status`: the replicas hold a consistent state of the source VM.

use serde_json::json;

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

pub(crate) fn check(view: &View<'_>) -> Outcome {
    let Some(vm) = view.vm() else { return unknown_vm() };
    let mut problems = Vec::new();
    let change_id = vm
        .sync
        .change_id
        .as_deref()
        .map(str::trim)
        .filter(|id| !id.is_empty());
    if change_id.is_none() {
        problems.push(Problem::new(
            format!("{} has no ChangeID of a successful synchronisation", vm.name),
            "Run a synchronisation in the migration tool and let it finish.",
        ));
    }
    let mut disks = Vec::with_capacity(vm.disks.len());
    for disk in &vm.disks {
        let Some(replica) = &disk.replica else { continue };
        if replica.needs_full_resync {
            problems.push(Problem::new(
                format!(
                    "{} ({}): replica {} ({}) may hold a guest's writes and needs a full synchronisation",
                    disk.label, disk.position, replica.name, replica.volume_id
                ),
                "Synchronise the disks named from the start, not incrementally, or clear the mark with a reason: \
                 failoverctl quarantine clear.",
            ));
        }
        disks.push(json!({
            "label": disk.label,
            "volume_id": replica.volume_id,
            "needs_full_resync": replica.needs_full_resync,
        }));
    }
    let when = vm.sync.synced_at.map_or_else(
        || "at an unrecorded time".to_owned(),
        |at| format!("at {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
    );
    let passed = format!(
        "{} has the ChangeID of a synchronisation that succeeded {when}",
        vm.name
    );
    let details = json!({ "change_id": change_id, "synced_at": vm.sync.synced_at, "disks": disks });
    Outcome::of(problems, passed, details)
}
