//! A clean example, one thing broken, that finding expected.

mod silent;
mod site;
mod surroundings;

use std::time::Duration;

use failover_domain::{
    CheckStatus, FailoverType, NetworkId, PowerState, Purpose, ReadinessBand, StrategyRequest, VmId,
};
use failover_validation::{assess, catalogue, free_destination_name};
use ossea::{CloudNic, DeployVm, OsseaError, Refusal, SnapshotState, VmState, VolumeKind, VolumeState};
use silent::SilentCloud;
use site::{Site, assert_finding, cloud_vm, disk, mapping, replica_on_oma, snapshot};

#[tokio::test]
async fn a_clean_site_is_ready_with_all_rules_passed() {
    let readiness = Site::clean().assess().await;
    assert!(
        readiness.is_ready,
        "{:#?}",
        readiness.failures().collect::<Vec<_>>()
    );
    assert_eq!(
        (readiness.readiness_score, readiness.band),
        (100.0, ReadinessBand::Ready)
    );
    let rules: Vec<&str> = readiness.checks.iter().map(|c| c.rule.as_str()).collect();
    let expected: Vec<&str> = catalogue(FailoverType::Live).iter().map(|r| r.name).collect();
    assert_eq!(rules, expected);
    assert_eq!(
        &rules[..5],
        [
            "vm_existence",
            "active_jobs",
            "sync_status",
            "network_mappings",
            "volume_state"
        ]
    );
}

#[tokio::test]
async fn the_cloud_is_asked_once_for_each_thing() {
    let site = Site::clean();
    let cloud = site.cloud_asked(1..=1, 0..=0);
    assert!(assess(&site.subject, &site.target, &cloud).await.is_ready);
}

#[tokio::test]
async fn an_unknown_vm_is_a_finding_and_not_an_error() {
    let mut site = Site::clean();
    site.subject.vm = None;
    let readiness = site.assess().await;
    assert!(!readiness.is_ready);
    let first = readiness.failures().next().unwrap();
    assert_finding(
        first,
        "vm_existence",
        &["4205a841-0265-f4bd-39a6-39fd92196f53", "not in the inventory"],
    );
}

#[tokio::test]
async fn missing_cpu_memory_and_firmware_are_named_together() {
    let mut site = Site::clean();
    let spec = &mut site.vm().spec;
    (spec.cpus, spec.memory_mib, spec.firmware) = (None, None, None);
    assert_finding(
        &site.only_failure().await,
        "vm_existence",
        &["cpus", "memory_mib", "firmware", "ERP 01"],
    );
}

#[tokio::test]
async fn thirty_four_disks_are_one_too_many() {
    let mut site = Site::clean();
    site.vm().disks = (0..34).map(disk).collect();
    for disk in &mut site.vm().disks {
        disk.replica.as_mut().unwrap().oma_device = None;
    }
    site.volumes = (0..34).map(replica_on_oma).collect();
    assert_finding(
        &site.only_failure().await,
        "vm_existence",
        &["34 disks", "at most 33"],
    );
    site.vm().disks.pop();
    assert!(site.assess().await.is_ready);
}

#[tokio::test]
async fn an_active_failover_or_replication_blocks() {
    let mut site = Site::clean();
    let job = "live-failover-4205a841-0265-f4bd-39a6-39fd92196f53-1755530108";
    site.subject.active_job = Some(job.parse().unwrap());
    site.vm().sync.active_replications = vec!["job-77".into()];
    let finding = site.only_failure().await;
    assert_finding(&finding, "active_jobs", &[job, "job-77"]);
    assert_eq!(finding.details["active_failover_job"], job);
}

#[tokio::test]
async fn no_change_id_blocks_also_when_it_is_blank() {
    for change_id in [None, Some("  ".to_owned())] {
        let mut site = Site::clean();
        site.vm().sync.change_id = change_id;
        assert_finding(
            &site.only_failure().await,
            "sync_status",
            &["no ChangeID", "ERP 01"],
        );
    }
}

#[tokio::test]
async fn a_replica_that_needs_a_full_resync_blocks() {
    let mut site = Site::clean();
    site.vm().disks[2].replica.as_mut().unwrap().needs_full_resync = true;
    assert_finding(
        &site.only_failure().await,
        "sync_status",
        &["Hard disk 3", "volume-2", "full synchronisation"],
    );
    let remedy = site.only_failure().await.remedy.unwrap();
    for way_out in ["from the start", "failoverctl quarantine clear"] {
        assert!(remedy.contains(way_out), "{remedy}");
    }
}

