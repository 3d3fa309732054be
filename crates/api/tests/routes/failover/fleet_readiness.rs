//! `GET /api/v1/failover/readiness`.

use axum::http::StatusCode;
use failover_access::Actor;
use failover_api::dto::{ErrorCode, FleetReadinessPage, VmReadinessView};
use failover_domain::{Finding, NetworkMapping, Purpose, Readiness};
use failover_engine::ports::{Inventory, Mappings};
use ossea_sim::{FaultRule, RuleId, WayFault};
use serde_json::json;

use crate::fixture::{PGWIN, PRODUCTION_APP, TestApi, WEB, report_of};

async fn page(api: &TestApi, query: &str) -> FleetReadinessPage {
    let answer = api.get(&format!("/api/v1/failover/readiness{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

fn of<'a>(page: &'a FleetReadinessPage, vm_id: &str) -> &'a VmReadinessView {
    let mut vms = page.vms.iter();
    vms.find(|vm| vm.vm_id.as_str() == vm_id)
        .expect("the VM is on the page")
}

/// Adds source VMs that are mapped, and whose replicas the cloud does not have.
async fn add_lost_vms(api: &TestApi, count: usize) {
    for number in 0..count {
        let mut report = report_of(PGWIN);
        let vm_id = format!("a205a841-0265-f4bd-39a6-{number:012}");
        report["vm_id"] = json!(vm_id);
        report["name"] = json!(format!("lost-{number}"));
        for (place, disk) in report["disks"].as_array_mut().unwrap().iter_mut().enumerate() {
            disk["volume"]["id"] = json!(format!("lost-{number}-{place}"));
        }
        let report = serde_json::from_value(report).unwrap();
        api.store
            .put_vm(&report, api.clock.now(), &Actor::named("test"))
            .await
            .unwrap();
        for purpose in [Purpose::Production, Purpose::Test] {
            let mapping = NetworkMapping {
                source_network: "VM Network".to_owned(),
                purpose,
                network_id: PRODUCTION_APP.parse().unwrap(),
                network_name: "production-app".to_owned(),
            };
            api.store
                .put_mapping(&vm_id.parse().unwrap(), &mapping, &Actor::named("test"))
                .await
                .unwrap();
        }
    }
}

/// Counts all calls, and lets none of them go wrong.
fn counter(api: &TestApi) -> RuleId {
    api.cloud
        .add_fault(FaultRule::on("*", WayFault::Busy).nth(u32::MAX))
}

fn calls(api: &TestApi, counter: RuleId) -> u32 {
    api.cloud.fault(counter).expect("the rule is there").matched
}

fn without_times(mut checks: Vec<Finding>) -> Vec<Finding> {
    for check in &mut checks {
        check.execution_time_ms = 0;
    }
    checks
}

#[tokio::test(start_paused = true)]
async fn each_vm_has_the_verdict_that_it_has_alone() {
    let api = TestApi::ready_for_tests().await;
    for failover in ["live", "test"] {
        let all = page(&api, &format!("?type={failover}&full=true")).await;
        assert_eq!(all.totals.assessed, all.vms.len());
        for vm_id in [PGWIN, WEB] {
            let alone = api
                .get(&format!("/api/v1/failover/{vm_id}/readiness?type={failover}"))
                .await;
            let alone: Readiness = serde_json::from_str(&alone.text).unwrap();
            let among_many = of(&all, vm_id);
            assert_eq!(
                without_times(among_many.checks.clone().unwrap()),
                without_times(alone.checks)
            );
            assert_eq!(among_many.is_ready, alone.is_ready);
            assert_eq!(among_many.readiness_score, alone.readiness_score);
            assert_eq!(among_many.required_actions, alone.required_actions);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_told_in_short_and_summed_up() {
    let api = TestApi::ready().await;
    let all = page(&api, "").await;
    let ready = of(&all, PGWIN);
    assert!(ready.is_ready && ready.checks.is_none(), "{ready:#?}");
    let web = of(&all, WEB);
    assert!(!web.is_ready, "{web:#?}");
    let unmapped = web.failed_checks.iter().find(|c| c.rule == "network_mappings");
    assert!(unmapped.unwrap().remedy.is_some(), "{web:#?}");
    assert!(!web.required_actions.is_empty());
    assert_eq!(all.totals.ready + all.totals.not_ready, all.totals.assessed);
    assert_eq!(all.totals.ready, 1);
    assert_eq!(all.totals.failed_checks["network_mappings"], all.totals.not_ready);
}

#[tokio::test(start_paused = true)]
async fn the_filter_hides_vms_and_leaves_the_sums() {
    let api = TestApi::ready().await;
    let all = page(&api, "").await;
    let ready = page(&api, "?ready=true").await;
    assert_eq!(ready.vms.len(), 1);
    assert_eq!(ready.totals, all.totals);
    let not_ready = page(&api, "?ready=false").await;
    assert_eq!(not_ready.vms.len() + 1, all.vms.len());
    assert!(not_ready.vms.iter().all(|vm| !vm.is_ready));
}

#[tokio::test(start_paused = true)]
async fn pages_join_without_gaps() {
    let api = TestApi::with_inventory().await;
    add_lost_vms(&api, 5).await;
    let all = page(&api, "").await;
    let (mut joined, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let part = page(&api, &query).await;
        joined.extend(part.vms.iter().map(|vm| vm.vm_id.clone()));
        let Some(cursor) = part.next_cursor else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    let expected: Vec<_> = all.vms.iter().map(|vm| vm.vm_id.clone()).collect();
    assert_eq!(joined, expected);
}

/// The lost replicas are looked for among all volumes, the names among all VMs, and the snapshots among all snapshots.
#[tokio::test(start_paused = true)]
async fn two_hundred_vms_take_as_many_calls_of_the_cloud_as_two() {
    for failover in ["live", "test"] {
        let api = TestApi::ready_for_tests().await;
        add_lost_vms(&api, 2).await;
        let few = counter(&api);
        page(&api, &format!("?type={failover}&limit=1000")).await;
        let few = calls(&api, few);
        add_lost_vms(&api, 200).await;
        let many = counter(&api);
        let all = page(&api, &format!("?type={failover}&limit=1000")).await;
        assert!(all.totals.assessed > 200, "{:?}", all.totals);
        assert!(
            all.totals.failed_checks["volume_state"] >= 200,
            "{:?}",
            all.totals
        );
        let many = calls(&api, many);
        assert_eq!(many, few, "{failover}");
        assert!(many <= 13, "{failover}: {many} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_cloud_is_waited_for_once_and_not_once_a_vm() {
    let api = TestApi::ready().await;
    add_lost_vms(&api, 200).await;
    api.break_cloud(&WayFault::LostRequest);
    let began = tokio::time::Instant::now();
    let all = page(&api, "?limit=1000").await;
    assert_eq!(all.totals.ready, 0);
    assert_eq!(all.totals.failed_checks["cloud_reachable"], all.totals.assessed);
    assert!(began.elapsed().as_secs() <= 31, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_active_job_is_told_of_its_own_vm_only() {
    let (api, job_id) = TestApi::failing_over().await;
    let all = page(&api, "").await;
    let active: Vec<&VmReadinessView> = all
        .vms
        .iter()
        .filter(|vm| vm.failed_checks.iter().any(|check| check.rule == "active_jobs"))
        .collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].vm_id.as_str(), PGWIN);
    assert!(
        active[0].failed_checks[0].message.contains(job_id.as_str()),
        "{active:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_parameters_are_named() {
    let api = TestApi::empty();
    for (query, words) in [
        ("?type=life", "live or test"),
        ("?ready=maybe", "query parameter ready"),
        ("?full=1", "query parameter full"),
        ("?limit=0", "from 1 to 1000"),
        ("?limit=1001", "from 1 to 1000"),
        ("?cursor=", "query parameter cursor"),
        ("?since=yesterday", "since"),
    ] {
        let answer = api.get(&format!("/api/v1/failover/readiness{query}")).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(words), "{query}: {}", problem.detail);
    }
    assert_eq!(page(&api, "").await.totals.assessed, 0);
}
