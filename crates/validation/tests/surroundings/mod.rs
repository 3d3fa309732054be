//! What surrounds the replicas: storage, devices, limits of the account, what earlier jobs left, and their one instant.

use chrono::{DateTime, TimeDelta};
use failover_domain::{CheckStatus, CheckType, FailoverType, Readiness};
use failover_validation::assess_many;
use ossea::{DeployVm, LimitedResource, OsseaError, PoolKind, ResourceLimit, SnapshotState, VmState};

use crate::site::{Site, assert_finding, cloud_vm, pool, snapshot};

const OLD_JOB: &str = "test-failover-4205a841-0265-f4bd-39a6-39fd92196f53-1764058000";

fn limit(resource: LimitedResource, max: u64) -> ResourceLimit {
    ResourceLimit {
        resource,
        max: Some(max),
    }
}

#[tokio::test]
async fn an_os_disk_on_managed_storage_blocks_and_a_data_disk_does_not() {
    let mut managed = pool("san", PoolKind::Other("Iscsi".into()));
    managed.managed = Some(true);
    for (disk, blocks) in [(0, true), (1, false)] {
        let mut site = Site::clean();
        site.pools = Ok(vec![managed.clone()]);
        site.volumes[disk].pool = Some(managed.id.clone());
        if blocks {
            let finding = site.only_failure().await;
            assert_finding(
                &finding,
                "managed_storage",
                &["volume-0", "managed storage (san)"],
            );
            assert_eq!(finding.check_type, CheckType::Critical);
            assert_eq!(finding.details["managed"], true);
        } else {
            assert_eq!(site.assess().await.failures().count(), 0);
        }
    }
}

#[tokio::test]
async fn storage_that_our_role_is_not_told_of_is_no_finding() {
    let mut site = Site::clean();
    site.pools = Err(OsseaError::Unauthorized("listStoragePools".into()));
    let finding = site.finding("managed_storage").await;
    assert_eq!(finding.status, CheckStatus::Pass);
    assert!(finding.message.contains("nothing is known"), "{finding:#?}");
}

#[tokio::test]
async fn a_limit_that_the_failover_exceeds_by_itself_blocks() {
    for (resource, max, words) in [
        (LimitedResource::Vms, 0, ["1 VMs", "may have 0"]),
        (
            LimitedResource::Snapshots,
            2,
            ["3 volume snapshots", "may have 2"],
        ),
        (LimitedResource::Cpus, 3, ["4 CPUs", "may have 3"]),
        (
            LimitedResource::MemoryMib,
            8191,
            ["8192 MiB of memory", "may have 8191"],
        ),
    ] {
        let mut site = Site::clean();
        site.limits = Ok(vec![limit(resource.clone(), max)]);
        assert_finding(&site.only_failure().await, "account_limits", &words);
        site.limits = Ok(vec![limit(resource, max + 1)]);
        assert_eq!(site.assess().await.readiness_score, 100.0);
    }
}

#[tokio::test]
async fn a_test_needs_no_volume_snapshots_and_unlimited_is_enough() {
    let mut site = Site::clean_test();
    site.limits = Ok(vec![limit(LimitedResource::Snapshots, 0)]);
    assert_eq!(site.finding("account_limits").await.status, CheckStatus::Pass);
    let mut site = Site::clean();
    site.limits = Ok(vec![ResourceLimit {
        resource: LimitedResource::Vms,
        max: None,
    }]);
    assert_eq!(site.finding("account_limits").await.status, CheckStatus::Pass);
}

#[tokio::test]
async fn limits_that_our_role_is_not_told_are_no_finding_and_a_silence_is_one() {
    let mut site = Site::clean();
    site.limits = Err(OsseaError::Unauthorized("listResourceLimits".into()));
    let finding = site.finding("account_limits").await;
    assert_eq!(finding.status, CheckStatus::Pass);
    assert!(finding.message.contains("nothing is known"), "{finding:#?}");
    site.limits = Err(OsseaError::Unreachable("no route".into()));
    assert_finding(
        &site.only_failure().await,
        "account_limits",
        &["cannot be checked", "no route"],
    );
}

#[tokio::test]
async fn replicas_of_two_instants_are_a_warning_that_names_both() {
    let mut site = Site::clean();
    site.vm().disks[1].synced_at = Some(DateTime::UNIX_EPOCH + TimeDelta::hours(2));
    let finding = site.only_failure().await;
    let words = ["Hard disk 2", "02:00:00", "00:00:00", "inconsistent"];
    assert_finding(&finding, "consistency_point", &words);
    assert_eq!(finding.check_type, CheckType::Warning);
    assert!(site.assess().await.is_ready);
    site.vm().disks[1].synced_at = Some(DateTime::UNIX_EPOCH + TimeDelta::minutes(15));
    assert_eq!(
        site.assess().await.readiness_score,
        100.0,
        "one run notes one disk after the other"
    );
}

