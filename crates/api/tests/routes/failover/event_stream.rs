//! `GET /api/v1/failover/jobs/{job_id}/events` with `Accept: text/event-stream`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use failover_api::dto::ErrorCode;
use failover_api::{ApiPorts, ApiSettings, ApiState, router};
use failover_domain::{AttentionCode, JobId};
use failover_engine::Event;
use failover_engine::ports::JobStore;
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fixture::{Answer, TestApi, attention, cause, failed, send, service_over, settings, taken_up};
use crate::jobs_at_hand::JobsAtHand;

/// One event as it came: its fields, the comment under the empty name.
type Block = BTreeMap<String, String>;

/// A stream that is being read.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(router: &Router, job_id: &JobId, query: &str, last_id: Option<&str>) -> Self {
        let response = router
            .clone()
            .oneshot(request(job_id, query, last_id))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut reader = Self {
            body: response.into_body(),
            text: String::new(),
        };
        let first = reader.block().await.expect("it says when to come back");
        assert_eq!(first["retry"], "2000");
        reader
    }

    /// The next event or comment; `None` at the end of the stream.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |line: &str| {
                    let (name, value) = line.split_once(':').unwrap();
                    (name.to_owned(), value.trim_start().to_owned())
                };
                let block = block.lines().map(field).collect();
                self.text = rest.to_owned();
                return Some(block);
            }
            let frame = self.body.frame().await?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }

    /// The next event; comments are passed over, but not for ever.
    async fn event(&mut self) -> Option<Block> {
        for _ in 0..20 {
            let block = self.block().await?;
            if block.contains_key("event") {
                return Some(block);
            }
        }
        panic!("five minutes of silence")
    }

    /// The ids of the next `count` entries.
    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let entry = self.event().await.expect("the stream goes on");
            ids.push(entry["id"].parse().unwrap());
        }
        ids
    }

    /// All events that still come, up to the end of the stream.
    async fn rest(mut self) -> Vec<Block> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }
}

fn request(job_id: &JobId, query: &str, last_id: Option<&str>) -> Request<Body> {
    let path = format!("/api/v1/failover/jobs/{job_id}/events{query}");
    let mut request = Request::get(path).header(header::ACCEPT, "text/event-stream");
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    request.body(Body::empty()).unwrap()
}

async fn refused(api: &TestApi, job_id: &JobId, query: &str, last_id: Option<&str>) -> Answer {
    send(api.router.clone(), request(job_id, query, last_id)).await
}

/// A way back that ends: three entries after the one with which the job was accepted.
fn the_end() -> Vec<Event> {
    vec![taken_up(), Event::ReturnBegan { cause: cause() }, failed()]
}

