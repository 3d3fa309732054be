//! At most one active job a source VM, however many ask at once.

use std::sync::Barrier;
use std::thread;

use failover_system_tests::http::Answer;

use crate::database::{TestDatabase, on_both_databases};
use crate::site::Site;

/// How many callers ask at once.
const CALLERS: usize = 50;

on_both_databases!(fifty_simultaneous_requests_start_exactly_one_job);

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
