//! Requests that come twice.

use std::time::Duration;

use uuid::Uuid;

use super::Harness;
use super::fixture::{new_job, vm_id};
use crate::idempotency::{
    Claimed, IdempotencyKeys, KeyClaim, KeyTerms, KeyedRequest, StartOnceError, StoredAnswer,
};
use crate::ports::{CreateError, JobFilter};

const TERMS: KeyTerms = KeyTerms {
    lapse_after: Duration::from_secs(90),
    keep_for: Duration::from_secs(24 * 3600),
};

fn request(caller: &str, key: &str) -> KeyedRequest {
    KeyedRequest {
        caller: caller.to_owned(),
        key: key.parse().expect("tests use good keys"),
        method: "POST".to_owned(),
        path: "/api/v1/failover/live".to_owned(),
        body_sha256: "00ff".to_owned(),
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 202,
        headers: vec![("location".to_owned(), "/somewhere \"else\"".to_owned())],
        body: b"{\"a\":\"\\u0000\"}\0\xff".to_vec(),
    }
}

async fn claim(keys: &dyn IdempotencyKeys, request: &KeyedRequest) -> Claimed {
    keys.claim_key(request, Uuid::new_v4(), TERMS)
        .await
        .expect("the store answers")
}

async fn granted(keys: &dyn IdempotencyKeys, request: &KeyedRequest) -> KeyClaim {
    match claim(keys, request).await {
        Claimed::Granted(claim) => claim,
        other @ (Claimed::UnderWay { .. }
        | Claimed::Started(_)
        | Claimed::Answered(_)
        | Claimed::Reused { .. }) => panic!("{other:?} instead of a claim"),
    }
}

/// Of claims at once one is granted; the others wait.
pub async fn of_claims_at_once_one_is_granted(harness: &dyn Harness) {
    let (keys, request) = (harness.keys(), request("anna", "k"));
    let claims = (0..20).map(|_| claim(keys.as_ref(), &request));
    let claims = futures::future::join_all(claims).await;
    let is_granted = |c: &&Claimed| matches!(c, Claimed::Granted(_));
    assert_eq!(claims.iter().filter(is_granted).count(), 1, "{claims:?}");
    for other in claims.iter().filter(|c| !is_granted(c)) {
        let Claimed::UnderWay { lapses_in } = other else {
            panic!("{other:?} instead of under way")
        };
        assert_eq!(*lapses_in, TERMS.lapse_after);
    }
}

/// A kept answer reads back, as often as it is asked for.
pub async fn a_kept_answer_is_given_again(harness: &dyn Harness) {
    let (keys, request) = (harness.keys(), request("anna", "k"));
    let held = granted(keys.as_ref(), &request).await;
    assert!(keys.keep_answer(&held, &answer()).await.expect("kept"));
    // An answer outlives the claim that made it.
    harness.pass(TERMS.lapse_after * 2).await;
    for _ in 0..2 {
        assert_eq!(claim(keys.as_ref(), &request).await, Claimed::Answered(answer()));
    }
}

/// The same key with another request is refused, and so it stays.
pub async fn a_key_belongs_to_one_request(harness: &dyn Harness) {
    let (keys, first) = (harness.keys(), request("anna", "k"));
    let held = granted(keys.as_ref(), &first).await;
    let others = [
        KeyedRequest {
            method: "DELETE".to_owned(),
            ..first.clone()
        },
        KeyedRequest {
            path: "/api/v1/failover/test".to_owned(),
            ..first.clone()
        },
        KeyedRequest {
            body_sha256: "00fe".to_owned(),
            ..first.clone()
        },
    ];
    for round in 0..2 {
        for other in &others {
            let Claimed::Reused { method, path } = claim(keys.as_ref(), other).await else {
                panic!("round {round}: {other:?} got in")
            };
            assert_eq!((method, path), (first.method.clone(), first.path.clone()));
        }
        keys.keep_answer(&held, &answer()).await.expect("kept");
    }
}

/// Two callers may use the same key.
pub async fn keys_of_two_callers_are_two_keys(harness: &dyn Harness) {
    let keys = harness.keys();
    let of_anna = granted(keys.as_ref(), &request("anna", "k")).await;
    granted(keys.as_ref(), &request("bob", "k")).await;
    granted(keys.as_ref(), &request("anna", "K")).await;
    assert!(keys.keep_answer(&of_anna, &answer()).await.expect("kept"));
    let of_bob = claim(keys.as_ref(), &request("bob", "k")).await;
    assert!(matches!(of_bob, Claimed::UnderWay { .. }), "{of_bob:?}");
}

