//! `POST /api/v1/failover/live`: what is refused, and how. Nothing is ever changed by it.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, Problem};
use failover_domain::{Firmware, RequestKey};
use ossea::{Command, CustomSize, DeployVm, NicRequest, OsseaClient};
use ossea_sim::WayFault;
use ossea_sim::faults::{Garbage, Work};
use serde_json::{Value, json};

use crate::fixture::{NOBODY, PGWIN, REMOTE_APP, TestApi, WEB, report_of, target};

const LIVE: &str = "/api/v1/failover/live";

/// Asks for a failover that must be refused without a trace.
async fn refused(api: &TestApi, body: Value, status: StatusCode, code: ErrorCode) -> Problem {
    let jobs = api.job_count().await;
    let problem = api.post(LIVE, body.clone()).await.problem(status, code);
    let dry = api
        .post("/api/v1/failover/live?dry_run=true", body)
        .await
        .problem(status, code);
    assert_eq!(dry.detail, problem.detail, "the dry run says the same");
    assert_eq!(api.job_count().await, jobs);
    problem
}

/// The failed findings by rule, with their messages.
fn finding<'a>(problem: &'a Problem, rule: &str) -> &'a str {
    let found = problem.findings.iter().find(|finding| finding.rule == rule);
    &found
        .unwrap_or_else(|| panic!("{rule} is not among {:#?}", problem.findings))
        .message
}

async fn not_ready(api: &TestApi, vm_id: &str) -> Problem {
    let body = json!({ "vm_id": vm_id });
    let problem = refused(
        api,
        body,
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::ValidationFailed,
    )
    .await;
    assert_eq!(problem.readiness_score, Some(0.0));
    problem
}

