//! Rows become our values. Words of newer releases are kept as `Other`; a row without its id, its state or
//! its place in the cloud is no row.

use super::row::{Row, Unreadable};
use crate::model::{
    Attachment, Capabilities, CloudNic, CloudVm, LimitedResource, Network, ResourceLimit, ServiceOffering,
    Snapshot, StoragePool, Template, VmSnapshot, Volume, Zone,
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
        state: row.required_text("state")?.into(),
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
        id: row.optional_id("id")?,
        network: row.id("networkid")?,
        network_name: row.words("networkname"),
        mac: row.words("macaddress"),
        address: row.text("ipaddress").and_then(|text| text.parse().ok()),
        is_default: row.flag("isdefault"),
        device: row.small_number("deviceid"),
    })
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
        kind: row.words("type").into(),
        state: row.required_text("state")?.into(),
        size_bytes: row.required_number("size")?,
        zone: row.id("zoneid")?,
        attachment,
        storage: row.text("storage"),
        pool: row.optional_id("storageid")?,
        template: row.optional_id("templateid")?,
        pending_job: pending_job(row)?,
    })
}

pub(crate) fn snapshot(row: Row<'_>) -> Result<Snapshot, Unreadable> {
    Ok(Snapshot {
        id: row.id("id")?,
        name: row.words("name"),
        volume: row.id("volumeid")?,
        state: row.required_text("state")?.into(),
        created: row.date("created"),
    })
}

pub(crate) fn vm_snapshot(row: Row<'_>) -> Result<VmSnapshot, Unreadable> {
    Ok(VmSnapshot {
        id: row.id("id")?,
        // `name` is the server's own; what the command named comes back as the display name.
        name: row.text("displayname").unwrap_or_else(|| row.words("name")),
        vm: row.id("virtualmachineid")?,
        state: row.required_text("state")?.into(),
        kind: row.words("type").into(),
        current: row.flag("current"),
        created: row.date("created"),
    })
}

pub(crate) fn storage_pool(row: Row<'_>) -> Result<StoragePool, Unreadable> {
    Ok(StoragePool {
        id: row.id("id")?,
        name: row.words("name"),
        zone: row.id("zoneid")?,
        kind: row.words("type").into(),
        scope: row.words("scope").into(),
        cluster: row.text("clusterid"),
        managed: row.optional_flag("managed"),
    })
}

