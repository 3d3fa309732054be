//! Probing a cloud, and keeping the probe.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cloud;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ossea::probe::{Standing, Wanted, rules};
use ossea::{
    CloudProbe, Fact, NotTold, OsseaError, PoolKind, PoolScope, ProbeCache, Refusal, ReleaseLine,
    StoragePool, Volume, VolumeKind, VolumeState,
};

use cloud::StubCloud;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_600_000 + seconds, 0).unwrap()
}

async fn probe_of(cloud: &StubCloud) -> Result<CloudProbe, OsseaError> {
    CloudProbe::take(cloud, &"zone".parse().unwrap(), at(0)).await
}

#[tokio::test]
async fn a_root_admin_is_told_everything() {
    let probe = probe_of(&StubCloud::of_root_admin()).await.unwrap();
    assert_eq!(probe.version.line(), ReleaseLine::V4_22);
    assert_eq!(probe.standing, Fact::told(Standing::RootAdmin));
    assert_eq!(probe.storage_pools.value().unwrap().len(), 1);
    assert_eq!(probe.resource_limits.value().unwrap().len(), 1);
    assert_eq!(probe.clock_skew_ms, Fact::told(1_500));
    assert_eq!(rules::requests_per_second(&probe), Some(5));
}

#[tokio::test]
async fn what_a_role_may_not_ask_is_not_told_and_shows_the_standing() {
    let mut cloud = StubCloud::of_root_admin();
    cloud.pools = Err(OsseaError::Unauthorized("not for you".into()));
    let probe = probe_of(&cloud).await.unwrap();
    assert_eq!(probe.storage_pools, Fact::NotTold(NotTold::ToOurRole));
    assert_eq!(probe.standing, Fact::told(Standing::Limited));
}

#[tokio::test]
async fn a_refused_list_leaves_the_standing_open() {
    let mut cloud = StubCloud::of_root_admin();
    cloud.pools = Err(OsseaError::Refused(Refusal {
        code: 530,
        text: "oops".into(),
    }));
    let probe = probe_of(&cloud).await.unwrap();
    assert!(matches!(
        probe.standing,
        Fact::NotTold(NotTold::Unanswered { .. })
    ));
}

#[tokio::test]
async fn what_an_old_release_does_not_tell_is_not_guessed() {
    let mut cloud = StubCloud::of_root_admin();
    cloud.capabilities.may_expunge_volume = None;
    cloud.capabilities.may_force_stop = None;
    cloud.capabilities.shows_destroyed_vms = None;
    cloud.skew = None;
    let probe = probe_of(&cloud).await.unwrap();
    for fact in [
        probe.may_expunge_volume,
        probe.may_force_stop,
        probe.shows_destroyed_vms,
    ] {
        assert_eq!(fact, Fact::NotTold(NotTold::ByRelease));
    }
    assert_eq!(probe.clock_skew_ms, Fact::NotTold(NotTold::NotMeasured));
}

#[tokio::test]
async fn a_probe_survives_being_stored() {
    let probe = probe_of(&StubCloud::of_root_admin()).await.unwrap();
    let text = serde_json::to_string(&probe).unwrap();
    assert_eq!(serde_json::from_str::<CloudProbe>(&text).unwrap(), probe);
}

#[tokio::test]
async fn an_answer_that_only_stays_away_for_now_fails_the_probe() {
    let mut cloud = StubCloud::of_root_admin();
    cloud.pools = Err(OsseaError::Throttled {
        retry_after: Duration::from_secs(1),
    });
    assert!(matches!(
        probe_of(&cloud).await,
        Err(OsseaError::Throttled { .. })
    ));
}

#[tokio::test]
async fn the_pool_of_a_volume_is_found_by_id_and_else_by_name() {
    let probe = probe_of(&StubCloud::of_root_admin()).await.unwrap();
    let volume = |pool: Option<&str>, storage: Option<&str>| Volume {
        id: "volume".parse().unwrap(),
        name: "volume".into(),
        kind: VolumeKind::Data,
        state: VolumeState::Ready,
        size_bytes: 1,
        zone: "zone".parse().unwrap(),
        attachment: None,
        storage: storage.map(str::to_owned),
        pool: pool.map(|id| id.parse().unwrap()),
        template: None,
        pending_job: None,
    };
    for (pool, storage, is_found) in [
        (Some("pool"), None, true),
        (None, Some("nfs-1"), true),
        (Some("other"), Some("nfs-1"), false),
        (None, Some("other"), false),
        (None, None, false),
    ] {
        assert_eq!(
            rules::pool_of(&probe, &volume(pool, storage)).is_some(),
            is_found,
            "{pool:?} {storage:?}"
        );
    }
    let pools = probe.storage_pools.value().unwrap();
    let namesakes = [pools.as_slice(), pools].concat();
    let by_name = volume(None, Some("nfs-1"));
    assert!(rules::pool_among(pools, &by_name).is_some());
    assert_eq!(
        rules::pool_among(&namesakes, &by_name),
        None,
        "two pools of one name"
    );
}