/// A claim whose process died lapses; whoever had it keeps nothing, gives nothing back and starts nothing.
pub async fn a_claim_lapses_and_is_then_worth_nothing(harness: &dyn Harness) {
    let (keys, request) = (harness.keys(), request("anna", "k"));
    let asleep = granted(keys.as_ref(), &request).await;
    harness.pass(TERMS.lapse_after - Duration::from_secs(1)).await;
    let early = claim(keys.as_ref(), &request).await;
    assert_eq!(
        early,
        Claimed::UnderWay {
            lapses_in: Duration::from_secs(1)
        }
    );
    harness.pass(Duration::from_secs(1)).await;
    let second = granted(keys.as_ref(), &request).await;
    assert!(!keys.keep_answer(&asleep, &answer()).await.expect("answered"));
    keys.give_back_key(&asleep).await.expect("answered");
    let lost = keys.start_once(&asleep, new_job(1, 0)).await;
    assert!(matches!(lost, Err(StartOnceError::ClaimLost(_))), "{lost:?}");
    assert_eq!(
        harness.jobs().active_job(&vm_id(1)).await.expect("answered"),
        None
    );
    assert!(keys.keep_answer(&second, &answer()).await.expect("kept"));
}

/// A claim that is given back can be had again at once, by another request too.
pub async fn a_claim_that_is_given_back_is_free(harness: &dyn Harness) {
    let (keys, first) = (harness.keys(), request("anna", "k"));
    let held = granted(keys.as_ref(), &first).await;
    keys.give_back_key(&held).await.expect("given back");
    let other = KeyedRequest {
        body_sha256: "11".to_owned(),
        ..first
    };
    granted(keys.as_ref(), &other).await;
}

/// A job that was started under a key is found under it, though its answer was never kept and the job has ended.
pub async fn a_started_job_is_not_started_again(harness: &dyn Harness) {
    let (keys, request) = (harness.keys(), request("anna", "k"));
    let held = granted(keys.as_ref(), &request).await;
    let job = keys.start_once(&held, new_job(1, 0)).await.expect("started");
    let record = harness.jobs().job(&job).await.expect("answered");
    assert_eq!(record.map(|r| r.vm_id), Some(vm_id(1)));
    assert_eq!(
        claim(keys.as_ref(), &request).await,
        Claimed::Started(job.clone())
    );
    keys.give_back_key(&held).await.expect("answered");
    harness.pass(TERMS.lapse_after * 10).await;
    assert_eq!(claim(keys.as_ref(), &request).await, Claimed::Started(job));
    assert!(keys.keep_answer(&held, &answer()).await.expect("kept late"));
    assert_eq!(claim(keys.as_ref(), &request).await, Claimed::Answered(answer()));
}

/// A start that is refused changes nothing, and the claim stands.
pub async fn a_refused_start_leaves_the_claim(harness: &dyn Harness) {
    let keys = harness.keys();
    let active = harness.jobs().create(new_job(1, 0)).await.expect("created");
    let held = granted(keys.as_ref(), &request("anna", "k")).await;
    let refused = keys.start_once(&held, new_job(1, 5)).await;
    let Err(StartOnceError::Create(CreateError::Active { job_id, .. })) = refused else {
        panic!("{refused:?} instead of the active job")
    };
    assert_eq!(job_id, active);
    let standing = claim(keys.as_ref(), &request("anna", "k")).await;
    assert!(matches!(standing, Claimed::UnderWay { .. }), "{standing:?}");
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    assert_eq!(harness.jobs().jobs(&all).await.expect("answered").len(), 1);
    keys.start_once(&held, new_job(2, 5)).await.expect("another VM");
}

/// Old keys are forgotten in pieces, and count for nothing even before.
pub async fn old_keys_are_forgotten(harness: &dyn Harness) {
    let keys = harness.keys();
    for n in 0..5 {
        let held = granted(keys.as_ref(), &request("anna", &format!("k{n}"))).await;
        keys.keep_answer(&held, &answer()).await.expect("kept");
    }
    harness.pass(TERMS.keep_for - Duration::from_secs(1)).await;
    assert_eq!(keys.forget_old_keys(10).await.expect("answered"), 0);
    harness.pass(Duration::from_secs(1)).await;
    let other = KeyedRequest {
        body_sha256: "11".to_owned(),
        ..request("anna", "k0")
    };
    granted(keys.as_ref(), &other).await;
    assert_eq!(keys.forget_old_keys(3).await.expect("answered"), 3);
    assert_eq!(keys.forget_old_keys(3).await.expect("answered"), 1);
    assert_eq!(keys.forget_old_keys(3).await.expect("answered"), 0);
    let standing = claim(keys.as_ref(), &other).await;
    assert!(matches!(standing, Claimed::UnderWay { .. }), "{standing:?}");
}
