//! Rows of the cloud as JSON. A field without a value is left out.

use chrono::{DateTime, Utc};
use failover_domain::StoragePoolId;
use serde_json::{Map, Value, json};

use super::infrastructure;
use crate::cloud::account::{ACCOUNT, DOMAIN};
use crate::cloud::objects::{Boot, Nic, ResourceType, Snapshot, Vm, VmSnapshot, Volume};
use crate::cloud::{Cloud, GIB};
use crate::contents::{
    Allocation, NetworkContents, OfferingContents, PoolContents, Protection, TemplateContents,
    TemplateReadiness, ZoneContents, derived_id,
};
use crate::settings::Role;

/// An instant as CloudStack writes it.
pub(crate) fn date(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// Leaves out what is null.
pub(super) fn row(fields: Value) -> Value {
    match fields {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Value::Object(fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => fields,
    }
}

/// The job that runs on an object, in the fields of its row.
fn with_pending_job(cloud: &Cloud, object: &str, mut fields: Value) -> Value {
    if let Some(job) = cloud.pending_job(object) {
        fields["jobid"] = job.as_str().into();
        fields["jobstatus"] = 0.into();
    }
    row(fields)
}

pub(super) fn zone_name(cloud: &Cloud, zone: &failover_domain::ZoneId) -> Option<String> {
    cloud.zone(zone).map(|zone| zone.name.clone())
}

pub(crate) fn vm(cloud: &Cloud, vm: &Vm) -> Value {
    let (boot_type, boot_mode) = match vm.boot {
        Boot::Bios => ("Bios", "legacy"),
        Boot::UefiLegacy => ("Uefi", "legacy"),
        Boot::UefiSecure => ("Uefi", "secure"),
    };
    let template = vm.template.as_ref().and_then(|id| cloud.template(id));
    let nics: Vec<Value> = vm.nics.iter().map(|nic| self::nic(cloud, vm, nic)).collect();
    let fields = json!({
        "id": vm.id,
        "name": vm.name,
        "displayname": vm.display_name,
        "instancename": vm.instance_name,
        "account": ACCOUNT,
        "domain": DOMAIN,
        "created": date(vm.created),
        "state": vm.state.word(),
        "haenable": false,
        "zoneid": vm.zone,
        "zonename": zone_name(cloud, &vm.zone),
        "hostid": vm.host.as_ref().map(|host| infrastructure::host_id(host)),
        "hostname": vm.host,
        "templateid": vm.template,
        "templatename": template.map(|template| &template.name),
        "passwordenabled": template.is_some_and(|template| template.password_enabled),
        "serviceofferingid": vm.offering,
        "serviceofferingname": cloud.offering(&vm.offering).map(|offering| offering.name.clone()),
        "cpunumber": vm.cpus,
        "cpuspeed": vm.cpu_speed,
        "memory": vm.memory_mib,
        "rootdeviceid": 0,
        "rootdevicetype": "ROOT",
        "hypervisor": "KVM",
        "boottype": boot_type,
        "bootmode": boot_mode,
        "guestosid": infrastructure::os_type_id(),
        "ostypeid": infrastructure::os_type_id(),
        "osdisplayname": infrastructure::os_type_name(),
        "tags": infrastructure::tags_in_row(cloud, ResourceType::UserVm, vm.id.as_str()),
        "nic": nics,
        "deleteprotection": protection(cloud, vm.protection),
        "details": vm.details,
    });
    with_pending_job(cloud, vm.id.as_str(), fields)
}

/// Releases that know of no protection tell none.
fn protection(cloud: &Cloud, protection: Protection) -> Option<bool> {
    let is_known = cloud.settings().profile.protects_from_deletion();
    is_known.then_some(protection == Protection::On)
}

fn nic(cloud: &Cloud, vm: &Vm, nic: &Nic) -> Value {
    let network = cloud.network(&nic.network);
    let range = network.and_then(|network| network.cidr);
    row(json!({
        "id": nic.id,
        "networkid": nic.network,
        "networkname": network.map(|network| network.name.clone()),
        "macaddress": nic.mac,
        "ipaddress": nic.address(),
        "netmask": nic.address().and(range).map(|range| range.netmask()),
        "gateway": nic.address().and(range).map(|range| range.gateway()),
        "isdefault": vm.is_default(nic),
        "type": network.map(|network| network.kind.word()),
        // A text, unlike the device of a volume.
        "deviceid": nic.device.to_string(),
    }))
}

/// Only root admins are told pools by their ids.
fn storage_id(cloud: &Cloud, volume: &Volume) -> Option<StoragePoolId> {
    match cloud.settings().role {
        Role::RootAdmin => volume
            .pool
            .as_ref()
            .and_then(|name| cloud.pool(name))
            .map(PoolContents::id),
        Role::User => None,
    }
}

pub(crate) fn volume(cloud: &Cloud, volume: &Volume) -> Value {
    let vm = volume.attached.as_ref().and_then(|at| cloud.vm(&at.vm));
    let offering = volume.offering.as_ref().and_then(|id| cloud.disk_offering(id));
    let fields = json!({
        "id": volume.id,
        "name": volume.name,
        "type": volume.kind.word(),
        "state": volume.state.word(),
        "size": volume.size_bytes,
        "zoneid": volume.zone,
        "zonename": zone_name(cloud, &volume.zone),
        "account": ACCOUNT,
        "domain": DOMAIN,
        "hypervisor": "KVM",
        "virtualmachineid": vm.map(|vm| &vm.id),
        "vmname": vm.map(|vm| &vm.name),
        "vmdisplayname": vm.map(|vm| &vm.display_name),
        "vmstate": vm.map(|vm| vm.state.word()),
        "deviceid": volume.attached.as_ref().map(|at| at.device),
        "attached": volume.attached.as_ref().map(|at| date(at.at)),
        "storage": volume.pool,
        "storageid": storage_id(cloud, volume),
        "path": volume.pool.as_ref().map(|_| volume.id.as_str()),
        "supportsstoragesnapshot": false,
        "quiescevm": false,
        "tags": infrastructure::tags_in_row(cloud, ResourceType::Volume, volume.id.as_str()),
        "templateid": volume.template,
        "diskofferingid": volume.offering,
        "diskofferingname": offering.map(|offering| &offering.name),
        "created": date(volume.created),
        "deleteprotection": protection(cloud, volume.protection),
    });
    with_pending_job(cloud, volume.id.as_str(), fields)
}

pub(crate) fn snapshot(cloud: &Cloud, snapshot: &Snapshot) -> Value {
    let of = cloud.volume(&snapshot.volume);
    let fields = json!({
        "id": snapshot.id,
        "name": snapshot.name,
        "volumeid": snapshot.volume,
        "volumename": snapshot.volume_name,
        "volumetype": of.map(|volume| volume.kind.word()),
        "volumestate": of.map(|volume| volume.state.word()),
        "zoneid": snapshot.zone,
        "state": snapshot.state.word(),
        "created": date(snapshot.created),
        "snapshottype": "MANUAL",
        "intervaltype": "MANUAL",
        "revertable": true,
        "virtualsize": snapshot.size_bytes,
        "physicalsize": snapshot.content.as_ref().map(|_| snapshot.size_bytes),
        "tags": infrastructure::tags_in_row(cloud, ResourceType::Snapshot, snapshot.id.as_str()),
        "account": ACCOUNT,
        "domain": DOMAIN,
    });
    with_pending_job(cloud, snapshot.id.as_str(), fields)
}

pub(crate) fn vm_snapshot(cloud: &Cloud, snapshot: &VmSnapshot) -> Value {
    let fields = json!({
        "id": snapshot.id,
        "name": snapshot.name,
        "displayname": snapshot.display_name,
        "description": snapshot.description,
        "state": snapshot.state.word(),
        "type": snapshot.kind.word(),
        "current": snapshot.current,
        "parent": snapshot.parent,
        "virtualmachineid": snapshot.vm,
        "zoneid": snapshot.zone,
        "zonename": zone_name(cloud, &snapshot.zone),
        "created": date(snapshot.created),
        "account": ACCOUNT,
        "domain": DOMAIN,
        "tags": infrastructure::tags_in_row(cloud, ResourceType::VmSnapshot, snapshot.id.as_str()),
    });
    with_pending_job(cloud, snapshot.id.as_str(), fields)
}

pub(crate) fn network(cloud: &Cloud, network: &NetworkContents) -> Value {
    row(json!({
        "id": network.id,
        "name": network.name,
        "displaytext": network.name,
        "type": network.kind.word(),
        "state": cloud.network_state(&network.id).word(),
        "zoneid": network.zone,
        "zonename": zone_name(cloud, &network.zone),
        "canusefordeploy": true,
        "traffictype": "Guest",
        "acltype": "Account",
        "issystem": false,
        "networkofferingid": derived_id("network offering", network.kind.word()),
        "networkofferingname": format!("{} offering", network.kind.word()),
        "networkdomain": "cs2cloud.internal",
        "tags": [],
        "cidr": network.cidr,
        "gateway": network.cidr.map(|range| range.gateway()),
        "netmask": network.cidr.map(|range| range.netmask()),
        "account": ACCOUNT,
        "domain": DOMAIN,
        "service": [],
    }))
}

pub(crate) fn zone(zone: &ZoneContents) -> Value {
    json!({
        "id": zone.id,
        "name": zone.name,
        "networktype": "Advanced",
        "securitygroupsenabled": false,
        "localstorageenabled": false,
        "allocationstate": match zone.allocation {
            Allocation::Enabled => "Enabled",
            Allocation::Disabled => "Disabled",
        },
    })
}

pub(crate) fn offering(offering: &OfferingContents) -> Value {
    let bounds = |bounds: Option<(u32, u32)>, least: &str, most: &str| {
        bounds.map(|(low, high)| {
            [
                (least.to_owned(), low.to_string()),
                (most.to_owned(), high.to_string()),
            ]
        })
    };
    let details: Map<String, Value> = bounds(offering.cpu_bounds, "mincpunumber", "maxcpunumber")
        .into_iter()
        .chain(bounds(offering.memory_bounds_mib, "minmemory", "maxmemory"))
        .flatten()
        .map(|(name, value)| (name, value.into()))
        .collect();
    row(json!({
        "id": offering.id,
        "name": offering.name,
        "displaytext": offering.name,
        "iscustomized": offering.is_customized(),
        "cpunumber": offering.cpus,
        "cpuspeed": offering.cpu_speed_mhz,
        "memory": offering.memory_mib,
        "serviceofferingdetails": (!details.is_empty()).then_some(details),
        "storagetype": "shared",
        "state": "Active",
    }))
}

/// A template, as it is in one of its zones.
pub(crate) fn template(cloud: &Cloud, template: &TemplateContents, zone: &failover_domain::ZoneId) -> Value {
    row(json!({
        "id": template.id,
        "name": template.name,
        "displaytext": template.name,
        "zoneid": zone,
        "zonename": zone_name(cloud, zone),
        "isready": template.readiness == TemplateReadiness::Ready,
        "hypervisor": "KVM",
        "passwordenabled": template.password_enabled,
        "deployasis": false,
        "format": "QCOW2",
        "size": template.size_gib.saturating_mul(GIB),
        "status": "Download Complete",
        "templatetype": "USER",
        "ostypeid": infrastructure::os_type_id(),
        "ostypename": infrastructure::os_type_name(),
        "isfeatured": true,
        "ispublic": true,
        "isextractable": false,
        "crossZones": false,
        "account": ACCOUNT,
        "domain": DOMAIN,
    }))
}
