//! What foreign clients ask for: lists to the letter, tags, the other ways to make VMs, volumes and snapshots.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use ossea_sim::contents::{DiskOfferingContents, StorageKind};
use ossea_sim::settings::Role;
use ossea_sim::{Profile, SimContents, SimSettings};
use serde_json::{Value, json};

use self::support::wire::Wire;

const CUSTOM: &str = "5a000000-0000-4000-8000-000000000001";
const FIVE: &str = "5a000000-0000-4000-8000-000000000002";
const UNKNOWN: &str = "ffffffff-0000-4000-8000-000000000000";

fn contents() -> SimContents {
    let mut contents = SimContents::sample();
    for (id, name, size_gib) in [(CUSTOM, "any size", None), (FIVE, "five", Some(5))] {
        contents.disk_offerings.push(DiskOfferingContents {
            id: id.parse().unwrap(),
            name: name.to_owned(),
            size_gib,
        });
    }
    contents
}

fn at_once(profile: Profile, role: Role) -> SimSettings {
    SimSettings {
        role,
        ..SimSettings::of(profile).scaled(0.0)
    }
}

fn wire() -> Wire {
    Wire::with(&contents(), at_once(Profile::V4_22, Role::RootAdmin))
}

/// The content of the answer of a command.
async fn ask(wire: &Wire, command: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
    let all: Vec<_> = [("command", command)]
        .into_iter()
        .chain(parameters.iter().copied())
        .collect();
    let (status, mut answer) = wire.ask(&all).await;
    let content = answer
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap()
        .take();
    (status, content)
}

async fn rows(wire: &Wire, command: &str, array: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
    let (status, content) = ask(wire, command, parameters).await;
    assert_eq!(status, 200, "{command} {parameters:?}: {content}");
    content
        .get(array)
        .map_or_else(Vec::new, |rows| rows.as_array().unwrap().clone())
}

/// The end of the job of a command that is accepted.
async fn job(wire: &Wire, command: &str, parameters: &[(&str, &str)]) -> Value {
    let (status, accepted) = ask(wire, command, parameters).await;
    assert_eq!(status, 200, "{command} {parameters:?}: {accepted}");
    let (_, ended) = ask(
        wire,
        "queryAsyncJobResult",
        &[("jobid", accepted["jobid"].as_str().unwrap())],
    )
    .await;
    ended
}

/// The parameters of a deployment, with more of them.
fn deployment<'a>(sample: &'a SimContents, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fixed = sample
        .offerings
        .iter()
        .find(|offering| !offering.is_customized())
        .unwrap();
    let mut parameters = vec![
        ("zoneid", sample.oma.zone.as_str()),
        ("serviceofferingid", fixed.id.as_str()),
        ("networkids", sample.networks[0].id.as_str()),
        ("startvm", "false"),
    ];
    parameters.extend(more);
    parameters
}

#[tokio::test]
async fn tags_are_shown_on_rows_listed_and_filtered_by() {
    let (wire, sample) = (wire(), contents());
    let disk = sample.oma.volumes[0].id.as_str();
    let on = [("resourceids", disk), ("resourcetype", "volume")];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        on.iter().copied().chain(more.iter().copied()).collect()
    };
    let two = with(&[
        ("tags[0].key", "a"),
        ("tags[0].value", "1"),
        ("tags[1].key", "b"),
        ("tags[1].value", "2"),
    ]);
    let put = job(&wire, "createTags", &two).await;
    assert_eq!(
        (&put["jobstatus"], &put["jobresult"]),
        (&json!(1), &json!({ "success": true }))
    );
    let again = job(
        &wire,
        "createTags",
        &with(&[("tags[0].key", "b"), ("tags[0].value", "3")]),
    )
    .await;
    assert_eq!(
        (&again["jobstatus"], &again["jobresultcode"]),
        (&json!(2), &json!(530))
    );
    let shown = rows(&wire, "listVolumes", "volume", &[("id", disk)]).await;
    let tags = shown[0]["tags"].as_array().unwrap();
    assert_eq!(
        (tags.len(), &tags[1]["key"], &tags[1]["value"]),
        (2, &json!("b"), &json!("2"))
    );
    let found = async |key: &str, value: &str| {
        let filter = [("tags[0].key", key), ("tags[0].value", value)];
        rows(&wire, "listVolumes", "volume", &filter).await.len()
    };
    assert_eq!((found("a", "1").await, found("a", "2").await), (1, 0));
    // A value that it does not have keeps the tag; no value takes it, and no tag takes all.
    job(
        &wire,
        "deleteTags",
        &with(&[("tags[0].key", "b"), ("tags[0].value", "3")]),
    )
    .await;
    assert_eq!(
        rows(&wire, "listTags", "tag", &[("resourceid", disk)])
            .await
            .len(),
        2
    );
    job(&wire, "deleteTags", &with(&[("tags[0].key", "b")])).await;
    assert_eq!(rows(&wire, "listTags", "tag", &[("key", "b")]).await.len(), 0);
    job(&wire, "deleteTags", &with(&[])).await;
    assert_eq!(ask(&wire, "listTags", &[]).await, (200, json!({})));
    let (status, _) = ask(&wire, "createTags", &with(&[])).await;
    assert_eq!(status, 431, "tags are needed");
}

