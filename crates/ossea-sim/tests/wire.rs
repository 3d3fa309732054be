//! The wire format and the administrator's door, asked without a socket.

mod support;

use std::sync::{Arc, Mutex};

use axum::http::{StatusCode, header};
use http_edge::CloseWithoutAnswer;
use ossea_sim::http::{Credentials, SimServer};
use ossea_sim::{
    ApiLimit, Cloud, CloudInventory, PostEnforcement, Profile, Role, SimClock, SimContents, SimSettings,
};
use serde_json::json;

use self::support::wire::{Wire, body};

#[tokio::test]
async fn an_empty_list_is_an_empty_object_and_a_page_beyond_the_end_has_only_a_count() {
    let wire = Wire::new();
    assert_eq!(
        wire.ask(&[("command", "listSnapshots")]).await,
        (200, json!({ "listsnapshotsresponse": {} }))
    );
    let beyond = [("command", "listZones"), ("page", "2"), ("pagesize", "2")];
    assert_eq!(
        wire.ask(&beyond).await,
        (200, json!({ "listzonesresponse": { "count": 2 } }))
    );
    let (_, first) = wire
        .ask(&[("command", "listZones"), ("page", "1"), ("pagesize", "1")])
        .await;
    assert_eq!(
        first["listzonesresponse"]["count"], 2,
        "the count is that of all pages"
    );
    assert_eq!(first["listzonesresponse"]["zone"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn page_and_page_size_come_together_and_are_bounded() {
    let wire = Wire::new();
    for parameters in [
        &[("page", "1")][..],
        &[("pagesize", "10")],
        &[("page", "1"), ("pagesize", "501")],
        &[("page", "1"), ("pagesize", "-1")],
        &[("page", "one"), ("pagesize", "1")],
    ] {
        let all: Vec<_> = [("command", "listVolumes")]
            .into_iter()
            .chain(parameters.iter().copied())
            .collect();
        let (status, answer) = wire.ask(&all).await;
        assert_eq!(
            (status, &answer["listvolumesresponse"]["errorcode"]),
            (431, &json!(431)),
            "{parameters:?}"
        );
    }
}

#[tokio::test]
async fn an_id_that_never_was_is_refused_and_one_that_is_gone_finds_nothing() {
    let wire = Wire::new();
    let unknown = "ffffffff-0000-4000-8000-000000000000";
    let (status, answer) = wire.ask(&[("command", "listVolumes"), ("id", unknown)]).await;
    assert_eq!(
        (status, &answer["listvolumesresponse"]["cserrorcode"]),
        (431, &json!(9999))
    );
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    wire.ask(&[("command", "detachVolume"), ("id", &replica)]).await;
    let (_, deleted) = wire.ask(&[("command", "deleteVolume"), ("id", &replica)]).await;
    assert_eq!(deleted, json!({ "deletevolumeresponse": { "success": true } }));
    let gone = wire.ask(&[("command", "listVolumes"), ("id", &replica)]).await;
    assert_eq!(gone, (200, json!({ "listvolumesresponse": {} })));
}

#[tokio::test]
async fn unknown_commands_and_missing_ones_are_unauthorized_in_their_own_envelopes() {
    let wire = Wire::new();
    for (parameters, envelope) in [
        (&[("command", "listvolumes")][..], "errorresponse"),
        (&[("command", "doSomething")], "errorresponse"),
        (&[], "null"),
    ] {
        let (status, answer) = wire.ask(parameters).await;
        assert_eq!(status, 401);
        assert_eq!(answer[envelope]["errorcode"], 401, "{answer}");
        assert!(answer[envelope].get("cserrorcode").is_none());
    }
}

#[tokio::test]
async fn a_job_is_told_with_its_object_and_its_error() {
    let wire = Wire::new();
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let detach = [("command", "detachVolume"), ("id", replica.as_str())];
    let (_, accepted) = wire.ask(&detach).await;
    let job = accepted["detachvolumeresponse"]["jobid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, ended) = wire
        .ask(&[("command", "queryAsyncJobResult"), ("jobid", &job)])
        .await;
    let ended = &ended["queryasyncjobresultresponse"];
    assert_eq!(
        (&ended["jobstatus"], &ended["jobinstancetype"]),
        (&json!(1), &json!("Volume"))
    );
    assert_eq!(ended["jobresult"]["volume"]["id"], replica);
    assert!(ended["jobresult"]["volume"].get("deviceid").is_none());
    let (_, again) = wire.ask(&detach).await;
    let job = again["detachvolumeresponse"]["jobid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, failed) = wire
        .ask(&[("command", "queryAsyncJobResult"), ("jobid", &job)])
        .await;
    let failed = &failed["queryasyncjobresultresponse"];
    assert_eq!(
        (&failed["jobstatus"], &failed["jobresultcode"]),
        (&json!(2), &json!(431))
    );
    assert_eq!(failed["jobresult"]["errorcode"], 431);
}

#[tokio::test]
async fn a_deployment_answers_its_vm_and_job_and_keeps_foreign_details() {
    let wire = Wire::new();
    let sample = SimContents::sample();
    let (zone, template) = (sample.oma.zone.to_string(), sample.templates[0].id.to_string());
    let (offering, network) = (
        sample.offerings[0].id.to_string(),
        sample.networks[0].id.to_string(),
    );
    let deploy = |name: &'static str| {
        vec![
            ("command", "deployVirtualMachine"),
            ("zoneid", zone.as_str()),
            ("serviceofferingid", offering.as_str()),
            ("templateid", template.as_str()),
            ("name", name),
            ("startvm", "false"),
            ("iptonetworklist[0].networkid", network.as_str()),
            ("iptonetworklist[0].mac", "00:50:56:9a:01:02"),
            ("details[0].cpuNumber", "2"),
            ("details[0].cpuSpeed", "2000"),
            ("details[0].memory", "2048"),
            ("details[0].failoverjob", "job-1"),
            ("boottype", "UEFI"),
        ]
    };
    let (status, _) = wire.ask(&deploy("web")).await;
    assert_eq!(status, 431, "UEFI needs a boot mode");
    let mut sound = deploy("web");
    sound.push(("bootmode", "SECURE"));
    let (_, made) = wire.ask(&sound).await;
    let made = &made["deployvirtualmachineresponse"];
    assert!(made["jobid"].is_string());
    let id = made["id"].as_str().unwrap();
    let (_, shown) = wire.ask(&[("command", "listVirtualMachines"), ("id", id)]).await;
    let vm = &shown["listvirtualmachinesresponse"]["virtualmachine"][0];
    assert_eq!(
        (&vm["state"], &vm["bootmode"]),
        (&json!("Stopped"), &json!("secure"))
    );
    assert_eq!(vm["details"]["failoverjob"], "job-1");
    assert_eq!(
        (&vm["nic"][0]["macaddress"], &vm["nic"][0]["deviceid"]),
        (&json!("00:50:56:9a:01:02"), &json!("0"))
    );
    let mut both = sound.clone();
    both.push(("networkids", network.as_str()));
    assert_eq!(
        wire.ask(&both).await.0,
        431,
        "the two ways of naming networks exclude each other"
    );
}

#[tokio::test]
async fn without_response_json_the_answer_is_xml() {
    let wire = Wire::new();
    let response = wire.send(&[("response", "xml"), ("command", "listZones")]).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/xml; charset=UTF-8"
    );
}

#[tokio::test]
async fn a_lost_reply_closes_the_connection_after_the_work() {
    let wire = Wire::new();
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let rule = json!({ "command": "detachVolume", "object": replica, "effect": { "kind": "lost_reply" } });
    let added = wire.admin("POST", "/admin/faults", Some(rule)).await;
    assert_eq!(added.status(), StatusCode::CREATED);
    let lost = wire.send(&[("command", "detachVolume"), ("id", &replica)]).await;
    assert_eq!(lost.extensions().get(), Some(&CloseWithoutAnswer));
    let state: CloudInventory =
        serde_json::from_value(body(wire.admin("GET", "/admin/state", None).await).await).unwrap();
    assert_eq!(state.detached[0].id.as_str(), replica);
    let faults = body(wire.admin("GET", "/admin/faults", None).await).await;
    assert_eq!(faults[0]["fired"], 1);
    let calls = body(wire.admin("GET", "/admin/calls", None).await).await;
    assert_eq!(
        (&calls[0]["event"], &calls[0]["command"]),
        (&json!("call"), &json!("detachVolume"))
    );
    assert_eq!(
        (&calls[1]["effect"], &calls[1]["device"]),
        (&json!("volume_detached"), &json!(1))
    );
}

#[tokio::test]
async fn the_administrators_door_restarts_and_refuses_unknown_faults() {
    let wire = Wire::new();
    let nonsense = json!({ "command": "attachVolume", "effect": { "kind": "gremlins" } });
    let refused = wire.admin("POST", "/admin/faults", Some(nonsense)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let text = body(refused).await["error"].to_string();
    assert!(
        text.contains("lost_reply") && text.contains("unattachable"),
        "{text}"
    );
    let restarted = wire
        .admin("POST", "/admin/restart", Some(json!({ "work": "done" })))
        .await;
    assert_eq!(restarted.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        wire.admin("POST", "/admin/restart", None).await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        wire.admin("DELETE", "/admin/faults", None).await.status(),
        StatusCode::NO_CONTENT
    );
    let health = body(wire.admin("GET", "/admin/health", None).await).await;
    assert_eq!(health["version"], "4.22.1.0");
}

#[tokio::test]
async fn a_request_brings_its_fault_along_only_where_that_is_accepted() {
    let detach = ["command", "detachVolume"];
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let detach = [(detach[0], detach[1]), ("id", replica.as_str())];
    let fault = r#"{"kind":"lost_reply"}"#;
    let closed = Wire::new();
    let refused = closed.send_with_fault(&detach, fault).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let text = body(refused).await["detachvolumeresponse"]["errortext"].to_string();
    assert!(text.contains("--faults-by-request"), "{text}");
    let open = Wire(Wire::new().0.accepting_faults_by_request());
    let unknown = open.send_with_fault(&detach, r#"{"kind":"gremlins"}"#).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    let lost = open.send_with_fault(&detach, fault).await;
    assert_eq!(lost.extensions().get(), Some(&CloseWithoutAnswer));
    let (_, shown) = open.ask(&[("command", "listVolumes"), ("id", &replica)]).await;
    let volume = &shown["listvolumesresponse"]["volume"][0];
    assert!(
        volume["id"].is_string() && volume.get("virtualmachineid").is_none(),
        "{shown}"
    );
    let faults = body(open.admin("GET", "/admin/faults", None).await).await;
    assert_eq!(faults, json!([]), "no rule was made of it");
}

#[tokio::test]
async fn the_fault_of_a_request_may_be_one_of_its_work() {
    let open = Wire(Wire::new().0.accepting_faults_by_request());
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let detach = [("command", "detachVolume"), ("id", replica.as_str())];
    let accepted = body(open.send_with_fault(&detach, r#"{"kind":"device_busy"}"#).await).await;
    let job = accepted["detachvolumeresponse"]["jobid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, ended) = open
        .ask(&[("command", "queryAsyncJobResult"), ("jobid", &job)])
        .await;
    assert_eq!(
        ended["queryasyncjobresultresponse"]["jobresultcode"], 530,
        "{ended}"
    );
}

#[tokio::test]
async fn one_call_too_many_is_answered_with_the_words_of_the_real_cloud() {
    let limit = ApiLimit {
        max: 2,
        interval_seconds: 3600,
    };
    let wire = Wire::of(SimSettings {
        role: Role::User,
        throttling: Some(limit),
        ..SimSettings::default()
    });
    let (_, shown) = wire.ask(&[("command", "listCapabilities")]).await;
    let capability = &shown["listcapabilitiesresponse"]["capability"];
    assert_eq!(
        (&capability["apilimitmax"], &capability["apilimitinterval"]),
        (&json!(2), &json!(3600))
    );
    assert_eq!(wire.ask(&[("command", "listZones")]).await.0, 200);
    let (status, refused) = wire.ask(&[("command", "listZones")]).await;
    let refused = &refused["listzonesresponse"];
    assert_eq!((status, &refused["cserrorcode"]), (429, &json!(4545)));
    let text = refused["errortext"].as_str().unwrap();
    let expected = "The given user has reached his/her account api limit, please retry after 3";
    assert!(text.starts_with(expected) && text.ends_with(" ms."), "{text}");
    let (_, shown) = Wire::new().ask(&[("command", "listCapabilities")]).await;
    assert!(
        shown["listcapabilitiesresponse"]["capability"]
            .get("apilimitmax")
            .is_none()
    );
}

#[tokio::test]
async fn changes_by_get_are_refused_where_post_is_enforced() {
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let in_time = [("signatureversion", "3"), ("expires", "1970-01-01T00:10:00+0000")];
    let with_expiry = |parameters: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        parameters.iter().chain(&in_time).copied().collect()
    };
    let mut detach = with_expiry(&[("command", "detachVolume")]);
    detach.push(("id", &replica));
    let list = with_expiry(&[("command", "listZones")]);
    for (profile, enforced) in [
        (Profile::V4_18, false),
        (Profile::V4_21, true),
        (Profile::V4_22, true),
    ] {
        let wire = Wire::of(SimSettings {
            post_enforcement: PostEnforcement::On,
            ..SimSettings::of(profile)
        });
        assert_eq!(wire.get(&list).await.status(), StatusCode::OK);
        let by_get = wire.get(&detach).await;
        let expected = if enforced {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        assert_eq!(by_get.status(), expected, "{profile}");
        if enforced {
            let text = body(by_get).await["detachvolumeresponse"]["errortext"].clone();
            assert_eq!(
                text,
                "State changing command detachVolume needs to be sent using POST request"
            );
            assert_eq!(wire.send(&detach).await.status(), StatusCode::OK);
            let without_expiry = [("command", "listZones")];
            assert_eq!(
                wire.send(&without_expiry).await.status(),
                StatusCode::UNAUTHORIZED
            );
        }
    }
}

#[tokio::test]
async fn parameters_of_a_wrong_form_are_refused_whatever_the_command() {
    let wire = Wire::new();
    for (parameter, value, status) in [
        ("name", "a\u{7}b", 431),
        ("name", "a\nb", 200),
        ("tags[0][1].key", "k", 430),
        ("tags[first].key", "k", 430),
        ("tags[0].key", "k", 200),
        ("NAME", "east", 200),
    ] {
        let (answered, answer) = wire.ask(&[("command", "listZones"), (parameter, value)]).await;
        assert_eq!(answered, status, "{parameter}: {answer}");
    }
    // The names of these two count as they are written; that of the others does not.
    assert_eq!(wire.ask(&[("Command", "listZones")]).await.0, 401);
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let (_, shown) = wire.ask(&[("command", "listVolumes"), ("ID", &replica)]).await;
    assert_eq!(shown["listvolumesresponse"]["count"], 1);
}

#[tokio::test]
async fn the_administrators_door_tells_what_there_is_and_what_is_wrong() {
    let wire = Wire::new();
    let index = body(wire.admin("GET", "/admin", None).await).await;
    for entry in index.as_array().unwrap() {
        let (method, path) = (entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
        let response = wire.admin(method, path, None).await;
        assert_ne!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
    }
    for (method, path) in [
        ("GET", "/admin/nothing"),
        ("PATCH", "/admin/faults"),
        ("GET", "/"),
    ] {
        let response = wire.admin(method, path, None).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(
            body(response).await["error"]
                .as_str()
                .unwrap()
                .contains("GET /admin")
        );
    }
    for (method, path, content, expected) in [
        ("POST", "/admin/restart", json!({ "work": "half" }), "half"),
        ("POST", "/admin/restart", json!({ "job": "x" }), "job"),
        ("PUT", "/admin/conditions", json!({ "moon": "full" }), "moon"),
        (
            "PUT",
            "/admin/conditions",
            json!({ "agent": "tired" }),
            "unreachable",
        ),
        (
            "POST",
            "/admin/faults",
            json!({ "effect": { "kind": "job_stuck" } }),
            "command",
        ),
        (
            "POST",
            "/admin/faults",
            json!({ "command": "*", "probability": 2, "effect": { "kind": "busy" } }),
            "0 to 1",
        ),
        (
            "POST",
            "/admin/faults",
            json!({ "command": "attachVolme", "effect": { "kind": "busy" } }),
            "attachVolme",
        ),
        (
            "POST",
            "/admin/faults",
            json!({ "command": "*", "nth": 0, "effect": { "kind": "busy" } }),
            "nth is 0",
        ),
        (
            "POST",
            "/admin/faults",
            json!({ "command": "*", "times": 0, "effect": { "kind": "busy" } }),
            "times is 0",
        ),
        ("PUT", "/admin/cloud", json!({ "format": 0 }), "format 0"),
    ] {
        let response = wire.admin(method, path, Some(content)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{method} {path}");
        let text = body(response).await["error"].to_string();
        assert!(text.contains(expected), "{text}");
    }
    let query = wire.admin("GET", "/admin/calls?since=1", None).await;
    assert_eq!(query.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn conditions_change_one_at_a_time_and_are_shown() {
    let wire = Wire::new();
    let change = wire.admin(
        "PUT",
        "/admin/conditions",
        Some(json!({ "server": "maintenance" })),
    );
    assert_eq!(
        body(change.await).await,
        json!({ "server": "maintenance", "agent": "connected" })
    );
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let detach = [("command", "detachVolume"), ("id", replica.as_str())];
    assert_eq!(wire.ask(&detach).await.0, 503);
    assert_eq!(wire.ask(&[("command", "listZones")]).await.0, 200);
    wire.admin(
        "PUT",
        "/admin/conditions",
        Some(json!({ "agent": "unreachable" })),
    )
    .await;
    let shown = body(wire.admin("GET", "/admin/conditions", None).await).await;
    assert_eq!(shown, json!({ "server": "maintenance", "agent": "unreachable" }));
}

#[tokio::test]
async fn a_cloud_is_put_back_as_it_was_and_its_jobs_are_purged_on_command() {
    let wire = Wire::new();
    let saved = body(wire.admin("GET", "/admin/cloud", None).await).await;
    let replica = SimContents::sample().oma.volumes[0].id.to_string();
    let detach = [("command", "detachVolume"), ("id", replica.as_str())];
    wire.ask(&detach).await;
    let calls = body(wire.admin("GET", "/admin/calls?from=1", None).await).await;
    assert_eq!(
        (calls.as_array().unwrap().len(), &calls[0]["sequence"]),
        (1, &json!(1))
    );
    let purged = body(wire.admin("POST", "/admin/jobs/purge", None).await).await;
    assert_eq!(purged, json!({ "jobs": 1 }));
    assert_eq!(
        body(wire.admin("GET", "/admin/jobs", None).await).await,
        json!([])
    );
    let put = wire.admin("PUT", "/admin/cloud", Some(saved)).await;
    assert_eq!(put.status(), StatusCode::NO_CONTENT);
    let (_, shown) = wire.ask(&[("command", "listVolumes"), ("id", &replica)]).await;
    assert!(
        shown["listvolumesresponse"]["volume"][0]["virtualmachineid"].is_string(),
        "{shown}"
    );
}

#[tokio::test]
async fn a_population_is_listed_page_by_page_and_by_vm() {
    let base = chrono::DateTime::UNIX_EPOCH;
    let clock = SimClock::starting_at(base);
    let settings = SimSettings::default().scaled(0.0);
    let populated = || {
        let mut cloud = Cloud::new(&SimContents::sample(), settings, base);
        cloud.populate("vms=1200,volumes-per-vm=3".parse().unwrap());
        cloud
    };
    assert!(populated().save() == populated().save(), "the seed decides");
    let cloud = Arc::new(Mutex::new(populated()));
    let wire = Wire(SimServer::new(cloud, clock, Credentials::development()));
    let mut ids = std::collections::BTreeSet::new();
    for (page, rows) in [("1", 500), ("2", 500), ("3", 201), ("4", 0)] {
        let list = [
            ("command", "listVirtualMachines"),
            ("page", page),
            ("pagesize", "500"),
        ];
        let (_, shown) = wire.ask(&list).await;
        let shown = &shown["listvirtualmachinesresponse"];
        assert_eq!(shown["count"], 1201);
        let vms = shown["virtualmachine"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(vms.len(), rows);
        ids.extend(vms.iter().map(|vm| vm["id"].to_string()));
    }
    assert_eq!(ids.len(), 1201);
    let named = [("command", "listVirtualMachines"), ("name", "population-00007")];
    let (_, shown) = wire.ask(&named).await;
    let vm = &shown["listvirtualmachinesresponse"]["virtualmachine"][0];
    let of_vm = [
        ("command", "listVolumes"),
        ("virtualmachineid", vm["id"].as_str().unwrap()),
    ];
    let (_, shown) = wire.ask(&of_vm).await;
    let mut devices: Vec<u64> = shown["listvolumesresponse"]["volume"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| volume["deviceid"].as_u64().unwrap())
        .collect();
    devices.sort_unstable();
    assert_eq!(devices, [0, 1, 2]);
}

#[tokio::test]
async fn the_documented_bodies_are_understood_and_every_effect_is_documented() {
    let guide = include_str!("../../../docs/ossea-sim.md");
    let wire = Wire::new();
    let mut tried = 0;
    for line in guide.lines().filter(|line| line.starts_with("curl ")) {
        let Some((content, address)) = line
            .split_once("-d '")
            .and_then(|(_, rest)| rest.split_once("' "))
        else {
            continue;
        };
        let path = address
            .split_whitespace()
            .next()
            .unwrap()
            .trim_start_matches("127.0.0.1:8086");
        let method = if line.contains("-X PUT") { "PUT" } else { "POST" };
        let content = serde_json::from_str(content).unwrap();
        let response = wire.admin(method, path, Some(content)).await;
        assert!(response.status().is_success(), "{line}: {}", response.status());
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
    let unknown = json!({ "command": "*", "effect": { "kind": "?" } });
    let refused = body(wire.admin("POST", "/admin/faults", Some(unknown)).await).await;
    let kinds = refused["error"]
        .as_str()
        .unwrap()
        .split("is one of ")
        .nth(1)
        .unwrap()
        .to_owned();
    let kinds = kinds.split(" at line").next().unwrap().split(", ");
    for kind in kinds {
        assert!(guide.contains(&format!("`{kind}`")), "{kind} is not documented");
    }
    for entry in body(wire.admin("GET", "/admin", None).await)
        .await
        .as_array()
        .unwrap()
    {
        let path = entry["path"].as_str().unwrap();
        assert!(
            guide.contains(&format!("{path}`")) || guide.contains(&format!("{path}?")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_vm_snapshot_is_listed_by_its_display_name_and_its_job_tells_no_id() {
    let wire = Wire::new();
    let oma = SimContents::sample().oma.id.to_string();
    let create = [
        ("command", "createVMSnapshot"),
        ("virtualmachineid", oma.as_str()),
        ("name", "before the test"),
        ("description", "why"),
        ("snapshotmemory", "false"),
    ];
    let (_, made) = wire.ask(&create).await;
    let made = &made["createvmsnapshotresponse"];
    let (id, job) = (made["id"].as_str().unwrap(), made["jobid"].as_str().unwrap());
    let (_, ended) = wire
        .ask(&[("command", "queryAsyncJobResult"), ("jobid", job)])
        .await;
    let ended = &ended["queryasyncjobresultresponse"];
    assert_eq!(
        (&ended["jobstatus"], &ended["jobinstancetype"]),
        (&json!(1), &json!("VmSnapshot"))
    );
    assert!(ended.get("jobinstanceid").is_none());
    assert_eq!(ended["jobresult"]["vmsnapshot"]["id"], id);
    let list = |filter: (&'static str, &'static str)| [("command", "listVMSnapshot"), filter];
    let (_, shown) = wire.ask(&list(("name", "before the test"))).await;
    let row = &shown["listvmsnapshotresponse"]["vmSnapshot"][0];
    assert_eq!(
        (&row["displayname"], &row["name"], &row["state"], &row["type"]),
        (
            &json!("before the test"),
            &json!("i-2-1-VM_VS_19700101000000"),
            &json!("Ready"),
            &json!("Disk")
        )
    );
    assert_eq!(
        (&row["current"], &row["virtualmachineid"], &row["description"]),
        (&json!(true), &json!(oma), &json!("why"))
    );
    for (filter, count) in [
        (("name", "before"), 0),
        (("keyword", "BEFORE"), 1),
        (("state", "Ready"), 1),
        (("state", "Error"), 0),
    ] {
        let (_, shown) = wire.ask(&list(filter)).await;
        let found = shown["listvmsnapshotresponse"]["count"].as_u64().unwrap_or(0);
        assert_eq!(found, count, "{filter:?}");
    }
    let (status, again) = wire.ask(&create).await;
    let again = &again["createvmsnapshotresponse"];
    let text = again["errortext"].as_str().unwrap();
    assert_eq!((status, &again["cserrorcode"]), (530, &json!(9999)));
    assert!(text.starts_with("Failed to create Instance Snapshot: "), "{text}");
}

#[tokio::test]
async fn a_hidden_vm_snapshot_is_listed_only_to_whoever_asks_for_the_state() {
    let wire = Wire::new();
    let oma = SimContents::sample().oma.id.to_string();
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let create = [
            ("command", "createVMSnapshot"),
            ("virtualmachineid", oma.as_str()),
            ("name", name),
        ];
        let (_, made) = wire.ask(&create).await;
        ids.push(
            made["createvmsnapshotresponse"]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    wire.ask(&[("command", "deleteVMSnapshot"), ("vmsnapshotid", &ids[0])])
        .await;
    let (_, shown) = wire.ask(&[("command", "listVMSnapshot")]).await;
    let rows = shown["listvmsnapshotresponse"]["vmSnapshot"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["parent"]),
        (&json!(ids[1]), &json!(ids[0]))
    );
    let hidden = [("command", "listVMSnapshot"), ("state", "Hidden")];
    let (_, shown) = wire.ask(&hidden).await;
    assert_eq!(shown["listvmsnapshotresponse"]["vmSnapshot"][0]["id"], ids[0]);
}

#[tokio::test]
async fn a_mac_address_that_is_none_is_silently_replaced_on_a_new_card() {
    let wire = Wire::new();
    let sample = SimContents::sample();
    let (oma, network) = (sample.oma.id.to_string(), sample.networks[0].id.to_string());
    let add = [
        ("command", "addNicToVirtualMachine"),
        ("virtualmachineid", oma.as_str()),
        ("networkid", network.as_str()),
        ("macaddress", "not-a-mac"),
    ];
    let (_, accepted) = wire.ask(&add).await;
    let job = accepted["addnictovirtualmachineresponse"]["jobid"]
        .as_str()
        .unwrap();
    let (_, ended) = wire
        .ask(&[("command", "queryAsyncJobResult"), ("jobid", job)])
        .await;
    let ended = &ended["queryasyncjobresultresponse"];
    assert_eq!(ended["jobinstanceid"], oma);
    let card = &ended["jobresult"]["virtualmachine"]["nic"][1];
    assert_eq!(
        (&card["networkid"], &card["isdefault"], &card["deviceid"]),
        (&json!(network), &json!(false), &json!("1"))
    );
    assert!(card["macaddress"].as_str().unwrap().starts_with("02:01:"));
}

#[tokio::test]
async fn a_recovered_vm_is_answered_at_once_and_named_disks_die_with_a_destroyed_one() {
    let wire = Wire::new();
    let sample = SimContents::sample();
    let (oma, disk) = (sample.oma.id.to_string(), sample.oma.volumes[0].id.to_string());
    wire.ask(&[("command", "destroyVirtualMachine"), ("id", &oma)])
        .await;
    let recover = [("command", "recoverVirtualMachine"), ("id", oma.as_str())];
    let (status, recovered) = wire.ask(&recover).await;
    let vm = &recovered["recovervirtualmachineresponse"]["virtualmachine"];
    assert_eq!(
        (status, &vm["id"], &vm["state"]),
        (200, &json!(oma), &json!("Stopped"))
    );
    let (status, again) = wire.ask(&recover).await;
    assert_eq!(
        (status, &again["recovervirtualmachineresponse"]["errorcode"]),
        (431, &json!(431))
    );
    wire.ask(&[
        ("command", "attachVolume"),
        ("id", &disk),
        ("virtualmachineid", &oma),
        ("deviceid", "1"),
    ])
    .await;
    let doomed = format!("{disk}, ffffffff-0000-4000-8000-000000000000");
    for (disks, status) in [(doomed.as_str(), 431), (disk.as_str(), 200)] {
        let destroy = [
            ("command", "destroyVirtualMachine"),
            ("id", oma.as_str()),
            ("expunge", "true"),
            ("volumeids", disks),
        ];
        assert_eq!(wire.ask(&destroy).await.0, status, "{disks}");
    }
    let gone = [("command", "listVolumes"), ("id", disk.as_str())];
    assert_eq!(wire.ask(&gone).await, (200, json!({ "listvolumesresponse": {} })));
}

#[tokio::test]
async fn protection_is_shown_and_updated_and_nothing_else_can_be() {
    let wire = Wire::new();
    let sample = SimContents::sample();
    let (oma, disk) = (sample.oma.id.to_string(), sample.oma.volumes[0].id.to_string());
    let (oma, disk) = (oma.as_str(), disk.as_str());
    let on = ("deleteprotection", "true");
    let of_vm = [("command", "updateVirtualMachine"), ("id", oma), on];
    let (_, updated) = wire.ask(&of_vm).await;
    let vm = &updated["updatevirtualmachineresponse"]["virtualmachine"];
    assert_eq!((&vm["id"], &vm["deleteprotection"]), (&json!(oma), &json!(true)));
    let of_volume = [("command", "updateVolume"), ("id", disk), on];
    let (_, accepted) = wire.ask(&of_volume).await;
    assert!(accepted["updatevolumeresponse"]["jobid"].is_string());
    let (_, shown) = wire.ask(&[("command", "listVolumes"), ("id", disk)]).await;
    assert_eq!(
        shown["listvolumesresponse"]["volume"][0]["deleteprotection"],
        true
    );
    let rename = [("command", "updateVolume"), ("id", disk), ("name", "other")];
    assert_eq!(wire.ask(&rename).await.0, 431);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_nobody_calls_plays_on() {
    let clock = SimClock::starting_at(chrono::DateTime::UNIX_EPOCH);
    let cloud = Cloud::new(&SimContents::sample(), SimSettings::default(), clock.now());
    let cloud = Arc::new(Mutex::new(cloud));
    let server = SimServer::new(Arc::clone(&cloud), clock, Credentials::development());
    let playing = tokio::spawn(async move { server.keep_up().await });
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    let behind = clock.now() - cloud.lock().unwrap().time();
    assert!(behind <= chrono::TimeDelta::seconds(1), "{behind}");
    playing.abort();
}
