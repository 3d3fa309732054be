//! `volume_state`: the replica of every disk rests on the OMA, ready to change custody.

use std::collections::BTreeMap;

use failover_domain::{CloudVmId, ReplicaVolume, SourceDisk, VolumeId};
use ossea::{OsseaError, Volume, VolumeKind, VolumeState};
use serde_json::{Value, json};

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::{View, leave_to, made_by};

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    if vm.disks.is_empty() {
        return Ok(Outcome::fail(
            format!("{} has no disk, so there is no replica to move", vm.name),
            "Report the VM's disks and their replica volumes to the inventory.",
            Value::Null,
        ));
    }
    let mut problems = shared_volumes(&vm.disks);
    let mut makers = BTreeMap::new();
    let mut disks = Vec::with_capacity(vm.disks.len());
    for disk in &vm.disks {
        let named = format!("{} ({})", disk.label, disk.position);
        let Some(replica) = &disk.replica else {
            problems.push(Problem::new(
                format!("{named} has no replica volume"),
                "Let the migration tool replicate every disk of the VM, and report its volumes.",
            ));
            disks.push(json!({ "label": disk.label, "position": disk.position.to_string() }));
            continue;
        };
        let named = format!("{named}: volume {} ({})", replica.name, replica.volume_id);
        let volume = view.cloud.volume(&replica.volume_id).await?;
        match &volume {
            None => problems.push(Problem::new(
                format!("{named} does not exist in the cloud, or our account cannot see it"),
                "Check the volume id in the inventory; if the volume is lost, replicate the disk again.",
            )),
            Some(volume) => {
                problems.extend(misplaced(&named, volume, &mut makers, view).await?);
                problems.extend(unfit(&named, volume, disk, view));
            }
        }
        disks.push(details(disk, replica, volume.as_ref()));
    }
    let passed = format!(
        "the replicas of all {} disks of {} are ready on the OMA",
        vm.disks.len(),
        vm.name
    );
    Ok(Outcome::of(problems, passed, json!({ "disks": disks })))
}

fn shared_volumes(disks: &[SourceDisk]) -> Vec<Problem> {
    let mut owners: BTreeMap<&VolumeId, Vec<&str>> = BTreeMap::new();
    for disk in disks {
        if let Some(replica) = &disk.replica {
            owners.entry(&replica.volume_id).or_default().push(&disk.label);
        }
    }
    let shared = owners.into_iter().filter(|(_, labels)| labels.len() > 1);
    let problem = |(volume, labels): (&VolumeId, Vec<&str>)| {
        Problem::new(
            format!("{} have the same replica volume {volume}", labels.join(" and ")),
            "Report the right volume of each disk to the inventory.",
        )
    };
    shared.map(problem).collect()
}

/// What is wrong with the place where the volume hangs.
async fn misplaced(
    named: &str,
    volume: &Volume,
    makers: &mut BTreeMap<CloudVmId, Option<String>>,
    view: &View<'_>,
) -> Result<Option<Problem>, OsseaError> {
    let oma = &view.target.oma_vm;
    let Some(at) = &volume.attachment else {
        let remedy = match &view.subject.active_job {
            Some(job) => leave_to(job.as_str(), view.subject),
            None => "Attach the volume to the OMA.".to_owned(),
        };
        return Ok(Some(Problem::new(
            format!("{named} is attached to no VM, it should be on the OMA ({oma})"),
            remedy,
        )));
    };
    if at.vm == *oma {
        return Ok(on_no_good_device(named, at.device));
    }
    if !makers.contains_key(&at.vm) {
        let maker = view
            .cloud
            .vm(&at.vm)
            .await?
            .as_ref()
            .and_then(made_by)
            .map(str::to_owned);
        makers.insert(at.vm.clone(), maker);
    }
    let maker = makers.get(&at.vm).and_then(Option::as_deref);
    let (origin, remedy) = match maker {
        Some(job) => (
            format!(", which failover job {job} made"),
            leave_to(job, view.subject),
        ),
        None => (
            String::new(),
            "Find out why the volume is on that VM; detach it there and attach it to the OMA.".to_owned(),
        ),
    };
    Ok(Some(Problem::new(
        format!(
            "{named} is attached to VM {} ({}){origin}; it should be on the OMA ({oma})",
            at.vm_name, at.vm
        ),
        remedy,
    )))
}

/// What is wrong with the device on the OMA.
fn on_no_good_device(named: &str, device: Option<u32>) -> Option<Problem> {
    match device {
        None => Some(Problem::new(
            format!("{named} is on the OMA, but the cloud shows no device"),
            "Wait until the cloud shows the volume's device, or detach it and attach it again.",
        )),
        Some(0) => Some(Problem::new(
            format!("{named} is device 0 of the OMA, which is the OMA's own root disk"),
            "Correct the volume id in the inventory.",
        )),
        Some(_) => None,
    }
}

/// What is wrong with the volume itself.
fn unfit(named: &str, volume: &Volume, disk: &SourceDisk, view: &View<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if volume.state != VolumeState::Ready {
        problems.push(Problem::new(
            format!("{named} is in state {}, it must be Ready", volume.state.word()),
            "Wait until the volume is Ready; ask the cloud's administrator if it stays as it is.",
        ));
    }
    if let Some(job) = &volume.pending_job {
        problems.push(Problem::new(
            format!("{named} has the running cloud job {job}"),
            "Wait until the cloud's job on the volume has ended.",
        ));
    }
    if volume.size_bytes < disk.size_bytes {
        problems.push(Problem::new(
            format!(
                "{named} has {} bytes, the source disk has {}",
                volume.size_bytes, disk.size_bytes
            ),
            "Replicate the disk again into a volume that is large enough.",
        ));
    }
    if volume.zone != view.target.zone {
        problems.push(Problem::new(
            format!(
                "{named} is in zone {}, the destination VM goes to zone {}",
                volume.zone, view.target.zone
            ),
            "Configure the zone in which the replicas are, or replicate into the configured one.",
        ));
    }
    if volume.kind == VolumeKind::Root && volume.attachment.as_ref().is_none_or(|at| at.device != Some(0)) {
        problems.push(Problem::new(
            format!("{named} is a root volume; CloudStack deletes those with their VM"),
            "Check the volume id in the inventory, and detach the volume so that it becomes a data volume.",
        ));
    }
    problems
}

fn details(disk: &SourceDisk, replica: &ReplicaVolume, volume: Option<&Volume>) -> Value {
    let attachment = volume.and_then(|v| v.attachment.as_ref());
    json!({
        "label": disk.label,
        "position": disk.position.to_string(),
        "size_bytes": disk.size_bytes,
        "volume_id": replica.volume_id,
        "volume_name": replica.name,
        "volume_state": volume.map(|v| v.state.word()),
        "volume_size_bytes": volume.map(|v| v.size_bytes),
        "storage": volume.and_then(|v| v.storage.as_ref()),
        "attached_to": attachment.map(|at| &at.vm),
        "device": attachment.and_then(|at| at.device),
        "pending_job": volume.and_then(|v| v.pending_job.as_ref()),
    })
}