#[tokio::test]
async fn a_page_has_at_most_five_hundred_rows_and_the_count_is_that_of_all() {
    let (wire, sample) = (wire(), contents());
    let keys: Vec<(String, String)> = (0..501)
        .map(|n| (format!("tags[{n}].key"), format!("tags[{n}].value")))
        .collect();
    let names: Vec<String> = (0..501).map(|n| format!("k{n}")).collect();
    let mut parameters = vec![
        ("resourceids", sample.oma.id.as_str()),
        ("resourcetype", "UserVm"),
    ];
    for ((key, value), name) in keys.iter().zip(&names) {
        parameters.extend([(key.as_str(), name.as_str()), (value.as_str(), "x")]);
    }
    job(&wire, "createTags", &parameters).await;
    let (_, first) = ask(&wire, "listTags", &[]).await;
    assert_eq!(
        (&first["count"], first["tag"].as_array().unwrap().len()),
        (&json!(501), 500)
    );
    let last = rows(&wire, "listTags", "tag", &[("page", "2"), ("pagesize", "500")]).await;
    assert_eq!(last.len(), 1);
}

#[tokio::test]
async fn vms_are_found_by_state_address_and_with_the_details_that_are_asked_for() {
    let (wire, sample) = (wire(), contents());
    let template = sample.templates[0].id.as_str();
    let parameters = deployment(&sample, &[("name", "web"), ("templateid", template)]);
    let made = job(&wire, "deployVirtualMachine", &parameters).await;
    let id = made["jobresult"]["virtualmachine"]["id"].as_str().unwrap();
    job(&wire, "startVirtualMachine", &[("id", id)]).await;
    let count = async |filter: &[(&str, &str)]| {
        rows(&wire, "listVirtualMachines", "virtualmachine", filter)
            .await
            .len()
    };
    assert_eq!(count(&[("state", "present")]).await, 2);
    let shown = rows(&wire, "listVirtualMachines", "virtualmachine", &[("id", id)]).await;
    let address = shown[0]["nic"][0]["ipaddress"].as_str().unwrap();
    assert_eq!(count(&[("keyword", address)]).await, 1);
    assert!(shown[0]["ostypeid"].is_string() && shown[0]["tags"].is_array());
    let short = rows(
        &wire,
        "listVirtualMachines",
        "virtualmachine",
        &[("id", id), ("details", "min")],
    )
    .await;
    assert!(short[0].get("nic").is_none() && short[0].get("details").is_none());
    let (status, _) = ask(&wire, "listVirtualMachines", &[("details", "everything")]).await;
    assert_eq!(status, 431);
    job(&wire, "destroyVirtualMachine", &[("id", id)]).await;
    assert_eq!(
        (
            count(&[("state", "Destroyed")]).await,
            count(&[("state", "present")]).await
        ),
        (1, 1)
    );
    let hosts = rows(
        &wire,
        "listHosts",
        "host",
        &[("id", shown[0]["hostid"].as_str().unwrap())],
    )
    .await;
    assert_eq!(hosts[0]["name"], shown[0]["hostname"]);
}