#[tokio::test]
async fn an_unmapped_network_blocks() {
    let mut site = Site::clean();
    site.subject.mappings.remove("DB Network");
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["\"DB Network\"", "not mapped"],
    );
}

#[tokio::test]
async fn a_network_of_another_zone_a_lost_one_and_a_closed_one_are_told_apart() {
    let mut site = Site::clean();
    site.subject
        .mappings
        .insert("DB Network".into(), mapping("DB Network", "net-far"));
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["net-far", "zone-2", "zone-1"],
    );

    site.subject
        .mappings
        .insert("DB Network".into(), mapping("DB Network", "net-gone"));
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["net-gone", "does not exist"],
    );

    let mut site = Site::clean();
    site.networks[1].can_deploy = false;
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["net-db", "takes no VMs"],
    );
}

#[tokio::test]
async fn two_cards_on_one_cloud_network_block() {
    let mut site = Site::clean();
    site.subject
        .mappings
        .insert("DB Network".into(), mapping("DB Network", "net-prod"));
    let words = [
        "card of VM Network",
        "card of DB Network",
        "net-prod",
        "one card per network",
    ];
    assert_finding(&site.only_failure().await, "network_mappings", &words);
}

#[tokio::test]
async fn a_clean_test_is_ready_with_all_rules_passed() {
    let readiness = Site::clean_test().assess().await;
    assert!(
        readiness.is_ready,
        "{:#?}",
        readiness.failures().collect::<Vec<_>>()
    );
    assert_eq!(readiness.readiness_score, 100.0);
    let rules: Vec<&str> = readiness.checks.iter().map(|c| c.rule.as_str()).collect();
    let expected: Vec<&str> = catalogue(FailoverType::Test).iter().map(|r| r.name).collect();
    assert_eq!(rules, expected);
}

#[tokio::test]
async fn a_test_refuses_a_production_mapping() {
    let mut site = Site::clean_test();
    site.subject.mappings.get_mut("VM Network").unwrap().purpose = Purpose::Production;
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["\"VM Network\"", "production", "test"],
    );
}

#[tokio::test]
async fn a_test_refuses_a_network_that_nobody_marked() {
    let mut site = Site::clean_test();
    site.subject.marked_networks.clear();
    let finding = site.only_failure().await;
    let words = ["net-test", "\"VM Network\"", "not marked as a test network"];
    assert_finding(&finding, "network_mappings", &words);
    assert!(!finding.message.contains("net-lab"), "{finding:#?}");
    let remedy = finding.remedy.unwrap();
    for way_out in ["store a test mapping", "target.test_network_ids"] {
        assert!(remedy.contains(way_out), "{remedy}");
    }

    let mut site = Site::clean_test();
    site.target.test_networks.clear();
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["net-lab", "not marked as a test network"],
    );
}

#[tokio::test]
async fn a_test_never_reaches_production_whoever_marks_it() {
    let mut site = Site::clean_test();
    site.map("DB Network", "net-db");
    site.target.test_networks.insert("net-db".parse().unwrap());
    site.subject.marked_networks.insert("net-db".parse().unwrap());
    let finding = site.only_failure().await;
    let words = ["net-db", "\"DB Network\"", "must not reach production"];
    assert_finding(&finding, "network_mappings", &words);
    assert!(!finding.message.contains("not marked"), "{finding:#?}");
}

#[tokio::test]
async fn a_test_never_reaches_the_production_of_another_vm() {
    let mut site = Site::clean_test();
    let other: VmId = "4205b000-0000-0000-0000-000000000002".parse().unwrap();
    let network: NetworkId = "net-lab".parse().unwrap();
    site.map("DB Network", "net-lab");
    site.subject.marked_networks.insert(network.clone());
    site.subject.production_networks.insert(network, other);
    let finding = site.only_failure().await;
    let words = ["net-lab", "4205b000", "must not reach production"];
    assert_finding(&finding, "network_mappings", &words);
}

