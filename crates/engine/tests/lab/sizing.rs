//! The sample VM with another number of disks.

use failover_domain::VolumeId;
use failover_domain::inventory::InventoryFile;
use ossea_sim::SimContents;

use super::THREE_DISKS;

/// The name of its replicas, before the number of the disk.
const REPLICAS: &str = "pgwintestbios-disk";

/// The first device of further replicas on the OMA; those of the sample are before it.
const FIRST_DEVICE: u32 = 24;

/// Gives the sample VM with three disks so many, with their replicas on the OMA.
pub(super) fn give_disks(contents: &mut SimContents, file: &mut InventoryFile, disks: usize) {
    let vm = file.vms.iter_mut().find(|vm| vm.vm_id.as_str() == THREE_DISKS);
    let vm = vm.expect("the sample has it");
    let of_number = |number: usize| format!("{REPLICAS}{number}");
    vm.disks.retain(|disk| {
        let replica = disk.volume.as_ref().expect("it is replicated");
        (0..disks).any(|number| replica.name == of_number(number))
    });
    contents.oma.volumes.retain(|volume| {
        let is_ours = volume.name.starts_with(REPLICAS);
        !is_ours || (0..disks).any(|number| volume.name == of_number(number))
    });
    let pattern = contents
        .oma
        .volumes
        .iter()
        .find(|volume| volume.name == of_number(0));
    let (pattern, disk) = (
        pattern.expect("the first one stays").clone(),
        vm.disks.first().expect("the first one stays").clone(),
    );
    for (place, number) in (vm.disks.len()..disks).enumerate() {
        let id: VolumeId = format!("00000000-0000-4000-8000-{number:012}")
            .parse()
            .expect("it is a UUID");
        let device = FIRST_DEVICE + u32::try_from(place).expect("a few disks");
        let mut volume = pattern.clone();
        (volume.id, volume.name, volume.device) = (id.clone(), of_number(number), device);
        contents.oma.volumes.push(volume);
        let mut disk = disk.clone();
        disk.label = format!("Hard disk {}", number + 1);
        // A controller of their own, so that they come after those of the sample.
        (disk.bus, disk.unit) = (3, u16::try_from(place).expect("a few disks"));
        let replica = disk.volume.as_mut().expect("it is replicated");
        (replica.id, replica.name, replica.oma_device) = (id, of_number(number), Some(device));
        vm.disks.push(disk);
    }
}
