//! What the tool receives.

use std::time::Duration;

use axum::http::Method;
use chrono::DateTime;
use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterWish};
use sha2::{Digest, Sha256};
use writer_hook::{KEY_HEADER, ReceivedRequest, SIGNATURE_HEADER, SignatureError, TIMESTAMP_HEADER, verify};

use crate::support::{NOW, SECRET, Seen, Tool, call, settings, writer};

/// HMAC-SHA256 as RFC 2104 spells it out, for keys of at most a block.
fn keyed_hash_by_hand(key: &[u8], text: &[u8]) -> String {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `wish` makes a tool see.
async fn seen(wish: WriterWish) -> Seen {
    let tool = Tool::answering(204, "").await;
    assert_eq!(tool.asked_to(wish).await, WriterAnswer::Done);
    let mut seen = tool.seen();
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[tokio::test]
async fn each_wish_is_posted_to_its_own_address() {
    for (wish, path) in [
        (WriterWish::Quiesce, "/failover/quiesce"),
        (WriterWish::Resume, "/failover/resume"),
    ] {
        let seen = seen(wish).await;
        assert_eq!((&seen.method, seen.uri.path()), (&Method::POST, path));
        assert_eq!(seen.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn the_body_names_the_job_and_the_replicas_in_disk_order() {
    let seen = seen(WriterWish::Quiesce).await;
    let text = std::str::from_utf8(&seen.body).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"wish":"quiesce","#,
            r#""job_id":"live-failover-4205a841-0265-f4bd-39a6-39fd92196f53-1767225590","#,
            r#""vm_id":"4205a841-0265-f4bd-39a6-39fd92196f53","#,
            r#""oma_vm_id":"0a1b2c3d-0000-4000-8000-000000000001","#,
            r#""volumes":["7c1d4f60-5a0e-4b57-9b0c-2f6a1d3e8c01","1b9e2d83-66c4-4c1f-8a5d-90e4b7f2ac02"]}"#,
        )
    );
}

#[tokio::test]
async fn the_signature_is_that_of_timestamp_key_and_raw_body() {
    for wish in [WriterWish::Quiesce, WriterWish::Resume] {
        let seen = seen(wish).await;
        assert_eq!(seen.header(TIMESTAMP_HEADER), NOW.to_string());
        let mut text = format!("{NOW}.{}.", call(wish).key).into_bytes();
        text.extend_from_slice(&seen.body);
        let expected = format!("v1={}", keyed_hash_by_hand(SECRET.as_bytes(), &text));
        assert_eq!(seen.header(SIGNATURE_HEADER), expected);
    }
}

#[tokio::test]
async fn a_tool_in_rust_can_check_what_it_receives() {
    let seen = seen(WriterWish::Quiesce).await;
    let request = ReceivedRequest {
        key: seen.header(KEY_HEADER),
        timestamp: seen.header(TIMESTAMP_HEADER),
        signature: seen.header(SIGNATURE_HEADER),
        body: &seen.body,
    };
    let checked = |secret: &str, seconds: i64| {
        let now = DateTime::from_timestamp(NOW + seconds, 0).unwrap();
        verify(&secret.into(), &request, now, Duration::from_secs(300))
    };
    assert_eq!(checked(SECRET, 10), Ok(()));
    assert_eq!(checked("another-secret", 10), Err(SignatureError::Mismatch));
    assert_eq!(checked(SECRET, 301), Err(SignatureError::Expired));
}

#[tokio::test]
async fn a_repetition_carries_the_same_key_and_body() {
    let tool = Tool::answering(202, "").await;
    tool.asked_to(WriterWish::Quiesce).await;
    tool.asked_to(WriterWish::Quiesce).await;
    tool.asked_to(WriterWish::Resume).await;
    let seen = tool.seen();
    let keys: Vec<&str> = seen.iter().map(|seen| seen.header(KEY_HEADER)).collect();
    assert_eq!(keys[0], call(WriterWish::Quiesce).key.to_string());
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn a_wish_without_an_address_is_not_heard_and_never_done() {
    let tool = Tool::answering(200, "").await;
    let mut settings = settings(&format!("http://{}", tool.address), Duration::from_secs(60));
    settings.resume = None;
    let writer = writer(&settings);
    assert!(writer.hears(WriterWish::Quiesce));
    assert!(!writer.hears(WriterWish::Resume));
    let answer = writer.ask(&call(WriterWish::Resume)).await;
    assert!(matches!(answer, WriterAnswer::Refused(_)), "{answer:?}");
    assert_eq!(tool.seen().len(), 0);
}

#[test]
fn printing_shows_no_secret() {
    let settings = settings("http://127.0.0.1:9", Duration::from_secs(60));
    let writer = writer(&settings);
    for text in [format!("{settings:?}"), format!("{writer:?}")] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("quiesce"), "{text}");
    }
}