/// Its mapping may have been given with the failover, and be stored nowhere.
#[tokio::test]
async fn a_test_never_reaches_a_vm_that_was_failed_over_live() {
    for (job, harms) in [
        ("live-failover-x-1764058000", true),
        ("test-failover-x-1764058000", false),
    ] {
        let mut site = Site::clean_test();
        let network: NetworkId = "net-lab".parse().unwrap();
        site.map("DB Network", "net-lab");
        site.subject.marked_networks.insert(network.clone());
        let mut other = cloud_vm("vm-other", "crm-01", VmState::Running);
        other
            .details
            .insert(DeployVm::MARK_DETAIL.to_owned(), job.to_owned());
        other.nics.push(CloudNic {
            id: None,
            network,
            network_name: "net-lab".to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            address: None,
            is_default: true,
            device: None,
        });
        site.vms.push(other);
        if harms {
            let finding = site.only_failure().await;
            let words = ["net-lab", "crm-01", "must not reach production"];
            assert_finding(&finding, "network_mappings", &words);
        } else {
            assert!(site.assess().await.is_ready, "tests may share a network");
        }
    }
}

#[tokio::test]
async fn a_test_without_a_mapping_is_not_sent_to_another_test_network() {
    let mut site = Site::clean_test();
    site.subject.mappings.remove("DB Network");
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["\"DB Network\"", "not mapped"],
    );
}

#[tokio::test]
async fn a_live_failover_needs_no_mark() {
    let site = Site::clean();
    assert!(site.subject.marked_networks.is_empty() && site.target.test_networks.is_empty());
    assert!(site.assess().await.is_ready);
}

#[tokio::test]
async fn a_vm_without_network_card_blocks() {
    let mut site = Site::clean();
    site.vm().nics.clear();
    assert_finding(
        &site.only_failure().await,
        "network_mappings",
        &["no network card"],
    );
}

#[tokio::test]
async fn each_disk_is_looked_at() {
    let mut site = Site::clean();
    site.vm().disks[0].replica = None;
    site.volumes[1].attachment = None;
    site.volumes.remove(2);
    let finding = site.only_failure().await;
    let words = [
        "Hard disk 1 (scsi0:0) has no replica",
        "volume-1",
        "attached to no VM",
        "volume-2",
        "does not exist",
    ];
    assert_finding(&finding, "volume_state", &words);
    assert_eq!(finding.details["problems"].as_array().unwrap().len(), 3);
    assert_eq!(finding.details["disks"][1]["volume_state"], "Ready");
}

#[tokio::test]
async fn a_replica_that_cannot_change_custody_blocks() {
    type Break = fn(&mut ossea::Volume);
    let broken: [(Break, &[&str]); 8] = [
        (
            |v| v.state = VolumeState::Snapshotting,
            &["Snapshotting", "must be Ready"],
        ),
        (
            |v| v.attachment.as_mut().unwrap().vm = "other".parse().unwrap(),
            &["VM oma (other)", "OMA (oma)"],
        ),
        (
            |v| v.attachment.as_mut().unwrap().device = None,
            &["shows no device"],
        ),
        (
            |v| v.attachment.as_mut().unwrap().device = Some(0),
            &["own root disk"],
        ),
        (
            |v| v.pending_job = Some("job-1".parse().unwrap()),
            &["running cloud job job-1"],
        ),
        (|v| v.size_bytes -= 1, &["10737418239 bytes", "10737418240"]),
        (|v| v.zone = "zone-2".parse().unwrap(), &["zone-2", "zone-1"]),
        (|v| v.kind = VolumeKind::Root, &["root volume"]),
    ];
    for (break_it, words) in broken {
        let mut site = Site::clean();
        break_it(&mut site.volumes[1]);
        let finding = site.only_failure().await;
        assert_finding(&finding, "volume_state", words);
        assert_finding(&finding, "volume_state", &["Hard disk 2 (scsi0:1)", "volume-1"]);
        assert_eq!(
            finding.details["problems"].as_array().unwrap().len(),
            1,
            "{finding:#?}"
        );
    }
}

#[tokio::test]
async fn two_disks_with_one_volume_block() {
    let mut site = Site::clean();
    let first = site.vm().disks[0].replica.clone();
    site.vm().disks[1].replica = first;
    assert_finding(
        &site.only_failure().await,
        "volume_state",
        &["Hard disk 1 and Hard disk 2", "volume-0"],
    );
}