/// CloudStack writes the number of the resource, in some releases as text, and -1 for no limit.
pub(crate) fn resource_limit(row: Row<'_>) -> Result<ResourceLimit, Unreadable> {
    let resource = match row.small_number("resourcetype") {
        None => return Err(row.unreadable("resourcetype")),
        Some(0) => LimitedResource::Vms,
        Some(2) => LimitedResource::Volumes,
        Some(3) => LimitedResource::Snapshots,
        Some(8) => LimitedResource::Cpus,
        Some(9) => LimitedResource::MemoryMib,
        Some(10) => LimitedResource::PrimaryStorageGib,
        Some(11) => LimitedResource::SecondaryStorageGib,
        Some(other) => LimitedResource::Other(other),
    };
    let max = match row.required_text("max")?.as_str() {
        "-1" => None,
        _ => Some(row.required_number("max")?),
    };
    Ok(ResourceLimit { resource, max })
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
        may_expunge_volume: row.optional_flag("allowuserexpungerecovervolume"),
        may_force_stop: row.optional_flag("allowuserforcestopvm"),
        shows_destroyed_vms: row.optional_flag("allowuserviewdestroyedvm"),
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
mod tests {
    use std::net::IpAddr;

    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::model::{SnapshotState, VmState, VolumeKind, VolumeState};

    fn parsed<T>(parse: fn(Row<'_>) -> Result<T, Unreadable>, value: &Value) -> Result<T, Unreadable> {
        parse(Row::new("object", value.as_object().unwrap()))
    }

    fn without(value: &Value, field: &str) -> Value {
        let mut fields = value.as_object().unwrap().clone();
        fields.remove(field);
        Value::Object(fields)
    }

    fn a_volume() -> Value {
        json!({
            "id": "vol-1", "name": "web-01-disk0", "type": "ROOT", "state": "Ready", "size": 1_073_741_824u64,
            "zoneid": "zone", "virtualmachineid": "vm-1", "vmname": "oma", "deviceid": 0, "storage": "nfs-1"
        })
    }

    #[test]
    fn device_zero_is_a_real_device() {
        let volume = parsed(volume, &a_volume()).unwrap();
        let expected = Attachment {
            vm: "vm-1".parse().unwrap(),
            vm_name: "oma".to_owned(),
            device: Some(0),
        };
        assert_eq!(volume.attachment, Some(expected));
        assert_eq!(
            (volume.kind, volume.state),
            (VolumeKind::Root, VolumeState::Ready)
        );
        assert_eq!((volume.size_bytes, volume.template), (1_073_741_824, None));
    }

    #[test]
    fn a_volume_without_a_vm_is_detached() {
        for value in [without(&a_volume(), "virtualmachineid"), {
            let mut empty = a_volume();
            empty["virtualmachineid"] = json!("");
            empty
        }] {
            assert_eq!(parsed(volume, &value).unwrap().attachment, None);
        }
    }

    #[test]
    fn numbers_and_flags_may_come_as_strings() {
        let mut value = a_volume();
        value["size"] = json!("1073741824");
        value["deviceid"] = json!("4");
        let volume = parsed(volume, &value).unwrap();
        assert_eq!(volume.size_bytes, 1_073_741_824);
        assert_eq!(volume.attachment.and_then(|at| at.device), Some(4));
        let template = json!({"id": "t", "isready": "true", "passwordenabled": "false", "size": "7"});
        let template = parsed(super::template, &template).unwrap();
        assert_eq!(
            (template.ready, template.password_enabled, template.size_bytes),
            (true, false, 7)
        );
    }

    #[test]
    fn an_unreadable_device_is_not_taken_for_none() {
        let mut value = a_volume();
        for device in [json!(-1), json!("first"), json!(1.5)] {
            value["deviceid"] = device;
            assert!(parsed(volume, &value).is_err());
        }
    }

    #[test]
    fn what_decides_about_a_volume_must_be_there() {
        for field in ["id", "state", "size", "zoneid"] {
            let error = parsed(volume, &without(&a_volume(), field))
                .unwrap_err()
                .to_string();
            assert!(error.contains(field) && error.contains("missing"), "{error}");
        }
    }

    #[test]
    fn unknown_words_are_kept() {
        let mut value = a_volume();
        value["state"] = json!("Teleporting");
        value["type"] = json!("SWAP");
        let volume = parsed(volume, &value).unwrap();
        assert_eq!(volume.state, VolumeState::Other("Teleporting".to_owned()));
        assert_eq!(volume.kind, VolumeKind::Other("SWAP".to_owned()));
        let unknown = VmState::Other("Dreaming".to_owned());
        assert_eq!(VmState::from("Dreaming".to_owned()), unknown);
        assert_eq!(
            SnapshotState::from("Dreaming".to_owned()),
            SnapshotState::Other("Dreaming".to_owned())
        );
    }

    #[test]
    fn a_running_job_is_shown_and_an_ended_one_is_not() {
        let mut value = a_volume();
        assert_eq!(parsed(volume, &value).unwrap().pending_job, None);
        value["jobid"] = json!("job-1");
        for (status, pending) in [
            (json!(0), true),
            (json!("0"), true),
            (Value::Null, true),
            (json!(1), false),
        ] {
            value["jobstatus"] = status;
            assert_eq!(parsed(volume, &value).unwrap().pending_job.is_some(), pending);
        }
    }

    #[test]
    fn a_vm_is_read_with_its_cards_in_device_order_and_its_mark() {
        let value = json!({
            "id": "vm-1", "name": "web-01", "displayname": "Web 01", "state": "Running", "zoneid": "zone",
            "hostid": "h", "hostname": "kvm-7", "created": "2026-01-02T03:04:05+0000", "cpunumber": "4", "memory": 8192,
            "details": {"failoverjob": "live-1", "cpuOvercommitRatio": 2.0, "nothing": null},
            "nic": [
                {"networkid": "net-b", "networkname": "b", "macaddress": "02:00", "deviceid": "1", "isdefault": false},
                {"networkid": "net-a", "ipaddress": "10.0.0.5", "deviceid": "0", "isdefault": true}
            ]
        });
        let vm = parsed(vm, &value).unwrap();
        assert_eq!((vm.state, vm.host.as_deref()), (VmState::Running, Some("kvm-7")));
        assert_eq!((vm.cpus, vm.memory_mib), (Some(4), Some(8192)));
        assert_eq!(
            vm.created,
            Some(Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap())
        );
        assert_eq!(vm.details.get("failoverjob").map(String::as_str), Some("live-1"));
        let networks: Vec<&str> = vm.nics.iter().map(|nic| nic.network.as_str()).collect();
        assert_eq!(networks, ["net-a", "net-b"]);
        assert_eq!(vm.nics[0].address, "10.0.0.5".parse::<IpAddr>().ok());
        assert!(vm.nics[0].is_default && !vm.nics[1].is_default);
    }

    #[test]
    fn a_bare_vm_is_read() {
        let vm = parsed(vm, &json!({"id": "vm-1", "state": "Stopped", "zoneid": "zone"})).unwrap();
        assert!(vm.nics.is_empty() && vm.details.is_empty() && vm.host.is_none());
    }

    #[test]
    fn dates_are_read_in_every_form_that_releases_write() {
        let read = |text: &str| {
            let fields = json!({ "created": text });
            Row::new("object", fields.as_object().unwrap()).date("created")
        };
        let expected = Utc.with_ymd_and_hms(2026, 1, 2, 2, 4, 5).unwrap();
        for text in [
            "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05+01:00",
            "2026-01-02T02:04:05Z",
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn a_free_offering_leaves_its_size_open_and_may_have_bounds() {
        let free = json!({
            "id": "o", "iscustomized": true, "cpunumber": 0,
            "serviceofferingdetails": {"mincpunumber": "2", "maxcpunumber": "8", "minmemory": "1024"}
        });
        let offering = parsed(service_offering, &free).unwrap();
        assert!(offering.customized);
        assert_eq!(
            (offering.cpus, offering.cpu_speed_mhz, offering.memory_mib),
            (None, None, None)
        );
        assert_eq!(offering.cpu_bounds, Some((2, 8)));
        assert_eq!(offering.memory_bounds_mib, Some((1024, u32::MAX)));
        let fixed =
            json!({"id": "o", "iscustomized": false, "cpunumber": 2, "cpuspeed": 2000, "memory": 4096});
        let offering = parsed(service_offering, &fixed).unwrap();
        assert_eq!(
            (offering.cpus, offering.cpu_speed_mhz, offering.memory_mib),
            (Some(2), Some(2000), Some(4096))
        );
        assert_eq!((offering.cpu_bounds, offering.memory_bounds_mib), (None, None));
    }

    #[test]
    fn a_zone_is_enabled_only_when_the_cloud_says_so() {
        for (state, enabled) in [
            (json!("Enabled"), true),
            (json!("Disabled"), false),
            (Value::Null, false),
        ] {
            assert_eq!(
                parsed(zone, &json!({"id": "z", "allocationstate": state}))
                    .unwrap()
                    .enabled,
                enabled
            );
        }
    }

    #[test]
    fn limits_are_known_only_where_throttling_is_on() {
        let plain = json!({"cloudstackversion": "4.22.1.0", "allowuserexpungerecovervm": true});
        let capabilities = parsed(super::capabilities, &plain).unwrap();
        assert!(capabilities.may_expunge_vm && !capabilities.kvm_snapshot_enabled);
        assert_eq!(capabilities.api_limit, None);
        let limited = json!({"cloudstackversion": "4.22.1.0", "apilimitmax": 25, "apilimitinterval": "1"});
        assert_eq!(
            parsed(super::capabilities, &limited).unwrap().api_limit,
            Some((25, 1))
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[a-z0-9-]{1,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Objects with the names that we look at, so that the readers get past the first field.
    fn any_row() -> impl Strategy<Value = Map<String, Value>> {
        const NAMES: [&str; 24] = [
            "id",
            "name",
            "state",
            "zoneid",
            "type",
            "size",
            "virtualmachineid",
            "deviceid",
            "jobid",
            "jobstatus",
            "nic",
            "details",
            "created",
            "networkid",
            "ipaddress",
            "volumeid",
            "cpunumber",
            "jobresult",
            "jobresultcode",
            "cloudstackversion",
            "serviceofferingdetails",
            "templateid",
            "isready",
            "count",
        ];
        proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), any_json(), 0..20).prop_map(
            |fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            },
        )
    }

    proptest! {
        #[test]
        fn no_json_makes_a_reader_panic(fields in any_row()) {
            let row = Row::new("object", &fields);
            let _ = (vm(row), volume(row), snapshot(row), network(row), zone(row));
            let _ = (service_offering(row), template(row), capabilities(row), nic(row));
            let _ = (super::super::jobs::report(row), row.rows("nic", "nic"), row.number("count"));
        }

        #[test]
        fn every_word_of_a_state_survives(word in "[A-Za-z]{1,12}") {
            let mut value = a_volume();
            value["state"] = json!(word);
            let read = parsed(volume, &value).unwrap().state;
            let written = if let VolumeState::Other(other) = &read { other.clone() } else { format!("{read:?}") };
            prop_assert_eq!(written, word);
        }
    }
}
