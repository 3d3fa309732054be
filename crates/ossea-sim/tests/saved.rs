//! A cloud that was saved and loaded goes on as if nothing had been.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{SnapshotId, VolumeId};
use ossea::StopMode;
use ossea_sim::cloud::command::{
    AfterDeploy, ApiCommand, Backup, Deploy, DeploySource, Destroy, DestroyEnd, DetachTarget, NewVmSnapshot,
    NicSpec, Owner, Quiesce, SnapshotLocation, SnapshotMemory,
};
use ossea_sim::cloud::objects::Boot;
use ossea_sim::{Cloud, FaultRule, SimContents, SimSettings, Work, WorkFault};
use proptest::prelude::*;
use serde_json::{Value, json};

/// One thing that happens to a cloud, and how many seconds after the one before.
#[derive(Debug, Clone)]
struct Event {
    after: u16,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Deploy(u8),
    Start(u8),
    Stop(u8),
    Destroy(u8),
    Attach { disk: u8, vm: u8 },
    Detach(u8),
    Snapshot(u8),
    Revert(u8),
    VmSnapshot(u8),
    Fault { stuck: bool },
    Restart(Work),
    Look,
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        3 => (0..4u8).prop_map(Kind::Deploy),
        2 => any::<u8>().prop_map(Kind::Start),
        1 => any::<u8>().prop_map(Kind::Stop),
        1 => any::<u8>().prop_map(Kind::Destroy),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(disk, vm)| Kind::Attach { disk, vm }),
        3 => any::<u8>().prop_map(Kind::Detach),
        2 => any::<u8>().prop_map(Kind::Snapshot),
        1 => any::<u8>().prop_map(Kind::Revert),
        1 => any::<u8>().prop_map(Kind::VmSnapshot),
        1 => any::<bool>().prop_map(|stuck| Kind::Fault { stuck }),
        1 => prop_oneof![Just(Work::Done), Just(Work::NotDone)].prop_map(Kind::Restart),
        1 => Just(Kind::Look),
    ];
    (prop_oneof![0..40u16, 0..5000u16], kind).prop_map(|(after, kind)| Event { after, kind })
}

/// The `number`th row, counted round and round.
fn pick<T>(rows: impl Iterator<Item = T>, number: u8) -> T {
    let rows: Vec<T> = rows.collect();
    let place = usize::from(number) % rows.len();
    rows.into_iter().nth(place).unwrap()
}

fn happen(cloud: &mut Cloud, now: DateTime<Utc>, kind: &Kind) {
    cloud.advance(now);
    let vm = |number: &u8| pick(cloud.visible_vms().map(|vm| vm.id.clone()), *number);
    let disk = |number: &u8| -> VolumeId { pick(cloud.volumes().map(|disk| disk.id.clone()), *number) };
    let command = match kind {
        Kind::Deploy(number) => ApiCommand::DeployVirtualMachine(Box::new(deployment(*number))),
        Kind::Start(number) => ApiCommand::StartVirtualMachine { vm: vm(number) },
        Kind::Stop(number) => ApiCommand::StopVirtualMachine {
            vm: vm(number),
            mode: StopMode::Graceful,
        },
        Kind::Destroy(number) => ApiCommand::DestroyVirtualMachine(Destroy {
            vm: vm(number),
            end: DestroyEnd::Recoverable,
            volumes: Vec::new(),
        }),
        Kind::VmSnapshot(number) => ApiCommand::CreateVmSnapshot(NewVmSnapshot {
            vm: vm(number),
            name: None,
            description: None,
            memory: SnapshotMemory::LeftOut,
        }),
        Kind::Attach { disk: volume, vm: on } => ApiCommand::AttachVolume {
            volume: disk(volume),
            vm: vm(on),
            device: None,
        },
        Kind::Detach(number) => ApiCommand::DetachVolume(DetachTarget::Volume(disk(number))),
        Kind::Snapshot(number) => ApiCommand::CreateSnapshot {
            volume: disk(number),
            name: None,
            quiesce: Quiesce::No,
            location: SnapshotLocation::Usual,
            backup: Backup::AfterJob,
            tags: [("number".to_owned(), number.to_string())].into(),
        },
        Kind::Revert(number) => {
            let snapshots: Vec<SnapshotId> = cloud.snapshots().map(|s| s.id.clone()).collect();
            if snapshots.is_empty() {
                return;
            }
            ApiCommand::RevertSnapshot {
                snapshot: pick(snapshots.into_iter(), *number),
            }
        }
        Kind::Fault { stuck } => {
            let effect = match stuck {
                true => WorkFault::JobStuck,
                false => WorkFault::JobInterrupted { work: Work::Done },
            };
            cloud.add_fault(FaultRule::on("detachVolume", effect).nth(2));
            return;
        }
        Kind::Restart(work) => return cloud.restart(now, *work),
        Kind::Look => return drop(cloud.read(now, "listVolumes", &[], |_| Ok(()))),
    };
    cloud.submit(now, None, command);
}

