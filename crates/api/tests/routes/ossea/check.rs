//! `POST /api/v1/ossea/check`.

use axum::http::StatusCode;
use failover_api::dto::ossea::{Prerequisite, PrerequisiteStatus};
use failover_api::dto::{CheckAnswer, ErrorCode};
use failover_api::{ApiPorts, ApiState, router};
use failover_validation::Target;
use ossea_sim::{FaultRule, WayFault};
use serde_json::json;

use super::Counter;
use crate::fixture::{Answer, TestApi, service_over, settings, target};

const CHECK: &str = "/api/v1/ossea/check";

impl TestApi {
    /// The same cloud with another configuration.
    fn aiming_at(mut self, target: Target) -> Self {
        let mut service = service_over(&self.cloud, &self.store, &self.clock);
        service.target = target;
        self.router = router(ApiState::new(
            service,
            ApiPorts::of(self.store.clone()),
            settings(),
        ));
        self
    }

    async fn check(&self) -> Answer {
        self.post(CHECK, json!({})).await
    }

    async fn report(&self) -> CheckAnswer {
        let answer = self.check().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }
}

fn of<'a>(answer: &'a CheckAnswer, name: &str) -> &'a Prerequisite {
    let mut checks = answer.report.checks.iter();
    checks
        .find(|check| check.name == name)
        .expect("the check is there")
}

#[tokio::test(start_paused = true)]
async fn the_sample_cloud_is_usable() {
    let answer = TestApi::empty().report().await;
    assert!(answer.report.is_usable, "{answer:?}");
    for name in [
        "cloud_reachable",
        "version",
        "zone",
        "service_offering",
        "template",
        "oma",
        "networks",
    ] {
        assert_eq!(of(&answer, name).status, PrerequisiteStatus::Passed, "{name}");
    }
    assert_eq!(of(&answer, "clock_skew").status, PrerequisiteStatus::NotTold);
    assert_eq!(answer.probe.version.as_deref(), Some("4.22.1.0"));
}

#[tokio::test(start_paused = true)]
async fn choices_that_are_missing_are_suggested_and_not_taken() {
    let api = TestApi::empty().aiming_at(Target {
        offering: "nowhere".parse().unwrap(),
        template: "nowhere".parse().unwrap(),
        oma_vm: "nowhere".parse().unwrap(),
        ..target()
    });
    let answer = api.report().await;
    assert!(!answer.report.is_usable);
    for (name, suggested) in [
        ("service_offering", target().offering.as_str()),
        ("template", target().template.as_str()),
    ] {
        let check = of(&answer, name);
        assert_eq!(check.status, PrerequisiteStatus::Failed);
        assert_eq!(check.suggestions[0].id, suggested);
        assert!(check.message.contains("nowhere"), "{}", check.message);
    }
    let remedy = of(&answer, "oma").remedy.as_deref().unwrap();
    assert!(remedy.contains("find-oma"), "{remedy}");
    // Nothing remembers the suggestions.
    assert!(!api.report().await.report.is_usable);
}

#[tokio::test(start_paused = true)]
async fn each_check_looks_anew() {
    let api = TestApi::empty();
    let asked = Counter::of(&api, "listCapabilities");
    api.report().await;
    api.report().await;
    assert_eq!(asked.calls(&api), 2);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_a_finding() {
    let api = TestApi::empty();
    let refused = WayFault::Refuse {
        code: 401,
        text: "unable to verify user credentials".to_owned(),
    };
    // An earlier probe must not hide it.
    api.report().await;
    api.cloud
        .add_fault(FaultRule::on("listCapabilities", refused).forever());
    let answer = api.report().await;
    assert!(!answer.report.is_usable);
    let check = of(&answer, "cloud_reachable");
    assert_eq!(check.status, PrerequisiteStatus::Failed);
    assert!(check.remedy.as_deref().unwrap().contains("API key"));
    assert!(answer.probe.failed_refresh.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_answer_is_a_problem_even_after_a_probe() {
    for (fault, status) in [
        (WayFault::LostRequest, StatusCode::BAD_GATEWAY),
        (WayFault::Busy, StatusCode::SERVICE_UNAVAILABLE),
        (
            WayFault::Throttled { retry_after_ms: 1000 },
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        let api = TestApi::empty();
        api.report().await;
        api.break_cloud(&fault);
        api.check().await.problem(status, ErrorCode::OsseaApiError);
    }
}
