//! Rules of the cloud that depend on its release, its storage and the caller's role, and fault rules themselves.

mod support;

use std::time::Duration;

use ossea::{Command, JobReport, OsseaClient, OsseaError};
use ossea_sim::cloud::command::{ApiCommand, CreateVolume, VolumeSource};
use ossea_sim::cloud::log::{Effect, LogEvent};
use ossea_sim::cloud::{Agent, Conditions, Delivery, ServerMode};
use ossea_sim::contents::{Protection, StorageKind};
use ossea_sim::settings::{KvmSnapshots, Role, UserExpunge};
use ossea_sim::{
    ApiLimit, FaultRule, NicFault, Probability, Profile, SimContents, SimSettings, WayFault, Work, WorkFault,
};
use support::{Caller, attach, start};

fn snapshot(volume: &failover_domain::VolumeId) -> Command {
    Command::CreateSnapshot {
        volume: volume.clone(),
        name: "point".to_owned(),
    }
}

fn code(error: &OsseaError) -> u32 {
    let OsseaError::Refused(refusal) = error else {
        panic!("{error}")
    };
    refusal.code
}

#[tokio::test(start_paused = true)]
async fn only_new_releases_snapshot_a_volume_of_the_running_oma() {
    for (profile, is_allowed) in [
        (Profile::V4_18, false),
        (Profile::V4_21, false),
        (Profile::V4_22, true),
    ] {
        let caller = Caller::with(SimSettings::of(profile));
        let [disk, ..] = caller.replicas();
        let answer = caller.submit(snapshot(&disk)).await;
        assert_eq!(answer.is_ok(), is_allowed, "{profile}");
        assert_eq!(
            caller.cloud.capabilities().await.unwrap().kvm_snapshot_enabled,
            is_allowed
        );
        if let Err(error) = answer {
            assert_eq!(code(&error), 530);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_cloud_keeps_its_setting_for_snapshots_of_running_vms() {
    let caller = Caller::with(SimSettings {
        volume_snapshots: KvmSnapshots::Disabled,
        ..SimSettings::of(Profile::V4_22)
    });
    let [disk, ..] = caller.replicas();
    let refused = caller.submit(snapshot(&disk)).await.unwrap_err();
    assert_eq!(code(&refused), 530);
    assert!(!caller.cloud.capabilities().await.unwrap().kvm_snapshot_enabled);
}

#[tokio::test(start_paused = true)]
async fn detached_volumes_are_snapshotted_by_every_release_side_by_side() {
    let caller = Caller::with(SimSettings::of(Profile::V4_18));
    for disk in caller.replicas() {
        caller.detach(&disk).await;
    }
    for disk in caller.replicas() {
        caller.submit(snapshot(&disk)).await.unwrap();
    }
    assert_eq!(caller.cloud.pending_jobs().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_root_of_managed_storage_is_not_swapped() {
    let mut contents = SimContents::sample();
    contents
        .pools
        .iter_mut()
        .for_each(|pool| pool.kind = StorageKind::Managed);
    let caller = Caller::with_contents(contents, SimSettings::default());
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let vm = caller.emptied_vm("web").await;
    assert_eq!(caller.fails(attach(&disk, &vm, 0)).await.code, 431);
    caller.attach(&disk, &vm, 1).await;
}

#[tokio::test(start_paused = true)]
async fn internal_errors_are_masked_for_plain_users_only() {
    let disk = Caller::of_sample().replicas()[0].clone();
    let mut texts = Vec::new();
    for role in [Role::RootAdmin, Role::User] {
        let caller = Caller::with(SimSettings {
            role,
            ..SimSettings::of(Profile::V4_18)
        });
        match caller.submit(snapshot(&disk)).await {
            Err(OsseaError::Refused(refusal)) => texts.push(refusal.text),
            other => panic!("{other:?}"),
        }
    }
    assert!(texts[0].contains("not supported for Running VMs"), "{texts:?}");
    assert!(
        texts[1].contains("contact your system administrator"),
        "{texts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plain_user_expunges_only_where_that_is_allowed() {
    for (user_expunge, may) in [(UserExpunge::Denied, false), (UserExpunge::Allowed, true)] {
        let settings = SimSettings {
            role: Role::User,
            user_expunge,
            ..SimSettings::default()
        };
        let caller = Caller::with(settings);
        assert_eq!(caller.cloud.capabilities().await.unwrap().may_expunge_vm, may);
        let vm = caller.emptied_vm("web").await;
        let shown = caller.cloud.volumes_on(&vm).await.unwrap();
        let emptied = ossea::EmptiedVm::prove(&vm, &shown, &caller.replica_set(), None).unwrap();
        let destroy = Command::DestroyVirtualMachine { vm: emptied };
        if may {
            caller.done(destroy).await;
            assert_eq!(caller.cloud.vm(&vm).await.unwrap(), None);
        } else {
            assert_eq!(caller.fails(destroy).await.code, 530);
            assert!(caller.cloud.vm(&vm).await.unwrap().is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_strikes_from_its_call_on_as_often_as_it_says() {
    let caller = Caller::of_sample();
    let [disk, other, _] = caller.replicas();
    let rule = FaultRule::on("listVolumes", WayFault::Busy)
        .object(&disk)
        .nth(2)
        .times(2);
    let rule = caller.cloud.add_fault(rule);
    let mut seen = Vec::new();
    for _ in 0..4 {
        caller.cloud.volume(&other).await.unwrap();
        seen.push(caller.cloud.volume(&disk).await.is_ok());
    }
    assert_eq!(seen, [true, false, false, true]);
    let state = caller.cloud.fault(rule).unwrap();
    assert_eq!((state.matched, state.fired), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_rule_about_work_is_not_spent_on_reads_and_on_commands_that_cannot_show_it() {
    let caller = Caller::of_sample();
    let [disk, other, _] = caller.replicas();
    caller.detach(&disk).await;
    let rule = caller.cloud.add_fault(FaultRule::on(
        "*",
        WorkFault::JobCancelled { work: Work::NotDone },
    ));
    caller.cloud.volume(&disk).await.unwrap();
    let delete = ApiCommand::DeleteVolume { volume: disk };
    assert!(matches!(caller.api(delete), Delivery::Answer(Ok(_))));
    assert_eq!(caller.cloud.fault(rule).unwrap().matched, 0);
    let report = caller.run(Command::DetachVolume { volume: other }).await;
    assert_eq!(report, JobReport::Interrupted { code: 0 });
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_job_shows_the_faults_of_its_work_in_its_answer() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller.detach(&disk).await;
    let delete = || ApiCommand::DeleteVolume { volume: disk.clone() };
    for (fault, code) in [(WorkFault::NoCapacity, 533), (WorkFault::LimitReached, 535)] {
        let rule = caller.cloud.add_fault(FaultRule::on("deleteVolume", fault));
        assert_eq!(caller.api_refuses(delete()), code);
        assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
    }
    let now = caller.cloud.clock().now();
    let delay = WorkFault::Delay { seconds: 30 };
    let reply = caller
        .cloud
        .cloud()
        .submit_with(now, None, delete(), Some(delay.into()));
    assert!(matches!(reply.delivery, Delivery::Answer(Ok(_))), "{reply:?}");
    assert_eq!(reply.after, Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_limit_refuses_a_new_volume_before_it_is_made() {
    let caller = Caller::of_sample();
    let rule = FaultRule::on("createVolume", WorkFault::LimitReached);
    let rule = caller.cloud.add_fault(rule);
    let create = ApiCommand::CreateVolume(CreateVolume {
        name: None,
        zone: Some(caller.contents.oma.zone.clone()),
        source: VolumeSource::DiskOffering("2d000000-0000-4000-8000-000000000009".parse().unwrap()),
        size_gib: Some(1),
    });
    let before = caller.cloud.inventory().detached.len();
    assert_eq!(caller.api_refuses(create), 535);
    assert_eq!(caller.cloud.inventory().detached.len(), before);
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unattachable_volume_goes_nowhere_until_the_rules_are_cleared() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    let vm = caller.emptied_vm("web").await;
    caller.detach(&disk).await;
    let rule = FaultRule::on("attachVolume", WorkFault::Unattachable)
        .object("pgwintestbios-disk0")
        .forever();
    let rule = caller.cloud.add_fault(rule);
    assert_eq!(caller.fails(attach(&disk, &vm, 0)).await.code, 530);
    assert_eq!(caller.fails(attach(&disk, &caller.oma(), 1)).await.code, 530);
    assert_eq!(caller.cloud.fault(rule).unwrap().fired, 2);
    caller.cloud.cloud().clear_faults();
    caller.attach(&disk, &caller.oma(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn networks_can_come_out_wrong() {
    for (how, cards) in [(NicFault::LeftOut, 1), (NicFault::OtherNetwork, 2)] {
        let caller = Caller::of_sample();
        caller.cloud.add_fault(FaultRule::on(
            "deployVirtualMachine",
            WorkFault::WrongNetwork { how },
        ));
        let wanted = caller.deployment("web", &["production-app", "production-db"]);
        let vm = caller
            .done(Command::DeployVirtualMachine(Box::new(wanted.clone())))
            .await
            .parse()
            .unwrap();
        let nics = caller.cloud.vm(&vm).await.unwrap().unwrap().nics;
        assert_eq!(nics.len(), cards);
        assert_eq!(nics[0].network, wanted.nics[0].network);
        assert!(nics.iter().all(|nic| nic.network != wanted.nics[1].network));
    }
}

#[tokio::test(start_paused = true)]
async fn an_l2_network_gives_no_address() {
    let caller = Caller::of_sample();
    let wanted = caller.deployment("web", &["test-l2", "production-app"]);
    let vm = caller
        .done(Command::DeployVirtualMachine(Box::new(wanted)))
        .await
        .parse()
        .unwrap();
    caller.done(start(&vm)).await;
    let nics = caller.cloud.vm(&vm).await.unwrap().unwrap().nics;
    assert_eq!(nics[0].address, None);
    assert!(nics[1].address.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_record_tells_a_call_before_its_effects_and_refused_calls_too() {
    let caller = Caller::of_sample();
    let [disk, ..] = caller.replicas();
    caller
        .cloud
        .add_fault(FaultRule::on("detachVolume", WayFault::LostRequest));
    assert!(matches!(
        caller
            .submit(Command::DetachVolume { volume: disk.clone() })
            .await,
        Err(OsseaError::OutcomeUnknown(_))
    ));
    assert_eq!(caller.cloud.log(), [], "a lost request never arrives");
    caller
        .cloud
        .add_fault(FaultRule::on("detachVolume", WayFault::Busy));
    assert!(
        caller
            .submit(Command::DetachVolume { volume: disk.clone() })
            .await
            .is_err()
    );
    caller.detach(&disk).await;
    let events: Vec<LogEvent> = caller.cloud.log().into_iter().map(|entry| entry.event).collect();
    let [
        LogEvent::Call(refused),
        LogEvent::Call(accepted),
        LogEvent::Effect { job, effect },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((refused.refused, accepted.refused), (Some(503), None));
    assert!(accepted.objects.contains(&"pgwintestbios-disk0".to_owned()));
    assert_eq!(job.as_ref().map(ToString::to_string), accepted.key);
    let detached = Effect::VolumeDetached {
        volume: disk,
        vm: caller.oma(),
        device: 1,
    };
    assert_eq!(effect, &detached);
}

#[tokio::test(start_paused = true)]
async fn a_rule_for_every_command_counts_commands_and_reads_alike() {
    let caller = Caller::of_sample();
    let disk = caller.replicas()[0].clone();
    let rule = FaultRule::on("*", WayFault::LostRequest).nth(2).times(2);
    let rule = caller.cloud.add_fault(rule);
    caller.cloud.volume(&disk).await.unwrap();
    assert!(caller.cloud.volume(&disk).await.is_err());
    assert!(
        caller
            .submit(Command::DetachVolume { volume: disk.clone() })
            .await
            .is_err()
    );
    caller.cloud.volume(&disk).await.unwrap();
    let state = caller.cloud.fault(rule).unwrap();
    assert_eq!((state.matched, state.fired), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn the_seed_alone_decides_which_calls_a_probable_fault_strikes() {
    async fn struck(seed: u64, percent: u32) -> Vec<bool> {
        let caller = Caller::with(SimSettings {
            seed,
            ..SimSettings::default()
        });
        let rule = FaultRule::on("listVolumes", WayFault::LostReply)
            .forever()
            .with_probability(Probability::percent(percent));
        caller.cloud.add_fault(rule);
        let disk = caller.replicas()[0].clone();
        let mut struck = Vec::new();
        for _ in 0..200 {
            struck.push(caller.cloud.volume(&disk).await.is_err());
        }
        struck
    }
    let thirty = struck(1, 30).await;
    assert_eq!(thirty, struck(1, 30).await);
    assert_ne!(thirty, struck(2, 30).await);
    let count = |struck: Vec<bool>| struck.into_iter().filter(|struck| *struck).count();
    assert!((30..90).contains(&count(thirty.clone())), "{}", count(thirty));
    assert_eq!((count(struck(1, 0).await), count(struck(1, 100).await)), (0, 200));
}

#[tokio::test(start_paused = true)]
async fn a_probable_fault_changes_no_id() {
    let mut ids = Vec::new();
    for percent in [0, 50] {
        let caller = Caller::of_sample();
        let rule = FaultRule::on("listVolumes", WayFault::LostReply)
            .forever()
            .with_probability(Probability::percent(percent));
        caller.cloud.add_fault(rule);
        for _ in 0..10 {
            let _ = caller.cloud.volume(&caller.replicas()[0]).await;
        }
        caller.cloud.cloud().clear_faults();
        ids.push(caller.deployed_vm("web-01").await);
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn a_plain_user_is_throttled_and_told_so_beforehand_while_a_root_admin_is_not() {
    let limit = ApiLimit {
        max: 3,
        interval_seconds: 2,
    };
    for (role, is_limited) in [(Role::User, true), (Role::RootAdmin, false)] {
        let caller = Caller::with(SimSettings {
            role,
            throttling: Some(limit),
            ..SimSettings::default()
        });
        assert_eq!(caller.cloud.capabilities().await.unwrap().api_limit, Some((3, 2)));
        let oma = caller.oma();
        for _ in 0..2 {
            caller.cloud.vm(&oma).await.unwrap();
        }
        let fourth = caller.cloud.vm(&oma).await;
        assert_eq!(fourth.is_err(), is_limited);
        if let Err(error) = fourth {
            let OsseaError::Throttled { retry_after } = error else {
                panic!("{error}")
            };
            tokio::time::sleep(retry_after).await;
            caller.cloud.vm(&oma).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_says_so_in_the_words_of_its_release() {
    for (profile, code) in [
        (Profile::V4_18, 530),
        (Profile::V4_21, 503),
        (Profile::V4_22, 503),
    ] {
        let caller = Caller::with(SimSettings::of(profile));
        caller.cloud.cloud().set_conditions(Conditions {
            server: ServerMode::Maintenance,
            agent: Agent::Connected,
        });
        let volume = caller.replicas()[0].clone();
        let detach = Command::DetachVolume {
            volume: volume.clone(),
        };
        let by_the_condition = caller.submit(detach.clone()).await;
        caller.cloud.cloud().set_conditions(Conditions::default());
        caller
            .cloud
            .add_fault(FaultRule::on("detachVolume", WayFault::Busy));
        let by_a_rule = caller.submit(detach).await;
        for outcome in [by_the_condition, by_a_rule] {
            match (code, outcome) {
                (530, Err(OsseaError::Refused(refusal))) => {
                    assert_eq!(refusal.code, 530);
                    assert!(refusal.text.contains("shutdown has been triggered"), "{refusal}");
                }
                (503, Err(OsseaError::Busy(_))) => {}
                (_, outcome) => panic!("{profile}: {outcome:?}"),
            }
        }
        // Before what needs no job there can only be a proxy.
        caller
            .cloud
            .add_fault(FaultRule::on("listVolumes", WayFault::Busy));
        let read = caller.cloud.volume(&volume).await;
        assert!(matches!(read, Err(OsseaError::Busy(_))), "{profile}: {read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_still_does_what_needs_no_job() {
    for profile in [Profile::V4_18, Profile::V4_22] {
        let caller = Caller::with(SimSettings::of(profile));
        let [disk, ..] = caller.replicas();
        caller.detach(&disk).await;
        let vm = caller.deployed_vm("web").await;
        caller.destroy_recoverably(&vm).await;
        caller.cloud.cloud().set_conditions(Conditions {
            server: ServerMode::Maintenance,
            agent: Agent::Connected,
        });
        for command in [
            ApiCommand::RecoverVirtualMachine { vm: vm.clone() },
            ApiCommand::UpdateVirtualMachine {
                vm,
                protection: Protection::Off,
            },
            ApiCommand::DeleteVolume { volume: disk },
        ] {
            let delivery = caller.api(command);
            assert!(matches!(delivery, Delivery::Answer(Ok(_))), "{delivery:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for_only_so_long() {
    let caller = Caller::of_sample();
    let disk = caller.replicas()[0].clone();
    for (seconds, is_answered) in [(59, true), (60, false), (3600, false)] {
        caller
            .cloud
            .add_fault(FaultRule::on("listVolumes", WayFault::SlowAnswer { seconds }));
        assert_eq!(caller.cloud.volume(&disk).await.is_ok(), is_answered, "{seconds}");
    }
}

#[test]
fn a_probability_is_a_number_from_0_to_1() {
    let rule = |probability: &str| {
        serde_json::from_str::<FaultRule>(&format!(
            r#"{{"command":"*","probability":{probability},"effect":{{"kind":"lost_reply"}}}}"#
        ))
    };
    assert_eq!(rule("0.25").unwrap().probability, Some(Probability::percent(25)));
    for bad in ["-0.1", "1.1", "\"often\""] {
        assert!(rule(bad).is_err(), "{bad}");
    }
}
