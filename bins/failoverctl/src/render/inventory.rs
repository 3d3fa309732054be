//! Source VMs.

use failover_api::dto::{ImportAnswer, ImportOutcome, ReplicaChange, VmPage, VmView};
use failover_domain::{Firmware, PowerState, SourceVm};

use super::{figures, or_dash, table};

/// A page of source VMs.
pub(crate) fn list(page: &VmPage) -> String {
    if page.vms.is_empty() {
        return "no source VMs; import some: failoverctl inventory import FILE\n".to_owned();
    }
    let row = |view: &VmView| {
        let vm = &view.vm;
        [
            vm.name.clone(),
            vm.vm_id.to_string(),
            power(vm.power_state).to_owned(),
            vm.disks.len().to_string(),
            figures::bytes(vm.disks.iter().map(|d| d.size_bytes).sum()),
            vm.nics.len().to_string(),
            or_dash(view.active_job.as_ref()),
        ]
    };
    let header = ["NAME", "VM ID", "POWER", "DISKS", "SIZE", "NICS", "ACTIVE JOB"];
    let mut text = table(0, header, page.vms.iter().map(row));
    if let Some(cursor) = &page.next_cursor {
        text += &format!("There are more: failoverctl inventory list --cursor {cursor}\n");
    }
    text
}

/// One source VM.
pub(crate) fn vm(view: &VmView) -> String {
    let vm = &view.vm;
    let mut text = format!("{} ({})\n", vm.name, vm.vm_id);
    if vm.display_name != vm.name {
        text += &format!("  display name  {}\n", vm.display_name);
    }
    text += &format!("  power         {}\n", power(vm.power_state));
    text += &format!("  size          {}\n", size(vm));
    text += &format!("  guest         {}\n", or_dash(vm.spec.guest_os.as_ref()));
    text += &format!(
        "  known from    {}, {}\n",
        vm.spec.provenance.source,
        figures::instant(vm.spec.provenance.recorded_at)
    );
    let synced = vm.sync.synced_at.map(figures::instant);
    text += &format!(
        "  synchronised  {} (ChangeID {})\n",
        or_dash(synced),
        or_dash(vm.sync.change_id.as_ref())
    );
    if !vm.sync.active_replications.is_empty() {
        text += &format!("  replicating   {}\n", vm.sync.active_replications.join(", "));
    }
    text += &format!("  active job    {}\n", or_dash(view.active_job.as_ref()));
    text += "Disks\n";
    let disks = vm.disks.iter().map(|disk| {
        let replica = disk.replica.as_ref();
        [
            disk.label.clone(),
            disk.position.to_string(),
            figures::bytes(disk.size_bytes),
            or_dash(replica.map(|r| &r.name)),
            or_dash(replica.map(|r| &r.volume_id)),
            or_dash(replica.and_then(|r| r.oma_device)),
            replica
                .filter(|r| r.needs_full_resync)
                .map(|_| "needs full resync".to_owned())
                .unwrap_or_default(),
        ]
    });
    text += &table(
        2,
        ["DISK", "AT", "SIZE", "REPLICA", "VOLUME ID", "OMA DEVICE", ""],
        disks,
    );
    text += "Network cards\n";
    let nics = vm.nics.iter().map(|nic| {
        [
            nic.label.clone(),
            nic.network.clone(),
            or_dash(nic.mac.as_ref()),
            or_dash(nic.address.as_ref()),
        ]
    });
    text += &table(2, ["CARD", "NETWORK", "MAC", "ADDRESS"], nics);
    text
}

fn size(vm: &SourceVm) -> String {
    let firmware = vm
        .spec
        .firmware
        .map(|firmware| match (firmware, vm.spec.secure_boot) {
            (Firmware::Bios, _) => "BIOS",
            (Firmware::Uefi, false) => "UEFI",
            (Firmware::Uefi, true) => "UEFI with secure boot",
        });
    format!(
        "{} CPUs, {} MiB memory, {}",
        or_dash(vm.spec.cpus),
        or_dash(vm.spec.memory_mib),
        firmware.unwrap_or("firmware unknown")
    )
}

fn power(state: PowerState) -> &'static str {
    match state {
        PowerState::PoweredOn => "on",
        PowerState::PoweredOff => "off",
        PowerState::Suspended => "suspended",
        PowerState::Unknown => "unknown",
    }
}

/// What an import did.
pub(crate) fn import(answer: &ImportAnswer) -> String {
    let mut text = format!(
        "{} created, {} updated, {} failed\n",
        answer.created, answer.updated, answer.failed
    );
    let row = |outcome: &ImportOutcome| match outcome {
        ImportOutcome::Taken(taken) => {
            let change = match taken.change {
                ReplicaChange::Created => "created",
                ReplicaChange::Updated => "updated",
            };
            [taken.name.clone(), taken.vm_id.to_string(), change.to_owned()]
        }
        ImportOutcome::Failed { vm_id, name, problem } => [
            name.clone(),
            vm_id.to_string(),
            format!("failed: {}", problem.detail),
        ],
    };
    text += &table(0, ["NAME", "VM ID", "OUTCOME"], answer.vms.iter().map(row));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_list_has_a_line_per_vm_and_the_way_to_the_next_page() {
        let vms = vec![VmView {
            vm: fixture::source_vm(),
            active_job: None,
        }];
        let page = VmPage {
            next_cursor: Some(vms[0].vm.vm_id.clone()),
            vms,
        };
        let id = fixture::VM;
        assert_eq!(
            list(&page),
            format!(
                "NAME    VM ID                                 POWER  DISKS  SIZE    NICS  ACTIVE JOB\nerp-01  {id}  off    2      \
                 50 GiB  1     -\nThere are more: failoverctl inventory list --cursor {id}\n"
            )
        );
    }

    #[test]
    fn a_vm_shows_disks_and_cards() {
        let mut view = VmView {
            vm: fixture::source_vm(),
            active_job: None,
        };
        view.vm.disks[1].replica.as_mut().unwrap().needs_full_resync = true;
        view.vm.spec.cpus = None;
        let text = vm(&view);
        for line in [
            "erp-01 (4205a841-0265-f4bd-39a6-39fd92196f53)\n",
            "  size          - CPUs, 8192 MiB memory, UEFI\n",
            "  Hard disk 2  scsi0:1  10 GiB  erp-disk-1  volume-1   2           needs full resync\n",
            "  Network adapter 1  VM Network  00:50:56:9a:01:02  -\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }
}
