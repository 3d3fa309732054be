//! `Idempotency-Key` on POST and DELETE.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use failover_api::dto::ErrorCode;
use failover_api::{ApiPorts, ApiSettings, ApiState, router};
use failover_engine::Event;
use failover_engine::idempotency::{Claimed, IdempotencyKeys, KeyTerms, KeyedRequest};
use failover_engine::ports::{JobStore, NewJob};
use ossea_sim::{FaultRule, WayFault};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::fixture::{
    Answer, NOBODY, PGWIN, TestApi, WEB, cause, failed, sample_inventory, send, service_over, settings,
    taken_up, with_json,
};
use crate::jobs_at_hand::JobsAtHand;

const LIVE: &str = "/api/v1/failover/live";

fn keyed(method: Method, path: &str, key: &str, body: &Value) -> Request<Body> {
    let mut request = with_json(method, path, body.to_string());
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(router: &Router, path: &str, key: &str, body: &Value) -> Answer {
    send(router.clone(), keyed(Method::POST, path, key, body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").map(|v| v.as_bytes()) == Some(b"true")
}

/// The API of another process on the same database.
fn another_process(api: &TestApi) -> Router {
    let service = service_over(&api.cloud, &api.store, &api.clock);
    router(ApiState::new(
        service,
        ApiPorts::of(api.store.clone()),
        settings(),
    ))
}

/// The request that a process claims before it dies.
fn claimed_by_a_dead_process(key: &str, body: &Value) -> KeyedRequest {
    let digest = Sha256::digest(body.to_string());
    KeyedRequest {
        caller: "anonymous".to_owned(),
        key: key.parse().unwrap(),
        method: "POST".to_owned(),
        path: LIVE.to_owned(),
        body_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

async fn claim(api: &TestApi, request: &KeyedRequest) -> failover_engine::idempotency::KeyClaim {
    let terms = KeyTerms {
        lapse_after: Duration::from_secs(90),
        keep_for: Duration::from_secs(3600),
    };
    match api.store.claim_key(request, Uuid::new_v4(), terms).await.unwrap() {
        Claimed::Granted(claim) => claim,
        other @ (Claimed::UnderWay { .. }
        | Claimed::Started(_)
        | Claimed::Answered(_)
        | Claimed::Reused { .. }) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_sent_again_is_answered_and_not_repeated() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN });
    let first = post(&api.router, LIVE, "k1", &body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
    assert!(!is_replayed(&first));
    let other = another_process(&api);
    let second = post(&other, LIVE, "k1", &body).await;
    // By then the VM is free: without the key it would be failed over again.
    api.write(vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed()])
        .await;
    let third = post(&other, LIVE, "k1", &body).await;
    for again in [second, third] {
        assert!(is_replayed(&again));
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        for name in [header::LOCATION, header::CONTENT_TYPE] {
            assert_eq!(again.headers[&name], first.headers[&name]);
        }
    }
    assert_eq!(api.job_count().await, 1);
    let new = post(&other, LIVE, "k2", &body).await;
    assert_eq!(
        new.status,
        StatusCode::ACCEPTED,
        "a new key is a new request: {}",
        new.text
    );
    assert_eq!(api.job_count().await, 2);
}

#[tokio::test(start_paused = true)]
async fn one_key_at_two_processes_at_once_starts_one_job() {
    let api = TestApi::ready().await;
    let (one, other) = (api.router.clone(), another_process(&api));
    let body = json!({ "vm_id": PGWIN });
    let asked = (0..30).map(|n| {
        let router = if n % 2 == 0 { &one } else { &other };
        post(router, LIVE, "k", &body)
    });
    let answers = futures::future::join_all(asked).await;
    let first: Vec<_> = answers
        .iter()
        .filter(|a| a.status == StatusCode::ACCEPTED && !is_replayed(a))
        .collect();
    assert_eq!(first.len(), 1);
    for answer in &answers {
        if answer.status == StatusCode::ACCEPTED {
            assert_eq!(answer.text, first[0].text);
        } else {
            answer.problem(StatusCode::CONFLICT, ErrorCode::IdempotencyInProgress);
            assert_eq!(answer.headers[header::RETRY_AFTER], "5");
        }
    }
    assert_eq!(api.job_count().await, 1);
    assert!(is_replayed(&post(&other, LIVE, "k", &body).await));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_for_one_request() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN });
    assert_eq!(
        post(&api.router, LIVE, "k", &body).await.status,
        StatusCode::ACCEPTED
    );
    for (path, body, difference) in [
        (LIVE, json!({ "vm_id": WEB }), "with another body"),
        (
            "/api/v1/failover/test",
            body.clone(),
            "for POST /api/v1/failover/live",
        ),
        (
            "/api/v1/failover/live?dry_run=true",
            body,
            "for POST /api/v1/failover/live",
        ),
    ] {
        let answer = post(&api.router, path, "k", &body).await;
        let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::IdempotencyKeyReused);
        assert!(problem.detail.contains(difference), "{}", problem.detail);
        assert!(problem.detail.contains("key k "), "{}", problem.detail);
    }
    assert_eq!(api.job_count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_kept_too() {
    let api = TestApi::empty();
    let body = json!({ "vm_id": NOBODY });
    let first = post(&api.router, LIVE, "k", &body).await;
    let first = first.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    let again = post(&api.router, LIVE, "k", &body).await;
    assert!(is_replayed(&again));
    let problem = again.problem(StatusCode::NOT_FOUND, ErrorCode::VmNotFound);
    assert_eq!(
        (problem.detail, problem.required_actions, problem.instance),
        (first.detail, first.required_actions, first.instance)
    );
    assert_ne!(
        problem.request_id, first.request_id,
        "each request has an id of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_of_the_server_is_not_kept() {
    let api = TestApi::ready().await;
    let jobs = JobsAtHand::of(&api.store);
    let mut service = service_over(&api.cloud, &api.store, &api.clock);
    service.jobs = jobs.clone();
    let state = ApiState::new(service, ApiPorts::of(api.store.clone()), settings());
    let router = router(state);
    let body = json!({ "vm_id": PGWIN });
    jobs.set_away(true);
    for _ in 0..2 {
        let answer = post(&router, LIVE, "k", &body).await;
        answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::DatabaseUnavailable);
        assert!(!is_replayed(&answer));
    }
    jobs.set_away(false);
    let answer = post(&router, LIVE, "k", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert!(!is_replayed(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_finds_the_answer_later() {
    let api = TestApi::ready().await;
    api.cloud
        .add_fault(FaultRule::on("listVolumes", WayFault::SlowAnswer { seconds: 10 }));
    let body = json!({ "vm_id": PGWIN });
    let cut = tokio::time::timeout(Duration::from_secs(1), post(&api.router, LIVE, "k", &body)).await;
    assert!(cut.is_err(), "the cloud is slow");
    let meanwhile = post(&api.router, LIVE, "k", &body).await;
    meanwhile.problem(StatusCode::CONFLICT, ErrorCode::IdempotencyInProgress);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let later = post(&api.router, LIVE, "k", &body).await;
    assert_eq!(later.status, StatusCode::ACCEPTED, "{}", later.text);
    assert!(is_replayed(&later));
    assert_eq!(api.job_count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_process_died_before_it_answered_is_not_started_again() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN });
    let held = claim(&api, &claimed_by_a_dead_process("k", &body)).await;
    let model = api.start(PGWIN).await;
    let plan = api.store.plan(&model).await.unwrap().unwrap();
    api.write(vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed()])
        .await;
    let job = NewJob {
        plan,
        requested_by: failover_access::Actor::named("anonymous"),
        at: api.clock.now(),
    };
    let job_id = api.store.start_once(&held, job).await.unwrap();
    api.write(vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed()])
        .await;
    // Long after the claim has lapsed, and after the job has ended.
    tokio::time::advance(Duration::from_secs(600)).await;
    let answer = post(&api.router, LIVE, "k", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert!(is_replayed(&answer));
    assert_eq!(answer.json()["job_id"], job_id.as_str());
    assert_eq!(
        answer.headers[header::LOCATION],
        format!("/api/v1/failover/jobs/{job_id}")
    );
    assert_eq!(api.job_count().await, 2, "the model and the one job");
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_process_died_can_be_had_again_after_a_while() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN });
    claim(&api, &claimed_by_a_dead_process("k", &body)).await;
    let early = post(&api.router, LIVE, "k", &body).await;
    early.problem(StatusCode::CONFLICT, ErrorCode::IdempotencyInProgress);
    tokio::time::advance(Duration::from_secs(90)).await;
    let later = post(&api.router, LIVE, "k", &body).await;
    assert_eq!(later.status, StatusCode::ACCEPTED, "{}", later.text);
    assert!(!is_replayed(&later));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_key_is_refused() {
    let api = TestApi::ready().await;
    let body = json!({ "vm_id": PGWIN });
    for wrong in ["", "a b", &"x".repeat(256)] {
        let answer = post(&api.router, LIVE, wrong, &body).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains("Idempotency-Key"), "{}", problem.detail);
        assert!(problem.detail.contains("1 to 255"), "{}", problem.detail);
    }
    let mut twice = keyed(Method::POST, LIVE, "a", &body);
    twice
        .headers_mut()
        .append("idempotency-key", "b".parse().unwrap());
    let problem = api
        .send(twice)
        .await
        .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
    assert!(problem.detail.contains("more than once"), "{}", problem.detail);
    assert_eq!(api.job_count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn every_verb_takes_a_key() {
    let (api, job_id) = TestApi::test_window_open().await;
    let extend = format!("/api/v1/failover/jobs/{job_id}/extend");
    let end = format!("/api/v1/failover/test/{job_id}");
    for (method, path, body) in [
        (Method::POST, extend, json!({ "by": "1h" })),
        (Method::DELETE, end, json!({})),
    ] {
        let key = method.as_str().to_owned();
        let first = api.send(keyed(method.clone(), &path, &key, &body)).await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
        let again = api.send(keyed(method, &path, &key, &body)).await;
        assert!(is_replayed(&again), "{path}");
        assert_eq!(again.text, first.text);
    }
    assert_eq!(api.asked(&job_id).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_harmless_to_repeat_needs_no_key() {
    let api = TestApi::ready().await;
    let import = keyed(Method::POST, "/api/v1/inventory/import", "k", &sample_inventory());
    assert_eq!(api.send(import).await.status, StatusCode::OK);
    let path = format!("/api/v1/vms/{PGWIN}");
    let mut get = Request::get(path).body(Body::empty()).unwrap();
    get.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    let answer = api.send(get).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "a GET has no use for a key: {}",
        answer.text
    );
    assert!(!is_replayed(&answer));
}

#[tokio::test(start_paused = true)]
async fn old_answers_are_forgotten() {
    let api = TestApi::ready().await;
    let api = api.again_with(ApiSettings {
        idempotency_kept_for: Duration::from_secs(3600),
        ..settings()
    });
    let body = json!({});
    let path = "/api/v1/ossea/check";
    assert_eq!(post(&api.router, path, "k", &body).await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert!(is_replayed(&post(&api.router, path, "k", &body).await));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!is_replayed(&post(&api.router, path, "k", &body).await));
}
