//! `consistency_point`: the replicas of all disks show the source VM at one instant.
//!
//! A warning and no more: in a disaster the source VM is gone, and replicas of two instants are all there is. Whoever
//! starts all the same should know it, because a guest may keep on one disk what belongs to the other.

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::SourceDisk;
use serde_json::json;

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

/// How far apart the records of one run may be: a tool notes the disks of a VM one after the other.
const ONE_RUN: TimeDelta = TimeDelta::minutes(15);

pub(crate) fn check(view: &View<'_>) -> Outcome {
    let Some(vm) = view.vm() else { return unknown_vm() };
    let replicated: Vec<&SourceDisk> = vm.disks.iter().filter(|disk| disk.replica.is_some()).collect();
    let mut problems: Vec<Problem> = replicated
        .iter()
        .filter(|disk| disk.synced_at.is_none())
        .map(|disk| {
            Problem::new(
                format!(
                    "{} ({}): the replication run that wrote its replica last has no successful synchronisation",
                    disk.label, disk.position
                ),
                "Let a synchronisation of all disks of the VM finish, if the source VM still exists.",
            )
        })
        .collect();
    problems.extend(apart(&replicated));
    let disks: Vec<_> = replicated
        .iter()
        .map(|disk| {
            json!({ "label": disk.label, "position": disk.position.to_string(), "synced_at": disk.synced_at })
        })
        .collect();
    Outcome::of(
        problems,
        format!(
            "all {} replicas of {} are of one synchronisation",
            replicated.len(),
            vm.name
        ),
        json!({ "disks": disks }),
    )
}

/// What is wrong with the distance between the earliest and the latest.
fn apart(disks: &[&SourceDisk]) -> Option<Problem> {
    let instants = || disks.iter().filter_map(|disk| Some((disk.synced_at?, *disk)));
    let (earliest, old) = instants().min_by_key(|(at, _)| *at)?;
    let (latest, new) = instants().max_by_key(|(at, _)| *at)?;
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    (latest - earliest > ONE_RUN).then(|| {
        Problem::new(
            format!(
                "{} ({}) was synchronised at {}, {} ({}) at {}: a guest that uses both may find them inconsistent",
                old.label,
                old.position,
                shown(earliest),
                new.label,
                new.position,
                shown(latest)
            ),
            "Synchronise all disks of the VM together, if the source VM still exists.",
        )
    })
}