#[tokio::test]
async fn volumes_are_found_by_their_pool_and_users_are_told_none() {
    let admin = wire();
    let pools = rows(
        &admin,
        "listStoragePools",
        "storagepool",
        &[("name", "primary-nfs-1")],
    )
    .await;
    let pool = pools[0]["id"].as_str().unwrap();
    assert_eq!(
        (&pools[0]["scope"], &pools[0]["managed"]),
        (&json!("ZONE"), &json!(false))
    );
    let all = rows(&admin, "listVolumes", "volume", &[]).await;
    assert_eq!(
        rows(&admin, "listVolumes", "volume", &[("storageid", pool)]).await,
        all
    );
    assert_eq!(ask(&admin, "listVolumes", &[("storageid", UNKNOWN)]).await.0, 431);
    let user = Wire::with(&contents(), at_once(Profile::V4_22, Role::User));
    for command in ["listStoragePools", "listHosts"] {
        let (status, refused) = ask(&user, command, &[]).await;
        assert_eq!(
            (status, &refused["cserrorcode"]),
            (401, &json!(9999)),
            "{command}"
        );
    }
    assert!(
        rows(&user, "listVolumes", "volume", &[]).await[0]
            .get("storageid")
            .is_none()
    );
    assert_eq!(
        ask(&user, "listTemplates", &[("templatefilter", "all")]).await.0,
        431
    );
}

#[tokio::test]
async fn a_vm_is_deployed_from_one_thing_only() {
    let (wire, sample) = (wire(), contents());
    let (template, replica) = (sample.templates[0].id.as_str(), sample.oma.volumes[0].id.as_str());
    let code = async |wire: &Wire, more: &[(&str, &str)]| {
        ask(wire, "deployVirtualMachine", &deployment(&sample, more))
            .await
            .0
    };
    assert_eq!(code(&wire, &[]).await, 530);
    assert_eq!(
        code(&wire, &[("templateid", template), ("volumeid", replica)]).await,
        530
    );
    // A replica has no template, attached or not.
    assert_eq!(code(&wire, &[("volumeid", replica)]).await, 431);
    assert_eq!(code(&wire, &[("volumeid", UNKNOWN)]).await, 431);
    let old = Wire::with(&contents(), at_once(Profile::V4_18, Role::RootAdmin));
    assert_eq!(
        code(&old, &[("volumeid", replica)]).await,
        431,
        "the template is missing"
    );
}

#[tokio::test]
async fn rows_tell_offerings_passwords_and_the_zone_of_a_snapshot_without_its_volume() {
    let mut sample = contents();
    sample.templates[0].password_enabled = true;
    let wire = Wire::with(&sample, at_once(Profile::V4_22, Role::RootAdmin));
    let zone = sample.oma.zone.as_str();
    let template = ("templateid", sample.templates[0].id.as_str());
    job(
        &wire,
        "deployVirtualMachine",
        &deployment(&sample, &[("name", "web"), template]),
    )
    .await;
    let vms = rows(&wire, "listVirtualMachines", "virtualmachine", &[("name", "web")]).await;
    assert_eq!(vms[0]["passwordenabled"], json!(true));
    let made = [("name", "disk"), ("zoneid", zone), ("diskofferingid", FIVE)];
    job(&wire, "createVolume", &made).await;
    let volumes = rows(&wire, "listVolumes", "volume", &[("name", "disk")]).await;
    assert_eq!(
        (&volumes[0]["diskofferingid"], &volumes[0]["diskofferingname"]),
        (&json!(FIVE), &json!("five"))
    );
    let replica = sample.oma.volumes[0].id.as_str();
    job(&wire, "detachVolume", &[("id", replica)]).await;
    job(&wire, "createSnapshot", &[("volumeid", replica)]).await;
    assert_eq!(ask(&wire, "deleteVolume", &[("id", replica)]).await.0, 200);
    let snapshots = rows(&wire, "listSnapshots", "snapshot", &[("zoneid", zone)]).await;
    assert_eq!((snapshots.len(), &snapshots[0]["zoneid"]), (1, &json!(zone)));
}