#[tokio::test]
async fn a_silent_cloud_fails_every_rule_that_needs_it_and_says_what_to_do_once() {
    let mut site = Site::clean();
    site.outage = Some(OsseaError::Unreachable("connection refused".into()));
    let readiness = site.assess().await;
    assert_eq!((readiness.is_ready, readiness.readiness_score), (false, 0.0));
    let passed: Vec<&str> = readiness
        .checks
        .iter()
        .filter(|c| c.status == CheckStatus::Pass)
        .map(|c| c.rule.as_str())
        .collect();
    assert_eq!(
        passed,
        [
            "vm_existence",
            "active_jobs",
            "sync_status",
            "source_power_state",
            "consistency_point"
        ]
    );
    for failure in readiness.failures() {
        assert!(failure.message.contains("connection refused"), "{failure:#?}");
    }
    assert_eq!(
        readiness.required_actions.len(),
        1,
        "{:#?}",
        readiness.required_actions
    );
}

#[tokio::test]
async fn wrong_credentials_html_and_an_unreachable_cloud_are_told_apart() {
    let errors = [
        (
            OsseaError::Unauthorized("401".into()),
            "unauthorized",
            "secret key",
        ),
        (
            OsseaError::Malformed("<html>".into()),
            "not_cloudstack",
            "/client/api",
        ),
        (
            OsseaError::Unreachable("no route".into()),
            "unreachable",
            "firewalls",
        ),
        (OsseaError::Busy("maintenance".into()), "busy", "maintenance"),
        (
            OsseaError::Throttled {
                retry_after: Duration::from_secs(1),
            },
            "throttled",
            "api.throttling.max",
        ),
        (
            OsseaError::Refused(Refusal {
                code: 531,
                text: "no".into(),
            }),
            "refused",
            "what the cloud says",
        ),
    ];
    for (error, kind, remedy) in errors {
        let mut site = Site::clean();
        site.capabilities = Err(error);
        let readiness = site.assess().await;
        let finding = readiness
            .failures()
            .find(|f| f.rule == "cloud_reachable")
            .unwrap();
        assert_eq!(finding.details["error"], kind);
        assert!(finding.remedy.as_ref().unwrap().contains(remedy), "{finding:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_gets_no_answer_in_time_says_so() {
    let site = Site::clean();
    let readiness = assess(&site.subject, &site.target, &SilentCloud).await;
    let overdue: Vec<_> = readiness.failures().collect();
    assert_eq!(overdue.len(), 11, "{overdue:#?}");
    assert_finding(
        overdue[0],
        "network_mappings",
        &["cannot be checked", "no answer within 15 s"],
    );
    for finding in overdue {
        assert!(
            (15_000..16_000).contains(&finding.execution_time_ms),
            "rules run side by side: {finding:#?}"
        );
    }
}

#[tokio::test]
async fn missing_objects_of_the_configuration_are_named() {
    let mut site = Site::clean();
    (site.zone, site.template) = (None, None);
    site.vms.clear();
    let finding = site.only_failure().await;
    assert_finding(
        &finding,
        "destination_settings",
        &["zone zone-1", "template template", "appliance VM (OMA) oma"],
    );

    let mut site = Site::clean();
    site.offering = None;
    let readiness = site.assess().await;
    let failed: Vec<&str> = readiness.failures().map(|f| f.rule.as_str()).collect();
    assert_eq!(failed, ["destination_settings", "destination_size"]);
}

#[tokio::test]
async fn settings_that_do_not_suit_the_vm_block() {
    type Break = fn(&mut Site);
    let broken: [(Break, &[&str]); 8] = [
        (
            |s| s.zone.as_mut().unwrap().enabled = false,
            &["Zone 1", "disabled"],
        ),
        (
            |s| s.offering.as_mut().unwrap().cpu_bounds = Some((1, 2)),
            &["4 CPUs", "1 to 2"],
        ),
        (
            |s| s.offering.as_mut().unwrap().memory_bounds_mib = Some((16_384, 32_768)),
            &["8192 MiB", "16384 to 32768"],
        ),
        (
            |s| s.template.as_mut().unwrap().ready = false,
            &["blank", "not ready"],
        ),
        (
            |s| s.template.as_mut().unwrap().hypervisor = "VMware".into(),
            &["VMware", "KVM"],
        ),
        (
            |s| {
                s.template.as_mut().unwrap().password_enabled = true;
                s.networks[1].kind = "L2".into();
            },
            &["password server", "net-db"],
        ),
        (|s| s.vms[0].state = VmState::Stopped, &["OMA oma", "Stopped"]),
        (
            |s| s.vms[0].zone = "zone-2".parse().unwrap(),
            &["zone-2", "zone-1"],
        ),
    ];
    for (break_it, words) in broken {
        let mut site = Site::clean();
        break_it(&mut site);
        assert_finding(&site.only_failure().await, "destination_settings", words);
    }
}

#[tokio::test]
async fn a_password_template_is_fine_where_no_l2_network_is_used() {
    let mut site = Site::clean();
    site.template.as_mut().unwrap().password_enabled = true;
    assert!(site.assess().await.is_ready);
}

#[tokio::test]
async fn a_vm_of_the_derived_name_blocks_and_its_maker_is_named() {
    let mut site = Site::clean();
    let mut namesake = cloud_vm("vm-9", "erp-01", VmState::Stopped);
    namesake
        .details
        .insert("failoverjob".into(), "live-failover-x".into());
    site.vms.push(namesake);
    assert_finding(
        &site.only_failure().await,
        "destination_name",
        &["erp-01", "vm-9", "made by job live-failover-x"],
    );
    site.vms[1].zone = "zone-2".parse().unwrap();
    assert!(
        site.assess().await.is_ready,
        "a VM of another zone shares no network"
    );
}

#[tokio::test]
async fn a_test_vm_gets_the_first_free_one_of_nine_names() {
    let mut site = Site::clean_test();
    let free = async |site: &Site| {
        let (zone, cloud) = (&site.target.zone, site.cloud());
        let found = free_destination_name(&cloud, zone, "ERP 01", FailoverType::Test).await;
        let finding = site.finding("destination_name").await;
        assert_eq!(finding.details["name"], serde_json::json!(found.clone().unwrap()));
        found.unwrap()
    };
    site.vms.push(cloud_vm("vm-9", "erp-01", VmState::Running));
    assert_eq!(free(&site).await.as_deref(), Some("erp-01-test"));

    site.vms
        .push(cloud_vm("vm-10", "erp-01-test", VmState::Destroyed));
    assert_eq!(free(&site).await.as_deref(), Some("erp-01-2-test"));
    assert!(site.assess().await.is_ready);

    for n in 2..=9 {
        let (id, name) = (format!("vm-2{n}"), format!("erp-01-{n}-test"));
        site.vms.push(cloud_vm(&id, &name, VmState::Stopped));
    }
    assert_eq!(free(&site).await, None);
    assert_finding(
        &site.only_failure().await,
        "destination_name",
        &["erp-01-test", "vm-10", "Destroyed", "4 more problems"],
    );

    let last = site.vms.last_mut().unwrap();
    last.zone = "zone-2".parse().unwrap();
    assert_eq!(free(&site).await.as_deref(), Some("erp-01-9-test"));
}

#[tokio::test]
async fn a_live_vm_has_one_name_only() {
    let mut site = Site::clean();
    site.vms.push(cloud_vm("vm-9", "erp-01", VmState::Stopped));
    let (zone, cloud) = (&site.target.zone, site.cloud());
    let found = free_destination_name(&cloud, zone, "ERP 01", FailoverType::Live).await;
    assert_eq!(found.unwrap(), None);
}

#[tokio::test]
async fn a_test_passes_with_the_rollback_strategy_that_will_be_taken_and_why() {
    let mut site = Site::clean_test();
    let passed = site.finding("rollback_strategy").await;
    assert_eq!(passed.status, CheckStatus::Pass);
    assert_eq!(passed.details["strategy"], "vm_snapshot");
    assert!(
        passed.message.contains("4.22.1.0") && passed.message.contains("NetworkFilesystem"),
        "{passed:#?}"
    );

    site.snapshots = vec![snapshot("snap-1", "volume-2", SnapshotState::Error)];
    let passed = site.finding("rollback_strategy").await;
    assert_eq!(passed.status, CheckStatus::Pass);
    assert_eq!(passed.details["strategy"], "volume_snapshots");
    assert!(passed.message.contains("snap-1"), "{passed:#?}");
}

#[tokio::test]
async fn a_vm_snapshot_that_cannot_be_had_blocks_only_where_it_is_asked_for() {
    type Break = fn(&mut Site);
    let broken: [(Break, &[&str]); 4] = [
        (
            |s| s.capabilities.as_mut().unwrap().version = "4.20.3.0".into(),
            &["4.20.3.0", "NetworkFilesystem", "volume-0", "volume-2"],
        ),
        (
            |s| s.pools = Err(OsseaError::Unauthorized("401".into())),
            &["storage is not known", "role", "volume-1"],
        ),
        (
            |s| s.volumes[1].storage = Some("elsewhere".into()),
            &["volume-1", "no pool of the zone"],
        ),
        (
            |s| s.snapshots = vec![snapshot("snap-1", "volume-2", SnapshotState::BackedUp)],
            &["snap-1", "BackedUp", "volume-2"],
        ),
    ];
    for (break_it, words) in broken {
        let mut site = Site::clean_test();
        break_it(&mut site);
        assert!(site.assess().await.is_ready, "{words:?}");
        site.subject.strategy = StrategyRequest::VmSnapshot;
        assert_finding(&site.only_failure().await, "rollback_strategy", words);
        site.subject.strategy = StrategyRequest::VolumeSnapshots;
        assert!(site.assess().await.is_ready, "{words:?}");
    }
}

#[test]
fn a_live_failover_has_no_strategy_to_choose() {
    let has_it = |failover| catalogue(failover).iter().any(|r| r.name == "rollback_strategy");
    assert_eq!(
        (has_it(FailoverType::Live), has_it(FailoverType::Test)),
        (false, true)
    );
}

#[tokio::test]
async fn a_source_vm_that_still_runs_warns_at_a_live_failover_only() {
    for (state, word) in [
        (PowerState::PoweredOn, "still powered on"),
        (PowerState::Suspended, "suspended"),
        (PowerState::Unknown, "nobody has reported"),
    ] {
        let mut site = Site::clean();
        site.vm().power_state = state;
        let readiness = site.assess().await;
        assert!(readiness.is_ready);
        assert_eq!(readiness.band, ReadinessBand::ReadyWithWarnings);
        assert_finding(
            readiness.failures().next().unwrap(),
            "source_power_state",
            &[word, "ERP 01"],
        );
    }
    assert!(
        catalogue(FailoverType::Test)
            .iter()
            .all(|r| r.name != "source_power_state")
    );
}

#[tokio::test]
async fn a_missing_expunge_permission_warns() {
    let mut site = Site::clean();
    site.capabilities.as_mut().unwrap().may_expunge_vm = false;
    let finding = site.only_failure().await;
    assert_finding(&finding, "expunge_permission", &["may not expunge"]);
    assert!(site.assess().await.is_ready);
}

#[tokio::test]
async fn a_fixed_offering_that_is_too_small_warns() {
    let mut site = Site::clean();
    let offering = site.offering.as_mut().unwrap();
    offering.customized = false;
    (offering.cpus, offering.memory_mib) = (Some(2), Some(8192));
    assert_finding(
        &site.only_failure().await,
        "destination_size",
        &["4 CPUs", "gives 2"],
    );
    assert!(site.assess().await.is_ready);
}

/// Whoever detached its disks or expunged it would lose what was failed over.
#[tokio::test]
async fn nobody_is_told_to_touch_what_a_failover_of_ours_has_made() {
    let mut site = Site::clean();
    let job = "live-failover-4205a841-1764058000";
    let mut ours = cloud_vm("vm-ours", "erp-01", VmState::Running);
    ours.details
        .insert(DeployVm::MARK_DETAIL.to_owned(), job.to_owned());
    site.vms.push(ours);
    let at = site.volumes[0].attachment.as_mut().unwrap();
    at.vm = "vm-ours".parse().unwrap();
    at.vm_name = "erp-01".to_owned();
    let readiness = site.assess().await;
    for rule in ["volume_state", "destination_name"] {
        let finding = readiness.checks.iter().find(|c| c.rule == rule).unwrap();
        let told = format!("{} {:?}", finding.message, finding.remedy);
        for words in [job, "touch nothing of it by hand"] {
            assert!(told.contains(words), "{rule}: {told}");
        }
        for words in ["detach it", "expunge it", "Rename"] {
            assert!(!told.contains(words), "{rule}: {told}");
        }
    }
}
