//! Rows become our values. Words of newer releases are kept as `Other`; a row without its id, its state or
//! its place in the cloud is no row.

use super::row::{Row, Unreadable};
use crate::model::{
    Attachment, Capabilities, CloudNic, CloudVm, Network, ServiceOffering, Snapshot, SnapshotState, Template,
    VmState, Volume, VolumeKind, VolumeState, Zone,
};
use failover_domain::AsyncJobId;

/// `jobstatus` of a job that has not ended.
pub(crate) const JOB_PENDING: u32 = 0;

pub(crate) fn vm(row: Row<'_>) -> Result<CloudVm, Unreadable> {
    let mut nics: Vec<CloudNic> = row
        .rows("nic", "nic")?
        .into_iter()
        .map(nic)
        .collect::<Result<_, _>>()?;
    // Cards without a device keep their place behind the others.
    nics.sort_by_key(|nic| nic.device.unwrap_or(u32::MAX));
    Ok(CloudVm {
        id: row.id("id")?,
        name: row.words("name"),
        display_name: row.words("displayname"),
        state: vm_state(row.required_text("state")?),
        zone: row.id("zoneid")?,
        created: row.date("created"),
        host: row.text("hostname").or_else(|| row.text("hostid")),
        cpus: row.small_number("cpunumber"),
        memory_mib: row.small_number("memory"),
        nics,
        details: row.pairs("details"),
        pending_job: pending_job(row)?,
    })
}

fn nic(row: Row<'_>) -> Result<CloudNic, Unreadable> {
    Ok(CloudNic {
        network: row.id("networkid")?,
        network_name: row.words("networkname"),
        mac: row.words("macaddress"),
        address: row.text("ipaddress").and_then(|text| text.parse().ok()),
        is_default: row.flag("isdefault"),
        device: row.small_number("deviceid"),
    })
}

fn vm_state(word: String) -> VmState {
    match word.as_str() {
        "Starting" => VmState::Starting,
        "Running" => VmState::Running,
        "Stopping" => VmState::Stopping,
        "Stopped" => VmState::Stopped,
        "Destroyed" => VmState::Destroyed,
        "Expunging" => VmState::Expunging,
        "Migrating" => VmState::Migrating,
        "Error" => VmState::Error,
        _ => VmState::Other(word),
    }
}

pub(crate) fn volume(row: Row<'_>) -> Result<Volume, Unreadable> {
    let attachment = match row.optional_id("virtualmachineid")? {
        None => None,
        Some(vm) => {
            let device = row.optional_small_number("deviceid")?;
            Some(Attachment {
                vm,
                vm_name: row.words("vmname"),
                device,
            })
        }
    };
    Ok(Volume {
        id: row.id("id")?,
        name: row.words("name"),
        kind: volume_kind(row.words("type")),
        state: volume_state(row.required_text("state")?),
        size_bytes: row.required_number("size")?,
        zone: row.id("zoneid")?,
        attachment,
        storage: row.text("storage"),
        template: row.optional_id("templateid")?,
        pending_job: pending_job(row)?,
    })
}

fn volume_kind(word: String) -> VolumeKind {
    match word.as_str() {
        "ROOT" => VolumeKind::Root,
        "DATADISK" => VolumeKind::Data,
        _ => VolumeKind::Other(word),
    }
}

fn volume_state(word: String) -> VolumeState {
    match word.as_str() {
        "Allocated" => VolumeState::Allocated,
        "Creating" => VolumeState::Creating,
        "Ready" => VolumeState::Ready,
        "Attaching" => VolumeState::Attaching,
        "Snapshotting" => VolumeState::Snapshotting,
        "RevertSnapshotting" => VolumeState::RevertSnapshotting,
        "Migrating" => VolumeState::Migrating,
        "Destroy" => VolumeState::Destroy,
        "Expunging" => VolumeState::Expunging,
        _ => VolumeState::Other(word),
    }
}

pub(crate) fn snapshot(row: Row<'_>) -> Result<Snapshot, Unreadable> {
    Ok(Snapshot {
        id: row.id("id")?,
        name: row.words("name"),
        volume: row.id("volumeid")?,
        state: snapshot_state(row.required_text("state")?),
        created: row.date("created"),
    })
}

fn snapshot_state(word: String) -> SnapshotState {
    match word.as_str() {
        "Allocated" => SnapshotState::Allocated,
        "Creating" => SnapshotState::Creating,
        "CreatedOnPrimary" => SnapshotState::CreatedOnPrimary,
        "BackingUp" => SnapshotState::BackingUp,
        "BackedUp" => SnapshotState::BackedUp,
        "Destroying" => SnapshotState::Destroying,
        "Error" => SnapshotState::Error,
        _ => SnapshotState::Other(word),
    }
}

pub(crate) fn network(row: Row<'_>) -> Result<Network, Unreadable> {
    Ok(Network {
        id: row.id("id")?,
        name: row.words("name"),
        kind: row.words("type"),
        zone: row.id("zoneid")?,
        state: row.words("state"),
        can_deploy: row.flag("canusefordeploy"),
    })
}

pub(crate) fn zone(row: Row<'_>) -> Result<Zone, Unreadable> {
    let enabled = row.words("allocationstate") == "Enabled";
    Ok(Zone {
        id: row.id("id")?,
        name: row.words("name"),
        enabled,
    })
}

pub(crate) fn service_offering(row: Row<'_>) -> Result<ServiceOffering, Unreadable> {
    let details = row.object("service offering details", "serviceofferingdetails");
    let bounds = |lowest: &str, highest: &str| {
        let lowest = details.and_then(|details| details.small_number(lowest));
        let highest = details.and_then(|details| details.small_number(highest));
        match (lowest, highest) {
            (None, None) => None,
            (lowest, highest) => Some((lowest.unwrap_or(1), highest.unwrap_or(u32::MAX))),
        }
    };
    Ok(ServiceOffering {
        id: row.id("id")?,
        name: row.words("name"),
        customized: row.flag("iscustomized"),
        cpus: given(row.small_number("cpunumber")),
        cpu_speed_mhz: given(row.small_number("cpuspeed")),
        memory_mib: given(row.small_number("memory")),
        cpu_bounds: bounds("mincpunumber", "maxcpunumber"),
        memory_bounds_mib: bounds("minmemory", "maxmemory"),
    })
}

/// Some releases write 0 where a custom offering leaves a value open.
fn given(number: Option<u32>) -> Option<u32> {
    number.filter(|number| *number > 0)
}

pub(crate) fn template(row: Row<'_>) -> Result<Template, Unreadable> {
    Ok(Template {
        id: row.id("id")?,
        name: row.words("name"),
        ready: row.flag("isready"),
        hypervisor: row.words("hypervisor"),
        password_enabled: row.flag("passwordenabled"),
        size_bytes: row.number("size").unwrap_or(0),
    })
}

pub(crate) fn capabilities(row: Row<'_>) -> Result<Capabilities, Unreadable> {
    Ok(Capabilities {
        version: row.required_text("cloudstackversion")?,
        kvm_snapshot_enabled: row.flag("kvmsnapshotenabled"),
        may_expunge_vm: row.flag("allowuserexpungerecovervm"),
        api_limit: row
            .small_number("apilimitmax")
            .zip(row.small_number("apilimitinterval")),
    })
}

/// The job that runs on an object: a row keeps `jobid` and `jobstatus` only while one does.
fn pending_job(row: Row<'_>) -> Result<Option<AsyncJobId>, Unreadable> {
    match row.small_number("jobstatus") {
        None | Some(JOB_PENDING) => row.optional_id("jobid"),
        Some(_) => Ok(None),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
