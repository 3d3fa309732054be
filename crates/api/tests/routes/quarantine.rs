//! `/api/v1/vms/{vm_id}/quarantine`.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use failover_api::dto::{AuditPage, ErrorCode, QuarantineView};
use failover_engine::ports::{Inventory, ResyncMark};
use serde_json::{Value, json};

use crate::fixture::{Answer, NOBODY, PGWIN, TestApi, WEB, with_json};

/// The second replica of [`PGWIN`].
const REPLICA: &str = "fa02fe6f-89da-58a0-9db5-c2ee7e230bcc";
/// Its third one, which is not marked.
const CLEAN: &str = "a4f9aab0-f11a-5694-a85b-856a64ef51d7";

async fn marked() -> TestApi {
    let api = TestApi::with_inventory().await;
    let volume = REPLICA.parse().unwrap();
    assert!(api.store.mark_resync(&volume, ResyncMark::Needed).await.unwrap());
    api
}

async fn list(api: &TestApi, vm: &str) -> QuarantineView {
    let answer = api.get(&format!("/api/v1/vms/{vm}/quarantine")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

async fn clear(api: &TestApi, vm: &str, volume: &str, body: Value) -> Answer {
    let path = format!("/api/v1/vms/{vm}/quarantine/{volume}");
    api.send(with_json(Method::DELETE, &path, body.to_string())).await
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_shown_and_taken_off_with_a_reason_that_is_audited() {
    let api = marked().await;
    let shown = list(&api, PGWIN).await;
    assert_eq!(shown.replicas.len(), 1);
    assert_eq!(
        (
            shown.replicas[0].volume_id.as_str(),
            shown.replicas[0].label.as_str()
        ),
        (REPLICA, "Hard disk 2")
    );
    let answer = clear(&api, PGWIN, REPLICA, json!({"reason": " compared by hand "})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(list(&api, PGWIN).await.replicas, []);
    let audit: AuditPage =
        serde_json::from_str(&api.get("/api/v1/audit?action=clear_quarantine").await.text).unwrap();
    assert_eq!(audit.entries.len(), 1);
    assert_eq!(
        (audit.entries[0].reason.as_str(), audit.entries[0].actor.as_str()),
        ("compared by hand", "anonymous")
    );
    let again = clear(&api, PGWIN, REPLICA, json!({"reason": "compared by hand"})).await;
    again.problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cleared_says_why_and_leaves_no_trace() {
    let api = marked().await;
    let reason = json!({"reason": "because"});
    let problem = clear(&api, PGWIN, CLEAN, reason.clone())
        .await
        .problem(StatusCode::CONFLICT, ErrorCode::NotAllowed);
    assert!(problem.detail.contains(CLEAN) && problem.detail.contains("not marked"));
    let problem = clear(&api, WEB, REPLICA, reason.clone())
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::ReplicaNotFound);
    assert!(problem.detail.contains(REPLICA), "{}", problem.detail);
    clear(&api, NOBODY, REPLICA, reason)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    api.get(&format!("/api/v1/vms/{NOBODY}/quarantine"))
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    for (body, part) in [
        (json!({}), "reason"),
        (json!({"reason": " "}), "1 to 1000"),
        (json!({"reason": "x".repeat(1001)}), "1 to 1000"),
        (json!({"reason": "x", "by": "me"}), "unknown field `by`"),
    ] {
        let problem = clear(&api, PGWIN, REPLICA, body.clone())
            .await
            .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    let path = format!("/api/v1/vms/{PGWIN}/quarantine/{REPLICA}");
    let bare = Request::delete(path).body(Body::empty()).unwrap();
    api.send(bare).await.problem(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::UnsupportedMediaType,
    );
    assert_eq!(list(&api, PGWIN).await.replicas.len(), 1);
    assert_eq!(
        api.get("/api/v1/audit?action=clear_quarantine").await.json()["entries"],
        json!([])
    );
}
