//! Lists and objects: pages, absence, and answers that cannot be right.

use crate::support::{Act, ScriptedCloud, json, status};
use ossea::{OsseaClient, OsseaError};
use serde_json::json as value;

/// A page of `listVirtualMachines` with the VMs `ids`, of `count` in all.
fn page(ids: impl IntoIterator<Item = usize>, count: Option<usize>) -> Act {
    let vms: Vec<_> = ids
        .into_iter()
        .map(|id| value!({"id": format!("vm-{id}"), "name": "web", "state": "Stopped", "zoneid": "zone"}))
        .collect();
    let mut inner = value!({ "virtualmachine": vms });
    if let Some(count) = count {
        inner["count"] = value!(count);
    }
    json(&value!({ "listvirtualmachinesresponse": inner }).to_string())
}

fn refusal(command: &str, code: u16) -> Act {
    let key = format!("{}response", command.to_lowercase());
    status(
        code,
        &value!({ key: {"errorcode": code, "errortext": "x", "uuidList": []} }).to_string(),
    )
}

#[tokio::test]
async fn all_pages_are_read_with_the_size_that_the_cloud_itself_uses() {
    let script = vec![page(0..3, Some(7)), page(3..6, Some(7)), page(6..7, Some(7))];
    let cloud = ScriptedCloud::start(script).await;
    let vms = cloud.client().vms().await.unwrap();
    let ids: Vec<&str> = vms.iter().map(|vm| vm.id.as_str()).collect();
    assert_eq!(ids, ["vm-0", "vm-1", "vm-2", "vm-3", "vm-4", "vm-5", "vm-6"]);
    assert!(!cloud.parameters(0).contains_key("page") && !cloud.parameters(0).contains_key("pagesize"));
    for request in [1, 2] {
        let parameters = cloud.parameters(request);
        assert_eq!(
            (parameters["page"].as_str(), parameters["pagesize"].as_str()),
            (["2", "3"][request - 1], "3")
        );
    }
}