/// Another process over the same database.
fn another_process(api: &TestApi) -> Router {
    let service = service_over(&api.cloud, &api.store, &api.clock);
    router(ApiState::new(
        service,
        ApiPorts::of(api.store.clone()),
        settings(),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_every_entry_and_ends_with_the_job() {
    let (api, job_id) = TestApi::failing_over().await;
    let mut reader = Reader::open(&api.router, &job_id, "", None).await;
    assert_eq!(reader.ids(1).await, [1]);
    api.write(the_end()).await;
    let events = reader.rest().await;
    let kinds: Vec<&str> = events.iter().map(|e| e["event"].as_str()).collect();
    assert_eq!(kinds, ["taken_up", "return_began", "failed", "end"]);
    assert!(!events[3].contains_key("id"), "the end is no entry");
    let page = api
        .get(&format!("/api/v1/failover/jobs/{job_id}/events?after=1"))
        .await;
    for (entry, event) in page.json()["events"].as_array().unwrap().iter().zip(&events) {
        let data: serde_json::Value = serde_json::from_str(&event["data"]).unwrap();
        assert_eq!(&data, entry, "as in the page");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_cut_off_goes_on_at_another_process() {
    let (api, job_id) = TestApi::failing_over().await;
    let mut first = Reader::open(&api.router, &job_id, "", None).await;
    assert_eq!(first.ids(1).await, [1]);
    api.write(vec![taken_up()]).await;
    assert_eq!(first.ids(1).await, [2]);
    drop(first);
    api.write(vec![Event::ReturnBegan { cause: cause() }]).await;

    let other = another_process(&api);
    let mut by_header = Reader::open(&other, &job_id, "", Some("2")).await;
    let mut by_query = Reader::open(&other, &job_id, "?after=2", None).await;
    let mut by_both = Reader::open(&other, &job_id, "?after=1", Some("2")).await;
    for reader in [&mut by_header, &mut by_query, &mut by_both] {
        assert_eq!(reader.ids(1).await, [3]);
    }
    api.write(vec![failed()]).await;
    for reader in [by_header, by_query, by_both] {
        let rest = reader.rest().await;
        assert_eq!(
            rest.iter()
                .map(|e| e.get("id").map(String::as_str))
                .collect::<Vec<_>>(),
            [Some("4"), None]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_journal_comes_whole_however_late_the_reader() {
    let attentions = (0..600).map(|n| attention(AttentionCode::LeftoverObject, &format!("volume-{n}"), &[]));
    let (api, job_id) = TestApi::returning(attentions.collect()).await;
    let mut early = Reader::open(&api.router, &job_id, "", None).await;
    assert_eq!(early.ids(10).await, (1..=10).collect::<Vec<_>>());
    api.write(vec![failed()]).await;
    let last = api.store.job(&job_id).await.unwrap().unwrap().last_seq;
    let late = Reader::open(&api.router, &job_id, "", None).await;
    for (reader, from) in [(early, 11), (late, 1)] {
        let mut events = reader.rest().await;
        assert_eq!(events.pop().unwrap()["event"], "end");
        let ids: Vec<u64> = events.iter().map(|e| e["id"].parse().unwrap()).collect();
        assert_eq!(ids, (from..=last).collect::<Vec<_>>());
    }
}

/// The API over jobs that count and may be away.
fn at_hand(api: &TestApi) -> (Arc<JobsAtHand>, Router) {
    let jobs = JobsAtHand::of(&api.store);
    let mut service = service_over(&api.cloud, &api.store, &api.clock);
    service.jobs = jobs.clone();
    let state = ApiState::new(service, ApiPorts::of(api.store.clone()), settings());
    (jobs, router(state))
}

#[tokio::test(start_paused = true)]
async fn all_streams_of_a_job_share_one_look_at_the_database() {
    let (api, job_id) = TestApi::failing_over().await;
    let (jobs, router) = at_hand(&api);
    let mut readers = Vec::new();
    for _ in 0..10 {
        let mut reader = Reader::open(&router, &job_id, "", None).await;
        assert_eq!(reader.ids(1).await, [1]);
        readers.push(reader);
    }
    let before = jobs.asked();
    // Until the heartbeat are 15 s, in which a stream alone would look 30 times.
    for heartbeat in futures::future::join_all(readers.iter_mut().map(Reader::block)).await {
        assert!(heartbeat.unwrap().contains_key(""), "a heartbeat");
    }
    let looks = jobs.asked() - before;
    assert!((29..=31).contains(&looks), "{looks}");
    drop(readers);
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::task::yield_now().await;
    let before = jobs.asked();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::task::yield_now().await;
    assert_eq!(jobs.asked(), before, "nobody watches, so nobody looks");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_goes_away_ends_no_stream() {
    let (api, job_id) = TestApi::failing_over().await;
    let (jobs, router) = at_hand(&api);
    let mut reader = Reader::open(&router, &job_id, "", None).await;
    let mut behind = Reader::open(&router, &job_id, "", None).await;
    assert_eq!(reader.ids(1).await, [1]);
    jobs.set_away(true);
    api.write(vec![taken_up()]).await;
    for silent in [&mut reader, &mut behind] {
        assert!(silent.block().await.unwrap().contains_key(""), "a heartbeat");
    }
    jobs.set_away(false);
    assert_eq!(reader.ids(1).await, [2]);
    assert_eq!(behind.ids(2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_ends_its_streams_at_once() {
    let (api, job_id) = TestApi::failing_over().await;
    let shutdown = CancellationToken::new();
    let service = service_over(&api.cloud, &api.store, &api.clock);
    let state = ApiState::new(service, ApiPorts::of(api.store.clone()), settings()).until(shutdown.clone());
    let mut reader = Reader::open(&router(state), &job_id, "", None).await;
    assert_eq!(reader.ids(1).await, [1]);
    let before = tokio::time::Instant::now();
    shutdown.cancel();
    assert_eq!(
        reader.block().await,
        None,
        "cut without an end, so the caller comes back elsewhere"
    );
    assert_eq!(tokio::time::Instant::now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_cut_after_half_an_hour() {
    let (api, job_id) = TestApi::failing_over().await;
    let mut reader = Reader::open(&api.router, &job_id, "", None).await;
    assert_eq!(reader.ids(1).await, [1]);
    let before = tokio::time::Instant::now();
    let mut heartbeats = 0;
    while let Some(block) = reader.block().await {
        assert!(block.contains_key(""), "{block:?}");
        heartbeats += 1;
    }
    assert_eq!(before.elapsed(), Duration::from_secs(1800));
    assert_eq!(heartbeats, 1800 / 15 - 1);
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_streams_than_allowed() {
    let (api, job_id) = TestApi::failing_over().await;
    let api = api.again_with(ApiSettings {
        max_event_streams: 1,
        ..settings()
    });
    let mut first = Reader::open(&api.router, &job_id, "", None).await;
    let answer = refused(&api, &job_id, "", None).await;
    let problem = answer.problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServerBusy);
    assert!(problem.detail.contains("1 event streams"), "{}", problem.detail);
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
    assert_eq!(first.ids(1).await, [1], "the first one is not disturbed");
    drop(first);
    Reader::open(&api.router, &job_id, "", None).await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_the_journal_does_not_have_is_refused() {
    let (api, job_id) = TestApi::failing_over().await;
    for (query, last_id, named) in [
        ("", Some("x"), "Last-Event-ID is \"x\""),
        ("", Some("-1"), "Last-Event-ID is \"-1\""),
        ("", Some("2"), "after entry 2"),
        ("?after=y", None, "after"),
        ("?after=2", None, "after entry 2"),
        ("?limit=5", None, "limit"),
    ] {
        let answer = refused(&api, &job_id, query, last_id).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(named), "{named}: {}", problem.detail);
    }
    let unknown: JobId = format!("{job_id}9").parse().unwrap();
    refused(&api, &unknown, "", None)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::JobNotFound);
}

#[tokio::test(start_paused = true)]
async fn only_who_asks_for_a_stream_gets_one() {
    let (api, job_id) = TestApi::failing_over().await;
    for accept in ["application/json", "*/*", "text/*", "text/event-stream;q=0, */*"] {
        let path = format!("/api/v1/failover/jobs/{job_id}/events");
        let request = Request::get(path).header(header::ACCEPT, accept);
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.json()["next_after"], 1, "{accept}");
    }
}
