//! The whole program against an API on loopback: exit codes, requests, and what goes to which output.

mod fake_api;
mod fixture;
mod ossea;

use std::sync::atomic::{AtomicUsize, Ordering};

use failover_access::{Action, Actor, AuditEntry, AuditHead, AuditRow};
use failover_api::dto::engine::{JobRequest, VmReadiness};
use failover_api::dto::{
    AttentionPage, AttentionView, AuditPage, CancelAnswer, ErrorCode, EventPage, FleetReadinessPage,
    ImportAnswer, JobDetail, MappingAnswer, MarkedReplica, NetworkList, ProbeAge, Problem, QuarantineView,
    ReadinessTotals, RequestAnswer, VmPage, VmReadinessView, VmView,
};
use failover_domain::{
    AttentionCode, Decision, FailoverType, Finding, JobStatus, JobType, NetworkMapping, Purpose, Readiness,
    SourceVm, VmId,
};
use fake_api::{FakeApi, Reply, json, run};
use fixture::{JOB, VM};

fn page_of(vms: Vec<SourceVm>) -> VmPage {
    VmPage {
        vms: vms
            .into_iter()
            .map(|vm| VmView { vm, active_job: None })
            .collect(),
        next_cursor: None,
    }
}

fn problem(status: u16, code: ErrorCode, detail: &str) -> Reply {
    json(
        status,
        &Problem::new(status, code, detail).action("Do something about it."),
    )
}

/// Events after `after` of the fixture's journal.
fn events(line: &str, is_end: bool) -> Reply {
    let after: u64 = line
        .split(['?', '&'])
        .find_map(|parameter| parameter.strip_prefix("after="))
        .and_then(|number| number.parse().ok())
        .expect("the program says which entries it has seen");
    let events: Vec<_> = fixture::journal().into_iter().filter(|e| e.seq > after).collect();
    let next_after = events.last().map_or(after, |e| e.seq);
    json(
        200,
        &EventPage {
            job_id: fixture::job_id(),
            events,
            next_after,
            is_end,
        },
    )
}

/// An API with one job, in the state that `state` gives for its nth showing.
async fn api_with_job(state: impl Fn(usize) -> JobDetail + Send + Sync + 'static) -> FakeApi {
    let shown = AtomicUsize::new(0);
    FakeApi::serve(move |request, _| {
        if request.line.contains("/events") {
            events(&request.line, false)
        } else {
            json(200, &state(shown.fetch_add(1, Ordering::SeqCst)))
        }
    })
    .await
}

#[tokio::test]
async fn json_output_is_the_apis_body() {
    let body = r#"{"networks":[],  "a_field_of_a_newer_server": 1}"#;
    let api = FakeApi::serve(move |_, _| (200, body.to_owned())).await;
    let ended = api.run(&["networks", "--output", "json"]).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), format!("{body}\n").as_str())
    );
    assert_eq!(api.seen()[0].line, "GET /api/v1/ossea/networks");
}

#[tokio::test]
async fn a_table_has_no_escape_sequences_when_nobody_looks() {
    let api = FakeApi::serve(|_, _| {
        let probe = ProbeAge::default();
        let networks = vec![];
        json(200, &NetworkList { networks, probe })
    })
    .await;
    let ended = api.run(&["networks"]).await;
    assert_eq!(ended.stdout, "NAME  NETWORK ID  KIND  STATE  TAKES VMS\n");
}

