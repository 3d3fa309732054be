//! What has changed since somebody looked last.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use failover_api::dto::engine::ReadinessChanges;
use failover_api::dto::{FleetReadinessPage, ReadinessAnswer, VmReadinessView};
use failover_domain::{FailoverType, VmId};
use failover_engine::looks::{ReadinessLook, ReadinessLooks};
use failover_engine::ports::{Inventory, ResyncMark, StoreError};

use crate::fixture::{PGWIN, TestApi, WEB};

/// When somebody had looked before this look, and what has changed since.
type Since = (Option<DateTime<Utc>>, Option<ReadinessChanges>);

async fn look(api: &TestApi, path: &str) -> Since {
    let answer = api.get(&format!("/api/v1/{path}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer: ReadinessAnswer = serde_json::from_str(&answer.text).unwrap();
    (answer.last_look_at, answer.changes)
}

async fn look_at_all(api: &TestApi) -> BTreeMap<String, Since> {
    let answer = api.get("/api/v1/failover/readiness").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let page: FleetReadinessPage = serde_json::from_str(&answer.text).unwrap();
    let since = |vm: VmReadinessView| (vm.vm_id.to_string(), (vm.last_look_at, vm.changes));
    page.vms.into_iter().map(since).collect()
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
    assert_eq!(look(&api, &path).await, (None, None), "nobody has looked before");
    let first = api.clock.now();
    let (last_look, changes) = look(&api, &path).await;
    assert!(
        last_look.unwrap() <= first && changes.is_none(),
        "{last_look:?} {changes:?}"
    );

    mark(&api, ResyncMark::Needed).await;
    // The other route to the same answer looks too.
    let (_, failed) = look(&api, &format!("vms/{PGWIN}/failover-readiness")).await;
    let failed = failed.unwrap();
    assert_eq!(failed.newly_failed, ["sync_status"]);
    assert_eq!((failed.newly_passed.len(), failed.was_ready), (0, true));

    mark(&api, ResyncMark::Done).await;
    let (_, passed) = look(&api, &path).await;
    let passed = passed.unwrap();
    assert_eq!(passed.newly_passed, ["sync_status"]);
    assert_eq!((passed.newly_failed.len(), passed.was_ready), (0, false));
    assert_eq!(passed.previous_score, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_all_is_a_look_at_each() {
    let api = TestApi::ready().await;
    look(&api, &format!("failover/{PGWIN}/readiness")).await;
    mark(&api, ResyncMark::Needed).await;
    let all = look_at_all(&api).await;
    assert_eq!(all[PGWIN].1.as_ref().unwrap().newly_failed, ["sync_status"]);
    assert_eq!(all[WEB], (None, None), "nobody has looked at it before");
    mark(&api, ResyncMark::Done).await;
    let (_, alone) = look(&api, &format!("failover/{PGWIN}/readiness")).await;
    assert_eq!(alone.unwrap().newly_passed, ["sync_status"]);
    let (last_look, changes) = look_at_all(&api).await.remove(WEB).unwrap();
    assert!(last_look.is_some() && changes.is_none());
}

#[tokio::test(start_paused = true)]
async fn live_and_test_are_looked_at_apart() {
    let api = TestApi::ready().await;
    look(&api, &format!("failover/{PGWIN}/readiness")).await;
    let test = format!("failover/{PGWIN}/readiness?type=test");
    assert_eq!(look(&api, &test).await, (None, None));
}

/// The parts are no looks: they see a few rules only.
#[tokio::test(start_paused = true)]
async fn a_look_at_a_part_is_not_kept() {
    let api = TestApi::ready().await;
    api.get(&format!("/api/v1/vms/{PGWIN}/sync-status")).await;
    assert_eq!(
        look(&api, &format!("failover/{PGWIN}/readiness")).await,
        (None, None)
    );
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
        assert_eq!(
            look(&api, &format!("failover/{PGWIN}/readiness")).await,
            (None, None)
        );
        assert!(
            look_at_all(&api)
                .await
                .values()
                .all(|since| *since == (None, None))
        );
    }
}