fn deployment(number: u8) -> Deploy {
    let sample = SimContents::sample();
    let fixed = sample.offerings.iter().find(|offering| !offering.is_customized());
    Deploy {
        name: Some(format!("vm-{number}")),
        display_name: None,
        zone: sample.oma.zone.clone(),
        offering: fixed.unwrap().id.clone(),
        source: DeploySource::Template(sample.templates[0].id.clone()),
        data_disk: None,
        nics: vec![NicSpec {
            network: sample.networks[0].id.clone(),
            mac: None,
            address: None,
        }],
        details: std::collections::BTreeMap::new(),
        boot: Boot::Bios,
        root_disk_gib: None,
        after: AfterDeploy::Start,
        custom_id: None,
        owner: Owner::default(),
        hypervisor: None,
    }
}

fn whole(cloud: &Cloud) -> Value {
    serde_json::from_str(&cloud.save()).unwrap()
}

fn fresh() -> Cloud {
    let settings = SimSettings {
        seed: 7,
        ..SimSettings::default().scaled(1.0 / 3.0)
    };
    Cloud::new(&SimContents::sample(), settings, DateTime::UNIX_EPOCH)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_loaded_cloud_goes_on_exactly_like_the_saved_one(
        before in proptest::collection::vec(any_event(), 0..25),
        after in proptest::collection::vec(any_event(), 1..25),
    ) {
        let mut now = DateTime::UNIX_EPOCH;
        let mut saved = fresh();
        for event in &before {
            now += TimeDelta::seconds(event.after.into());
            happen(&mut saved, now, &event.kind);
        }
        let mut loaded = Cloud::load(&saved.save()).unwrap();
        prop_assert_eq!(whole(&saved), whole(&loaded));
        for event in &after {
            now += TimeDelta::seconds(event.after.into());
            happen(&mut saved, now, &event.kind);
            happen(&mut loaded, now, &event.kind);
        }
        now += TimeDelta::hours(25);
        saved.advance(now);
        loaded.advance(now);
        prop_assert_eq!(whole(&saved), whole(&loaded));
    }
}

#[test]
fn a_text_of_another_form_or_with_other_fields_is_refused() {
    let mut text = whole(&fresh());
    text["format"] = json!(99);
    let error = Cloud::load(&text.to_string()).unwrap_err().to_string();
    assert!(
        error.contains("format 99") && error.contains("reads format 2"),
        "{error}"
    );
    text["format"] = json!(2);
    text["cloud"]["moons"] = json!(2);
    let error = Cloud::load(&text.to_string()).unwrap_err().to_string();
    assert!(error.contains("moons"), "{error}");
    let mut text = whole(&fresh());
    text["cloud"].as_object_mut().unwrap().remove("queues");
    let error = Cloud::load(&text.to_string()).unwrap_err().to_string();
    assert!(error.contains("queues"), "{error}");
    assert!(Cloud::load("the cloud").is_err());
}
