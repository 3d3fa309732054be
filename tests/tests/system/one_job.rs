//! At most one active job a source VM, however many ask at once.

use std::sync::Barrier;
use std::thread;

use failover_system_tests::api::Api;
use failover_system_tests::http::Answer;
use serde_json::json;

use crate::database::{TestDatabase, on_both_databases};
use crate::site::Site;

/// How many callers ask at once.
const CALLERS: usize = 50;

on_both_databases!(
    fifty_simultaneous_requests_start_exactly_one_job,
    one_key_at_two_processes_starts_one_job_for_good,
);

fn fifty_simultaneous_requests_start_exactly_one_job(database: &TestDatabase) {
    // Without a worker the one job stays active until all have asked.
    let mut site = Site::start_without_worker(database);
    let barrier = Barrier::new(CALLERS);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            site.api.request_live(&site.vm).unwrap()
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });

    let (started, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!(started.len(), 1, "{started:?}");
    let job = started[0].body["job_id"].as_str().unwrap();
    let url = started[0].body["job_url"].as_str().unwrap();
    for answer in refused {
        assert_eq!(answer.status, 409, "{:#}", answer.body);
        assert_eq!(answer.body["error_code"], "ACTIVE_JOBS");
        assert_eq!(
            answer.body["job_url"], url,
            "the refusal says where the running job is"
        );
    }
    assert_eq!(site.api.jobs_of(&site.vm).unwrap().len(), 1);

    site.stack.start_worker().unwrap();
    let job = site.ended_as(job, "completed");
    site.moved_once(&job);
}

/// The same request with the same key at two processes of the API at once, and again when both have been killed and the
/// job has ended: by then the VM is free, and without the key it would be failed over a second time.
fn one_key_at_two_processes_starts_one_job_for_good(database: &TestDatabase) {
    let mut site = Site::start_without_worker(database);
    let other = site.stack.starter().start("other-api", "failover-api").unwrap();
    let token = site.stack.secrets().token.clone();
    let apis = [
        site.api.clone(),
        Api::new(other.said("listening").unwrap(), &token),
    ];
    let body = json!({ "vm_id": site.vm.vm_id });
    let ask = |api: &Api| {
        let client = api.client();
        client.post_once("/api/v1/failover/live", "k-1", &body).unwrap()
    };
    let barrier = Barrier::new(CALLERS);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|n| {
                let (api, barrier) = (&apis[n % apis.len()], &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    ask(api)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });

    let (started, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    let first = &started.first().expect("one of them starts the job").body;
    assert!(started.iter().all(|answer| answer.body == *first), "{started:?}");
    for answer in refused {
        assert_eq!(answer.status, 409, "{:#}", answer.body);
        assert_eq!(answer.body["error_code"], "IDEMPOTENCY_IN_PROGRESS");
    }
    assert_eq!(site.api.jobs_of(&site.vm).unwrap().len(), 1);

    drop(other);
    site.stack.kill_api().unwrap();
    site.stack.start_api().unwrap();
    site.api = site.stack.api().unwrap();
    site.stack.start_worker().unwrap();
    let job = site.ended_as(first["job_id"].as_str().unwrap(), "completed");
    let again = ask(&site.api);
    assert_eq!((again.status, &again.body), (202, first));
    assert_eq!(site.api.jobs_of(&site.vm).unwrap().len(), 1);
    site.moved_once(&job);
}