#[test]
fn only_pools_that_say_so_swap_roots() {
    let pool = |managed| StoragePool {
        id: "pool".parse().unwrap(),
        name: "pool".into(),
        zone: "zone".parse().unwrap(),
        kind: PoolKind::Rbd,
        scope: PoolScope::Zone,
        cluster: None,
        managed,
    };
    assert_eq!(rules::swaps_roots(&pool(Some(false))), Fact::told(true));
    assert_eq!(rules::swaps_roots(&pool(Some(true))), Fact::told(false));
    assert_eq!(rules::swaps_roots(&pool(None)), Fact::NotTold(NotTold::ByRelease));
}

/// A cache over a cloud, with a clock that a test sets.
struct Site {
    cloud: Arc<StubCloud>,
    cache: Arc<ProbeCache>,
    seconds: Arc<AtomicI64>,
}

/// Five minutes.
const TIME_TO_LIVE: i64 = 300;

impl Site {
    fn new() -> Self {
        let cloud = Arc::new(StubCloud::of_root_admin());
        let seconds = Arc::new(AtomicI64::new(0));
        let hand = Arc::clone(&seconds);
        let cache = ProbeCache::new(
            cloud.clone(),
            "zone".parse().unwrap(),
            Arc::new(move || at(hand.load(Ordering::SeqCst))),
            TimeDelta::seconds(TIME_TO_LIVE),
        );
        Self {
            cloud,
            cache: Arc::new(cache),
            seconds,
        }
    }

    fn set_clock(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_probe_is_kept_for_its_time_to_live_and_tells_its_age() {
    let site = Site::new();
    site.cache.read(Wanted::Recent).await.unwrap();
    site.set_clock(TIME_TO_LIVE - 1);
    let reading = site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!(
        (reading.age, site.cloud.asked()),
        (TimeDelta::seconds(TIME_TO_LIVE - 1), 1)
    );
    site.set_clock(TIME_TO_LIVE);
    let reading = site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!((reading.age, site.cloud.asked()), (TimeDelta::zero(), 2));
}

#[tokio::test]
async fn a_new_one_is_asked_for_on_demand() {
    let site = Site::new();
    site.cache.read(Wanted::New).await.unwrap();
    site.cache.read(Wanted::New).await.unwrap();
    assert_eq!(site.cloud.asked(), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_the_probe_old() {
    let site = Site::new();
    site.cache.read(Wanted::Recent).await.unwrap();
    site.set_clock(-60);
    let reading = site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!((reading.age, site.cloud.asked()), (TimeDelta::zero(), 2));
}

#[tokio::test]
async fn ten_callers_at_once_make_one_probe() {
    for outage in [None, Some(OsseaError::Unreachable("gone".into()))] {
        let site = Site::new();
        site.cloud.fail(outage.clone());
        let gate = site.cloud.close_gate();
        let arrived = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..10)
            .map(|number| {
                let (cache, arrived) = (Arc::clone(&site.cache), Arc::clone(&arrived));
                let wanted = if number % 2 == 0 {
                    Wanted::Recent
                } else {
                    Wanted::New
                };
                tokio::spawn(async move {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    cache.read(wanted).await.map(|reading| reading.probe)
                })
            })
            .collect();
        // Whoever has arrived waits already: the first one for the cloud, the others for the first one.
        while arrived.load(Ordering::SeqCst) < 10 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(100);
        for caller in callers {
            assert_eq!(caller.await.unwrap().err().map(|failed| failed.error), outage);
        }
        assert_eq!(site.cloud.asked(), 1);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_leave_the_others_waiting() {
    let site = Site::new();
    let gate = site.cloud.close_gate();
    let cache = Arc::clone(&site.cache);
    let gone = tokio::spawn(async move { cache.read(Wanted::New).await });
    while site.cloud.asked() == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    gate.add_permits(100);
    site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!(site.cloud.asked(), 2);
}

#[tokio::test]
async fn a_failed_refresh_keeps_the_old_probe_and_says_so() {
    let site = Site::new();
    let first = site.cache.read(Wanted::Recent).await.unwrap().probe;
    let outage = OsseaError::Unreachable("gone".into());
    site.cloud.fail(Some(outage.clone()));
    site.set_clock(TIME_TO_LIVE);
    let reading = site.cache.read(Wanted::Recent).await.unwrap();
    let failed = reading.failed_refresh.unwrap();
    assert_eq!(
        (reading.probe, reading.age),
        (first, TimeDelta::seconds(TIME_TO_LIVE))
    );
    assert_eq!((failed.error, failed.at), (outage, at(TIME_TO_LIVE)));

    // Nobody waits for a cloud that has just failed, unless they insist.
    site.set_clock(TIME_TO_LIVE + 9);
    site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!(site.cloud.asked(), 2);
    site.cloud.fail(None);
    site.set_clock(TIME_TO_LIVE + 10);
    let reading = site.cache.read(Wanted::Recent).await.unwrap();
    assert_eq!((site.cloud.asked(), reading.failed_refresh), (3, None));
}

#[tokio::test]
async fn without_any_probe_the_failure_is_the_answer() {
    let site = Site::new();
    let outage = OsseaError::Busy("maintenance".into());
    site.cloud.fail(Some(outage.clone()));
    let failed = site.cache.read(Wanted::Recent).await.unwrap_err();
    assert_eq!((failed.error, failed.at), (outage, at(0)));
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_never_answers_is_unreachable() {
    let site = Site::new();
    let _gate = site.cloud.close_gate();
    let error = site.cache.read(Wanted::Recent).await.unwrap_err().error;
    assert!(matches!(error, OsseaError::Unreachable(_)), "{error}");
}
