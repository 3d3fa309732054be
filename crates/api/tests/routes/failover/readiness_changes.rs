//! What has changed since somebody looked last.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use failover_api::dto::engine::ReadinessChanges;
use failover_api::dto::{FleetReadinessPage, ReadinessAnswer};
use failover_domain::{FailoverType, VmId};
use failover_engine::looks::{ReadinessLook, ReadinessLooks};
use failover_engine::ports::{Inventory, ResyncMark, StoreError};

use crate::fixture::{PGWIN, TestApi, WEB};

async fn look(api: &TestApi, path: &str) -> Option<ReadinessChanges> {
    let answer = api.get(&format!("/api/v1/{path}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer: ReadinessAnswer = serde_json::from_str(&answer.text).unwrap();
    answer.changes
}

async fn look_at_all(api: &TestApi) -> BTreeMap<String, Option<ReadinessChanges>> {
    let answer = api.get("/api/v1/failover/readiness").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let page: FleetReadinessPage = serde_json::from_str(&answer.text).unwrap();
    let changes = |vm: failover_api::dto::VmReadinessView| (vm.vm_id.to_string(), vm.changes);
    page.vms.into_iter().map(changes).collect()
}

async fn mark(api: &TestApi, mark: ResyncMark) {
    let vm = api.store.vm(&PGWIN.parse().unwrap()).await.unwrap().unwrap();
    let replica = &vm.disks[0].replica.as_ref().unwrap().volume_id;
    assert!(api.store.mark_resync(replica, mark).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_second_look_tells_what_failed_and_passed_since_the_first() {
    let api = TestApi::ready().await;
    let path = format!("failover/{PGWIN}/readiness");
    assert_eq!(look(&api, &path).await, None, "nobody has looked before");
    let first = api.clock.now();
    let same = look(&api, &path).await.unwrap();
    assert!(same.was_ready && same.newly_failed.is_empty() && same.newly_passed.is_empty());
    assert!(same.since <= first, "{same:?}");

    mark(&api, ResyncMark::Needed).await;
    // The other route to the same answer looks too.
    let failed = look(&api, &format!("vms/{PGWIN}/failover-readiness"))
        .await
        .unwrap();
    assert_eq!(
        (failed.newly_failed, failed.newly_passed),
        (vec!["sync_status".to_owned()], vec![])
    );
    assert!(failed.was_ready);

    mark(&api, ResyncMark::Done).await;
    let passed = look(&api, &path).await.unwrap();
    assert_eq!(
        (passed.newly_failed, passed.newly_passed),
        (vec![], vec!["sync_status".to_owned()])
    );
    assert!(!passed.was_ready);
    assert_eq!(passed.previous_score, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_all_is_a_look_at_each() {
    let api = TestApi::ready().await;
    look(&api, &format!("failover/{PGWIN}/readiness")).await;
    mark(&api, ResyncMark::Needed).await;
    let all = look_at_all(&api).await;
    assert_eq!(all[PGWIN].as_ref().unwrap().newly_failed, ["sync_status"]);
    assert_eq!(all[WEB], None, "nobody has looked at it before");
    mark(&api, ResyncMark::Done).await;
    let alone = look(&api, &format!("failover/{PGWIN}/readiness")).await.unwrap();
    assert_eq!(alone.newly_passed, ["sync_status"]);
    assert!(look_at_all(&api).await[WEB].is_some());
}

#[tokio::test(start_paused = true)]
async fn live_and_test_are_looked_at_apart() {
    let api = TestApi::ready().await;
    look(&api, &format!("failover/{PGWIN}/readiness")).await;
    assert_eq!(
        look(&api, &format!("failover/{PGWIN}/readiness?type=test")).await,
        None
    );
}

/// The parts are no looks: they see a few rules only.
#[tokio::test(start_paused = true)]
async fn a_look_at_a_part_is_not_kept() {
    let api = TestApi::ready().await;
    api.get(&format!("/api/v1/vms/{PGWIN}/sync-status")).await;
    assert_eq!(look(&api, &format!("failover/{PGWIN}/readiness")).await, None);
}

/// A store whose table nobody can use.
struct Broken;

#[async_trait]
impl ReadinessLooks for Broken {
    async fn last_looks(
        &self,
        _: FailoverType,
        _: &[VmId],
    ) -> Result<BTreeMap<VmId, ReadinessLook>, StoreError> {
        Err(StoreError::Unavailable("no table".to_owned()))
    }

    async fn put_looks(&self, _: &[ReadinessLook]) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("no table".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_does_not_depend_on_what_was_seen_before() {
    let api = TestApi::ready().await.remembering(Arc::new(Broken));
    for _ in 0..2 {
        assert_eq!(look(&api, &format!("failover/{PGWIN}/readiness")).await, None);
        assert!(look_at_all(&api).await.values().all(Option::is_none));
    }
}