#[tokio::test]
async fn a_row_that_moved_to_the_next_page_is_not_read_twice() {
    let cloud = ScriptedCloud::start(vec![page([1, 2], Some(3)), page([2, 3], Some(3))]).await;
    assert_eq!(cloud.client().vms().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_page_beyond_the_end_ends_the_list() {
    let beyond = json(r#"{"listvirtualmachinesresponse":{"count":4}}"#);
    let cloud = ScriptedCloud::start(vec![page([1, 2], Some(4)), beyond]).await;
    assert_eq!(cloud.client().vms().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_cloud_that_repeats_a_page_for_ever_is_not_asked_for_ever() {
    let cloud = ScriptedCloud::start(vec![page([1, 2], Some(9)), page([1, 2], Some(9))]).await;
    assert!(matches!(
        cloud.client().vms().await,
        Err(OsseaError::Malformed(_))
    ));
    assert_eq!(cloud.requests().len(), 2);
}

#[tokio::test]
async fn a_short_list_without_a_count_is_complete_and_a_full_one_is_not() {
    let cloud = ScriptedCloud::start(vec![page([1, 2], None)]).await;
    assert_eq!(cloud.client().vms().await.unwrap().len(), 2);
    let cloud = ScriptedCloud::start(vec![page(0..500, None), page(500..501, None)]).await;
    assert_eq!(cloud.client().vms().await.unwrap().len(), 501);
}

#[tokio::test]
async fn an_empty_list_has_neither_count_nor_array() {
    let cloud = ScriptedCloud::start(vec![json(r#"{"listvolumesresponse":{}}"#)]).await;
    assert_eq!(
        cloud.client().volumes_on(&"vm-1".parse().unwrap()).await.unwrap(),
        []
    );
    assert_eq!(cloud.parameters(0)["virtualmachineid"], "vm-1");
}

#[tokio::test]
async fn an_object_that_never_was_and_one_that_is_gone_are_both_none() {
    let id = "volume-1".parse().unwrap();
    let gone = json(r#"{"listvolumesresponse":{}}"#);
    let cloud = ScriptedCloud::start(vec![refusal("listVolumes", 431), gone]).await;
    let client = cloud.client();
    assert_eq!(client.volume(&id).await.unwrap(), None);
    assert_eq!(client.volume(&id).await.unwrap(), None);
}

#[tokio::test]
async fn only_an_unknown_id_is_absence() {
    let id = "volume-1".parse().unwrap();
    for code in [430, 530, 531] {
        let cloud = ScriptedCloud::start(vec![refusal("listVolumes", code)]).await;
        let error = cloud.client().volume(&id).await.unwrap_err();
        assert!(matches!(error, OsseaError::Refused(refusal) if refusal.code == u32::from(code)));
    }
}

#[tokio::test]
async fn the_volumes_of_an_unknown_vm_are_not_an_empty_list() {
    let cloud = ScriptedCloud::start(vec![refusal("listVolumes", 431), refusal("listSnapshots", 431)]).await;
    let client = cloud.client();
    let volumes = client.volumes_on(&"vm-1".parse().unwrap()).await;
    assert!(matches!(volumes, Err(OsseaError::NotFound(_))), "{volumes:?}");
    let snapshots = client.snapshots_of(&"volume-1".parse().unwrap()).await;
    assert!(matches!(snapshots, Err(OsseaError::NotFound(_))), "{snapshots:?}");
}

#[tokio::test]
async fn another_object_than_the_one_asked_for_is_no_answer() {
    let cloud = ScriptedCloud::start(vec![page([2, 3], Some(2))]).await;
    assert!(matches!(
        cloud.client().vm(&"vm-1".parse().unwrap()).await,
        Err(OsseaError::Malformed(_))
    ));
}

#[tokio::test]
async fn a_vm_of_a_similar_name_is_not_a_namesake() {
    let body = value!({"listvirtualmachinesresponse": {"count": 2, "virtualmachine": [
        {"id": "vm-1", "name": "web-01-old", "state": "Stopped", "zoneid": "zone"},
        {"id": "vm-2", "name": "web-01", "state": "Stopped", "zoneid": "zone"},
    ]}});
    let cloud = ScriptedCloud::start(vec![json(&body.to_string())]).await;
    let found = cloud.client().vms_named("web-01").await.unwrap();
    assert_eq!(
        found.iter().map(|vm| vm.id.as_str()).collect::<Vec<_>>(),
        ["vm-2"]
    );
}

#[tokio::test]
async fn one_unreadable_row_spoils_the_list_instead_of_going_missing() {
    let body = value!({"listvolumesresponse": {"count": 2, "volume": [
        {"id": "volume-1", "name": "a", "type": "DATADISK", "state": "Ready", "size": 1, "zoneid": "zone"},
        {"id": "volume-2", "name": "b", "type": "DATADISK", "size": 1, "zoneid": "zone"},
    ]}});
    let cloud = ScriptedCloud::start(vec![json(&body.to_string())]).await;
    let error = cloud
        .client()
        .volumes_on(&"vm-1".parse().unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, OsseaError::Malformed(text) if text.contains("volume-2")),
        "{error}"
    );
}

#[tokio::test]
async fn unfinished_jobs_are_listed_by_their_own_id() {
    let body = value!({"listasyncjobsresponse": {"count": 3, "asyncjobs": [
        {"jobid": "job-1", "jobstatus": 0},
        {"jobid": "job-2", "jobstatus": 1},
        {"jobid": "job-3"},
    ]}});
    let cloud = ScriptedCloud::start(vec![json(&body.to_string())]).await;
    let jobs = cloud.client().pending_jobs().await.unwrap();
    assert_eq!(
        jobs.iter().map(|job| job.as_str()).collect::<Vec<_>>(),
        ["job-1", "job-3"]
    );
}

#[tokio::test]
async fn a_template_is_asked_for_with_its_zone_and_the_obligatory_filter() {
    let body = value!({"listtemplatesresponse": {"count": 1, "template": [
        {"id": "template-1", "name": "small", "isready": true, "hypervisor": "KVM", "size": 10},
    ]}});
    let cloud = ScriptedCloud::start(vec![json(&body.to_string())]).await;
    let template = cloud
        .client()
        .template(&"template-1".parse().unwrap(), &"zone".parse().unwrap())
        .await;
    assert!(template.unwrap().is_some_and(|template| template.ready));
    let parameters = cloud.parameters(0);
    assert_eq!(
        (
            parameters["templatefilter"].as_str(),
            parameters["zoneid"].as_str()
        ),
        ("executable", "zone")
    );
}

#[tokio::test]
async fn capabilities_come_in_an_envelope_of_their_own() {
    let body = r#"{"listcapabilitiesresponse":{"capability":{"cloudstackversion":"4.20.3.0"}}}"#;
    let cloud = ScriptedCloud::start(vec![json(body), json(r#"{"listcapabilitiesresponse":{}}"#)]).await;
    let client = cloud.client();
    assert_eq!(client.capabilities().await.unwrap().version, "4.20.3.0");
    assert!(matches!(
        client.capabilities().await,
        Err(OsseaError::Malformed(_))
    ));
}
