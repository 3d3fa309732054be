//! `failoverctl ossea` against an API on loopback: requests, exit codes, and what goes to which output.

use failover_api::dto::ossea::SearchOutcome;
use failover_api::dto::{ErrorCode, NetworkList, OfferingList, ProbeAge, Problem, TemplateList, ZoneList};

use crate::fake_api::{FakeApi, Reply, json, run};
use crate::fixture;

/// An empty list of each kind.
fn lists(line: &str) -> Reply {
    let probe = ProbeAge::default();
    match line.split(['?', ' ']).nth(1).expect("a line has a path") {
        "/api/v1/ossea/zones" => json(200, &ZoneList { zones: vec![], probe }),
        "/api/v1/ossea/networks" => json(
            200,
            &NetworkList {
                networks: vec![],
                probe,
            },
        ),
        "/api/v1/ossea/service-offerings" => json(
            200,
            &OfferingList {
                service_offerings: vec![],
                probe,
            },
        ),
        "/api/v1/ossea/templates" => json(
            200,
            &TemplateList {
                zone_id: "zone-1".parse().expect("it is an id"),
                templates: vec![],
                probe,
            },
        ),
        "/api/v1/ossea/capabilities" => json(200, &fixture::capabilities()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_command_asks_its_route_and_shows_a_table() {
    let api = FakeApi::serve(|request, _| lists(&request.line)).await;
    for (line, asked, shown) in [
        (&["zones"][..], "zones", "ZONE ID"),
        (&["networks"], "networks", "NETWORK ID"),
        (
            &["networks", "--zone", "east"],
            "networks?zone=east",
            "NETWORK ID",
        ),
        (&["offerings"], "service-offerings", "OFFERING ID"),
        (
            &["templates", "--zone", "east"],
            "templates?zone=east",
            "TEMPLATE ID",
        ),
        (&["capabilities"], "capabilities", "4.22.1.0"),
        (
            &["capabilities", "--refresh"],
            "capabilities?refresh=true",
            "4.22.1.0",
        ),
    ] {
        let ended = api.run(&[&["ossea"], line].concat()).await;
        assert_eq!(ended.code, Some(0), "{line:?}: {}", ended.stderr);
        assert!(ended.stdout.contains(shown), "{line:?}: {}", ended.stdout);
        let last = api.seen().pop().unwrap().line;
        assert_eq!(last, format!("GET /api/v1/ossea/{asked}"));
    }
}

#[tokio::test]
async fn a_failed_critical_check_is_5() {
    for (is_usable, code) in [(true, 0), (false, 5)] {
        let mut answer = fixture::check();
        answer.report.is_usable = is_usable;
        let api = FakeApi::serve(move |_, _| json(200, &answer)).await;
        let ended = api.run(&["ossea", "check"]).await;
        assert_eq!(ended.code, Some(code));
        assert!(ended.stdout.contains("takes VMs"), "{}", ended.stdout);
        assert_eq!(api.seen()[0].line, "POST /api/v1/ossea/check");
        let ended = api.run(&["ossea", "check", "-o", "json"]).await;
        assert_eq!(ended.code, Some(code), "programs get the code as well");
        let body: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(body["checks"][2]["suggestions"][0]["id"], "east");
    }
}

#[tokio::test]
async fn only_one_vm_with_the_address_is_an_answer() {
    for (outcome, code) in [
        (SearchOutcome::One, 0),
        (SearchOutcome::None, 4),
        (SearchOutcome::Several, 4),
    ] {
        let mut answer = fixture::search(true);
        answer.outcome = outcome;
        let api = FakeApi::serve(move |_, _| json(200, &answer)).await;
        let line = [
            "ossea",
            "find-oma",
            "--mac",
            "02-03-00-FA-11-01",
            "--mac",
            "02:03:00:fa:11:02",
        ];
        let ended = api.run(&line).await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stdout.contains("advice"));
        assert_eq!(
            api.seen()[0].line,
            "GET /api/v1/ossea/vms?mac=02%3A03%3A00%3Afa%3A11%3A01%2C02%3A03%3A00%3Afa%3A11%3A02"
        );
    }
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_is_1_and_tells_what_to_do() {
    let problem = Problem::new(502, ErrorCode::OsseaApiError, "the cloud is unreachable: refused")
        .action("Check ossea.endpoint.");
    let api = FakeApi::serve(move |_, _| json(502, &problem)).await;
    for command in ["check", "capabilities", "zones"] {
        let ended = api.run(&["ossea", command]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        for words in ["the cloud is unreachable", "Check ossea.endpoint."] {
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn the_help_names_every_command() {
    let ended = run("http://127.0.0.1:9", &["ossea", "--help"]).await;
    assert_eq!(ended.code, Some(0));
    for command in [
        "check",
        "capabilities",
        "zones",
        "networks",
        "offerings",
        "templates",
        "find-oma",
    ] {
        assert!(
            ended.stdout.contains(&format!("  {command} ")),
            "{}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn a_wrong_address_is_2() {
    let ended = run("http://127.0.0.1:9", &["ossea", "find-oma", "--mac", "eth0"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("six pairs"), "{}", ended.stderr);
}
