//! The wire format and the administrator's door, asked without a socket.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use http_edge::CloseWithoutAnswer;
use ossea::cloudstack::sign;
use ossea_sim::http::{Credentials, SimServer};
use ossea_sim::{Cloud, CloudInventory, SimClock, SimContents, SimSettings};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Wire(SimServer);

impl Wire {
    fn new() -> Self {
        let clock = SimClock::starting_at(chrono::DateTime::UNIX_EPOCH);
        let cloud = Cloud::new(
            &SimContents::sample(),
            SimSettings::default().scaled(0.0),
            clock.now(),
        );
        Self(SimServer::new(
            Arc::new(Mutex::new(cloud)),
            clock,
            Credentials::development(),
        ))
    }

    async fn send(&self, parameters: &[(&str, &str)]) -> Response<Body> {
        let mut all = vec![("apikey", Credentials::DEVELOPMENT_API_KEY), ("response", "json")];
        all.extend(parameters);
        let signature = sign::signature(&all, Credentials::DEVELOPMENT_SECRET_KEY);
        all.push(("signature", &signature));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&all)
            .finish();
        let request = Request::post("/client/api").body(Body::from(form)).unwrap();
        self.0.api().oneshot(request).await.unwrap()
    }

    async fn ask(&self, parameters: &[(&str, &str)]) -> (u16, Value) {
        let response = self.send(parameters).await;
        (response.status().as_u16(), body(response).await)
    }

    async fn admin(&self, method: &str, path: &str, content: Option<Value>) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = match content {
            Some(content) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(content.to_string())),
            None => request.body(Body::empty()),
        };
        self.0.admin().oneshot(request.unwrap()).await.unwrap()
    }
}

async fn body(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

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
