//! `GET /api/v1/failover/jobs/{job_id}/events`.

use axum::http::StatusCode;
use failover_api::dto::{ErrorCode, EventPage};
use failover_domain::JobId;
use failover_engine::{Event, Failure, FailureCode};

use crate::fixture::TestApi;

async fn events(api: &TestApi, job_id: &JobId, query: &str) -> EventPage {
    let answer = api
        .get(&format!("/api/v1/failover/jobs/{job_id}/events{query}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_on_where_it_stopped_misses_nothing() {
    let (api, job_id) = TestApi::failing_over().await;
    let first = events(&api, &job_id, "").await;
    assert_eq!(
        (first.events.len(), first.next_after, first.is_end),
        (1, 1, false)
    );

    let cause = Failure {
        code: FailureCode::Cancelled,
        step: None,
        message: "cancelled".to_owned(),
        cloud: None,
        remedy: "none".to_owned(),
    };
    let taken_up = Event::TakenUp {
        worker: "test".to_owned(),
        epoch: 1,
    };
    let failed = Event::Failed {
        cause: cause.clone(),
        comparison: None,
        resting: Vec::new(),
    };
    api.journal(vec![taken_up, Event::ReturnBegan { cause }, failed])
        .await;

    let second = events(&api, &job_id, "?after=1&limit=2").await;
    assert_eq!(second.events.iter().map(|e| e.seq).collect::<Vec<_>>(), [2, 3]);
    assert!(!second.is_end, "one entry is still to come");
    let third = events(&api, &job_id, "?after=3").await;
    assert_eq!((third.events.len(), third.next_after, third.is_end), (1, 4, true));
    let nothing_new = events(&api, &job_id, "?after=4").await;
    assert_eq!(
        (
            nothing_new.events.len(),
            nothing_new.next_after,
            nothing_new.is_end
        ),
        (0, 4, true)
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_positions_are_refused() {
    let (api, job_id) = TestApi::failing_over().await;
    for query in ["after=-1", "after=x", "limit=0", "limit=1001", "since=1"] {
        let answer = api
            .get(&format!("/api/v1/failover/jobs/{job_id}/events?{query}"))
            .await;
        let name = query.split('=').next().unwrap();
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(name), "{query}: {}", problem.detail);
    }
}