#[tokio::test]
async fn a_replica_whose_last_run_has_no_success_is_a_warning() {
    let mut site = Site::clean();
    site.vm().disks[2].synced_at = None;
    let finding = site.only_failure().await;
    assert_finding(
        &finding,
        "consistency_point",
        &["Hard disk 3 (scsi0:2)", "no successful"],
    );
    assert_eq!(finding.details["disks"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_device_that_is_impossible_shared_or_elsewhere_is_a_warning() {
    for device in [0, 3, 34] {
        let mut site = Site::clean();
        site.vm().disks[0].replica.as_mut().unwrap().oma_device = Some(device);
        let finding = site.only_failure().await;
        let words = [&format!("device {device}"), "no data disk can be"];
        assert_finding(&finding, "device_ids", &words.map(|word: &str| word));
    }
    let mut site = Site::clean();
    site.vm().disks[0].replica.as_mut().unwrap().oma_device = Some(2);
    let finding = site.only_failure().await;
    let words = [
        "Hard disk 1 and Hard disk 2",
        "same device 2",
        "the cloud shows it at 1",
    ];
    assert_finding(&finding, "device_ids", &words);
    assert_eq!(finding.check_type, CheckType::Warning);
    assert_eq!(finding.details["disks"][0]["cloud_device"], 1);
}

#[tokio::test]
async fn a_device_that_nobody_reported_is_no_finding() {
    let mut site = Site::clean();
    for disk in &mut site.vm().disks {
        disk.replica.as_mut().unwrap().oma_device = None;
    }
    assert_eq!(site.assess().await.readiness_score, 100.0);
}

#[tokio::test]
async fn a_vm_and_snapshots_of_an_earlier_job_are_a_warning_that_names_the_job() {
    let mut site = Site::clean();
    let mut left = cloud_vm("vm-9", "erp-01-test", VmState::Stopped);
    left.details
        .insert(DeployVm::MARK_DETAIL.to_owned(), OLD_JOB.to_owned());
    site.vms.push(left);
    let mut point = snapshot("snap-9", "volume-1", SnapshotState::BackedUp);
    point.name = format!("{OLD_JOB}-disk-1");
    site.snapshots = vec![point];
    let finding = site.only_failure().await;
    let words = [
        OLD_JOB,
        "VM erp-01-test (vm-9, state Stopped)",
        "snap-9",
        "volume-1",
    ];
    assert_finding(&finding, "leftovers", &words);
    assert_eq!(finding.check_type, CheckType::Warning);
    assert!(
        finding
            .remedy
            .as_ref()
            .unwrap()
            .contains(&format!("failoverctl jobs show {OLD_JOB}"))
    );
    assert_eq!(finding.details["left"].as_array().unwrap().len(), 2);
    assert!(site.assess().await.is_ready);
}

#[tokio::test]
async fn what_belongs_to_others_or_to_the_active_job_is_not_left_over() {
    let mut site = Site::clean();
    let other = OLD_JOB.replace("4205a841", "4205a842");
    for (place, job) in [other.as_str(), OLD_JOB, "something-else", ""]
        .into_iter()
        .enumerate()
    {
        let name = format!(
            "erp-01{}-test",
            if place == 0 {
                String::new()
            } else {
                format!("-{}", place + 1)
            }
        );
        let mut vm = cloud_vm(&format!("vm-{place}"), &name, VmState::Running);
        vm.details
            .insert(DeployVm::MARK_DETAIL.to_owned(), job.to_owned());
        site.vms.push(vm);
    }
    let mut theirs = snapshot("snap-1", "volume-0", SnapshotState::BackedUp);
    theirs.name = "before-patch-day".to_owned();
    site.snapshots = vec![theirs];
    site.subject.active_job = Some(OLD_JOB.parse().unwrap());
    assert_eq!(site.finding("leftovers").await.status, CheckStatus::Pass);
    site.subject.active_job = None;
    let finding = site.only_failure().await;
    assert_eq!(
        finding.details["left"].as_array().unwrap().len(),
        1,
        "{finding:#?}"
    );
}

#[tokio::test]
async fn many_subjects_get_the_verdicts_of_each_in_their_order() {
    let clean = Site::clean();
    let mut unmapped = Site::clean();
    unmapped.subject.mappings.clear();
    let mut test = Site::clean_test();
    test.subject.vm = None;
    let subjects = [clean.subject.clone(), unmapped.subject, test.subject];
    let many = assess_many(&subjects, &clean.target, &clean.cloud()).await;
    let failed =
        |verdict: &Readiness| -> Vec<String> { verdict.failures().map(|check| check.rule.clone()).collect() };
    assert_eq!(many.len(), 3);
    assert_eq!(failed(&many[0]), [""; 0]);
    assert_eq!(failed(&many[1]), ["network_mappings"]);
    assert!(failed(&many[2]).contains(&"vm_existence".to_owned()));
    assert!(
        many[2]
            .checks
            .iter()
            .any(|check| check.rule == "rollback_strategy")
    );
    assert_eq!(subjects[2].failover, FailoverType::Test);
}
