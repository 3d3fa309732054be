//! `device_ids`: the devices on the OMA that the inventory has are possible, different, and those that the cloud shows.
//!
//! The volume's id says which replica it is, and the device nothing but where it hung when it was reported; so a wrong one
//! is a warning. It is worth one: who mixed up the devices may have mixed up the volumes.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{ReplicaVolume, SourceDisk};
use ossea::OsseaError;
use serde_json::json;

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

/// The highest device of a KVM VM (`cloudstack-api.md` section 4.3). 3 is the CD-ROM, 0 the OMA's own root.
const HIGHEST_DEVICE: u32 = 33;

const REMEDY: &str = "Report the disks of the VM again, as they hang on the OMA now; make sure first that each volume is \
                      the replica of the disk that it is reported for.";

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let on_oma = view.cloud.oma_volumes().await?;
    let (mut problems, mut disks) = (Vec::new(), Vec::new());
    let mut users: BTreeMap<u32, Vec<&SourceDisk>> = BTreeMap::new();
    for (disk, replica) in replicas(&vm.disks) {
        let shown = on_oma
            .get(&replica.volume_id)
            .and_then(|volume| volume.attachment.as_ref());
        let shown = shown.and_then(|attachment| attachment.device);
        disks.push(json!({
            "label": disk.label,
            "volume_id": replica.volume_id,
            "inventory_device": replica.oma_device,
            "cloud_device": shown,
        }));
        let Some(known) = replica.oma_device else { continue };
        users.entry(known).or_default().push(disk);
        problems.extend(impossible(disk, known));
        // A replica as the OMA's root is for `volume_state` to refuse.
        if let Some(shown) = shown.filter(|shown| *shown != known && *shown != 0) {
            problems.push(Problem::new(
                format!(
                    "{} ({}): the inventory has volume {} at device {known} of the OMA, the cloud shows it at {shown}",
                    disk.label, disk.position, replica.volume_id
                ),
                REMEDY,
            ));
        }
    }
    problems.extend(users.into_iter().filter_map(shared));
    let passed = format!(
        "the devices of all {} replicas of {} are as reported",
        disks.len(),
        vm.name
    );
    Ok(Outcome::of(problems, passed, json!({ "disks": disks })))
}

fn replicas(disks: &[SourceDisk]) -> impl Iterator<Item = (&SourceDisk, &ReplicaVolume)> {
    disks
        .iter()
        .filter_map(|disk| Some((disk, disk.replica.as_ref()?)))
}

fn impossible(disk: &SourceDisk, device: u32) -> Option<Problem> {
    let possible = (1..=HIGHEST_DEVICE).contains(&device) && device != 3;
    (!possible).then(|| {
        Problem::new(
            format!(
                "{} ({}): the inventory has its replica at device {device} of the OMA, where no data disk can be \
                 (1, 2 and 4 to {HIGHEST_DEVICE} are possible)",
                disk.label, disk.position
            ),
            REMEDY,
        )
    })
}

/// One volume that two disks have is for `volume_state` to refuse.
fn shared((device, users): (u32, Vec<&SourceDisk>)) -> Option<Problem> {
    let volume = |disk: &&SourceDisk| disk.replica.as_ref().map(|replica| replica.volume_id.clone());
    let volumes: BTreeSet<_> = users.iter().map(volume).collect();
    (volumes.len() > 1).then(|| {
        let labels: Vec<&str> = users.iter().map(|disk| disk.label.as_str()).collect();
        Problem::new(
            format!(
                "the inventory has the replicas of {} at the same device {device} of the OMA",
                labels.join(" and ")
            ),
            REMEDY,
        )
    })
}
