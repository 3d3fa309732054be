//! Answers in the forms that releases of CloudStack and what stands before them give (`cloudstack-api.md` sections
//! 2 and 3), and what is understood of each.

use failover_domain::RequestKey;
use ossea::{
    Accepted, Command, DeployVm, JobReport, OsseaClient, OsseaError, Refusal, SnapshotState, VmSnapshotState,
    VmState, VolumeState,
};
use serde_json::json as value;

use crate::support::{Act, ScriptedCloud, json, status};

const KEY: &str = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";

fn key() -> RequestKey {
    KEY.parse().unwrap()
}

fn detach() -> Command {
    Command::DetachVolume {
        volume: "volume-1".parse().unwrap(),
    }
}

async fn cloud(act: Act) -> ScriptedCloud {
    ScriptedCloud::start(vec![act]).await
}

#[tokio::test]
async fn a_job_is_understood_in_every_form() {
    let failed = |code, text: &str| {
        JobReport::Failed(Refusal {
            code,
            text: text.to_owned(),
        })
    };
    let succeeded = |object: Option<&str>| JobReport::Succeeded {
        object: object.map(str::to_owned),
    };
    let common =
        r#""accountid":"a","cmd":"org.apache.cloudstack.api.command.admin.volume.AttachVolumeCmdByAdmin""#;
    let table = [
        (
            r#""jobstatus":0,"jobprocstatus":0,"jobresultcode":0"#,
            JobReport::Pending,
        ),
        (r#""jobstatus":"0""#, JobReport::Pending),
        (
            r#""jobstatus":1,"jobresultcode":0,"jobresulttype":"object","jobresult":{"volume":{"id":"v-1"}}"#,
            succeeded(Some("v-1")),
        ),
        (
            r#""jobstatus":"1","jobresult":{"vmsnapshot":{"id":"s-1","virtualmachineid":"vm-1"}}"#,
            succeeded(Some("s-1")),
        ),
        (r#""jobstatus":1,"jobresult":{"success":true}"#, succeeded(None)),
        (r#""jobstatus":1,"jobresult":{"success":"true"}"#, succeeded(None)),
        (r#""jobstatus":1"#, succeeded(None)),
        // The same refusal before and after the words changed.
        (
            r#""jobstatus":2,"jobresultcode":530,"jobresult":{"errorcode":530,"errortext":"Failed to start VM"}"#,
            failed(530, "Failed to start VM"),
        ),
        (
            r#""jobstatus":2,"jobresultcode":530,"jobresult":{"errorcode":"530","errortext":"Failed to start Instance"}"#,
            failed(530, "Failed to start Instance"),
        ),
        (
            r#""jobstatus":2,"jobresultcode":530,"jobresult":{"errorcode":530}"#,
            failed(530, "no reason given"),
        ),
        (
            r#""jobstatus":2,"jobresultcode":431,"jobresult":{"errorcode":431,"displaytext":"x"}"#,
            failed(431, "x"),
        ),
        // A restarted management server, a cancelled queue item, a text that the API could not decode.
        (
            r#""jobstatus":2,"jobresultcode":530"#,
            JobReport::Interrupted { code: 530 },
        ),
        (
            r#""jobstatus":2,"jobresultcode":0"#,
            JobReport::Interrupted { code: 0 },
        ),
        (
            r#""jobstatus":2,"jobresultcode":530,"jobresult":"job cancelled because of management server restart""#,
            JobReport::Interrupted { code: 530 },
        ),
        (
            r#""jobstatus":2,"jobresult":null"#,
            JobReport::Interrupted { code: 0 },
        ),
        (r#""jobstatus":3"#, JobReport::Interrupted { code: 0 }),
    ];
    for (fields, expected) in table {
        let cloud = cloud(json(&format!(
            r#"{{"queryasyncjobresultresponse":{{{common},{fields}}}}}"#
        )))
        .await;
        let report = cloud.client().job(&key().job_id()).await;
        assert_eq!(report.unwrap(), expected, "{fields}");
    }
}

#[tokio::test]
async fn a_refusal_is_understood_under_every_key_and_by_its_code_only() {
    let table = [
        (
            431,
            r#"{"detachvolumeresponse":{"uuidList":[],"errorcode":431,"cserrorcode":4350,"errortext":"busy, retry"}}"#,
            431,
        ),
        (
            432,
            r#"{"errorresponse":{"uuidList":[],"errorcode":432,"cserrorcode":9999,"errortext":"x"}}"#,
            432,
        ),
        (
            530,
            r#"{"null":{"errorcode":"530","errortext":"A shutdown has been triggered. Can not accept new jobs"}}"#,
            530,
        ),
        (533, r#"{"detachvolumeresponse":{"cserrorcode":4335}}"#, 533),
        (535, r#"{"detachvolumeresponse":{"errortext":"limit"}}"#, 535),
        // What the envelope says counts more than the status under which a proxy passes it on.
        (
            500,
            r#"{"detachvolumeresponse":{"errorcode":431,"errortext":""}}"#,
            431,
        ),
    ];
    for (http, body, code) in table {
        let cloud = cloud(status(http, body)).await;
        let error = cloud.client().submit(&key(), &detach()).await.unwrap_err();
        assert!(
            matches!(&error, OsseaError::Refused(refusal) if refusal.code == code),
            "{body}: {error:?}"
        );
    }
    for key_of_envelope in ["errorresponse", "null", "detachvolumeresponse"] {
        let body = format!(r#"{{"{key_of_envelope}":{{"errorcode":401,"errortext":"unable to verify"}}}}"#);
        let cloud = cloud(status(401, &body)).await;
        let error = cloud.client().submit(&key(), &detach()).await.unwrap_err();
        assert!(matches!(error, OsseaError::Unauthorized(_)), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_cloudstack_is_none_in_any_disguise() {
    let pages = [
        r#"<?xml version="1.0" encoding="UTF-8"?><detachvolumeresponse cloud-stack-version="4.22.1.0"><jobid>x</jobid></detachvolumeresponse>"#,
        "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>",
        "\u{feff}",
        "Service Temporarily Unavailable",
        r#"{"detachvolumeresponse":"jobid"}"#,
        r#"{"detachvolumeresponse":[]}"#,
        r#"{"detachvolumeresponse":null}"#,
        r#"{"detachvolumeresponse":{"jobid":"#,
        r#"{"detachvolumeresponse":{}}"#,
        r#"{"detachvolumeresponse":{"jobid":null}}"#,
    ];
    for page in pages {
        for http in [200, 500, 502, 504] {
            let cloud = cloud(status(http, page)).await;
            let error = cloud.client().submit(&key(), &detach()).await.unwrap_err();
            assert!(
                matches!(error, OsseaError::OutcomeUnknown(_)),
                "{http} {page}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_accepted_command_is_understood_with_the_object_that_it_made() {
    let body = value!({"deployvirtualmachineresponse": {"id": "vm-1", "jobid": KEY, "more": [1, 2]}});
    let cloud = cloud(json(&body.to_string())).await;
    let deploy = Command::DeployVirtualMachine(Box::new(DeployVm {
        name: "web-01".to_owned(),
        display_name: "Web 01".to_owned(),
        mark: "live-1".to_owned(),
        zone: "zone".parse().unwrap(),
        offering: "offering".parse().unwrap(),
        template: "template".parse().unwrap(),
        custom_size: None,
        firmware: failover_domain::Firmware::Bios,
        secure_boot: false,
        nics: Vec::new(),
    }));
    let accepted = cloud.client().submit(&key(), &deploy).await.unwrap();
    let created = Some("vm-1".to_owned());
    assert_eq!(
        accepted,
        Accepted::Job {
            job: key().job_id(),
            created
        }
    );
}

#[tokio::test]
async fn volumes_are_read_with_numbers_as_text_and_states_of_newer_releases() {
    let body = value!({"listvolumesresponse": {"count": "2", "volume": [
        {"id": "v-1", "name": "a", "type": "ROOT", "state": "Ready", "size": "1073741824", "zoneid": "zone",
         "virtualmachineid": "vm-1", "deviceid": "0", "created": "2026-01-02T03:04:05+0000", "deleteprotection": false},
        {"id": "v-2", "name": null, "type": "DATADISK", "state": "Consolidating", "size": 1, "zoneid": "zone",
         "jobid": KEY, "jobstatus": "0"},
    ]}});
    let cloud = cloud(json(&body.to_string())).await;
    let volumes = cloud.client().volumes().await.unwrap();
    assert_eq!(volumes[0].size_bytes, 1_073_741_824);
    let attachment = volumes[0].attachment.as_ref().unwrap();
    assert_eq!((attachment.vm.as_str(), attachment.device), ("vm-1", Some(0)));
    assert_eq!(volumes[1].state, VolumeState::Other("Consolidating".to_owned()));
    assert_eq!(volumes[1].attachment, None);
    assert_eq!(volumes[1].pending_job, Some(key().job_id()));
}

#[tokio::test]
async fn vm_snapshots_are_found_under_both_spellings_of_their_array() {
    for array in ["vmSnapshot", "vmsnapshot"] {
        let row = value!({"id": "s-1", "name": "i-2-3-VM_VS_20260102030405", "displayname": "before", "state": "Merging",
            "virtualmachineid": "vm-1", "type": "Disk", "current": "true", "created": "2026-01-02T03:04:05.123Z"});
        let body = value!({"listvmsnapshotresponse": {"count": 1, array: [row]}});
        let cloud = cloud(json(&body.to_string())).await;
        let snapshots = cloud
            .client()
            .vm_snapshots_of(&"vm-1".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(snapshots.len(), 1, "{array}");
        assert_eq!(snapshots[0].name, "before");
        assert_eq!(snapshots[0].state, VmSnapshotState::Other("Merging".to_owned()));
        assert!(snapshots[0].current && snapshots[0].created.is_some());
    }
}

#[tokio::test]
async fn snapshots_and_vms_keep_words_that_are_new() {
    let body = value!({"listsnapshotsresponse": {"count": 1, "snapshot": [
        {"id": "s-1", "name": "a", "volumeid": "v-1", "state": "Replicating", "created": "2026-01-02T04:04:05+01:00"}]}});
    let snapshots = cloud(json(&body.to_string()))
        .await
        .client()
        .snapshots_of(&"v-1".parse().unwrap())
        .await;
    assert_eq!(
        snapshots.unwrap()[0].state,
        SnapshotState::Other("Replicating".to_owned())
    );
    let body = value!({"listvirtualmachinesresponse": {"count": 1, "virtualmachine": [
        {"id": "vm-1", "name": "web", "state": "Restoring", "zoneid": "zone", "cpunumber": "2",
         "nic": [{"id": "n-1", "networkid": "net-1", "deviceid": "0", "isdefault": "true"}]}]}});
    let vms = cloud(json(&body.to_string())).await.client().vms().await.unwrap();
    assert_eq!(vms[0].state, VmState::Other("Restoring".to_owned()));
    assert_eq!(
        (vms[0].cpus, vms[0].nics[0].device, vms[0].nics[0].is_default),
        (Some(2), Some(0), true)
    );
}

#[tokio::test]
async fn free_text_that_the_serialiser_has_broken_does_not_hide_an_answer() {
    let body = "{\"listvolumesresponse\":{\"count\":1,\"volume\":[{\"id\":\"v-1\",\"name\":\"bell\u{7} \\A <b>&\",\
                \"type\":\"ROOT\",\"state\":\"Ready\",\"size\":1,\"zoneid\":\"zone\"}]}}";
    let volumes = cloud(json(body)).await.client().volumes().await.unwrap();
    assert_eq!(volumes[0].name, "bell  \\A <b>&");
}

#[tokio::test]
async fn a_list_that_counts_rows_but_shows_none_is_not_an_empty_list() {
    for body in [
        r#"{"listvolumesresponse":{"count":7}}"#,
        r#"{"listvolumesresponse":{"count":"1","volume":[]}}"#,
    ] {
        let cloud = cloud(json(body)).await;
        assert!(
            matches!(cloud.client().volumes().await, Err(OsseaError::Malformed(_))),
            "{body}"
        );
    }
    for body in [
        r#"{"listvolumesresponse":{}}"#,
        r#"{"listvolumesresponse":{"count":0}}"#,
        r#"{"listvolumesresponse":{"count":"0","volume":[]}}"#,
        r#"{"listvolumesresponse":{"volume":null}}"#,
    ] {
        let cloud = cloud(json(body)).await;
        assert_eq!(cloud.client().volumes().await.unwrap(), [], "{body}");
    }
}
