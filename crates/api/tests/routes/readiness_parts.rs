//! `GET /api/v1/vms/{vm_id}/sync-status` and its like.

use axum::http::StatusCode;
use chrono::TimeDelta;
use failover_api::dto::{
    ActiveJobFacts, ConfigurationFacts, ErrorCode, NetworkFacts, PartAnswer, SyncFacts, VolumeFacts,
};
use failover_domain::{JobType, Readiness};
use failover_engine::ports::{Inventory, ResyncMark};
use ossea_sim::{FaultRule, WayFault};
use serde::de::DeserializeOwned;

use crate::fixture::{NOBODY, PGWIN, PRODUCTION_APP, TEST_NETWORK, TestApi, WEB, target};

const PARTS: [&str; 6] = [
    "failover-readiness",
    "sync-status",
    "network-mapping-status",
    "volume-status",
    "active-jobs",
    "configuration-check",
];

async fn part<Facts: DeserializeOwned>(api: &TestApi, vm_id: &str, part: &str) -> PartAnswer<Facts> {
    let answer = api.get(&format!("/api/v1/vms/{vm_id}/{part}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

fn rules<Facts>(answer: &PartAnswer<Facts>) -> Vec<&str> {
    answer.checks.iter().map(|check| check.rule.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_whole_is_the_readiness_of_the_vm() {
    let api = TestApi::ready().await;
    let answer = api.get(&format!("/api/v1/vms/{PGWIN}/failover-readiness")).await;
    let verdict: Readiness = serde_json::from_str(&answer.text).unwrap();
    assert!(verdict.is_ready, "{verdict:#?}");
    let answer = api
        .get(&format!("/api/v1/vms/{PGWIN}/failover-readiness?type=test"))
        .await;
    let verdict: Readiness = serde_json::from_str(&answer.text).unwrap();
    assert!(!verdict.is_ready, "{verdict:#?}");
}

#[tokio::test(start_paused = true)]
async fn sync_status_tells_change_id_instant_and_age() {
    let api = TestApi::ready().await;
    let answer: PartAnswer<SyncFacts> = part(&api, PGWIN, "sync-status").await;
    assert!(answer.passed && answer.required_actions.is_empty(), "{answer:#?}");
    assert_eq!(answer.vm_name, "PGWINTESTBIOS");
    let facts = &answer.facts;
    assert!(facts.change_id.is_some());
    let age = api.clock.now() - facts.synced_at.unwrap();
    let told = TimeDelta::seconds(i64::try_from(facts.age_seconds.unwrap()).unwrap());
    assert!((age - told).num_seconds().abs() <= 1, "{age} {told}");
    assert_eq!(facts.disks.len(), 3);
    assert_eq!(facts.disks[2].position, "scsi1:0");
    assert!(
        facts
            .disks
            .iter()
            .all(|disk| disk.synced_at == facts.synced_at && disk.age_seconds.is_some())
    );

    let replica = facts.disks[1].volume_id.clone().unwrap();
    api.store.mark_resync(&replica, ResyncMark::Needed).await.unwrap();
    let answer: PartAnswer<SyncFacts> = part(&api, PGWIN, "sync-status").await;
    assert!(
        !answer.passed && answer.facts.disks[1].needs_full_resync,
        "{answer:#?}"
    );
    assert_eq!(answer.required_actions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn network_mapping_status_tells_of_each_card_where_it_goes() {
    let api = TestApi::ready_for_tests().await;
    let answer: PartAnswer<NetworkFacts> = part(&api, PGWIN, "network-mapping-status").await;
    assert!(answer.passed, "{answer:#?}");
    assert_eq!(rules(&answer), ["network_mappings"]);
    let nic = &answer.facts.nics[0];
    assert_eq!(nic.network_id.as_ref().unwrap().as_str(), PRODUCTION_APP);
    assert_eq!(nic.mac.as_ref().unwrap().as_str(), "00:50:56:9a:01:01");
    let answer: PartAnswer<NetworkFacts> = part(&api, PGWIN, "network-mapping-status?type=test").await;
    assert_eq!(answer.facts.nics[0].network_name.as_deref(), Some(TEST_NETWORK));

    let answer: PartAnswer<NetworkFacts> = part(&api, WEB, "network-mapping-status").await;
    assert!(
        !answer.passed && !answer.required_actions.is_empty(),
        "{answer:#?}"
    );
    assert!(answer.facts.nics.iter().all(|nic| nic.network_id.is_none()));
}

#[tokio::test(start_paused = true)]
async fn volume_status_tells_of_each_disk_what_the_cloud_shows() {
    let api = TestApi::ready_for_tests().await;
    let answer: PartAnswer<VolumeFacts> = part(&api, PGWIN, "volume-status").await;
    assert!(answer.passed, "{answer:#?}");
    assert!(rules(&answer).contains(&"volume_state") && !rules(&answer).contains(&"rollback_strategy"));
    let shown: Vec<_> = answer
        .facts
        .disks
        .iter()
        .map(|d| d.cloud.as_ref().unwrap())
        .collect();
    assert!(shown.iter().all(|volume| volume.state == "Ready"), "{shown:#?}");
    assert_eq!(shown[2].device, Some(4));
    assert_eq!(shown[0].attached_to, Some(target().oma_vm));
    assert_eq!(shown[1].size_bytes, answer.facts.disks[1].size_bytes);

    let answer: PartAnswer<VolumeFacts> = part(&api, PGWIN, "volume-status?type=test").await;
    assert!(rules(&answer).contains(&"rollback_strategy"));

    api.break_cloud(&WayFault::LostRequest);
    let answer: PartAnswer<VolumeFacts> = part(&api, PGWIN, "volume-status").await;
    assert!(!answer.passed, "a silent cloud proves nothing");
    assert!(
        answer
            .facts
            .disks
            .iter()
            .all(|disk| disk.cloud.is_none() && disk.volume_id.is_some())
    );
}

#[tokio::test(start_paused = true)]
async fn active_jobs_tells_the_job_with_its_type_and_where_it_is_shown() {
    let (api, job_id) = TestApi::failing_over().await;
    let answer: PartAnswer<ActiveJobFacts> = part(&api, PGWIN, "active-jobs").await;
    assert!(!answer.passed, "{answer:#?}");
    let job = answer.facts.failover_job.unwrap();
    assert_eq!((&job.job_id, job.job_type), (&job_id, JobType::Live));
    assert_eq!(job.job_url, format!("/api/v1/failover/jobs/{job_id}"));

    let answer: PartAnswer<ActiveJobFacts> = part(&api, WEB, "active-jobs").await;
    assert!(
        answer.passed && answer.facts.failover_job.is_none(),
        "{answer:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn configuration_check_names_what_is_configured() {
    let api = TestApi::ready().await;
    let answer: PartAnswer<ConfigurationFacts> = part(&api, PGWIN, "configuration-check").await;
    assert!(answer.passed, "{answer:#?}");
    assert_eq!(answer.facts.zone.id, target().zone.as_str());
    assert!(answer.facts.template.name.is_some() && answer.facts.oma.name.is_some());

    api.break_cloud(&WayFault::LostRequest);
    let answer: PartAnswer<ConfigurationFacts> = part(&api, PGWIN, "configuration-check").await;
    assert!(!answer.passed);
    assert_eq!(
        (answer.facts.zone.id.as_str(), answer.facts.zone.name),
        (target().zone.as_str(), None)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_database_knows_is_told_without_the_cloud() {
    let api = TestApi::ready().await;
    let calls = api
        .cloud
        .add_fault(FaultRule::on("*", WayFault::LostRequest).forever());
    for name in ["sync-status", "active-jobs"] {
        let answer = api.get(&format!("/api/v1/vms/{PGWIN}/{name}")).await;
        assert_eq!(answer.json()["passed"], true, "{}", answer.text);
    }
    assert_eq!(api.cloud.fault(calls).unwrap().matched, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vm_and_a_wrong_type_are_refused_by_every_part() {
    let api = TestApi::ready().await;
    for name in PARTS {
        let answer = api.get(&format!("/api/v1/vms/{NOBODY}/{name}")).await;
        answer.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
        let answer = api.get(&format!("/api/v1/vms/{PGWIN}/{name}?type=life")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains("live or test"), "{}", problem.detail);
    }
}