#[tokio::test]
async fn no_caller_makes_a_volume_so_big_that_sums_overflow() {
    let (wire, sample) = (wire(), contents());
    let template = ("templateid", sample.templates[0].id.as_str());
    let custom = sample.disk_offerings.iter();
    let custom = custom.into_iter().find(|offering| offering.size_gib.is_none());
    let custom = custom.unwrap().id.as_str();
    let zone = sample.oma.zone.as_str();
    for size in ["18446744073709551615", "1048577"] {
        let root = deployment(&sample, &[("name", "big"), template, ("rootdisksize", size)]);
        let disk = [template, ("diskofferingid", custom), ("size", size)];
        let blank = [("diskofferingid", custom), ("zoneid", zone), ("size", size)];
        for (command, parameters) in [
            ("deployVirtualMachine", root),
            ("deployVirtualMachine", deployment(&sample, &disk)),
            ("createVolume", blank.to_vec()),
        ] {
            assert_eq!(ask(&wire, command, &parameters).await.0, 431, "{command} {size}");
        }
    }
    for _ in 0..3 {
        let root = deployment(&sample, &[template, ("rootdisksize", "1048576")]);
        job(&wire, "deployVirtualMachine", &root).await;
    }
    rows(&wire, "listAccounts", "account", &[]).await;
}

