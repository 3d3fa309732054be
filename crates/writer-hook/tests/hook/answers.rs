//! What each status means.

use axum::http::Response;
use failover_engine::writer::{WriterAnswer, WriterWish};

use crate::support::{SECRET, Tool, unknown};

async fn quiesce(status: u16, body: &str) -> WriterAnswer {
    Tool::answering(status, body)
        .await
        .asked_to(WriterWish::Quiesce)
        .await
}

/// The text after "http://127.0.0.1:PORT ".
fn said(text: &str) -> &str {
    text.split_once(' ').unwrap().1
}

#[tokio::test]
async fn success_with_and_without_a_body_is_done() {
    assert_eq!(quiesce(200, r#"{"state":"quiesced"}"#).await, WriterAnswer::Done);
    assert_eq!(quiesce(200, "").await, WriterAnswer::Done);
    assert_eq!(quiesce(204, "").await, WriterAnswer::Done);
}

#[tokio::test]
async fn an_accepted_wish_is_not_done_yet() {
    let WriterAnswer::NotYet(text) = quiesce(202, "flushing 3 GiB\n").await else {
        panic!("202 is not yet");
    };
    assert_eq!(said(&text), "answered 202: flushing 3 GiB");
}

#[tokio::test]
async fn a_no_is_a_refusal_with_the_tools_own_words() {
    for status in [400, 401, 403, 404, 405, 409, 410, 422, 423, 451, 499] {
        let answer = quiesce(status, "a copy\r\nis\u{1b}[31m running").await;
        let WriterAnswer::Refused(text) = answer else {
            panic!("{status} is a refusal, but the answer is {answer:?}");
        };
        let expected = format!("answered {status}: a copy is[31m running");
        assert_eq!(said(&text), expected);
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_about_the_wish_leaves_the_outcome_unknown() {
    for status in [
        201, 205, 206, 299, 408, 425, 429, 500, 502, 503, 504, 599, 600, 999,
    ] {
        let text = unknown(quiesce(status, "").await);
        assert_eq!(said(&text), format!("answered {status}"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Tool::answering(200, "").await;
    let location = format!("http://{}/", elsewhere.address);
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let tool = Tool::with(move || {
            let redirect = Response::builder().status(status).header("location", &location);
            redirect.body("".into()).unwrap()
        })
        .await;
        let text = unknown(tool.asked_to(WriterWish::Quiesce).await);
        assert!(text.contains("redirects are not followed"), "{text}");
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn a_huge_refusal_is_cut_to_what_people_read() {
    let answer = quiesce(409, &"é".repeat(10 * 1024 * 1024)).await;
    let WriterAnswer::Refused(text) = answer else {
        panic!("409 is a refusal, but the answer is {answer:?}");
    };
    assert_eq!(said(&text), format!("answered 409: {}", "é".repeat(300)));
}

#[tokio::test]
async fn a_huge_success_comes_from_something_else_than_a_tool() {
    let limit = 64 * 1024;
    assert_eq!(quiesce(200, &"x".repeat(limit)).await, WriterAnswer::Done);
    let text = unknown(quiesce(200, &"x".repeat(limit + 1)).await);
    assert!(text.contains("too much more"), "{text}");
}

#[tokio::test]
async fn an_answer_that_repeats_the_secret_does_not_put_it_into_the_journal() {
    let body = format!("I know that the secret is {SECRET}, and ");
    for status in [202, 403, 500] {
        let text = match quiesce(status, &body).await {
            WriterAnswer::NotYet(text) | WriterAnswer::Refused(text) | WriterAnswer::Unknown(text) => text,
            WriterAnswer::Done => panic!("{status} is not done"),
        };
        assert!(text.contains("(hidden), and") && !text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn a_resume_is_answered_like_a_quiesce() {
    let tool = Tool::answering(423, "still flushing").await;
    let answer = tool.asked_to(WriterWish::Resume).await;
    let WriterAnswer::Refused(text) = answer else {
        panic!("423 is a refusal, but the answer is {answer:?}");
    };
    assert_eq!(said(&text), "answered 423: still flushing");
}