#[tokio::test]
async fn a_wrong_command_line_is_2() {
    for line in [
        &["fail"][..],
        &[],
        &["jobs", "show", "x"],
        &["failover", "live", "x", "--map", "nonsense"],
    ] {
        let ended = run("http://127.0.0.1:9", line).await;
        assert_eq!(ended.code, Some(2), "{line:?}: {}", ended.stderr);
    }
    let ended = run("no address", &["networks"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("https://"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_unreachable_api_is_3_and_its_address_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let ended = run(&format!("http://{address}"), &["networks"]).await;
    assert_eq!(ended.code, Some(3));
    assert!(
        ended.stderr.contains(&address) && ended.stderr.contains("refused"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn something_else_than_the_api_is_3() {
    for (status, body) in [(200, "<html>hello</html>"), (502, "<html>bad gateway</html>")] {
        let api = FakeApi::serve(move |_, _| (status, body.to_owned())).await;
        let ended = api.run(&["networks"]).await;
        assert_eq!(ended.code, Some(3));
        assert!(
            ended.stderr.contains("is it the failover API"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_lost_reply_to_a_command_says_that_it_may_have_been_carried_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // Accepts, and hangs up without a word.
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let ended = run(&format!("http://{address}"), &["jobs", "cancel", JOB]).await;
    assert_eq!(ended.code, Some(3));
    assert!(
        ended.stderr.contains("may have been carried out"),
        "{}",
        ended.stderr
    );
    let ended = run(&format!("http://{address}"), &["networks"]).await;
    assert!(
        !ended.stderr.contains("may have been carried out"),
        "a read changes nothing: {}",
        ended.stderr
    );
}

fn cancelled() -> Reply {
    let answer = CancelAnswer {
        job_id: fixture::job_id(),
        status: JobStatus::Executing,
        cancel_requested_by: "anonymous".to_owned(),
        job_url: format!("/api/v1/failover/jobs/{JOB}"),
    };
    json(202, &answer)
}

#[tokio::test]
async fn a_command_whose_answer_is_lost_is_repeated_under_its_key() {
    let in_progress = || problem(409, ErrorCode::IdempotencyInProgress, "it is under way");
    let api = FakeApi::serve(move |_, before| match before {
        0 => (502, "<html>bad gateway</html>".to_owned()),
        1 => in_progress(),
        _ => cancelled(),
    })
    .await;
    let ended = api.run(&["jobs", "cancel", JOB]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let seen = api.seen();
    let keys: Vec<_> = seen
        .iter()
        .map(|request| request.idempotency_key.clone())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0].as_ref().is_some_and(|key| key.len() == 36), "{keys:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(
        seen.iter()
            .all(|r| r.line == seen[0].line && r.body == seen[0].body)
    );

    assert_eq!(api.run(&["jobs", "cancel", JOB]).await.code, Some(0));
    assert_ne!(
        api.seen()[3].idempotency_key,
        keys[0],
        "another command, another key"
    );
}

#[tokio::test]
async fn what_is_refused_or_only_read_is_not_repeated() {
    let refused = || problem(409, ErrorCode::NotAllowed, "not now");
    let api = FakeApi::serve(move |_, _| refused()).await;
    assert_eq!(api.run(&["jobs", "cancel", JOB]).await.code, Some(4));
    assert_eq!(api.seen().len(), 1);
    let api = FakeApi::serve(|_, _| (502, "<html>bad gateway</html>".to_owned())).await;
    assert_eq!(api.run(&["networks"]).await.code, Some(3));
    assert_eq!(api.seen().len(), 1);
    assert_eq!(api.seen()[0].idempotency_key, None);
}

#[tokio::test]
async fn a_refusal_is_4_and_a_failing_server_is_1() {
    let cases = [
        (409, ErrorCode::ActiveJobs, 4),
        (404, ErrorCode::VmNotFound, 4),
        (422, ErrorCode::ValidationFailed, 4),
        (401, ErrorCode::Unauthorized, 4),
        (503, ErrorCode::DatabaseUnavailable, 1),
        (502, ErrorCode::OsseaApiError, 1),
    ];
    for (status, code, exit) in cases {
        let api = FakeApi::serve(move |_, _| problem(status, code, "details of the case")).await;
        let ended = api.run(&["failover", "live", VM]).await;
        assert_eq!(ended.code, Some(exit), "{status}");
        assert_eq!(ended.stdout, "");
        for words in [code.as_str(), "details of the case", "Do something about it."] {
            assert!(
                ended.stderr.contains(words),
                "{words:?} is not in {}",
                ended.stderr
            );
        }
    }
}

#[tokio::test]
async fn programs_get_the_problem_document_on_standard_output() {
    let api = FakeApi::serve(|_, _| problem(409, ErrorCode::ActiveJobs, "busy")).await;
    let ended = api.run(&["plan", "live", VM, "-o", "json"]).await;
    let document: Problem = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, document.error_code),
        (Some(4), ErrorCode::ActiveJobs)
    );
}

#[tokio::test]
async fn a_vm_that_is_not_ready_is_4() {
    let verdict = Readiness::from_findings(vec![fixture::failed_finding()]);
    let api = FakeApi::serve(move |_, _| json(200, &verdict)).await;
    let ended = api.run(&["readiness", VM, "--type", "test"]).await;
    assert_eq!(ended.code, Some(4));
    assert!(ended.stdout.contains("NOT READY"), "{}", ended.stdout);
    assert_eq!(
        api.seen()[0].line,
        format!("GET /api/v1/failover/{VM}/readiness?type=test")
    );
}

#[tokio::test]
async fn one_rule_is_shown_alone_and_decides_the_exit_code() {
    let verdict = Readiness::from_findings(vec![fixture::passed_finding(), fixture::failed_finding()]);
    let api = FakeApi::serve(move |_, _| json(200, &verdict)).await;
    let ended = api.run(&["readiness", VM, "--only", "vm_existence"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("Volume State"), "{}", ended.stdout);
    let ended = api.run(&["readiness", VM, "--only", "volume_state"]).await;
    assert_eq!(ended.code, Some(4));
    assert!(ended.stdout.contains("Attach the volume"), "{}", ended.stdout);
    let ended = api.run(&["readiness", VM, "--only", "weather"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("vm_existence, volume_state"),
        "{}",
        ended.stderr
    );
}

/// A page of a fleet with one VM, whose verdict is made of one finding.
fn fleet_page(finding: Finding, next_cursor: Option<VmId>) -> FleetReadinessPage {
    let readiness = Readiness::from_findings(vec![finding]);
    let totals = ReadinessTotals::of([&readiness]);
    let vm = VmReadiness {
        vm_id: VM.parse().expect("it is an id"),
        name: "erp-01".to_owned(),
        readiness,
    };
    FleetReadinessPage {
        failover: FailoverType::Test,
        totals,
        vms: vec![VmReadinessView::in_short(vm)],
        next_cursor,
    }
}

#[tokio::test]
async fn the_readiness_of_all_is_read_to_the_last_page_and_is_4_when_one_is_not_ready() {
    let api = FakeApi::serve(|request, _| {
        if request.line.contains("cursor=") {
            json(200, &fleet_page(fixture::failed_finding(), None))
        } else {
            json(
                200,
                &fleet_page(fixture::passed_finding(), Some(VM.parse().unwrap())),
            )
        }
    })
    .await;
    let ended = api.run(&["readiness", "--all", "--type", "test"]).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("1 of 2 source VMs are ready"),
        "{}",
        ended.stdout
    );
    let lines: Vec<String> = api.seen().into_iter().map(|seen| seen.line).collect();
    let first = "GET /api/v1/failover/readiness?type=test&limit=1000";
    assert_eq!(lines, [first.to_owned(), format!("{first}&cursor={VM}")]);

    let ended = api.run(&["readiness", "--all", "--output", "json"]).await;
    let fleet: FleetReadinessPage = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (fleet.vms.len(), fleet.totals.assessed, fleet.next_cursor),
        (2, 2, None)
    );
}

#[tokio::test]
async fn a_fleet_that_is_ready_is_0_also_when_only_others_are_asked_for() {
    let api = FakeApi::serve(|_, _| {
        let page = fleet_page(fixture::passed_finding(), None);
        json(
            200,
            &FleetReadinessPage {
                vms: Vec::new(),
                ..page
            },
        )
    })
    .await;
    let ended = api.run(&["readiness", "--all", "--not-ready"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(api.seen()[0].line.ends_with("&ready=false"), "{:?}", api.seen());
}

#[tokio::test]
async fn a_name_is_looked_up_and_sent_along_as_a_guard() {
    let api = FakeApi::serve(|request, _| {
        if request.line.starts_with("GET /api/v1/vms") {
            json(200, &page_of(vec![fixture::source_vm()]))
        } else {
            json(200, &fixture::dry_run())
        }
    })
    .await;
    let ended = api
        .run(&[
            "plan",
            "live",
            "erp-01",
            "--map",
            "VM Network=prod",
            "--boot-grade",
            "tcp:22",
        ])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("Point of no return"));
    let seen = api.seen();
    assert_eq!(seen[0].line, "GET /api/v1/vms?name=erp-01");
    assert_eq!(seen[1].line, "POST /api/v1/failover/live?dry_run=true");
    let body = seen[1].json();
    assert_eq!(
        (body["vm_id"].as_str(), body["vm_name"].as_str()),
        (Some(VM), Some("erp-01"))
    );
    assert_eq!(body["network_mappings"]["VM Network"], "prod");
    assert_eq!(body["boot"]["grades"][0], "tcp:22");
}

#[tokio::test]
async fn an_unknown_or_ambiguous_name_is_4_and_the_ids_are_listed() {
    let api = FakeApi::serve(|_, _| json(200, &page_of(vec![]))).await;
    let ended = api.run(&["inventory", "show", "erp-01"]).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stderr.contains("no source VM is called \"erp-01\""),
        "{}",
        ended.stderr
    );

    let mut twin = fixture::source_vm();
    twin.vm_id = "4205a841-0265-f4bd-39a6-39fd92196f54".parse().unwrap();
    let twins = page_of(vec![fixture::source_vm(), twin.clone()]);
    let api = FakeApi::serve(move |_, _| json(200, &twins)).await;
    let ended = api.run(&["failover", "live", "erp-01"]).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stderr.contains(VM) && ended.stderr.contains(twin.vm_id.as_str()),
        "{}",
        ended.stderr
    );
    assert_eq!(api.seen().len(), 1, "nothing is started");
}

#[tokio::test]
async fn an_inventory_file_is_sent_as_it_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{ "vms": [ 1, 2 ] }"#).unwrap();
    let taken = ImportAnswer {
        created: 0,
        updated: 0,
        failed: 1,
        vms: vec![],
    };
    let api = FakeApi::serve(move |_, _| json(207, &taken)).await;
    let path = file.path().to_str().unwrap();
    let ended = api.run(&["inventory", "import", path]).await;
    assert_eq!(api.seen()[0].line, "POST /api/v1/inventory/import");
    assert_eq!(api.seen()[0].body, r#"{ "vms": [ 1, 2 ] }"#);
    assert_eq!(ended.code, Some(4), "a VM was not taken");
    let ended = api.run(&["inventory", "import", "/does/not/exist"]).await;
    assert_eq!(ended.code, Some(2));
}

#[tokio::test]
async fn an_inventory_is_exported_as_it_came() {
    const FILE: &str = r#"{ "vms": [] }"#;
    let api = FakeApi::serve(|_, _| (200, FILE.to_owned())).await;
    let ended = api.run(&["inventory", "export"]).await;
    assert_eq!((ended.code, ended.stdout.trim_end()), (Some(0), FILE));
    assert_eq!(api.seen()[0].line, "GET /api/v1/inventory/export");
}

#[tokio::test]
async fn mappings_of_many_vms_are_listed_copied_suggested_and_imported() {
    const OTHER: &str = "974405f3-6f9a-5d5b-b1e9-1030ce64a998";
    let api = FakeApi::serve(|request, _| {
        let body = if request.line.contains("copy-from") {
            serde_json::json!({"vm_id": VM, "copied_from": OTHER, "copied": [], "unmapped_for_production": [],
                "unmapped_for_test": ["LAN"], "without_counterpart": [{"source_network": "DMZ", "purpose": "test",
                "network_id": "net-1", "network_name": "lab"}]})
        } else if request.line.contains("suggestions") {
            serde_json::json!({"vm_id": VM, "purpose": "test", "networks": [{"source_network": "DMZ",
                "mapped_to": null, "suggestions": [{"network_id": "net-1", "network_name": "lab-dmz",
                "reasons": [{"reason": "common_words", "words": ["dmz"]}]}]},
                {"source_network": "LAN", "mapped_to": null, "suggestions": []}]})
        } else if request.line.contains("bulk") {
            serde_json::json!({"stored": 0, "mappings": []})
        } else {
            serde_json::json!({"mappings": [], "next_cursor": format!("{VM}/test/VM Network")})
        };
        json(200, &body)
    })
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{ "mappings": [ 1 ] }"#).unwrap();
    let path = file.path().to_str().unwrap();
    for (line, said) in [
        (vec!["mappings", "list", "--all"], "--cursor \"4205"),
        (
            vec!["mappings", "copy", VM, "--from", OTHER, "--purpose", "test"],
            "is not on \"DMZ\"",
        ),
        (
            vec!["mappings", "suggest", VM, "--purpose", "test"],
            "the names share dmz",
        ),
        (
            vec!["mappings", "suggest", VM, "--purpose", "test"],
            "no suggestion for test: LAN",
        ),
        (vec!["mappings", "import", path], "0 mappings are stored"),
    ] {
        let ended = api.run(&line).await;
        assert_eq!(ended.code, Some(0), "{line:?}: {}", ended.stderr);
        assert!(ended.stdout.contains(said), "{line:?}: {}", ended.stdout);
    }
    let seen = api.seen();
    assert_eq!(seen[0].line, "GET /api/v1/network-mappings?limit=100");
    assert_eq!(
        seen[1].line,
        format!("POST /api/v1/network-mappings/{VM}/copy-from/{OTHER}")
    );
    assert_eq!(seen[1].body, r#"{"purpose":"test"}"#);
    assert_eq!(
        seen[2].line,
        format!("GET /api/v1/network-mappings/{VM}/suggestions?purpose=test")
    );
    assert_eq!(
        seen[4].body, r#"{ "mappings": [ 1 ] }"#,
        "the file is sent as it is"
    );
    for line in [
        vec!["mappings", "list"],
        vec!["mappings", "list", VM, "--all"],
        vec!["mappings", "import", "/does/not/exist"],
    ] {
        assert_eq!(api.run(&line).await.code, Some(2), "{line:?}");
    }
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "token-in-the-clear\n").unwrap();
    let api = FakeApi::serve(|_, _| problem(401, ErrorCode::Unauthorized, "no")).await;
    let ended = api
        .run(&["networks", "--token-file", file.path().to_str().unwrap()])
        .await;
    assert_eq!(
        api.seen()[0].authorization.as_deref(),
        Some("Bearer token-in-the-clear")
    );
    assert_eq!(ended.code, Some(4));
    assert!(!ended.stderr.contains("in-the-clear") && !ended.stdout.contains("in-the-clear"));
}

#[tokio::test]
async fn names_of_networks_are_escaped_in_paths() {
    let answer = MappingAnswer {
        vm_id: VM.parse().unwrap(),
        mapping: NetworkMapping {
            source_network: "a/b c".into(),
            purpose: Purpose::Test,
            network_id: "net-1".parse().unwrap(),
            network_name: "lab".into(),
        },
    };
    let api = FakeApi::serve(move |request, _| {
        if request.line.starts_with("DELETE") {
            (204, String::new())
        } else {
            json(200, &answer)
        }
    })
    .await;
    let ended = api
        .run(&["mappings", "set", VM, "a/b c=lab", "--purpose", "test"])
        .await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "\"a/b c\" becomes lab (net-1) for test\n")
    );
    let ended = api.run(&["mappings", "delete", VM, "a/b c"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<String> = api.seen().into_iter().map(|r| r.line).collect();
    assert_eq!(lines[0], format!("PUT /api/v1/network-mappings/{VM}/a%2Fb%20c"));
    assert_eq!(
        lines[1],
        format!("DELETE /api/v1/network-mappings/{VM}/a%2Fb%20c?purpose=production")
    );
}

#[tokio::test]
async fn a_job_that_is_followed_to_completion_is_0() {
    let created = fixture::created(JobType::Live);
    let shown = AtomicUsize::new(0);
    let api = FakeApi::serve(move |request, _| {
        if request.line.starts_with("POST") {
            json(202, &created)
        } else if request.line.contains("/events") {
            events(&request.line, false)
        } else if shown.fetch_add(1, Ordering::SeqCst) == 0 {
            json(200, &fixture::running())
        } else {
            json(200, &fixture::completed())
        }
    })
    .await;
    let ended = api.run(&["failover", "live", VM, "--watch"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let journal = include_str!("expected/journal.txt");
    let summary = include_str!("expected/completed.txt");
    assert_eq!(
        ended.stdout,
        format!("Job {JOB} was started.\n{journal}\n{summary}")
    );
    assert!(!ended.stdout.contains('\x1b'), "a pipe is not redrawn");
}

#[tokio::test]
async fn a_job_that_failed_is_1_when_followed_and_0_when_shown() {
    let api = api_with_job(|_| fixture::failed()).await;
    let ended = api.run(&["jobs", "show", JOB, "--watch"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.ends_with(include_str!("expected/failed.txt")),
        "{}",
        ended.stdout
    );
    let ended = api.run(&["jobs", "show", JOB]).await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn programs_that_follow_a_job_get_one_document() {
    let api = api_with_job(|n| {
        if n == 0 {
            fixture::running()
        } else {
            fixture::completed()
        }
    })
    .await;
    let ended = api.run(&["jobs", "show", JOB, "--watch", "-o", "json"]).await;
    let detail: JobDetail = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, detail.summary.status),
        (Some(0), JobStatus::Completed)
    );
}

#[tokio::test]
async fn a_view_survives_an_api_that_restarts() {
    let api = FakeApi::serve(|request, before| {
        if before < 2 {
            (502, "<html>the API restarts</html>".to_owned())
        } else if request.line.contains("/events") {
            events(&request.line, true)
        } else {
            json(200, &fixture::completed())
        }
    })
    .await;
    let ended = api.run(&["jobs", "show", JOB, "--watch"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("trying again").count(),
        1,
        "said once: {}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_view_of_an_unknown_job_ends_at_once() {
    let api = FakeApi::serve(|_, _| problem(404, ErrorCode::JobNotFound, "no such job")).await;
    let ended = api.run(&["jobs", "show", JOB, "--watch"]).await;
    assert_eq!((ended.code, api.seen().len()), (Some(4), 1));
}

#[tokio::test]
async fn ctrl_c_ends_the_view_and_not_the_job() {
    let (seen_sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let api = FakeApi::serve(move |request, _| {
        // The test may have ended meanwhile.
        let _ = seen_sender.send(request.line.clone());
        if request.line.contains("/events") {
            events(&request.line, false)
        } else {
            json(200, &fixture::running())
        }
    })
    .await;
    let child = api.start(&["jobs", "show", JOB, "--watch"]);
    // The program listens to Ctrl-C from its first request on.
    seen.recv().await.unwrap();
    let pid = child.id().unwrap().to_string();
    let killed = tokio::process::Command::new("sh")
        .args(["-c", "kill -INT $0", &pid])
        .status()
        .await
        .unwrap();
    assert!(killed.success());
    let ended = fake_api::Ended::from(child.wait_with_output().await.unwrap());
    assert_eq!(ended.code, Some(130));
    assert!(
        ended.stderr.contains("goes on") && ended.stderr.contains("jobs cancel"),
        "{}",
        ended.stderr
    );
    assert!(
        api.seen().iter().all(|r| r.line.starts_with("GET")),
        "nothing is cancelled"
    );
}

#[tokio::test]
async fn completions_need_no_api_and_no_configuration() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run("nonsense", &["completions", shell]).await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("failoverctl") && ended.stdout.contains("mappings"));
    }
}

#[tokio::test]
async fn a_test_sends_its_wishes_and_nothing_that_was_not_wished() {
    let api = FakeApi::serve(|_, _| json(202, &fixture::created(JobType::Test))).await;
    let ended = api
        .run(&[
            "failover",
            "test",
            VM,
            "--duration",
            "2h",
            "--keep",
            "--strategy",
            "volume_snapshots",
            "--network",
            "VM Network=lab",
            "--skip-validation",
        ])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains(&format!("Job {JOB} was started")),
        "{}",
        ended.stdout
    );
    let seen = api.seen().remove(0);
    assert_eq!(seen.line, "POST /api/v1/failover/test");
    let expected = serde_json::json!({
        "vm_id": VM, "test_duration": "2h", "auto_cleanup": false, "skip_validation": true,
        "network_mappings": {"VM Network": "lab"}, "boot": {}, "on_boot_failure": "rollback",
        "rollback_strategy": "volume_snapshots",
    });
    assert_eq!(seen.json(), expected);
    let ended = api.run(&["failover", "test", VM]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let body = api.seen()[1].json();
    assert_eq!(
        (
            body.get("test_duration"),
            &body["auto_cleanup"],
            &body["rollback_strategy"]
        ),
        (None, &serde_json::json!(true), &serde_json::json!("auto"))
    );
}

#[tokio::test]
async fn a_dry_run_is_the_plan_and_starts_nothing() {
    let api = FakeApi::serve(|_, _| json(200, &fixture::dry_run_of(fixture::test_plan_of_an_hour()))).await;
    for line in [&["failover", "test", VM, "--dry-run"][..], &["plan", "test", VM]] {
        let ended = api.run(line).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), include_str!("expected/plan_test.txt"))
        );
    }
    let dry = |request: &fake_api::Request| request.line == "POST /api/v1/failover/test?dry_run=true";
    assert!(api.seen().iter().all(dry), "{:?}", api.seen());
}

#[tokio::test]
async fn a_commit_policy_goes_with_a_live_failover() {
    let api = FakeApi::serve(|_, _| json(202, &fixture::created(JobType::Live))).await;
    let ended = api
        .run(&["failover", "live", VM, "--commit-policy", "rollback-after=1h"])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let expected = serde_json::json!({"policy": "rollback_after", "after": "1h"});
    assert_eq!(api.seen()[0].json()["commit_policy"], expected);
}

#[tokio::test]
async fn a_test_that_is_followed_goes_through_its_window_to_its_end() {
    let api = api_with_job(|n| {
        if n == 0 {
            fixture::testing()
        } else {
            fixture::tested()
        }
    })
    .await;
    let ended = api.run(&["jobs", "show", JOB, "--watch"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.ends_with(include_str!("expected/tested.txt")),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn each_verb_is_one_request() {
    let noted = |request: JobRequest| RequestAnswer {
        job_id: fixture::job_id(),
        status: JobStatus::Executing,
        requested_by: "anna".into(),
        request,
        job_url: String::new(),
    };
    let deadline = fixture::at(7200);
    let decided = JobRequest::Decide {
        code: AttentionCode::RevertFailed,
        object: Some("volume volume-0".into()),
        decision: Decision::Force,
        reason: "broken".into(),
    };
    let job = |verb: &str| format!("POST /api/v1/failover/jobs/{JOB}/{verb}");
    for (line, answer, request, body, told) in [
        (
            vec!["failover", "end", JOB],
            noted(JobRequest::EndTest),
            format!("DELETE /api/v1/failover/test/{JOB}"),
            None,
            "end the test",
        ),
        (
            vec!["jobs", "retry", JOB],
            noted(JobRequest::Retry),
            job("retry"),
            Some(serde_json::json!({})),
            "try again at once",
        ),
        (
            vec!["jobs", "extend", JOB, "--by", "30m"],
            noted(JobRequest::Extend { deadline }),
            job("extend"),
            Some(serde_json::json!({"by": "30m"})),
            "open until 2025-08-18 14:00:00 UTC",
        ),
        (
            vec!["jobs", "extend", JOB, "--until", "2025-08-18T14:00:00Z"],
            noted(JobRequest::Extend { deadline }),
            job("extend"),
            Some(serde_json::json!({"until": "2025-08-18T14:00:00Z"})),
            "open until 2025-08-18 14:00:00 UTC",
        ),
        (
            vec![
                "jobs",
                "decide",
                JOB,
                "revert-failed",
                "force",
                "--object",
                "volume volume-0",
                "--reason",
                "broken",
            ],
            noted(decided),
            job("decide"),
            Some(serde_json::json!({
                "attention": "REVERT_FAILED", "object": "volume volume-0", "decision": "force", "reason": "broken",
            })),
            "decide force for REVERT_FAILED about volume volume-0",
        ),
    ] {
        let api = FakeApi::serve(move |_, _| json(202, &answer)).await;
        let ended = api.run(&line).await;
        assert_eq!(ended.code, Some(0), "{line:?}: {}", ended.stderr);
        assert!(ended.stdout.contains(told), "{line:?}: {}", ended.stdout);
        let seen = api.seen().remove(0);
        assert_eq!(seen.line, request);
        match body {
            Some(body) => assert_eq!(seen.json(), body),
            None => assert_eq!(seen.body, ""),
        }
    }
}

#[tokio::test]
async fn a_cancel_discards_a_guests_writes_only_when_told_to() {
    let answer = || CancelAnswer {
        job_id: fixture::job_id(),
        status: JobStatus::PoweringOn,
        cancel_requested_by: "anna".into(),
        job_url: String::new(),
    };
    let api = FakeApi::serve(move |request, _| {
        if request.body.contains("true") {
            json(202, &answer())
        } else {
            problem(
                409,
                ErrorCode::ConsentNeeded,
                "what its guest has written is discarded",
            )
        }
    })
    .await;
    let ended = api.run(&["jobs", "cancel", JOB]).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stderr.contains("is discarded") && ended.stderr.contains("--discard-guest-writes"),
        "{}",
        ended.stderr
    );
    let ended = api.run(&["jobs", "cancel", JOB, "--discard-guest-writes"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_settlement_is_started_and_followed() {
    for (verb, job_type) in [("commit", JobType::Commit), ("rollback", JobType::Rollback)] {
        let api = FakeApi::serve(move |request, _| {
            if request.line.starts_with("POST") {
                json(202, &fixture::created(job_type))
            } else if request.line.contains("/events") {
                events(&request.line, true)
            } else {
                let mut detail = fixture::tested();
                detail.summary.job_type = job_type;
                json(200, &detail)
            }
        })
        .await;
        let ended = api.run(&["jobs", verb, JOB]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(api.seen().len(), 1);
        assert_eq!(
            api.seen()[0].line,
            format!("POST /api/v1/failover/jobs/{JOB}/{verb}")
        );
        let ended = api.run(&["jobs", verb, JOB, "--watch"]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(
            ended.stdout.contains("Completed: the failover of erp-01 is"),
            "{}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn attentions_of_all_jobs_are_asked_for_by_severity() {
    let job = fixture::returning_with_attention().summary;
    let page = AttentionPage {
        attention: vec![AttentionView {
            job_id: job.job_id,
            vm_id: job.vm_id,
            source_vm_name: job.source_vm_name,
            job_type: job.job_type,
            status: job.status,
            job_url: job.job_url,
            attention: fixture::attention(),
        }],
        next_cursor: None,
    };
    let api = FakeApi::serve(move |_, _| json(200, &page)).await;
    let ended = api.run(&["attention", "--severity", "critical"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("REPLICA_DETACHED"), "{}", ended.stdout);
    assert_eq!(
        api.seen()[0].line,
        "GET /api/v1/attention?limit=100&severity=critical"
    );
}

#[tokio::test]
async fn a_quarantine_is_listed_cleared_and_audited() {
    let view = QuarantineView {
        vm_id: VM.parse().unwrap(),
        name: "erp-01".into(),
        replicas: vec![MarkedReplica {
            volume_id: "volume-0".parse().unwrap(),
            volume_name: "erp-disk-0".into(),
            label: "Hard disk 1".into(),
        }],
    };
    let rows = audit_rows(1);
    let audit = AuditPage {
        head: rows[0].head(),
        entries: rows,
        next_cursor: None,
    };
    let api = FakeApi::serve(move |request, _| {
        if request.line.starts_with("DELETE") {
            (204, String::new())
        } else if request.line.contains("/audit") {
            json(200, &audit)
        } else {
            json(200, &view)
        }
    })
    .await;
    let ended = api.run(&["quarantine", "list", VM]).await;
    assert!(
        ended.stdout.contains("volume-0") && ended.stdout.contains(&format!("quarantine clear {VM}")),
        "{}",
        ended.stdout
    );
    let ended = api
        .run(&["quarantine", "clear", VM, "volume-0", "--reason", "compared"])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = api.run(&["audit", "--limit", "5"]).await;
    assert!(
        ended.stdout.contains("clear_quarantine") && ended.stdout.contains("compared"),
        "{}",
        ended.stdout
    );
    let seen = api.seen();
    let lines: Vec<&str> = seen.iter().map(|r| r.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!("GET /api/v1/vms/{VM}/quarantine").as_str(),
            format!("DELETE /api/v1/vms/{VM}/quarantine/volume-0").as_str(),
            "GET /api/v1/audit?limit=5",
        ]
    );
    assert_eq!(seen[1].json(), serde_json::json!({"reason": "compared"}));
}

#[tokio::test]
async fn a_refused_verb_is_4_with_the_reason() {
    for line in [
        &["failover", "end", JOB][..],
        &["jobs", "retry", JOB],
        &["jobs", "extend", JOB, "--by", "1h"],
        &["jobs", "decide", JOB, "STOP_FAILED", "retry"],
        &["jobs", "commit", JOB],
        &["jobs", "rollback", JOB, "--watch"],
        &["quarantine", "clear", VM, "volume-0", "--reason", "x"],
    ] {
        let api = FakeApi::serve(|_, _| problem(409, ErrorCode::NotAllowed, "the reason of the case")).await;
        let ended = api.run(line).await;
        assert_eq!(ended.code, Some(4), "{line:?}");
        assert!(
            ended.stderr.contains("the reason of the case"),
            "{}",
            ended.stderr
        );
        assert_eq!(api.seen().len(), 1, "nothing is repeated");
    }
}

/// An audit of cleared quarantines.
fn audit_rows(count: usize) -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = Vec::new();
    for _ in 0..count {
        let entry = AuditEntry {
            actor: Actor::named("anna"),
            action: Action::ClearQuarantine,
            object: "volume volume-0".into(),
            vm_id: Some(VM.parse().expect("it is an id")),
            job_id: None,
            reason: "compared".into(),
        };
        let head = rows.last().map_or_else(AuditHead::start, AuditRow::head);
        rows.push(AuditRow::after(&head, fixture::at(0), &entry));
    }
    rows
}

/// An API with an audit, in pages of two rows.
async fn api_with_audit(rows: Vec<AuditRow>, head: AuditHead) -> FakeApi {
    FakeApi::serve(move |request, _| {
        let cursor = request
            .line
            .split("cursor=")
            .nth(1)
            .expect("the query has a cursor");
        let after: u64 = cursor.parse().expect("a cursor is a number");
        let later: Vec<AuditRow> = rows.iter().filter(|row| row.seq > after).cloned().collect();
        let entries: Vec<AuditRow> = later.iter().take(2).cloned().collect();
        let next_cursor = entries.last().filter(|_| later.len() > 2).map(|row| row.seq);
        json(
            200,
            &AuditPage {
                entries,
                next_cursor,
                head: head.clone(),
            },
        )
    })
    .await
}

#[tokio::test]
async fn a_whole_audit_verifies_and_prints_its_end() {
    let rows = audit_rows(5);
    let head = rows[4].head();
    let api = api_with_audit(rows.clone(), head.clone()).await;
    let ended = api.run(&["audit", "verify"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let end = format!("5:{}", head.hash);
    assert!(
        ended.stdout.contains("5 rows") && ended.stdout.contains(&end),
        "{}",
        ended.stdout
    );
    let earlier = format!("3:{}", rows[2].hash);
    let ended = api
        .run(&["audit", "verify", "--head", &earlier, "--output", "json"])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let verdict: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&verdict["is_whole"], &verdict["last"]["seq"]),
        (&true.into(), &5.into())
    );
}

#[tokio::test]
async fn a_changed_audit_is_7_with_the_first_row_that_does_not_fit() {
    let whole = audit_rows(5);
    let head = whole[4].head();
    let mut changed = whole.clone();
    changed[2].actor = "nobody".to_owned();
    let mut removed = whole.clone();
    removed.remove(2);
    for (rows, part) in [
        (changed, "row 3 was changed"),
        (removed, "row 3 is missing"),
        (whole[..4].to_vec(), "row 5 is missing"),
    ] {
        let api = api_with_audit(rows, head.clone()).await;
        let ended = api.run(&["audit", "verify"]).await;
        assert_eq!(ended.code, Some(7), "{}", ended.stdout);
        assert!(ended.stdout.contains(part), "{}", ended.stdout);
    }
    // A chain that was made anew fits by itself, and not with what was noted before.
    let api = api_with_audit(whole[..2].to_vec(), whole[1].head()).await;
    let noted = format!("5:{}", head.hash);
    let ended = api.run(&["audit", "verify", "--head", &noted]).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stdout);
    let other = format!("2:{}", head.hash);
    let ended = api.run(&["audit", "verify", "--head", &other]).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stdout);
    assert!(ended.stdout.contains("row 2 was changed"), "{}", ended.stdout);
}

#[tokio::test]
async fn an_export_is_one_row_a_line_over_all_pages() {
    let rows = audit_rows(5);
    let api = api_with_audit(rows.clone(), rows[4].head()).await;
    let ended = api.run(&["audit", "export", "--actor", "anna"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<AuditRow> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, rows);
    assert!(
        api.seen()[0].line.contains("actor=anna&order=oldest_first"),
        "{}",
        api.seen()[0].line
    );
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked_by_name() {
    let token = serde_json::json!({
        "id": "11111111-1111-4111-8111-111111111111", "name": "ci", "prefix": "ofo_010707070707", "role": "operator",
        "vms": [VM], "created_at": fixture::at(0), "created_by": "anna", "expires_at": fixture::at(60),
        "revoked_at": null, "last_used_at": null, "secret": "ofo_the-secret", "status": "valid",
    });
    let api = FakeApi::serve(move |request, _| match request.line.split(' ').next() {
        Some("POST") => (201, token.to_string()),
        Some("DELETE") => (204, String::new()),
        _ => (200, serde_json::json!({"tokens": [token]}).to_string()),
    })
    .await;
    let create = [
        "token",
        "create",
        "ci",
        "--role",
        "operator",
        "--expires-in",
        "90days",
        "--vm",
        VM,
    ];
    let ended = api.run(&create).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("ofo_the-secret") && ended.stdout.contains("never again"));
    let ended = api.run(&["token", "list"]).await;
    assert!(ended.stdout.contains("ofo_010707070707") && !ended.stdout.contains("the-secret"));
    let ended = api.run(&["token", "revoke", "ci"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = api.run(&["token", "revoke", "other"]).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stdout);
    let seen = api.seen();
    let expected = serde_json::json!({"name": "ci", "role": "operator", "expires_in": "90days", "vms": [VM]});
    assert_eq!(
        (seen[0].line.as_str(), seen[0].json()),
        ("POST /api/v1/tokens", expected)
    );
    assert_eq!(
        seen[3].line,
        "DELETE /api/v1/tokens/11111111-1111-4111-8111-111111111111"
    );
}