#[tokio::test]
async fn a_root_with_a_template_is_deployed_again_as_itself_or_from_its_snapshot() {
    let (wire, sample) = (wire(), contents());
    let template = sample.templates[0].id.as_str();
    let deploy = async |more: &[(&str, &str)]| {
        job(&wire, "deployVirtualMachine", &deployment(&sample, more)).await["jobresult"]["virtualmachine"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = deploy(&[("name", "first"), ("templateid", template)]).await;
    job(&wire, "startVirtualMachine", &[("id", &first)]).await;
    job(&wire, "stopVirtualMachine", &[("id", &first)]).await;
    let roots = rows(&wire, "listVolumes", "volume", &[("virtualmachineid", &first)]).await;
    let root = roots[0]["id"].as_str().unwrap();
    let attached = deployment(&sample, &[("name", "second"), ("volumeid", root)]);
    assert_eq!(ask(&wire, "deployVirtualMachine", &attached).await.0, 431);
    job(&wire, "detachVolume", &[("id", root)]).await;
    let snapshot = job(&wire, "createSnapshot", &[("volumeid", root)]).await;
    let snapshot = snapshot["jobresult"]["snapshot"]["id"].as_str().unwrap();
    let second = deploy(&[("name", "second"), ("volumeid", root)]).await;
    let third = deploy(&[("name", "third"), ("snapshotid", snapshot)]).await;
    let of_second = rows(&wire, "listVolumes", "volume", &[("virtualmachineid", &second)]).await;
    assert_eq!(
        (
            &of_second[0]["id"],
            &of_second[0]["type"],
            &of_second[0]["deviceid"]
        ),
        (&json!(root), &json!("ROOT"), &json!(0))
    );
    let of_third = rows(&wire, "listVolumes", "volume", &[("virtualmachineid", &third)]).await;
    assert_eq!((&of_third[0]["state"], of_third.len()), (&json!("Ready"), 1));
    job(&wire, "startVirtualMachine", &[("id", &third)]).await;
}

#[tokio::test]
async fn only_a_root_admin_chooses_the_id_of_a_vm_and_each_only_once() {
    let (wire, sample) = (wire(), contents());
    let template = sample.templates[0].id.as_str();
    let chosen = "6b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";
    let deploy = async |wire: &Wire, name: &str, id: &str| {
        let more = [("name", name), ("templateid", template), ("customid", id)];
        ask(wire, "deployVirtualMachine", &deployment(&sample, &more)).await
    };
    let (status, made) = deploy(&wire, "a", chosen).await;
    assert_eq!((status, &made["id"]), (200, &json!(chosen)));
    assert_eq!(deploy(&wire, "b", chosen).await.0, 431);
    assert_eq!(
        deploy(&wire, "b", "6B0E7A52-6F0E-4B8E-9A55-3A1C7F2D9E10").await.0,
        431
    );
    let user = Wire::with(&contents(), at_once(Profile::V4_22, Role::User));
    assert_eq!(deploy(&user, "a", chosen).await.0, 531);
}

#[tokio::test]
async fn a_vm_is_made_for_the_own_account_on_kvm_and_with_a_data_disk() {
    let (wire, sample) = (wire(), contents());
    let template = sample.templates[0].id.as_str();
    let accounts = rows(&wire, "listAccounts", "account", &[]).await;
    let domain = accounts[0]["domainid"].as_str().unwrap();
    let code = async |more: &[(&str, &str)]| {
        let all: Vec<_> = [("templateid", template)]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        ask(&wire, "deployVirtualMachine", &deployment(&sample, &all))
            .await
            .0
    };
    assert_eq!(code(&[("account", "admin")]).await, 431, "the domain is missing");
    assert_eq!(code(&[("account", "somebody"), ("domainid", domain)]).await, 431);
    assert_eq!(code(&[("hypervisor", "VMware")]).await, 431);
    assert_eq!(
        code(&[("diskofferingid", CUSTOM)]).await,
        431,
        "the size is missing"
    );
    let sound = [
        ("name", "web"),
        ("templateid", template),
        ("account", "admin"),
        ("domainid", domain),
        ("hypervisor", "kvm"),
        ("diskofferingid", FIVE),
    ];
    let made = job(&wire, "deployVirtualMachine", &deployment(&sample, &sound)).await;
    let id = made["jobresult"]["virtualmachine"]["id"].as_str().unwrap();
    let disks = rows(
        &wire,
        "listVolumes",
        "volume",
        &[("virtualmachineid", id), ("type", "data")],
    )
    .await;
    assert_eq!(
        (&disks[0]["deviceid"], &disks[0]["size"]),
        (&json!(1), &json!(5u64 << 30))
    );
    let after = rows(&wire, "listAccounts", "account", &[]).await;
    assert_eq!(
        (&after[0]["vmtotal"], &after[0]["vmlimit"]),
        (&json!(2), &json!("Unlimited"))
    );
}

#[tokio::test]
async fn a_volume_is_made_blank_or_of_a_snapshot() {
    let (wire, sample) = (wire(), contents());
    let zone = sample.oma.zone.as_str();
    let code = async |parameters: &[(&str, &str)]| ask(&wire, "createVolume", parameters).await.0;
    assert_eq!(
        code(&[("zoneid", zone)]).await,
        431,
        "neither offering nor snapshot"
    );
    assert_eq!(
        code(&[("zoneid", zone), ("diskofferingid", CUSTOM)]).await,
        431,
        "no size"
    );
    assert_eq!(code(&[("diskofferingid", FIVE)]).await, 431, "no zone");
    assert_eq!(code(&[("zoneid", zone), ("diskofferingid", UNKNOWN)]).await, 431);
    let blank = job(
        &wire,
        "createVolume",
        &[("zoneid", zone), ("diskofferingid", FIVE), ("name", "new")],
    )
    .await;
    let blank = &blank["jobresult"]["volume"];
    assert_eq!(
        (&blank["state"], &blank["size"]),
        (&json!("Allocated"), &json!(5u64 << 30))
    );
    assert!(blank.get("storage").is_none() && blank.get("templateid").is_none());
    let replica = sample.oma.volumes[0].id.as_str();
    let snapshot = job(&wire, "createSnapshot", &[("volumeid", replica)]).await;
    let snapshot = snapshot["jobresult"]["snapshot"]["id"].as_str().unwrap();
    let copy = job(&wire, "createVolume", &[("snapshotid", snapshot)]).await;
    let copy = &copy["jobresult"]["volume"];
    assert_eq!(
        (&copy["state"], &copy["storage"]),
        (&json!("Ready"), &json!("primary-nfs-1"))
    );
}

#[tokio::test]
async fn a_snapshot_has_a_location_on_managed_storage_only() {
    let sample = contents();
    let replica = sample.oma.volumes[0].id.as_str();
    let given = [("volumeid", replica), ("locationtype", "primary")];
    assert_eq!(ask(&wire(), "createSnapshot", &given).await.0, 431);
    let managed = contents().with_storage(Some(StorageKind::Managed), None);
    let managed = Wire::with(&managed, at_once(Profile::V4_22, Role::RootAdmin));
    assert_eq!(ask(&managed, "createSnapshot", &given).await.0, 200);
    let moon = [("volumeid", replica), ("locationtype", "moon")];
    assert_eq!(ask(&managed, "createSnapshot", &moon).await.0, 431);
}

#[tokio::test(start_paused = true)]
async fn a_backup_may_outlive_its_job_and_blocks_the_other_volumes_of_the_vm() {
    let sample = contents();
    let wire = Wire::with(&sample, SimSettings::of(Profile::V4_22));
    let (one, other) = (
        sample.oma.volumes[0].id.as_str(),
        sample.oma.volumes[1].id.as_str(),
    );
    let (_, made) = ask(
        &wire,
        "createSnapshot",
        &[("volumeid", one), ("asyncbackup", "true")],
    )
    .await;
    let (job, snapshot) = (made["jobid"].as_str().unwrap(), made["id"].as_str().unwrap());
    let state =
        async || rows(&wire, "listSnapshots", "snapshot", &[("id", snapshot)]).await[0]["state"].clone();
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let (_, ended) = ask(&wire, "queryAsyncJobResult", &[("jobid", job)]).await;
    assert_eq!(
        (&ended["jobstatus"], state().await),
        (&json!(1), json!("BackingUp"))
    );
    assert_eq!(ask(&wire, "createSnapshot", &[("volumeid", other)]).await.0, 431);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(state().await, json!("BackedUp"));
    assert_eq!(ask(&wire, "createSnapshot", &[("volumeid", other)]).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_found_by_its_object_since_4_22_1() {
    let sample = contents();
    let replica = sample.oma.volumes[0].id.as_str();
    let on = [("resourceid", replica), ("resourcetype", "Volume")];
    for (profile, found) in [(Profile::V4_21, 431), (Profile::V4_22, 200)] {
        let wire = Wire::with(&sample, SimSettings::of(profile));
        let (_, accepted) = ask(&wire, "detachVolume", &[("id", replica)]).await;
        let (status, job) = ask(&wire, "queryAsyncJobResult", &on).await;
        assert_eq!(status, found, "{profile}");
        if status == 200 {
            assert_eq!(job["jobid"], accepted["jobid"]);
            assert_eq!(ask(&wire, "queryAsyncJobResult", &on[..1]).await.0, 431);
            let elsewhere = [
                ("resourceid", sample.oma.id.as_str()),
                ("resourcetype", "VirtualMachine"),
            ];
            assert_eq!(
                rows(&wire, "listAsyncJobs", "asyncjobs", &elsewhere).await.len(),
                0
            );
        }
        let listed = rows(&wire, "listAsyncJobs", "asyncjobs", &on).await;
        assert_eq!(listed.len(), 1);
        assert!(listed[0]["userid"].is_string() && listed[0]["managementserverid"].is_string());
        let keyword = [("keyword", "AttachVolume")];
        assert_eq!(rows(&wire, "listAsyncJobs", "asyncjobs", &keyword).await.len(), 0);
    }
}

#[tokio::test]
async fn limits_are_listed_by_number_and_another_account_has_none() {
    let mut limited = contents();
    limited.limits.snapshots = Some(1);
    limited.limits.primary_storage_gib = Some(0);
    let wire = Wire::with(&limited, at_once(Profile::V4_22, Role::User));
    let all = rows(&wire, "listResourceLimits", "resourcelimit", &[]).await;
    let numbers: Vec<&Value> = all.iter().map(|limit| &limit["resourcetype"]).collect();
    assert_eq!(json!(numbers), json!(["0", "2", "3", "8", "9", "10", "11"]));
    let snapshots = rows(
        &wire,
        "listResourceLimits",
        "resourcelimit",
        &[("resourcetype", "3")],
    )
    .await;
    assert_eq!(
        (snapshots.len(), &snapshots[0]["max"], &all[0]["max"]),
        (1, &json!(1), &json!(-1))
    );
    assert_eq!(
        ask(&wire, "listResourceLimits", &[("account", "somebody")])
            .await
            .0,
        431
    );
    let replica = limited.oma.volumes[0].id.as_str();
    job(&wire, "detachVolume", &[("id", replica)]).await;
    job(&wire, "createSnapshot", &[("volumeid", replica)]).await;
    assert_eq!(
        ask(&wire, "createSnapshot", &[("volumeid", replica)]).await.0,
        535
    );
    let zone = limited.oma.zone.as_str();
    let (status, refused) = ask(
        &wire,
        "createVolume",
        &[("zoneid", zone), ("diskofferingid", FIVE)],
    )
    .await;
    assert_eq!((status, &refused["cserrorcode"]), (535, &json!(4370)));
}