/// Reports [`PGWIN`] with one thing changed.
async fn with_report(change: impl FnOnce(&mut Value)) -> TestApi {
    let api = TestApi::ready().await;
    let mut report = report_of(PGWIN);
    change(&mut report);
    let answer = api.put(&format!("/api/v1/vms/{PGWIN}/replica"), report).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    api
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vm() {
    let api = TestApi::ready().await;
    let problem = refused(
        &api,
        json!({ "vm_id": NOBODY }),
        StatusCode::NOT_FOUND,
        ErrorCode::VmNotFound,
    )
    .await;
    assert!(problem.detail.contains(NOBODY));
}

#[tokio::test(start_paused = true)]
async fn an_id_and_a_name_of_different_vms() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN, "vm_name": "web-01" });
    let problem = refused(&api, body, StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest).await;
    assert!(
        problem.detail.contains("web-01") && problem.detail.contains("PGWINTESTBIOS"),
        "{}",
        problem.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_is_being_failed_over_already() {
    let (api, job_id) = TestApi::failing_over().await;
    let problem = refused(
        &api,
        json!({ "vm_id": PGWIN }),
        StatusCode::CONFLICT,
        ErrorCode::ActiveJobs,
    )
    .await;
    assert_eq!(
        problem.job_url.unwrap(),
        format!("/api/v1/failover/jobs/{job_id}")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unmapped_network() {
    let api = TestApi::with_inventory().await;
    let problem = not_ready(&api, WEB).await;
    let message = finding(&problem, "network_mappings");
    assert!(
        message.contains("VM Network") && message.contains("DMZ Network"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_network_of_another_zone() {
    let api = TestApi::ready().await;
    for network in [REMOTE_APP, "remote-app", "no-such-network"] {
        let body = json!({ "vm_id": PGWIN, "network_mappings": {"VM Network": network} });
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let problem = refused(&api, body, status, ErrorCode::NetworkMappingMissing).await;
        assert!(
            problem.detail.contains("VM Network") && problem.detail.contains(network),
            "{}",
            problem.detail
        );
        assert!(
            problem.detail.contains("production-app"),
            "what is allowed is named: {}",
            problem.detail
        );
    }
}

#[tokio::test(start_paused = true)]
async fn missing_cpus_or_memory() {
    for field in ["cpus", "memory_mib"] {
        let api = with_report(|report| {
            report.as_object_mut().unwrap().remove(field);
        })
        .await;
        let problem = not_ready(&api, PGWIN).await;
        let word = if field == "cpus" { "CPU" } else { "memory" };
        let message = finding(&problem, "vm_existence");
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_without_a_volume() {
    let api = with_report(|report| {
        report["disks"][1].as_object_mut().unwrap().remove("volume");
    })
    .await;
    let problem = not_ready(&api, PGWIN).await;
    assert!(
        finding(&problem, "volume_state").contains("Hard disk 2"),
        "{:?}",
        problem.findings
    );
}

#[tokio::test(start_paused = true)]
async fn a_volume_on_another_vm_than_the_oma() {
    let api = TestApi::ready().await;
    move_replica(&api, "fa02fe6f-89da-58a0-9db5-c2ee7e230bcc").await;
    let problem = not_ready(&api, PGWIN).await;
    let message = finding(&problem, "volume_state");
    assert!(message.contains("stranger"), "{message}");
}

/// Somebody else takes a replica from the OMA and hangs it on a VM of their own.
async fn move_replica(api: &TestApi, volume: &str) {
    let at = api.clock.now();
    let key = |step| {
        let vm = PGWIN.parse().unwrap();
        RequestKey::derive(
            &failover_domain::JobId::new(failover_domain::JobType::Live, &vm, at, 0),
            step,
            0,
        )
    };
    let target = target();
    let deploy = DeployVm {
        name: "stranger".to_owned(),
        display_name: "stranger".to_owned(),
        mark: "nobody".to_owned(),
        zone: target.zone,
        offering: target.offering,
        template: target.template,
        custom_size: Some(CustomSize {
            cpus: 1,
            cpu_speed_mhz: Some(1000),
            memory_mib: 1024,
        }),
        firmware: Firmware::Bios,
        secure_boot: false,
        nics: vec![NicRequest {
            network: crate::fixture::PRODUCTION_APP.parse().unwrap(),
            mac: None,
        }],
    };
    let volume = volume.parse::<failover_domain::VolumeId>().unwrap();
    run(
        api,
        key("deploy"),
        Command::DeployVirtualMachine(Box::new(deploy)),
    )
    .await;
    run(
        api,
        key("detach"),
        Command::DetachVolume {
            volume: volume.clone(),
        },
    )
    .await;
    let vm = api.cloud.vms_named("stranger").await.unwrap().pop().unwrap().id;
    run(
        api,
        key("attach"),
        Command::AttachVolume {
            volume,
            vm,
            device: Some(1),
        },
    )
    .await;
}

/// Sends a command and lets the cloud finish it.
async fn run(api: &TestApi, key: RequestKey, command: Command) {
    api.cloud.submit(&key, &command).await.unwrap();
    while !api.cloud.pending_jobs().await.unwrap().is_empty() {
        // The clock is paused: this only lets the cloud's time go on.
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_disks_with_one_volume() {
    let api = TestApi::ready().await;
    let mut report = report_of(PGWIN);
    report["disks"][1]["volume"] = report["disks"][0]["volume"].clone();
    let answer = api.put(&format!("/api/v1/vms/{PGWIN}/replica"), report).await;
    let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert_eq!(problem.mistakes[0].path, "disks[1].volume.id");
    let vm = api.get(&format!("/api/v1/vms/{PGWIN}")).await.json();
    assert_eq!(
        vm["disks"][1]["replica"]["volume_id"],
        "fa02fe6f-89da-58a0-9db5-c2ee7e230bcc"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_accept_our_credentials() {
    let api = TestApi::ready().await;
    let text = "unable to verify user credentials".to_owned();
    api.break_cloud(&WayFault::Refuse { code: 401, text });
    let problem = cloud_refused(&api, StatusCode::BAD_GATEWAY).await;
    assert!(problem.detail.contains("credentials"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_is_unreachable() {
    let api = TestApi::ready().await;
    api.break_cloud(&WayFault::LostRequest);
    let problem = cloud_refused(&api, StatusCode::BAD_GATEWAY).await;
    assert!(problem.detail.contains("unreachable"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_answers_html() {
    let api = TestApi::ready().await;
    api.break_cloud(&WayFault::Garbage {
        work: Work::NotDone,
        body: Garbage::Html,
    });
    let problem = cloud_refused(&api, StatusCode::BAD_GATEWAY).await;
    assert!(problem.detail.contains("cannot be read"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_takes_no_work() {
    let api = TestApi::ready().await;
    api.break_cloud(&WayFault::Busy);
    cloud_refused(&api, StatusCode::SERVICE_UNAVAILABLE).await;
}

/// The cloud is asked by the readiness rules, and before them for the mappings of a request.
async fn cloud_refused(api: &TestApi, status: StatusCode) -> Problem {
    let body = json!({ "vm_id": PGWIN, "network_mappings": {"VM Network": "production-app"} });
    refused(api, body, status, ErrorCode::OsseaApiError).await;
    let problem = refused(api, json!({ "vm_id": PGWIN }), status, ErrorCode::OsseaApiError).await;
    assert!(!problem.findings.is_empty());
    problem
}

#[tokio::test(start_paused = true)]
async fn skip_validation_never_passes_over_critical_checks() {
    let api = TestApi::with_inventory().await;
    let body = json!({ "vm_id": WEB, "skip_validation": true });
    refused(
        &api,
        body,
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::ValidationFailed,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn malformed_bodies() {
    let api = TestApi::ready().await;
    for (body, part) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("<html>", "not JSON"),
        ("[]", "not as expected"),
        ("{}", "vm_id"),
        (r#"{"vm_id": 5}"#, "vm_id"),
        (r#"{"vm_id": "web-01"}"#, "a VMware UUID such as"),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "vm_nam": "x"}"#,
            "unknown field `vm_nam`",
        ),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "boot": {"grade": []}}"#,
            "unknown field `grade`",
        ),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "boot": {"grades": ["tcp:0"]}}"#,
            "boot.grades[0]",
        ),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "boot": {"within": "soon"}}"#,
            "boot.within",
        ),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "on_boot_failure": "panic"}"#,
            "on_boot_failure",
        ),
        (
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "skip_validation": "yes"}"#,
            "skip_validation",
        ),
    ] {
        let answer = api.post_text(LIVE, body).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    assert_eq!(api.job_count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn wrong_query_parameters() {
    let api = TestApi::ready().await;
    for query in ["dry_run=perhaps", "dryrun=true", "dry_run=true&dry_run=false"] {
        let answer = api
            .post(&format!("{LIVE}?{query}"), json!({ "vm_id": PGWIN }))
            .await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains("dry"), "{query}: {}", problem.detail);
    }
    assert_eq!(api.job_count().await, 0);
}
